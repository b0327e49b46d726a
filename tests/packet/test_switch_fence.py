# SPDX-License-Identifier: GPL-2.0-only
"""The way back: only the owner's host is heard in a VIP's name (row X5)."""

import contextlib

import pytest
from scapy.layers.inet import IP, IPOption_Timestamp, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrRouting
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

from harness import abi, bpf
from rig import (CLIENTS, HOSTS, MTU, ROUTER, SPREAD, TCP_PORTS, VIPS, answer,
                 tcp, udp, udp_answer)

PORT = TCP_PORTS["a"]
REACHABLE = [name for name, host in HOSTS.items() if host.mac]


def fenced(rig, packet, host, port=None):
    rig.expect("drop_fence", rig.from_host(packet, host),
               port=port or HOSTS[host].port)


@pytest.mark.parametrize("host", REACHABLE)
def test_owners_host_is_heard(rig, client, host):
    """Hosts that packets reach through tunnels answer directly."""
    port = TCP_PORTS[host]
    rig.expect_at_host("forward_new", tcp(client, port), host)
    rig.expect_at_client("return_flow", answer(client, port), host)
    rig.expect_at_client("return_flow",
                         answer(client, port, "PA", bytes(range(199))), host)


@pytest.mark.parametrize("tags", ((Dot1Q(vlan=42),),
                                  (Dot1AD(vlan=8), Dot1Q(vlan=9))),
                         ids=("one", "two"))
def test_tags_are_taken_off(rig, client, tags):
    rig.put_flow(client, "vlan-tcp", "vlan")
    rig.expect_at_client("return_flow", answer(client, TCP_PORTS["vlan"]),
                         "vlan", tags)


def test_options_and_extension_headers(rig, client):
    rig.put_flow(client, "a-tcp", "a")
    segment = answer(client, PORT)
    if client.family == 4:
        packets = [answer(client, PORT, options=[IPOption_Timestamp()])]
    else:
        header = IPv6(src=segment.src, dst=segment.dst)
        packets = [header / IPv6ExtHdrDestOpt() / segment[TCP],
                   header / IPv6ExtHdrRouting(segleft=0) / segment[TCP]]
    for packet in packets:
        rig.expect_at_client("return_flow", packet)


@pytest.mark.parametrize("host", [h for h in REACHABLE if h != "a"])
def test_other_hosts_are_not_heard(rig, client, host):
    rig.put_flow(client, "a-tcp", "a")
    fenced(rig, answer(client, PORT), host)
    rig.expect_at_client("return_flow", answer(client, PORT), "a")


@pytest.mark.parametrize("flags", ("R", "RA", "FA", "SA", "A"))
def test_what_is_not_heard_changes_no_connection(rig, client, flags):
    """A fenced host's segments do not tell the flow table anything."""
    slot = rig.put_flow(client, "a-tcp", "a")
    before = bytes(slot.flow)[:4]
    fenced(rig, answer(client, PORT, flags), "b")
    assert bytes(slot.flow)[:4] == before


def test_what_is_not_heard_begins_no_connection(rig, client):
    fenced(rig, answer(client, PORT, "PA", b"forged"), "b")
    assert rig.flow(client, "a-tcp") is None


def test_nobody_is_heard_from_the_wrong_port(rig, client):
    rig.put_flow(client, "a-tcp", "a")
    for port in "h1", "c0":
        fenced(rig, answer(client, PORT), "a", port)


@pytest.mark.parametrize("mac", (ROUTER, "00:00:00:00:00:00",
                                 "ff:ff:ff:ff:ff:ff", "02:00:00:00:00:99"))
@pytest.mark.parametrize("port", ("c0", "h0"))
def test_strangers_are_not_heard(rig, client, mac, port):
    """Clients that forge the VIP's address among them."""
    rig.put_flow(client, "a-tcp", "a")
    frame = Ether(src=mac, dst=rig.mac[port]) / answer(client, PORT)
    rig.expect("drop_fence", frame, port=port)


def test_host_without_link_address_is_not_heard(rig, client):
    """Not even by a frame whose source is as unknown."""
    rig.put_flow(client, "dark-tcp", "dark")
    frame = Ether(src="00:00:00:00:00:00", dst=rig.mac["h0"]) / answer(
        client, TCP_PORTS["dark"])
    record = rig.memory["hosts"].view(abi.Host, rig.hosts["dark"])
    assert record.ifindex == rig.ifindex["h0"]
    rig.expect("drop_fence", frame, port="h0")


def test_owner_without_host(rig, client):
    rig.put_flow(client, "a-tcp", "a")
    with rig.moved("a", None):
        fenced(rig, answer(client, PORT), "a")


@pytest.mark.parametrize("send", (answer, udp_answer), ids=("tcp", "udp"))
def test_a_move_silences_and_gives_a_voice(rig, client, send):
    """One store: the old host is no longer heard, the new one is, and what
    clients send goes there."""
    service, port = (("a-tcp", PORT) if send is answer else ("a-udp", None))
    request = tcp(client, PORT, "A") if send is answer else udp(client)
    reply = send(client, port) if port else send(client)
    rig.put_flow(client, service, "a")
    rig.expect_at_client("return_flow", reply, "a")
    fenced(rig, reply, "b")
    with rig.moved("a", "b"):
        fenced(rig, reply, "a")
        rig.expect_at_client("return_flow", reply, "b")
        rig.expect_at_host("forward_flow", request, "b")
        rig.expect_at_client("return_flow", reply, "b")
    rig.expect_at_client("return_flow", reply, "a")
    fenced(rig, reply, "b")
    rig.expect_at_host("forward_flow", request, "a")


