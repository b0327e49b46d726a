# SPDX-License-Identifier: GPL-2.0-only
"""The contract of include/baton, as Python sees it.

Names, numbers and texts are read from the headers, which state them once, with
the help of the C preprocessor. Layouts are written here; test_abi.py has the C
compilers compare them with the headers.
"""

import ast
import ctypes
import ipaddress
import re
import subprocess
from collections import namedtuple
from pathlib import Path

INCLUDE = Path(__file__).resolve().parents[2] / "include"

HEADERS = "".join(f'#include "baton/{h}.h"\n'
                  for h in ("abi", "flow", "host", "host_reasons", "maps",
                            "probe", "reasons", "recorder"))


def _preprocess(text, *options):
    return subprocess.run(["gcc", "-E", "-P", "-I", INCLUDE, *options, "-"],
                          input=HEADERS + text, capture_output=True,
                          text=True, check=True).stdout


def _expand(name, *fields):
    """The entries of a list of X(...), as named tuples."""
    Entry = namedtuple("Entry", fields)
    text = _preprocess(f"#define X(...) @(__VA_ARGS__)\n{name}(X)\n")
    return [Entry(*(getattr(part, "id", None) or part.value
                    for part in ast.parse(entry.strip()).body[0].value.elts))
            for entry in text.split("@")[1:]]


def _enumerators():
    values = {}
    for body in re.findall(r"\benum\s+\w*\s*{([^}]*)}", _preprocess("")):
        after = 0
        for entry in filter(None, map(str.strip, body.split(","))):
            name, _, expression = entry.partition("=")
            if expression:  # of our own headers: numbers, shifts
                after = eval(expression, {}, values)
            values[name.strip()] = after
            after += 1
    return values


def _numbers():
    found = re.findall(r"^#define BATON_(\w+) (0x[0-9a-f]+|\d+)$",
                       _preprocess("", "-dM"), re.M)
    return {name: int(value, 0) for name, value in found}


#: BATON_... without the prefix, whether enumerator or number
C = {name.removeprefix("BATON_"): value
     for name, value in _enumerators().items()} | _numbers()

MAPS = _expand("BATON_MAPS", "name", "key", "value")
REASONS = _expand("BATON_REASONS", "name", "verdict", "label", "text")
HOST_MAPS = _expand("BATON_HOST_MAPS", "name", "key", "value")
HOST_REASONS = _expand("BATON_HOST_REASONS", "name", "verdict", "label", "text")
HOST_WORDS = _expand("BATON_HOST_WORDS", "name", "label")
FLOW_STATES = _expand("BATON_FLOW_STATES", "name", "label", "text")
OWNER_STATES = _expand("BATON_OWNER_STATES", "name", "label")
FORWARDS = _expand("BATON_FORWARDS", "name", "label")

#: index in the `counters` map, by label
REASON = {r.label: i for i, r in enumerate(REASONS)}


# --- layouts -----------------------------------------------------------------

u8, u16, u32, u64 = (ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32,
                     ctypes.c_uint64)
be16, be32, be64 = (t.__ctype_be__ for t in (u16, u32, u64))
Address = u8 * 16
Mac = u8 * 6
size = ctypes.sizeof
Name = ctypes.c_char * C["NAME_LEN"]


def address(text):
    """As the maps hold it: IPv4 in the first word, the others zero."""
    return Address(*ipaddress.ip_address(text).packed)


class Record(ctypes.Structure):
    """A structure of the contract, without holes. Names are those of the C
    members."""
    c_name = None

    def __eq__(self, other):
        return type(self) is type(other) and bytes(self) == bytes(other)

    def __repr__(self):
        fields = ", ".join(f"{name}={_text(getattr(self, name))}"
                           for name, *_ in self._fields_)
        return f"{type(self).__name__}({fields})"


def _text(value):
    return (bytes(value).hex() if isinstance(value, ctypes.Array)
            else repr(value))


class Meta(Record):
    c_name = "struct baton_meta"
    _fields_ = [("magic", u32), ("abi", u32), ("flow4_buckets", u32),
                ("flow6_buckets", u32), ("seed", u64 * 4), ("ring_size", u32),
                ("stamp_shift", u32), ("hz", u32), ("record_slots", u32),
                ("reign", u32), ("pad", u32)]


class Settings(Record):
    c_name = "struct baton_settings"
    _fields_ = [("flags", u32), ("address4", u8 * 4), ("address6", Address),
                ("icmp_per_second", u32), ("generation", u32)]


class Owner(Record):
    """The word whose store is a failover."""
    c_name = "union baton_owner"
    _fields_ = [("host", u16), ("state", u8), ("pad", u8), ("epoch", u32)]


class OwnerInfo(Record):
    c_name = "struct baton_owner_info"
    _fields_ = [("name", Name), ("home", u16), ("next", u16),
                ("standbys", u16 * C["MAX_STANDBYS"]), ("pad", u32)]


