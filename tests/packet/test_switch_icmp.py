# SPDX-License-Identifier: GPL-2.0-only
"""ICMP errors that pass through: they go where the packet that they quote
belongs (row X1)."""

import pytest
from scapy.layers.inet import ICMP, IP, IPOption_Timestamp, TCP
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoReply,
                                ICMPv6PacketTooBig, ICMPv6ParamProblem,
                                ICMPv6TimeExceeded, IPv6, IPv6ExtHdrDestOpt,
                                IPv6ExtHdrFragment)
from scapy.layers.ipsec import ESP
from scapy.layers.l2 import Dot1Q
from scapy.packet import Raw

from rig import (GATEWAY, SPREAD, TCP_PORTS, VIPS, answer, tcp, udp,
                 udp_answer)

ROUTERS = {4: "192.0.2.251", 6: "2001:db8:9::bad"}
ERRORS = {
    4: (ICMP(type=3, code=1), ICMP(type=3, code=4, nexthopmtu=1280),
        ICMP(type=4), ICMP(type=11), ICMP(type=12, ptr=3)),
    6: (ICMPv6DestUnreach(code=3), ICMPv6PacketTooBig(mtu=1280),
        ICMPv6TimeExceeded(), ICMPv6ParamProblem(ptr=6)),
}
FAMILY_ERRORS = [(f, i) for f, e in ERRORS.items() for i in range(len(e))]


def cut(packet, size=None):
    """A quote: the packet's bytes, or the first of them."""
    return Raw(bytes(packet)[:size])


def error_to(vip, family, quote, error=None, **ip):
    """A router's error about what a VIP sent."""
    layer = IP if family == 4 else IPv6
    return layer(src=ROUTERS[family], dst=vip, **ip) / (
        error or ERRORS[family][0]) / quote


def error_from(client, quote, error=None):
    """A host's error about what a client sent."""
    return client.ip(src=VIPS[client.family], dst=client.address) / (
        error or ERRORS[client.family][0]) / quote


def elsewhere(rig, client, service="spread"):
    """Have a flow whose owner is not the one that the ring names, so that the
    flow, not the ring, decides; the name of its host."""
    ring = rig.host_of(rig.ring_owner(service, client))
    host = "b" if ring == "a" else "a"
    rig.put_flow(client, service, host)
    return host


@pytest.mark.parametrize("family, kind", FAMILY_ERRORS)
def test_to_a_vip(rig, family, kind):
    client = rig.client(family)
    host = elsewhere(rig, client)
    flow = bytes(rig.flow(client, "spread"))
    quote = cut(answer(client, SPREAD, "PA", b"data" * 30))
    rig.expect_at_host("forward_icmp", error_to(
        VIPS[family], family, quote, ERRORS[family][kind]), host)
    assert bytes(rig.flow(client, "spread")) == flow


@pytest.mark.parametrize("host", ("ipip4", "ipip6", "gue4", "gue6", "vlan"))
def test_to_a_vip_through_tunnels(rig, client, host):
    quote = cut(answer(client, TCP_PORTS[host]))
    rig.put_flow(client, f"{host}-tcp", host)
    rig.expect_at_host("forward_icmp", error_to(
        VIPS[client.family], client.family, quote), host, [Dot1Q(vlan=3)])


def test_to_a_vip_about_udp(rig, client):
    host = elsewhere(rig, client, "spread-udp")
    quote = cut(udp_answer(client, sport=SPREAD))
    rig.expect_at_host("forward_icmp", error_to(
        VIPS[client.family], client.family, quote), host)


def test_to_a_vip_about_ipsec(rig, client):
    """ESP has no ports: its flow is the client's address."""
    family, vip = client.family, GATEWAY[client.family]
    ring = rig.host_of(rig.ring_owner("ipsec", client, port=0))
    host = "b" if ring == "a" else "a"
    rig.put_flow(client, "ipsec", host, port=0)
    esp = client.ip(src=vip, dst=client.address) / ESP(spi=7, seq=1) / cut(
        b"e" * 32)
    rig.expect_at_host("forward_icmp", error_to(vip, family, cut(esp)), host)


def test_unknown_connection_goes_by_the_ring(rig, client):
    """And is not recorded: anybody may send an error."""
    quote = cut(answer(client, SPREAD))
    rig.expect_at_host("forward_icmp", error_to(
        VIPS[client.family], client.family, quote),
        rig.host_of(rig.ring_owner("spread", client)))
    assert rig.flow(client, "spread") is None


def test_error_that_quotes_little(rig, client):
    """Eight bytes of transport header are all that RFC 792 promises."""
    host = elsewhere(rig, client)
    header = 20 if client.family == 4 else 40
    for size in (header + 4, header + 8, header + 19):
        quote = cut(answer(client, SPREAD), size)
        rig.expect_at_host("forward_icmp", error_to(
            VIPS[client.family], client.family, quote), host)


def test_error_that_quotes_too_little(rig, client):
    elsewhere(rig, client)
    header = 20 if client.family == 4 else 40
    for size in (0, 1, header - 1, header, header + 3):
        packet = error_to(VIPS[client.family], client.family,
                          cut(answer(client, SPREAD), size))
        rig.expect("drop_malformed_quote", rig.from_client(packet))
        # What the link pads with is no part of the quote.
        rig.expect("drop_malformed_quote",
                   bytes(rig.from_client(packet)) + bytes(40))


