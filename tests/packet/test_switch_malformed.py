# SPDX-License-Identifier: GPL-2.0-only
"""What is cut, wrong or absurd: to a VIP it is dropped with a reason, else it
is the kernel's (row X1)."""

import itertools

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (ICMPv6TimeExceeded, IPv6, IPv6ExtHdrDestOpt,
                                IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                                IPv6ExtHdrRouting, PadN)
from scapy.layers.ipsec import AH, ESP
from scapy.layers.l2 import Dot1AD, Dot1Q
from scapy.packet import Raw

from rig import GATEWAY, TCP_PORTS, VIPS, answer, tcp, udp

PORT = TCP_PORTS["a"]
AUTHENTICATION = AH(nh=6, payloadlen=4, icv=bytes(12))  # 24 bytes
ETHERNET = 14
CUT = {"pass_not_ip", "pass_unreadable", "drop_malformed_ip"}


def samples(client):
    """Well-formed packets of all kinds that concern a VIP."""
    family, vip = client.family, VIPS[client.family]
    ends = {"src": client.address, "dst": vip}
    segment = tcp(client, PORT, "PA", b"data" * 9)
    yield "tcp", segment
    yield "udp", udp(client)
    yield "esp", client.ip(src=client.address, dst=GATEWAY[family]) / ESP(
        spi=9, seq=9) / Raw(bytes(24))
    yield "back", answer(client, PORT)
    if family == 4:
        yield "options", tcp(client, PORT, options=b"\x01" * 12)
        yield "error", IP(src="192.0.2.251", dst=vip) / ICMP(type=3) / Raw(
            bytes(answer(client, PORT)))
        yield "fragment", IP(flags="MF", frag=5, proto=6, id=1, **ends) / Raw(
            bytes(40))
    else:
        ip = IPv6(**ends)
        yield "extensions", (ip / IPv6ExtHdrHopByHop() /
                             IPv6ExtHdrRouting(addresses=["::1"]) /
                             IPv6ExtHdrDestOpt() / AUTHENTICATION /
                             segment[TCP])
        yield "error", IPv6(src="2001:db8:9::1", dst=vip) / (
            ICMPv6TimeExceeded() / Raw(bytes(answer(client, PORT))))
        yield "fragment", ip / IPv6ExtHdrFragment(offset=5, m=1, nh=6,
                                                  id=1) / Raw(bytes(40))


SAMPLES = [(4, n) for n in ("tcp", "udp", "esp", "back", "options", "error",
                            "fragment")] + [
    (6, n) for n in ("tcp", "udp", "esp", "back", "extensions", "error",
                     "fragment")]
TAGS = ((), (Dot1Q(vlan=7),), (Dot1AD(vlan=8), Dot1Q(vlan=9)))


@pytest.mark.parametrize("tags", TAGS, ids=("plain", "one tag", "two tags"))
@pytest.mark.parametrize("family, name", SAMPLES)
def test_cut_at_every_length(rig, family, name, tags):
    """Before the end of the IP packet there is nothing to go by."""
    packet = dict(samples(rig.client(family)))[name]
    frame = bytes(rig.from_client(packet, tags))
    for size in range(ETHERNET, len(frame)):
        label, _ = rig.send(frame[:size])
        assert label in CUT, f"{size} bytes: {label}"
    label, _ = rig.send(frame)
    assert label not in CUT




@pytest.mark.parametrize("family, name", SAMPLES)
def test_cut_with_a_fitting_length(rig, family, name):
    """The IP header is right, but what it promises is not there."""
    packet = dict(samples(rig.client(family)))[name]
    header = 20 if family == 4 else 40
    data = bytes(packet)[header:]
    allowed = {
        "tcp": {"drop_malformed_l4"}, "options": {"drop_malformed_l4",
                                                  "drop_malformed_ip"},
        "udp": {"drop_malformed_l4"}, "back": {"drop_malformed_l4"},
        "esp": {"drop_malformed_l4"},
        "extensions": {"drop_extensions", "drop_malformed_l4"},
        "error": {"drop_malformed_l4", "drop_malformed_quote"},
        "fragment": {"drop_extensions"},
    }[name]
    # How much of the transport header, or the quote, must be there.
    needed = {"tcp": 20, "udp": len(data), "esp": 8, "back": 20,
              "options": 32, "extensions": len(data) - 36,
              "error": 8 + header + 4,
              "fragment": 0 if family == 4 else 8}[name]
    for size in range(len(data)):
        frame = bytearray(bytes(rig.from_client(packet))[
            :ETHERNET + header + size])
        at, length = (16, header + size) if family == 4 else (18, size)
        frame[at:at + 2] = length.to_bytes(2, "big")
        label, _ = rig.send(frame)
        assert (label in allowed) == (size < needed), f"{size}: {label}"


@pytest.mark.parametrize("family, name", SAMPLES)
def test_every_byte_wrong(rig, family, name):
    """Nothing but the reasons that there are, one for each packet, and none
    that cannot happen."""
    packet = dict(samples(rig.client(family)))[name]
    frame = bytes(rig.from_client(packet))
    for at, value in itertools.product(range(len(frame)),
                                       (0x00, 0x01, 0x7f, 0xff)):
        changed = bytearray(frame)
        changed[at] = value
        label, _ = rig.send(changed)
        assert label not in ("drop_internal", "drop_headroom"), f"{at} {value}"


