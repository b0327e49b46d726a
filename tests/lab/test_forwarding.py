# SPDX-License-Identifier: GPL-2.0-only
"""Rows K1, X1 and X4: real programs talk through the switch, by every way to
carry a packet to a host, in both modes of XDP, and both ways back."""

import os
import socket

import pytest

from harness.lab import Lab

from network import ECHO, Network, digest, say, vip

SIZE = 8 << 20
HEADERS = {("ipip", 4): 20, ("ipip", 6): 40, ("gue", 4): 32, ("gue", 6): 52}

#: name of a host: how packets are carried to it
WAYS = {"l2": ("l2", 4), "ipip4": ("ipip", 4), "ipip6": ("ipip", 6),
        "gue4": ("gue", 4), "gue6": ("gue", 6)}
NUMBER = {name: 10 + i for i, name in enumerate(WAYS)}  # of its VIPs
TUNNELS = [name for name in WAYS if name != "l2"]
FAMILIES = pytest.mark.parametrize("family", [4, 6])


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("content")
    (path / "file").write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture(scope="module", params=[
    ("native", False), ("native", True), ("generic", False),
    ("generic", True)], ids=["native", "native-direct", "generic",
                             "generic-direct"])
def network(request, content):
    mode, direct = request.param
    with Lab("forwarding") as lab:
        n = Network(lab, WAYS, mode, direct_return=direct,
                    vips=[vip(f, i) for i in NUMBER.values() for f in (4, 6)])
        n.direct = direct
        for host in n.hosts.values():
            host.start_server()
            host.start_web(content)
        n.start(n.config(
            owners=[{"name": name, "host": name, "standbys": []}
                    for name in WAYS],
            services=[{"name": f"{name}-{protocol}{family}",
                       "vip": vip(family, NUMBER[name]),
                       "protocol": protocol, "port": "any", "owners": [name]}
                      for name in WAYS for protocol in ("tcp", "udp")
                      for family in (4, 6)]))
        yield n


def check_way_taken(network, way, before):
    """The tunnel was used, and answers came by the switch or did not."""
    host = network.hosts[way]
    if way in TUNNELS:
        assert host.counted(f"decap_{host.forward}") > before["decap"]
    out = network.show("host")[way]["traffic"]["out"]["packets"]
    if network.direct:
        assert out == 0
    else:
        assert out > before["out"]


def before(network, way):
    host = network.hosts[way]
    return {"decap": (host.counted(f"decap_{host.forward}")
                      if way in TUNNELS else 0),
            "out": network.show("host")[way]["traffic"]["out"]["packets"]}


@FAMILIES
@pytest.mark.parametrize("way", WAYS)
def test_x4_download(network, content, way, family):
    was = before(network, way)
    target = network.lab.dir / "download"
    network.curl("file", family, NUMBER[way], output=target)
    assert digest(target.read_bytes()) == digest(
        (content / "file").read_bytes())
    assert network.curl("host", family, NUMBER[way]).stdout == f"{way}\n"
    check_way_taken(network, way, was)


@FAMILIES
@pytest.mark.parametrize("way", WAYS)
def test_x4_upload_through_smaller_path(network, way, family):
    """A tunnel leaves less room than the client's link. The switch tells it,
    and the client's TCP goes on with smaller segments."""
    was = before(network, way)
    told = network.counted("answer_too_big")
    data = os.urandom(SIZE)
    assert network.upload(data, family, NUMBER[way]) == (way, digest(data))
    assert (network.counted("answer_too_big") > told) == (way in TUNNELS)
    check_way_taken(network, way, was)


@FAMILIES
@pytest.mark.parametrize("way", WAYS)
def test_x4_datagrams(network, way, family):
    was = before(network, way)
    with network.socket(family) as s:
        s.connect((vip(family, NUMBER[way]), ECHO))
        for size in (1, 100, 1000, 1300):
            assert say(s, b"x" * size) == way
    check_way_taken(network, way, was)


@FAMILIES
@pytest.mark.parametrize("way", TUNNELS)
def test_x4_datagram_too_big(network, way, family):
    """The sender learns exactly how much fits, and exactly that arrives."""
    level, discover, mtu = {
        4: (socket.IPPROTO_IP, 10, 14),  # IP_MTU_DISCOVER, IP_MTU
        6: (socket.IPPROTO_IPV6, 23, 24)}[family]
    headers = {4: 28, 6: 48}[family]
    forward = WAYS[way]
    with network.socket(family) as s:
        s.setsockopt(level, discover, 2)  # IP_PMTUDISC_DO
        s.connect((vip(family, NUMBER[way]), ECHO))
        room = 1500 - HEADERS[forward]
        if s.getsockopt(level, mtu) == 1500:  # no test told the client yet
            s.send(bytes(1500 - headers))
            with pytest.raises(OSError, match="Message too long"):
                s.recv(65536)
        assert s.getsockopt(level, mtu) == room
        # The answer carries the host's name and a blank besides.
        assert say(s, b"x" * (room - headers)) == way


@FAMILIES
@pytest.mark.parametrize("way", WAYS)
def test_k1_fragments(network, way, family):
    """A datagram of several fragments, there and back."""
    with network.socket(family) as s:
        s.connect((vip(family, NUMBER[way]), ECHO))
        assert say(s, os.urandom(5000)) == way
