# SPDX-License-Identifier: GPL-2.0-only
"""Frames of every kind that the parser tells apart, and ways to spoil them."""

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_Timestamp
from scapy.layers.inet6 import (ICMPv6EchoRequest, ICMPv6ParamProblem,
                                ICMPv6TimeExceeded, IPv6, IPv6ExtHdrDestOpt,
                                IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                                IPv6ExtHdrRouting, MIP6MH_BRR, PadN)
from scapy.layers.ipsec import AH, ESP
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

_ETHER = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02")
_TAGS = ((), (Dot1Q(vlan=7),), (Dot1AD(vlan=8), Dot1Q(vlan=9)))
_TOO_MANY_TAGS = Dot1Q(vlan=1) / Dot1Q(vlan=2) / Dot1Q(vlan=3)
_OPTIONS = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (7, 9)),
            ("NOP", None), ("WScale", 7)]


def _transports(error):
    """What may be in a packet, `error` being its family's ICMP errors."""
    yield TCP(sport=40000, dport=443, flags="S", options=_OPTIONS)
    yield TCP(sport=40000, dport=443, flags="PA", seq=0x12345678,
              ack=0x9abcdef0) / (b"d" * 30)
    yield UDP(sport=40000, dport=4433) / (b"d" * 30)
    yield UDP(sport=40000, dport=4433)
    yield ESP(spi=0x1234, seq=9) / Raw(b"e" * 40)
    for e in error:
        yield e / (b"q" * 48)
    for size in (0, 6, 40):
        yield Raw(b"\x06" * size)


def _ipv4(transport):
    ip = IP(src="198.51.100.7", dst="203.0.113.1", id=0x4321)
    yield ip / transport
    options = ip.copy()
    options.options = [IPOption_Timestamp()]
    yield options / transport
    for flags, frag in (("MF", 0), ("MF", 8), (0, 99), ("DF", 0)):
        fragment = ip.copy()
        fragment.flags, fragment.frag = flags, frag
        # The protocol that scapy would leave out of a later fragment.
        fragment.proto = (ip / transport).proto
        yield fragment / Raw(bytes(transport))


def _ipv6(transport):
    ip = IPv6(src="2001:db8:1::7", dst="2001:db8:2::1", tc=0xa5)
    pad = IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(20))])
    yield ip / transport
    yield ip / IPv6ExtHdrHopByHop() / transport
    yield ip / IPv6ExtHdrRouting(addresses=["2001:db8::5"]) / transport
    yield ip / pad / transport
    yield ip / AH(nh=bytes(ip / transport)[6], payloadlen=4,
                  icv=b"i" * 12) / transport
    yield ip / IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting() / pad / transport
    for m, offset in ((0, 0), (1, 0), (1, 77), (0, 8)):
        fragment = IPv6ExtHdrFragment(m=m, offset=offset, id=0x1234567)
        inner = bytes(IPv6() / transport)
        fragment.nh = inner[6]
        yield ip / fragment / Raw(inner[40:])
        yield ip / pad / fragment / Raw(inner[40:])
    for count in (7, 8, 9, 12):
        chain = ip
        for _ in range(count):
            chain = chain / IPv6ExtHdrDestOpt()
        yield chain / transport
    # More than the linear part of a buffer holds, and more than 16 KiB.
    for count, size in ((3, 240), (8, 250), (2, 250)):
        chain = ip
        for _ in range(count):
            option = PadN(optdata=bytes(size))
            chain = chain / IPv6ExtHdrDestOpt(options=[option] * 8)
        yield chain / transport
    yield ip / MIP6MH_BRR(nh=6) / transport


def templates():
    """Frames as bytes, all well-formed but for their missing checksums."""
    inner = []
    for transport in _transports((ICMP(type=3, code=1), ICMP(type=11),
                                  ICMP(type=4), ICMP(type=12), ICMP(type=5),
                                  ICMP(type=8))):
        inner.extend(_ipv4(transport))
    for transport in _transports((ICMPv6TimeExceeded(), ICMPv6ParamProblem(),
                                  ICMPv6EchoRequest())):
        inner.extend(_ipv6(transport))
    inner.append(ARP())
    inner.append(Raw(b"r" * 50))
    for packet in inner:
        for tags in _TAGS:
            frame = _ETHER
            for tag in tags:
                frame = frame / tag
            yield bytes(frame / packet)
    yield bytes(_ETHER / _TOO_MANY_TAGS / inner[0])


_TELLING = (0, 1, 2, 4, 5, 6, 7, 8, 17, 20, 40, 41, 43, 44, 50, 51, 58, 59, 60,
            64, 69, 96, 128, 135, 255)
_HEADERS = 160  # bytes at the front of a frame that are worth spoiling
_MINIMUM = 14  # what the kernel takes for a test run


def spoil(frame, random):
    """Another frame: whole, cut, padded, or with some bytes changed."""
    how = random.random()
    if how < 0.25:  # other addresses and ports, most likely
        at = random.randrange(_MINIMUM, min(len(frame), _HEADERS))
        return frame[:at] + random.randbytes(1) + frame[at + 1:]
    if how < 0.40:
        return frame[:random.randrange(_MINIMUM, len(frame) + 1)]
    if how < 0.50:
        return frame + random.randbytes(random.randrange(1, 40))
    spoilt = bytearray(frame)
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(12, min(len(frame), _HEADERS))
        kind = random.random()
        if kind < 0.4:
            spoilt[at] = random.choice(_TELLING)
        elif kind < 0.7:
            spoilt[at] ^= 1 << random.randrange(8)
        elif kind < 0.9:
            # A length that is nearly right: of what follows it.
            n = len(frame) - at + random.randrange(-24, 24)
            spoilt[at:at + 2] = (n & 0xffff).to_bytes(2, "big")
        else:
            spoilt[at] = random.randrange(256)
    if random.random() < 0.2:
        del spoilt[random.randrange(_MINIMUM, len(spoilt) + 1):]
    return bytes(spoilt)