def test_quoted_options_are_skipped(rig, client):
    host = elsewhere(rig, client)
    quoted = answer(client, SPREAD)
    if client.family == 4:
        quoted.options = [IPOption_Timestamp()]
    else:
        quoted = quoted[IPv6].copy()
        quoted.remove_payload()
        quoted = quoted / IPv6ExtHdrDestOpt() / answer(client, SPREAD)[TCP]
    rig.expect_at_host("forward_icmp", error_to(
        VIPS[client.family], client.family, cut(quoted)), host)


def test_quote_whose_header_is_nonsense(rig, client):
    quoted = bytearray(bytes(answer(client, SPREAD)))
    for first in (0x00, 0x54 if client.family == 4 else 0x45,
                  *((0x44, 0x40) if client.family == 4 else ())):
        quoted[0] = first
        rig.expect("drop_malformed_quote", rig.from_client(error_to(
            VIPS[client.family], client.family, Raw(bytes(quoted)))))


def test_quote_of_someone_else(rig, client):
    """An error to a VIP must be about what that VIP sent."""
    for quoted in (tcp(client, SPREAD), answer(client, SPREAD,
                                               vip=GATEWAY[client.family])):
        rig.expect("drop_malformed_quote", rig.from_client(error_to(
            VIPS[client.family], client.family, cut(quoted))))


def test_quote_of_no_service(rig, client):
    """The VIP's own business: its kernel may know."""
    family = client.family
    echo = client.ip(src=VIPS[family], dst=client.address) / (
        ICMP(type=0) if family == 4 else ICMPv6EchoReply())
    for quoted in answer(client, 9), udp_answer(client, sport=9), echo:
        rig.expect("pass_not_service", rig.from_client(error_to(
            VIPS[family], family, cut(quoted))))


def test_errors_between_others_pass(rig, client):
    quote = cut(tcp(client, SPREAD))
    rig.expect("pass_not_service", rig.from_client(
        error_to(client.address, client.family, quote)))


def test_redirect_is_not_routed(rig):
    """A redirect concerns who receives it, not a connection."""
    client = rig.client(4)
    rig.expect("pass_not_service", rig.from_client(error_to(
        VIPS[4], 4, cut(answer(client, SPREAD)), ICMP(type=5, gw="1.2.3.4"))))


# --- fragments in quotes -----------------------------------------------------

def fragment_of(client, vip_sends, later):
    """A fragment between client and VIP, as it is quoted."""
    vip, family = VIPS[client.family], client.family
    ends = ({"src": vip, "dst": client.address} if vip_sends else
            {"src": client.address, "dst": vip})
    packet = (udp_answer(client, bytes(64), SPREAD) if vip_sends else
              udp(client, bytes(64), SPREAD))
    l4 = bytes(packet)[20 if family == 4 else 40:]
    if family == 4:
        return IP(id=99, flags="MF", frag=8 if later else 0, proto=17,
                  **ends) / Raw(l4)
    return IPv6(**ends) / IPv6ExtHdrFragment(
        id=99, m=1, offset=8 if later else 0, nh=17) / Raw(l4)


def test_quoted_first_fragment(rig, client):
    host = elsewhere(rig, client, "spread-udp")
    quote = cut(fragment_of(client, vip_sends=True, later=False))
    rig.expect_at_host("forward_icmp", error_to(
        VIPS[client.family], client.family, quote), host)


def test_quoted_later_fragment(rig, client):
    """It is told apart only if the datagram's first was seen."""
    family = client.family
    host = elsewhere(rig, client, "spread-udp")
    error = error_to(VIPS[family], family, cut(
        fragment_of(client, vip_sends=True, later=True)))
    rig.expect("drop_malformed_quote", rig.from_client(error))
    rig.expect_at_client("return_flow", fragment_of(
        client, vip_sends=True, later=False), host)
    rig.expect_at_host("forward_icmp", error, host)


# --- from a host -------------------------------------------------------------

@pytest.mark.parametrize("family, kind", FAMILY_ERRORS)
def test_from_a_vip(rig, family, kind):
    client = rig.client(family)
    host = elsewhere(rig, client)
    rig.expect_at_client("return_icmp", error_from(
        client, cut(tcp(client, SPREAD)), ERRORS[family][kind]), host)


def test_from_a_vip_past_the_fence_only(rig, client):
    """Only the owner's host may say such things."""
    host = elsewhere(rig, client)
    other = "a" if host == "b" else "b"
    error = error_from(client, cut(udp(client, dport=SPREAD)))
    tcp_error = error_from(client, cut(tcp(client, SPREAD)))
    rig.expect("drop_fence", rig.from_host(tcp_error, other),
               port="h0" if other == "a" else "h1")
    rig.expect("drop_fence", rig.from_client(tcp_error))
    owner = rig.host_of(rig.ring_owner("spread-udp", client))
    rig.expect_at_client("return_icmp", error, owner)


def test_from_a_vip_about_someone_elses(rig, client):
    """Not a way to send anything past the fence."""
    quoted = tcp(client, SPREAD, vip=GATEWAY[client.family])
    rig.expect("drop_malformed_quote",
               rig.from_host(error_from(client, cut(quoted))), port="h0")