def concerning(rig, client, spoil):
    """A spoilt packet to a VIP, from a VIP, and between others."""
    for what, packet in (("drop", tcp(client, PORT)),
                         ("drop", answer(client, PORT)),
                         ("pass", tcp(client, PORT, vip="192.0.2.9" if
                                      client.family == 4 else
                                      "2001:db8:9::9"))):
        frame = bytearray(bytes(rig.from_client(packet)))
        spoil(frame)
        yield what, frame


def refused(rig, client, spoil, reason):
    for what, frame in concerning(rig, client, spoil):
        rig.expect(reason if what == "drop" else "pass_unreadable", frame)


@pytest.mark.parametrize("ihl", range(5))
def test_ipv4_header_too_short(rig, ihl):
    """Else the IP header would be taken for the transport's."""
    def spoil(frame):
        frame[14] = 0x40 | ihl
    refused(rig, rig.client(4), spoil, "drop_malformed_ip")


def test_ipv4_header_longer_than_the_packet(rig):
    def spoil(frame):
        frame[14] = 0x4b
    refused(rig, rig.client(4), spoil, "drop_malformed_ip")


@pytest.mark.parametrize("length", (0, 19, 41, 1500, 65535))
def test_ipv4_total_length(rig, length):
    def spoil(frame):
        frame[16:18] = length.to_bytes(2, "big")
    refused(rig, rig.client(4), spoil, "drop_malformed_ip")


@pytest.mark.parametrize("length", (21, 1000, 65535))
def test_ipv6_payload_length(rig, length):
    def spoil(frame):
        frame[18:20] = length.to_bytes(2, "big")
    refused(rig, rig.client(6), spoil, "drop_malformed_ip")


def test_ipv6_payload_length_zero(rig):
    """No jumbogram (RFC 2675), so there is no transport header."""
    def spoil(frame):
        frame[18:20] = bytes(2)
    refused(rig, rig.client(6), spoil, "drop_malformed_l4")


@pytest.mark.parametrize("version", (0, 5, 7, 15))
def test_version(rig, client, version):
    """An IP header of another version says nothing about addresses."""
    frame = bytearray(bytes(rig.from_client(tcp(client, PORT))))
    frame[14] = version << 4 | frame[14] & 15
    rig.expect("pass_unreadable", frame)


@pytest.mark.parametrize("doff", (0, 1, 4, 6, 15))
def test_tcp_data_offset(rig, client, doff):
    """Shorter than the header, or longer than the packet."""
    at = 46 if client.family == 4 else 66

    def spoil(frame):
        frame[at] = doff << 4
    refused(rig, client, spoil, "drop_malformed_l4")


@pytest.mark.parametrize("length", (0, 1, 7, 14, 65535))
def test_udp_length(rig, client, length):
    packet = udp(client)
    packet[UDP].len = length
    rig.expect("drop_malformed_l4", rig.from_client(packet))


def test_udp_length_shorter_than_the_packet(rig, client):
    """Not what is usual, but nothing that is not there is promised."""
    packet = udp(client, b"and more")
    packet[UDP].len = 8
    rig.expect_at_host("forward_new", packet, "a")


# --- IPv6 extension headers --------------------------------------------------

def chain(client, headers):
    packet = IPv6(src=client.address, dst=VIPS[6])
    for header in headers:
        packet = packet / header.copy()
    return packet / tcp(client, PORT)[TCP]


LONG = IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(100)),
                                  PadN(optdata=bytes(150))])  # 256 bytes


@pytest.mark.parametrize("header", (
    IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt(), AUTHENTICATION, LONG,
    IPv6ExtHdrRouting(addresses=["2001:db8::1", "2001:db8::2"]),
    IPv6ExtHdrFragment(id=5)),
    ids=("hop by hop", "destination", "AH", "long", "routing", "atomic"))
def test_extension_header(rig, header):
    rig.expect_at_host("forward_new", chain(rig.client(6), [header]), "a")


def test_as_many_as_are_followed(rig):
    headers = [IPv6ExtHdrDestOpt()] * 8
    rig.expect_at_host("forward_new", chain(rig.client(6), headers), "a")


def test_too_many(rig):
    packet = chain(rig.client(6), [IPv6ExtHdrDestOpt()] * 9)
    rig.expect("drop_extensions", rig.from_client(packet))
    packet.dst = "2001:db8:9::9"
    rig.expect("pass_unreadable", rig.from_client(packet))


def test_as_long_as_are_followed(rig):
    assert len(LONG) == 256
    rig.expect_at_host("forward_new", chain(rig.client(6), [LONG] * 4), "a")


def test_too_long(rig):
    packet = chain(rig.client(6), [LONG] * 4 + [IPv6ExtHdrDestOpt()])
    rig.expect("drop_extensions", rig.from_client(packet))


def test_extension_header_longer_than_the_packet(rig):
    packet = chain(rig.client(6), [IPv6ExtHdrDestOpt(len=9)])
    rig.expect("drop_extensions", rig.from_client(packet))


def test_no_next_header(rig):
    client = rig.client(6)
    packet = IPv6(src=client.address, dst=VIPS[6], nh=59) / Raw(bytes(20))
    rig.expect("pass_not_service", rig.from_client(packet))


def test_icmp_header_cut_off(rig, client):
    for size in range(8):
        ends = {"src": client.address, "dst": VIPS[client.family]}
        packet = (IP(proto=1, **ends) if client.family == 4 else
                  IPv6(nh=58, **ends)) / Raw(b"\x03" * size)
        rig.expect("drop_malformed_l4", rig.from_client(packet))
