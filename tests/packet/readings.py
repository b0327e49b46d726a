# SPDX-License-Identifier: GPL-2.0-only
"""What a frame says, twice: as the switch's parser reads it, and as scapy does.

scapy takes each header apart; the rules of the RFCs on lengths and order then
say what the whole is. The vocabulary is that of struct packet in bpf/parse.h.

What scapy says of a header is a function of the header's bytes, so it is
remembered for when they are met again. That makes a million packets possible:
scapy needs 0.2 ms and more to take one apart.
"""

import contextlib
import ctypes
import logging
import socket
import struct

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (ICMPv6Unknown, IPv6, IPv6ExtHdrDestOpt,
                                IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                                IPv6ExtHdrRouting, MIP6MH_Generic)
from scapy.layers.ipsec import AH, ESP
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether

from harness import abi

logging.getLogger("scapy").setLevel(logging.ERROR)

KINDS = ("NOT_IP", "UNREADABLE", "BAD_IP", "BAD_L4", "BAD_EXTENSION", "PORTS",
         "ESP", "ICMP_ERROR", "LATER_FRAGMENT", "OTHER")
MAX_VLANS = 2
MAX_EXTENSIONS = 8
MAX_EXTENSION_BYTES = 1024


class Packet(abi.Record):
    c_name = "struct packet"
    _fields_ = [("family", abi.u8), ("kind", abi.u8), ("protocol", abi.u8),
                ("tcp_flags", abi.u8), ("ttl", abi.u8), ("tos", abi.u8),
                ("vlans", abi.u8), ("first_fragment", abi.u8),
                ("l3", abi.u16), ("l4", abi.u16), ("length", abi.u32),
                ("sport", abi.be16), ("dport", abi.be16), ("seq", abi.u16),
                ("ack", abi.u16), ("spi", abi.be32), ("id", abi.u8 * 4),
                ("src", abi.Address), ("dst", abi.Address)]


#: Fields that mean something, by kind; each kind adds to one before it.
_FRAME = ("kind", "family")
_ADDRESSES = (*_FRAME, "vlans", "l3", "src", "dst")
_LENGTH = (*_ADDRESSES, "length", "ttl", "tos")
_L4 = (*_LENGTH, "protocol", "l4", "first_fragment")
FIELDS = {
    "NOT_IP": _FRAME,
    "UNREADABLE": (*_FRAME, "vlans", "l3"),
    "BAD_IP": _ADDRESSES,
    "BAD_EXTENSION": _LENGTH,
    "BAD_L4": _L4,
    "OTHER": _L4,
    "ICMP_ERROR": _L4,
    "LATER_FRAGMENT": (*_L4, "id"),
    "ESP": (*_L4, "spi"),
    "PORTS": (*_L4, "sport", "dport", "tcp_flags"),
}
_TCP = (*FIELDS["PORTS"], "seq", "ack")


def _wanted(kind, first_fragment, protocol):
    names = FIELDS[kind]
    if kind == "PORTS" and protocol == socket.IPPROTO_TCP:
        names = _TCP
    if first_fragment and "first_fragment" in names:
        names = *names, "id"
    return names


def switch_reading(packet):
    """The fields that mean something, of a struct packet."""
    kind = KINDS[packet.kind]
    said = {}
    for name in _wanted(kind, packet.first_fragment, packet.protocol):
        value = getattr(packet, name)
        said[name] = bytes(value) if isinstance(value, ctypes.Array) else value
    said["kind"] = kind
    return said


# --- scapy's reading ---------------------------------------------------------

#: The part of a header that has a fixed place, and the last field of it that
#: matters. Nothing depends on the options behind it.
_FIXED = {
    Ether: (14, "type"), Dot1Q: (4, "type"), Dot1AD: (4, "type"),
    IP: (20, "dst"), IPv6: (40, "dst"), TCP: (20, "urgptr"),
    UDP: (8, "chksum"), ICMP: (8, "type"), ICMPv6Unknown: (8, "type"),
    ESP: (8, "spi"), AH: (8, "payloadlen"), IPv6ExtHdrHopByHop: (8, "len"),
    IPv6ExtHdrDestOpt: (8, "len"), IPv6ExtHdrRouting: (8, "len"),
    IPv6ExtHdrFragment: (8, "id"), MIP6MH_Generic: (8, "len"),
}

_BY_TYPE = {match["type"]: cls for match, cls in reversed(Ether.payload_guess)
            if cls in _FIXED}

_EXTENSIONS = {
    0: IPv6ExtHdrHopByHop, 43: IPv6ExtHdrRouting, 44: IPv6ExtHdrFragment,
    51: AH, 60: IPv6ExtHdrDestOpt, 135: MIP6MH_Generic,
}

_remembered = {}


def _read(cls, data):
    """The fields of the header at the start of `data`; None if it is cut
    off."""
    size, last = _FIXED[cls]
    data = data[:size]
    if len(data) < size:
        return None
    fields = _remembered.get((cls, data))
    if fields is None:
        layer = cls()
        with contextlib.suppress(struct.error):  # by the options, missing
            layer.do_dissect(data)
        fields = layer.fields
        assert last in fields, f"scapy finds no {cls} in {data.hex()}"
        if len(_remembered) > 200000:
            _remembered.clear()
        _remembered[cls, data] = fields
    return fields