class Grant(Record):
    c_name = "struct baton_grant"
    _fields_ = [("epoch", u64), ("incarnation", u64),
                ("member", u64 * (1 + C["MAX_STANDBYS"])), ("complete", u16),
                ("pad", u16 * 3)]


class Hop(Record):
    c_name = "union baton_hop"
    _fields_ = [("mac", Mac), ("vlan", u16)]


class Host(Record):
    c_name = "struct baton_host"
    _fields_ = [("hop", Hop), ("src_mac", Mac), ("mtu", u16), ("ifindex", u32),
                ("forward", u8), ("outer_family", u8), ("gue_port", be16),
                ("outer_src", Address), ("outer_dst", Address),
                ("outer_sum", u32), ("pad", u32)]


class HostInfo(Record):
    c_name = "struct baton_host_info"
    _fields_ = [("name", Name), ("address", Address), ("family", u8),
                ("pad", u8 * 7)]


class Service4Key(Record):
    c_name = "struct baton_service4_key"
    _fields_ = [("vip", u8 * 4), ("port", be16), ("protocol", u8), ("pad", u8)]


class Service6Key(Record):
    c_name = "struct baton_service6_key"
    _fields_ = [("vip", Address), ("port", be16), ("protocol", u8),
                ("pad", u8)]


class Service(Record):
    c_name = "struct baton_service"
    _fields_ = [("id", u16), ("flags", u16), ("flows", u16), ("pad", u16),
                ("ring", u32)]


class ServiceInfo(Record):
    c_name = "struct baton_service_info"
    _fields_ = [("name", Name), ("vip", Address), ("family", u8),
                ("protocol", u8), ("port", be16), ("flags", u16), ("pad", u16)]


class RingRow(Record):
    c_name = "struct baton_ring_row"
    _fields_ = [("owner", u16 * C["RING_ROW"])]


class Flow(Record):
    c_name = "struct baton_flow"
    _fields_ = [("owner", u16), ("state", u8), ("flags", u8), ("seen", u16),
                ("check", u16)]

    @property
    def state_label(self):
        return FLOW_STATES[self.state].label

    @property
    def confirmed(self):
        return bool(self.flags & C["FLOW_CONFIRMED"])


class Flow4Key(Record):
    c_name = "struct baton_flow4_key"
    _fields_ = [("client", u8 * 4), ("port", be16), ("service", u16)]


class Flow6Key(Record):
    c_name = "struct baton_flow6_key"
    _fields_ = [("tag", u32), ("port", be16), ("service", u16),
                ("client", Address)]


class Flow4Slot(Record):
    c_name = "struct baton_flow4_slot"
    _fields_ = [("key", Flow4Key), ("flow", Flow)]


class Flow6Slot(Record):
    c_name = "struct baton_flow6_slot"
    _fields_ = [("key", Flow6Key), ("flow", Flow)]


class FragmentKey(Record):
    c_name = "struct baton_fragment_key"
    _fields_ = [("src", Address), ("dst", Address), ("id", u8 * 4),
                ("protocol", u16), ("pad", u16)]


class Fragment(Record):
    c_name = "struct baton_fragment"
    _fields_ = [("owner", u16), ("seen", u16)]


class SpiKey(Record):
    c_name = "struct baton_spi_key"
    _fields_ = [("vip", Address), ("spi", be32 * 2)]


class Spi(Record):
    c_name = "struct baton_spi"
    _fields_ = [("owner", u16), ("pad", u16)]


class Counter(Record):
    c_name = "struct baton_counter"
    _fields_ = [("packets", u64), ("bytes", u64)]


class Traffic(Record):
    c_name = "struct baton_traffic"
    # "in" is a keyword of Python: getattr(t, "in")
    _fields_ = [("in", Counter), ("out", Counter)]


class PacketRecord(Record):
    c_name = "struct baton_record"
    _fields_ = [("sequence", u64), ("time", u64), ("client", Address),
                ("port", be16), ("service", u16), ("owner", u16),
                ("direction", u8), ("tcp_flags", u8), ("seq", u32),
                ("ack", u32), ("ifindex", u32), ("length", u16),
                ("vip_port", be16), ("payload", u16), ("l4", u16), ("l3", u8),
                ("family", u8), ("host", u16)]


class RecordFrame(Record):
    c_name = "struct baton_record_frame"
    _fields_ = [("byte", u8 * C["RECORD_FRAME"])]


class RecordRing(Record):
    c_name = "struct baton_record_ring"
    _fields_ = [("next", u64), ("too_large", u64), ("pad", u64 * 6)]


class ProbeApp(Record):
    c_name = "struct baton_probe_app"
    _fields_ = [("tag", be32), ("age", be16), ("state", u8), ("pad", u8)]


class Probe(Record):
    c_name = "struct baton_probe"
    _fields_ = [("magic", be32), ("type", u8), ("word", u8), ("host", be16),
                ("session", be64), ("sequence", be64), ("sent", be64),
                ("stamp", be64), ("lease", be32), ("owner", be32),
                ("epoch", be32), ("plays", u8), ("pad", u8 * 3),
                ("app", ProbeApp * 8), ("mac", be64)]