def test_a_move_takes_its_owner_along_only(rig, client):
    """Connections of other owners of the old host stay."""
    other = rig.client(client.family)
    rig.put_flow(client, "spread", "a")
    rig.put_flow(other, "drained", "leaving")
    with rig.moved("a", "b"):
        rig.expect_at_client("return_flow", answer(client, SPREAD), "b")
        rig.expect_at_client("return_flow", answer(other, 8300), "a")


def test_the_epoch_is_no_address(rig, client):
    """A new epoch of the same host changes nothing for packets."""
    rig.put_flow(client, "a-tcp", "a")
    with rig.moved("a", "a"):
        rig.expect_at_client("return_flow", answer(client, PORT), "a")
        rig.expect_at_host("forward_flow", tcp(client, PORT, "A"), "a")


@contextlib.contextmanager
def without_fence(rig):
    flags = rig.settings.flags
    assert flags & abi.C["SETTING_FENCE"]
    with rig.changed(rig.settings, flags=flags & ~abi.C["SETTING_FENCE"]):
        yield


def test_without_the_fence_anybody_is_heard(rig, client):
    """What it is for: the other tests here fail without it."""
    rig.put_flow(client, "a-tcp", "a")
    with without_fence(rig):
        rig.expect_at_client("return_flow", answer(client, PORT), "b")
    fenced(rig, answer(client, PORT), "b")


def test_unknown_connection(rig, client):
    """The ring says whose it would be; nobody else is heard."""
    host = rig.host_of(rig.ring_owner("spread", client))
    other = "a" if host == "b" else "b"
    packet = answer(client, SPREAD, "PA", b"late")
    fenced(rig, packet, other)
    rig.expect_at_client("return_flow", packet, host)


# --- routing -----------------------------------------------------------------

def no_route(rig, packet, tags=()):
    rig.expect("pass_no_route", rig.from_host(packet, "a", tags), port="h0")


@pytest.mark.parametrize("left", (0, 1))
def test_hop_limit_is_the_kernels_business(rig, client, left):
    rig.put_flow(client, "a-tcp", "a")
    hops = {"ttl" if client.family == 4 else "hlim": left}
    no_route(rig, answer(client, PORT, **hops))
    no_route(rig, answer(client, PORT, **hops), [Dot1Q(vlan=4)])


@pytest.mark.parametrize("family, address", (
    (4, "100.99.98.97"), (6, "2001:dead::1"),  # no route
    (4, "198.51.100.55"), (6, "2001:db8:c0::55")))  # nobody there
def test_unknown_way_is_the_kernels_business(rig, family, address):
    client = rig.client(family)._replace(address=address)
    rig.put_flow(client, "a-tcp", "a")
    no_route(rig, answer(client, PORT))


def test_too_big_is_the_kernels_business(rig, client):
    rig.put_flow(client, "a-tcp", "a")
    size = MTU - len(answer(client, PORT))
    rig.expect_at_client("return_flow", answer(client, PORT, "PA",
                                               bytes(size)))
    no_route(rig, answer(client, PORT, "PA", bytes(size + 1)))


def test_way_out_that_is_no_port(rig, client):
    ns, address = rig.namespace, str(CLIENTS[client.family][90000])
    mine = client._replace(address=address)
    ns.neighbour(address, ROUTER, "other")
    ns.ip("route", "add", address, "dev", "other")
    try:
        rig.put_flow(mine, "a-tcp", "a")
        no_route(rig, answer(mine, PORT))
    finally:
        ns.ip("route", "del", address, "dev", "other")


def test_out_by_the_port_it_came_in(rig, client):
    """A client behind the hosts' port."""
    ns, address = rig.namespace, str(CLIENTS[client.family][90001])
    mine = client._replace(address=address)
    ns.neighbour(address, "02:00:00:00:00:55", "h0")
    ns.ip("route", "add", address, "dev", "h0")
    try:
        rig.put_flow(mine, "a-tcp", "a")
        packet = answer(mine, PORT)
        run = rig.expect("return_flow", rig.from_host(packet), port="h0")
        assert run.action == bpf.XDP_TX
        assert Ether(run.data).dst == "02:00:00:00:00:55"
        assert Ether(run.data).src == rig.mac["h0"]
    finally:
        ns.ip("route", "del", address, "dev", "h0")
        ns.ip("neigh", "del", address, "dev", "h0")


# --- what else hosts send ----------------------------------------------------

def test_hosts_own_business_passes(rig, family):
    client = rig.client(family)
    own = {4: "10.0.0.11", 6: "2001:db8:a0::11"}[family]
    ip = IP if family == 4 else IPv6
    for packet in (ip(src=own, dst=client.address) / TCP(sport=22, dport=99),
                   ip(src=VIPS[family], dst=client.address) /
                   UDP(sport=9, dport=9) / Raw(b"discard")):
        rig.expect("pass_not_service", rig.from_host(packet), port="h0")


def test_traffic_is_counted_for_service_and_host(rig, client):
    rig.put_flow(client, "a-tcp", "a")
    packet = answer(client, PORT, "PA", b"x" * 77)
    service = rig.services[f"a-tcp{client.family}"]

    def counted():
        return (rig.maps["service_stats"].sum64(service),
                rig.maps["host_stats"].sum64(rig.hosts["a"]))

    before = counted()
    rig.expect_at_client("return_flow", packet)
    for was, now in zip(before, counted()):
        assert now == (*was[:2], was[2] + 1, was[3] + len(packet))
    fenced(rig, packet, "b")
    assert counted() == tuple(
        (*was[:2], was[2] + 1, was[3] + len(packet)) for was in before)
