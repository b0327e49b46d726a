# SPDX-License-Identifier: GPL-2.0-only
"""Fragments: all of a datagram go where one of them went (row X1)."""

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from harness import abi
from rig import ANY, HOSTS, SPREAD, TCP_PORTS, VIPS, tcp, udp, udp_answer

IDENT = {4: 0x4321, 6: 0x87654321}


def pieces(packet, sizes, ident=None):
    """The fragments of a packet, of so many bytes each, all but the last of
    multiples of 8."""
    family = 4 if packet.version == 4 else 6
    header, whole = (20, bytes(packet)) if family == 4 else (40, bytes(packet))
    data, at, made = whole[header:], 0, []
    ident = IDENT[family] if ident is None else ident
    for i, size in enumerate(sizes):
        part, more = Raw(data[at:at + size]), i < len(sizes) - 1
        if family == 4:
            made.append(IP(src=packet.src, dst=packet.dst, id=ident,
                           proto=packet.proto, frag=at // 8,
                           flags="MF" if more else 0) / part)
        else:
            made.append(IPv6(src=packet.src, dst=packet.dst) /
                        IPv6ExtHdrFragment(nh=packet.nh, id=ident,
                                           offset=at // 8, m=int(more)) /
                        part)
        at += size
    return made


def datagram(client, ident=None, **options):
    return pieces(udp(client, bytes(range(200)), dport=SPREAD, **options),
                  (64, 80, 64), ident)


def elsewhere(rig, client, service="spread-udp"):
    """A flow that the ring alone would not lead to; the name of its host."""
    ring = rig.host_of(rig.ring_owner(service, client))
    host = "b" if ring == "a" else "a"
    rig.put_flow(client, service, host)
    return host


def test_in_order(rig, client):
    host = elsewhere(rig, client)
    first, *later = datagram(client)
    rig.expect_at_host("forward_flow", first, host)
    for piece in later:
        rig.expect_at_host("forward_fragment", piece, host)


def test_of_a_new_connection(rig, client):
    host = rig.host_of(rig.ring_owner("spread-udp", client))
    first, *later = datagram(client)
    rig.expect_at_host("forward_new", first, host)
    for piece in later:
        rig.expect_at_host("forward_fragment", piece, host)
    assert rig.flow(client, "spread-udp").owner == rig.owners[host]


def test_out_of_order(rig, client):
    """Whichever comes first decides; the first fragment follows it."""
    host = rig.host_of(rig.ring_owner("lone-udp", client, port=0))
    first, middle, last = datagram(client, vip=ANY[client.family])
    rig.expect_at_host("forward_fragment_early", last, host)
    rig.expect_at_host("forward_fragment", first, host)
    rig.expect_at_host("forward_fragment", middle, host)


def test_out_of_order_where_services_share_a_vip(rig, client):
    """Without ports it is one of them; still all go together."""
    first, middle, last = datagram(client)
    run = rig.expect("forward_fragment_early", rig.from_client(last))
    host = next(h for h in HOSTS if HOSTS[h].mac == Ether(run.data).dst)
    rig.expect_at_host("forward_fragment", first, host)
    rig.expect_at_host("forward_fragment", middle, host)


def test_first_fragments_again(rig, client):
    host = elsewhere(rig, client)
    first, *_ = datagram(client)
    rig.expect_at_host("forward_flow", first, host)
    rig.expect_at_host("forward_fragment", first, host)


def test_datagrams_are_told_apart(rig, client):
    """By identification, source, destination and protocol."""
    host = elsewhere(rig, client)
    first, later, _ = datagram(client)
    rig.expect_at_host("forward_flow", first, host)
    other = rig.client(client.family)
    foreign = {"another identification": datagram(client, ident=77)[1],
               "another source": datagram(other)[1],
               "another protocol": pieces(tcp(client, SPREAD, "PA",
                                              bytes(200)), (64, 80, 76))[1]}
    for what, piece in foreign.items():
        label, _ = rig.send(rig.from_client(piece))
        assert label == "forward_fragment_early", what
    rig.expect_at_host("forward_fragment", later, host)


@pytest.mark.parametrize("host", [h for h in HOSTS if HOSTS[h].mac])
def test_to_every_kind_of_host(rig, client, host):
    packet = tcp(client, TCP_PORTS[host], "PA", bytes(200))
    first, *later = pieces(packet, (80, 80, 60))
    rig.expect_at_host("forward_new", first, host)
    for piece in later:
        rig.expect_at_host("forward_fragment", piece, host)


def test_a_move_takes_fragments_along(rig, client):
    rig.put_flow(client, "spread-udp", "a")
    first, middle, last = datagram(client)
    rig.expect_at_host("forward_flow", first, "a")
    with rig.moved("a", "b"):
        rig.expect_at_host("forward_fragment", middle, "b")
    rig.expect_at_host("forward_fragment", last, "a")


def test_tiny_first_fragment(rig, client):
    """RFC 1858: what holds no ports says nothing."""
    packet = tcp(client, SPREAD, "PA", bytes(64))
    for size in (8, 16):
        first, _ = pieces(packet, (size, 84 - size))
        rig.expect("drop_malformed_l4", rig.from_client(first))


def test_first_fragment_with_the_fixed_header_only(rig, client):
    packet = tcp(client, TCP_PORTS["a"], "PA", bytes(64))
    first, _ = pieces(packet, (24, 60))
    rig.expect_at_host("forward_new", first, "a")


def test_atomic_fragments_are_whole(rig):
    """RFC 6946: a fragment header on what is no fragment."""
    client = rig.client(6)
    packet = pieces(udp(client, b"whole"), (13,))[0]
    rig.expect_at_host("forward_new", packet, "a")
    assert not list(rig.maps["fragments"].items())


def test_of_no_service(rig, client):
    """Of a protocol without a service at the VIP, or to no VIP."""
    data = bytes(64)
    if client.family == 4:
        packets = (IP(src=client.address, dst=VIPS[4], proto=132, frag=3),
                   IP(src=client.address, dst="192.0.2.9", proto=17, frag=3))
    else:
        packets = (
            IPv6(src=client.address, dst=VIPS[6]) / IPv6ExtHdrFragment(
                nh=132, offset=3),
            IPv6(src=client.address, dst="2001:db8:9::9") /
            IPv6ExtHdrFragment(nh=17, offset=3))
    for packet in packets:
        rig.expect("pass_not_service", rig.from_client(packet / Raw(data)))


def test_what_is_remembered(rig, client):
    """The contract of the map: who, where, which."""
    host = elsewhere(rig, client)
    rig.expect_at_host("forward_flow", datagram(client)[0], host)
    (key, value), = rig.maps["fragments"].items()
    key = abi.FragmentKey.from_buffer_copy(key)
    packed = IDENT[client.family].to_bytes(2 if client.family == 4 else 4,
                                           "big")
    assert bytes(key.src) == bytes(abi.address(client.address))
    assert bytes(key.dst) == bytes(abi.address(VIPS[client.family]))
    assert bytes(key.id) == packed.ljust(4, b"\0")
    assert key.protocol == 17
    assert abi.Fragment.from_buffer_copy(value).owner == rig.owners[host]


def age(rig, stamps):
    """What is remembered of fragments is older by so many stamps."""
    for key, value in list(rig.maps["fragments"].items()):
        fragment = abi.Fragment.from_buffer_copy(value)
        fragment.seen = fragment.seen - stamps & 0xffff
        rig.maps["fragments"].update(key, fragment)


def test_identifications_that_come_again(rig, client):
    """A datagram of long ago has no say in where this one goes."""
    host = elsewhere(rig, client)
    other = "a" if host == "b" else "b"
    first, later, _ = datagram(client)
    rig.expect_at_host("forward_flow", first, host)
    rig.flow(client, "spread-udp").owner = rig.owners[other]
    age(rig, 20)
    rig.expect_at_host("forward_fragment", later, host)
    age(rig, 20)
    label, _ = rig.send(rig.from_client(later))
    assert label == "forward_fragment_early"
    age(rig, 31)
    rig.expect_at_host("forward_flow", first, other)
    rig.expect_at_host("forward_fragment", later, other)


# --- from a host -------------------------------------------------------------

def replied(client):
    return pieces(udp_answer(client, bytes(200), SPREAD), (64, 80, 64))


def test_from_a_host(rig, client):
    host = elsewhere(rig, client)
    first, *later = replied(client)
    rig.expect_at_client("return_flow", first, host)
    for piece in later:
        rig.expect_at_client("return_fragment", piece, host)


def test_from_a_host_out_of_order(rig, client):
    """Whose it is cannot be known, so it must not pass the fence."""
    host = elsewhere(rig, client)
    first, middle, last = replied(client)
    port = HOSTS[host].port
    rig.expect("drop_fence_fragment", rig.from_host(last, host), port=port)
    rig.expect_at_client("return_flow", first, host)
    rig.expect_at_client("return_fragment", middle, host)


def test_from_another_host(rig, client):
    host = elsewhere(rig, client)
    other = "a" if host == "b" else "b"
    first, later, _ = replied(client)
    rig.expect("drop_fence", rig.from_host(first, other),
               port=HOSTS[other].port)
    rig.expect_at_client("return_flow", first, host)
    rig.expect("drop_fence", rig.from_host(later, other),
               port=HOSTS[other].port)


def test_from_a_host_with_another_hosts_identification(rig, client):
    """Hosts count datagrams each for itself; the flow says whose it is."""
    host = elsewhere(rig, client)
    other = rig.host_of(rig.ring_owner("spread-udp", client))
    first, later, _ = replied(client)
    rig.expect_at_client("return_flow", first, host)
    rig.flow(client, "spread-udp").owner = rig.owners[other]
    rig.expect_at_client("return_flow", first, other)
    rig.expect_at_client("return_fragment", later, other)