def _tcp(data, said):
    tcp = _read(TCP, data)
    if not tcp:
        return "BAD_L4"
    size = tcp["dataofs"] * 4
    # The first fragment need not hold the options.
    if size < 20 or size > len(data) and not said["first_fragment"]:
        return "BAD_L4"
    said |= {"sport": tcp["sport"], "dport": tcp["dport"],
             "tcp_flags": int(tcp["flags"]) & 0xff,
             "seq": tcp["seq"] & 0xffff, "ack": tcp["ack"] & 0xffff}
    return "PORTS"


def _udp(data, said):
    udp = _read(UDP, data)
    if not udp or udp["len"] < 8:
        return "BAD_L4"
    if udp["len"] > len(data) and not said["first_fragment"]:
        return "BAD_L4"
    said |= {"sport": udp["sport"], "dport": udp["dport"], "tcp_flags": 0}
    return "PORTS"


def _esp(data, said):
    esp = _read(ESP, data)
    if not esp:
        return "BAD_L4"
    said["spi"] = esp["spi"]
    return "ESP"


def _icmp(data, _):
    icmp = _read(ICMP, data)
    if not icmp:
        return "BAD_L4"
    # Destination unreachable, source quench, time exceeded, parameter
    # problem; redirects are not for the switch to pass on.
    return "ICMP_ERROR" if icmp["type"] in (3, 4, 11, 12) else "OTHER"


def _icmp6(data, _):
    icmp = _read(ICMPv6Unknown, data)
    if not icmp:
        return "BAD_L4"
    return "ICMP_ERROR" if 1 <= icmp["type"] <= 4 else "OTHER"


def _other(*_):
    return "OTHER"


_TRANSPORTS4 = {6: _tcp, 17: _udp, 50: _esp, 1: _icmp}
_TRANSPORTS6 = {6: _tcp, 17: _udp, 50: _esp, 58: _icmp6}


def _ipv4(data, said):
    ip = _read(IP, data)
    said |= {"family": 4, "kind": "UNREADABLE"}
    if not ip or ip["version"] != 4:
        return
    said |= {"src": socket.inet_aton(ip["src"]).ljust(16, b"\0"),
             "dst": socket.inet_aton(ip["dst"]).ljust(16, b"\0")}
    header = ip["ihl"] * 4
    said["kind"] = "BAD_IP"
    if header < 20 or ip["len"] < header or ip["len"] > len(data):
        return
    said |= {"length": ip["len"], "ttl": ip["ttl"], "tos": ip["tos"],
             "protocol": ip["proto"], "l4": said["l3"] + header}
    more = bool(int(ip["flags"]) & 1)
    if more or ip["frag"]:
        said["id"] = struct.pack("!Hxx", ip["id"])
    if ip["frag"]:
        said["kind"] = "LATER_FRAGMENT"
        return
    said["first_fragment"] = int(more)
    transport = _TRANSPORTS4.get(ip["proto"], _other)
    said["kind"] = transport(data[header:ip["len"]], said)


def _ipv6(data, said):
    ip = _read(IPv6, data)
    said |= {"family": 6, "kind": "UNREADABLE"}
    if not ip or ip["version"] != 6:
        return
    said |= {"src": socket.inet_pton(socket.AF_INET6, ip["src"]),
             "dst": socket.inet_pton(socket.AF_INET6, ip["dst"])}
    length = 40 + ip["plen"]
    if length > len(data):
        said["kind"] = "BAD_IP"
        return
    said |= {"length": length, "ttl": ip["hlim"], "tos": ip["tc"]}
    data = data[:length]  # what follows is the link's padding
    said["kind"] = _ipv6_payload(data, ip["nh"], said)


def _ipv6_payload(data, following, said):
    at, headers = 40, 0
    while following in _EXTENSIONS:
        cls = _EXTENSIONS[following]
        extension = _read(cls, data[at:])
        headers += 1
        if not extension or headers > MAX_EXTENSIONS:
            return "BAD_EXTENSION"
        following = extension["nh"]
        if cls is IPv6ExtHdrFragment:
            at += 8
        elif cls is AH:
            at += (extension["payloadlen"] + 2) * 4
        else:
            at += (extension["len"] + 1) * 8
        if at > min(len(data), 40 + MAX_EXTENSION_BYTES):
            return "BAD_EXTENSION"
        if cls is not IPv6ExtHdrFragment:
            continue
        # With neither, it is an atomic fragment (RFC 6946): a whole.
        if extension["offset"] or extension["m"]:
            said["id"] = struct.pack("!I", extension["id"])
            said["first_fragment"] = int(not extension["offset"])
        if extension["offset"]:
            said |= {"protocol": following, "l4": said["l3"] + at}
            return "LATER_FRAGMENT"
    said |= {"protocol": following, "l4": said["l3"] + at}
    return _TRANSPORTS6.get(following, _other)(data[at:], said)


def scapy_reading(frame):
    said = {"kind": "NOT_IP", "family": 0, "vlans": 0, "l3": 14,
            "first_fragment": 0}
    layer, cls = _read(Ether, frame), None
    while layer:
        cls = _BY_TYPE.get(layer["type"])
        if cls not in (Dot1Q, Dot1AD) or said["vlans"] == MAX_VLANS:
            break
        layer = _read(cls, frame[said["l3"]:])
        said["l3"] += 4
        said["vlans"] += 1
    if layer and cls is IP:
        _ipv4(frame[said["l3"]:], said)
    elif layer and cls is IPv6:
        _ipv6(frame[said["l3"]:], said)
    return {name: said[name] for name in _wanted(
        said["kind"], said["first_fragment"], said.get("protocol"))}