class HostSettings(Record):
    c_name = "struct baton_host_settings"
    _fields_ = [("abi", u32), ("flags", u32), ("key", u64 * 2), ("word", u32),
                ("probe_port", be16), ("gue_port", be16),
                ("arp_ignore_was", u8), ("arp_announce_was", u8),
                ("word_was", u8), ("pad", u8 * 5)]


class HostAddress(Record):
    c_name = "struct baton_host_address"
    _fields_ = [("word", Address), ("family", u32)]

    @classmethod
    def of(cls, text):
        return cls(address(text), ipaddress.ip_address(text).version)


class HostSession(Record):
    c_name = "struct baton_host_session"
    _fields_ = [("session", be64), ("host", u32), ("pad", u32)]


class HostAsker(Record):
    c_name = "struct baton_host_asker"
    _fields_ = [("sequence", u64), ("heard", u64), ("from", HostAddress),
                ("to", HostAddress), ("port", be16), ("pad", u8 * 6)]


class HostApp(Record):
    c_name = "struct baton_host_app"
    _fields_ = [("tag", u32), ("flags", u32), ("limit", u64), ("alive", u64),
                ("name", ctypes.c_char * C["APP_NAME_LEN"]),
                ("vip", HostAddress), ("port", be16), ("protocol", u8),
                ("pad", u8)]


class HeartbeatPage(Record):
    c_name = "struct baton_heartbeat_page"
    _fields_ = [("beat", u64), ("state", u32), ("pad", u32)]


class HostLease(Record):
    c_name = "struct baton_host_lease"
    _fields_ = [("until", u64), ("renewed", u64)]


class HostOwnership(Record):
    c_name = "struct baton_host_ownership"
    _fields_ = [("epoch", u32), ("plays", u32), ("heard", u64),
                ("session", be64)]


class OwnershipEvent(Record):
    c_name = "struct baton_ownership_event"
    _fields_ = [("tag", u32), ("epoch", u32), ("plays", u32), ("pad", u32),
                ("heard", u64)]


RECORDS = Record.__subclasses__()

#: what the maps hold, where it is one of these: (key, value)
MAP_TYPES = {
    "meta": (u32, Meta), "settings": (u32, Settings), "ports": (u32, u32),
    "services4": (Service4Key, Service), "services6": (Service6Key, Service),
    "service_info": (u32, ServiceInfo), "rings": (u32, RingRow),
    "flows4": (u32, Flow4Slot * C["FLOW_SLOTS"]),
    "flows6": (u32, Flow6Slot * C["FLOW_SLOTS"]),
    "owners": (u32, Owner), "owner_info": (u32, OwnerInfo),
    "grants": (u32, Grant),
    "hosts": (u32, Host), "host_info": (u32, HostInfo),
    "fragments": (FragmentKey, Fragment), "spis": (SpiKey, Spi),
    "spis_learned": (SpiKey, Spi), "counters": (u32, Counter),
    "service_stats": (u32, Traffic), "host_stats": (u32, Traffic),
    "record_rings": (u32, RecordRing), "records": (u32, PacketRecord),
    "record_frames": (u32, RecordFrame),
}


# --- hash.h and ring.h -------------------------------------------------------

_WORD = (1 << 64) - 1


def mix(x):
    x ^= x >> 32
    x = x * 0x9fb21c651e98df25 & _WORD
    x ^= x >> 29
    x = x * 0xd6e8feb86659fd93 & _WORD
    return x ^ x >> 32


def key_words(key):
    data = bytes(key)
    return [int.from_bytes(data[i:i + 8], "little")
            for i in range(0, len(data), 8)]


def key_hash(seed, key):
    words = key_words(key)
    h = mix(words[0] ^ seed[0])
    if len(words) == 3:
        h = mix((h ^ words[1]) + seed[1] & _WORD)
        h = mix(h ^ words[2])
    return h


def reduce(half, n):
    return half * n >> 32


def buckets(seed, key, n):
    """The two buckets, of n, in which a flow's key may be."""
    h = key_hash(seed, key)
    return reduce(h & 0xffffffff, n), reduce(h >> 32, n)


def ring_index(seed, key, size):
    """The entry of a ring of `size`. Flows of a service whose affinity is
    the client have port 0 in `key`."""
    return reduce(key_hash(seed[2:], key) & 0xffffffff, size)


def flow4_key(client, port, service):
    return Flow4Key(client=(u8 * 4)(*ipaddress.ip_address(client).packed),
                    port=port, service=service)


def flow6_key(client, port, service):
    packed = ipaddress.ip_address(client).packed
    words = [int.from_bytes(packed[i:i + 4], "little") for i in (0, 4, 8, 12)]
    tag = 0
    for word, factor in zip(words, (1, 3, 5, 7)):
        tag ^= word * factor & 0xffffffff
    return Flow6Key(tag=tag, port=port, service=service,
                    client=Address(*packed))


def flow_key(client, port, service):
    make = flow6_key if ":" in client else flow4_key
    return make(client, port, service)
