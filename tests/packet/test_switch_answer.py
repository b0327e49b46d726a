# SPDX-License-Identifier: GPL-2.0-only
"""ICMP errors that the switch sends: what it cannot carry further (row X1)."""

import os

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

from harness import abi
from rig import HOSTS, MTU, TCP_PORTS, VIPS, answer, tcp, udp

OVERHEAD = {"a": 0, "vlan": 0, "ipip4": 20, "ipip6": 40, "tagged": 20,
            "gue4": 32, "gue6": 52}
SOURCES = {4: "192.0.2.77", 6: "2001:db8:77::7"}


def hops(family, n):
    return {"ttl" if family == 4 else "hlim": n}


def answered(rig, packet, what, tags=(), **options):
    frame = rig.from_client(packet, tags)
    reason = "answer_ttl" if what == "ttl" else "answer_too_big"
    rig.expect(reason, frame, rig.icmp_answer(frame, what, **options))


@pytest.mark.parametrize("left", (0, 1))
@pytest.mark.parametrize("tags", ((), (Dot1Q(vlan=7, prio=3),),
                                  (Dot1AD(vlan=8), Dot1Q(vlan=9))),
                         ids=("plain", "one tag", "two tags"))
def test_time_exceeded(rig, client, left, tags):
    answered(rig, udp(client, **hops(client.family, left)), "ttl", tags)


@pytest.mark.parametrize("host", OVERHEAD)
def test_time_exceeded_before_any_host(rig, client, host):
    answered(rig, tcp(client, TCP_PORTS[host], **hops(client.family, 1)),
             "ttl")


def test_two_hops_left_suffice(rig, client):
    rig.expect_at_host("forward_new", udp(client, **hops(client.family, 2)),
                       "a")


@pytest.mark.parametrize("size", (0, 1, 483, 484, 485, 600, 1400))
def test_quote_is_cut(rig, client, size):
    """512 bytes of the packet at most, odd sizes included."""
    data = bytes(i & 0xff for i in range(size))
    answered(rig, udp(client, data, **hops(client.family, 1)), "ttl")


def test_padding_is_not_quoted(rig, client):
    packet = udp(client, b"", **hops(client.family, 1))
    frame = rig.from_client(packet)
    rig.expect("answer_ttl", bytes(frame) + b"\xff" * 20,
               rig.icmp_answer(frame, "ttl"))


def test_checksum_of_every_value(rig):
    """Sums that fold to 0 and 0xffff among them."""
    client = rig.client(6)
    for value in range(0, 65536, 331):
        answered(rig, udp(client, value.to_bytes(2, "big"), hlim=1), "ttl")


def test_source_address_of_the_settings(rig, client):
    family, source = client.family, SOURCES[client.family]
    field = f"address{family}"
    packed = abi.address(source)
    with rig.changed(rig.settings,
                     **{field: type(getattr(rig.settings, field))(*packed)
                        if family == 6 else (abi.u8 * 4)(*packed[:4])}):
        answered(rig, udp(client, **hops(family, 1)), "ttl", source=source)


@pytest.mark.parametrize("host", OVERHEAD)
@pytest.mark.parametrize("df", ("DF", ""), ids=("DF", "may fragment"))
def test_too_big(rig, family, host, df):
    """One byte more than fits is answered, what just fits is not."""
    client, port = rig.client(family), TCP_PORTS[host]

    def segment(size):
        packet = tcp(client, port, "PA", bytes(size - len(tcp(client, port))))
        if family == 4:
            packet.flags = df
        return packet

    fits = MTU - OVERHEAD[host]
    rig.expect_at_host("forward_new", segment(fits), host)
    answered(rig, segment(fits + 1), "too big", mtu=fits)


def test_too_big_for_the_linear_part(rig, client):
    """A packet of several buffers is answered as well."""
    answered(rig, udp(client, bytes(9000)), "too big", mtu=MTU)


def unanswerable(client):
    """Packets of which no error may be sent (RFC 1122, RFC 4443)."""
    family, last = client.family, hops(client.family, 1)
    vip = VIPS[family]
    about = answer(client, TCP_PORTS["a"])
    if family == 4:
        yield "ICMP error", IP(src=client.address, dst=vip, **last) / ICMP(
            type=3, code=1) / about
        yield "later fragment", IP(src=client.address, dst=vip, frag=9,
                                   proto=17, id=7, **last) / Raw(bytes(64))
        for src in ("0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1",
                    "239.1.2.3", "240.0.0.1", "255.255.255.255"):
            yield src, udp(client._replace(address=src), **last)
    else:
        yield "ICMP error", IPv6(src=client.address, dst=vip, **last) / (
            ICMPv6DestUnreach() / about)
        yield "later fragment", IPv6(src=client.address, dst=vip, **last) / (
            IPv6ExtHdrFragment(offset=9, nh=17, id=7) / Raw(bytes(64)))
        for src in ("::", "ff02::1", "ff0e::7"):
            yield src, udp(client._replace(address=src), **last)


UNANSWERABLE = [(4, what) for what in (
    "ICMP error", "later fragment", "0.0.0.0", "0.1.2.3", "127.0.0.1",
    "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255")] + [
        (6, what) for what in ("ICMP error", "later fragment", "::",
                               "ff02::1", "ff0e::7")]


@pytest.mark.parametrize("family, what", UNANSWERABLE)
def test_never_answered(rig, family, what):
    packet = dict(unanswerable(rig.client(family)))[what]
    rig.expect("drop_no_icmp", rig.from_client(packet))


@pytest.mark.parametrize("to", ("ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"))
def test_link_multicast_is_never_answered(rig, client, to):
    frame = rig.from_client(udp(client, **hops(client.family, 1)))
    frame[Ether].dst = to
    rig.expect("drop_no_icmp", frame)


def test_no_rate_no_answer(rig, client):
    with rig.changed(rig.settings, icmp_per_second=0):
        rig.expect("drop_icmp_rate",
                   rig.from_client(udp(client, **hops(client.family, 1))))


def test_rate(rig, client):
    """So many a second and CPU, and no more."""
    frame = rig.from_client(udp(client, **hops(client.family, 1)))
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        with rig.changed(rig.settings, icmp_per_second=3):
            stamp = rig.stamp()
            while rig.stamp() == stamp:  # a second to begin with
                pass
            stamp = rig.stamp()
            labels = [rig.send(frame)[0] for _ in range(5)]
            assert rig.stamp() == stamp, "the test took a second"
            assert labels == ["answer_ttl"] * 3 + ["drop_icmp_rate"] * 2
            while rig.stamp() == stamp:
                pass
            assert rig.send(frame)[0] == "answer_ttl"
    finally:
        os.sched_setaffinity(0, before)


def test_answers_leave_by_the_port_they_came_in(rig, client):
    packet = udp(client, **hops(client.family, 1))
    frame = rig.from_client(packet)
    for port in HOSTS["a"].port, HOSTS["b"].port:
        rig.expect("answer_ttl", frame, rig.icmp_answer(frame, "ttl"),
                   port=port)
