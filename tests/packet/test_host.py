# SPDX-License-Identifier: GPL-2.0-only
"""The host's XDP program: probes (row K6) and tunnels (row X4), packet by
packet. Whole frames are compared, and the reason that was counted."""

import itertools
import random
import struct
import time
from collections import namedtuple

import pytest
from scapy.all import (ARP, GRE, ICMP, IP, TCP, UDP, Dot1AD, Dot1Q, Ether,
                       IPOption_RR, IPv6, IPv6ExtHdrFragment, Raw)

from harness import abi, bpf, probe
from harness.lab import BPFTOOL, BUILD, run

KEY = bytes(range(16))
PROBE_PORT, GUE_PORT = 7790, 6080
SWITCH = {4: "10.0.1.1", 6: "2001:db8:1::1"}
HOST = {4: "10.0.2.2", 6: "2001:db8:2::2"}
VIP = {4: "192.0.2.10", 6: "2001:db8:a::10"}
SERVER = {4: "203.0.113.9", 6: "2001:db8:d::9"}
CLIENT = {4: "198.51.100.7", 6: "2001:db8:c::7"}
STRANGER = {4: "10.0.1.2", 6: "2001:db8:1::2"}
NEXT = {4: 4, 6: 41}  # protocol numbers of IPv4 and IPv6 as a payload
FAMILIES = (4, 6)
ACTION = {"PASS": bpf.XDP_PASS, "DECAP": bpf.XDP_PASS, "ANSWER": bpf.XDP_TX,
          "DROP": bpf.XDP_DROP}
BOTH_WAYS = [pytest.param(f, id=f"ipv{f}") for f in FAMILIES]
COMBINATIONS = [pytest.param(o, i, id=f"{i}in{o}")
                for o, i in itertools.product(FAMILIES, FAMILIES)]
TAGS = [pytest.param(None, id="untagged"), pytest.param(Dot1Q, id="802.1Q"),
        pytest.param(Dot1AD, id="802.1ad")]

Result = namedtuple("Result", "reason action data")


class Host:
    """The program with its maps, as an agent would have filled them."""

    def __init__(self, pins):
        self.program = bpf.Program.pinned(pins / "program")
        self.maps = {m.name: bpf.Map.pinned(pins / m.name)
                     for m in abi.HOST_MAPS}

    def configure(self, **changes):
        settings = abi.HostSettings(
            abi=abi.C["HOST_ABI"],
            flags=abi.C["HOST_PROBES"] | abi.C["HOST_LEASE"],
            word=abi.C["WORD_UP"], probe_port=PROBE_PORT, gue_port=GUE_PORT)
        settings.key[:] = struct.unpack("=2Q", KEY)
        for name, value in changes.items():
            setattr(settings, name, value)
        self.maps["settings"].update(0, settings)
        self.maps["lease"].update(0, abi.HostLease())
        for i in range(abi.C["PROBE_APPS"]):
            self.maps["applications"].update(i, abi.HostApp())
        for name in "sessions", "ownership":
            self.maps[name].clear()
        for name, addresses in (("switches", SWITCH), ("vips", VIP),
                                ("servers", SERVER)):
            self.maps[name].clear()
            for text in addresses.values():
                self.maps[name].update(abi.HostAddress.of(text),
                                       struct.pack("=I", 1))

    def counters(self):
        return [self.maps["counters"].sum64(i)
                for i in range(len(abi.HOST_REASONS))]

    def run(self, frame):
        """Run it, and see that what it did is what it counted."""
        frame = bytes(frame)
        before = self.counters()
        ran = self.program.run(frame)
        counted = [(reason, after[0] - had[0], after[1] - had[1])
                   for reason, had, after in
                   zip(abi.HOST_REASONS, before, self.counters())
                   if after != had]
        assert len(counted) == 1, counted
        reason, packets, size = counted[0]
        assert (packets, size) == (1, len(frame)), reason.label
        assert ran.action == ACTION[reason.verdict], f"{reason.label}: {ran}"
        if reason.verdict == "PASS":
            assert ran.data == frame, f"{reason.label}: changed"
        return Result(reason.label, ran.action, ran.data)


@pytest.fixture(scope="module")
def pins(lab):
    path = lab.bpffs()
    run(BPFTOOL, "prog", "load", BUILD / "bpf/host.bpf.o", path / "program",
        "pinmaps", path)
    return path


@pytest.fixture
def host(pins):
    made = Host(pins)
    made.configure()
    return made


def boot_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def ether(tag=None):
    frame = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    return frame / tag(vlan=7, prio=5) if tag else frame


def ip(family, source, destination, **fields):
    if family == 4:
        return IP(src=source[4], dst=destination[4], ttl=61, id=4711, **fields)
    return IPv6(src=source[6], dst=destination[6], hlim=61, fl=0x12345,
                **fields)


def probe_frame(family, payload, tag=None, source=None, **udp):
    """A datagram from the switch to the probe port of the host."""
    udp = {"sport": 40000, "dport": PROBE_PORT, **udp}
    return (ether(tag) / ip(family, source or SWITCH, HOST) / UDP(**udp)
            / Raw(bytes(payload)))


def answer_frame(family, payload, tag=None):
    frame = probe_frame(family, payload, tag, sport=PROBE_PORT, dport=40000,
                        chksum=0)
    frame[Ether].src, frame[Ether].dst = frame[Ether].dst, frame[Ether].src
    layer = frame[IP if family == 4 else IPv6]
    layer.src, layer.dst = layer.dst, layer.src
    return bytes(frame)


# --- probes ------------------------------------------------------------------

def test_siphash_of_the_tests_itself():
    # The vector of the paper's appendix A
    assert probe.siphash(KEY, bytes(range(15))) == 0xa129ca6149be45e5


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("family", BOTH_WAYS)
@pytest.mark.parametrize("word", [w.name for w in abi.HOST_WORDS])
def test_probe_is_answered(host, family, tag, word):
    host.configure(word=abi.C[f"WORD_{word}"])
    asked = probe.ask(KEY, session=2**64 - 2, sequence=2**63 + 5, host=4095,
                      sent=0x0123456789abcdef)
    before = boot_ns()
    got = host.run(probe_frame(family, asked, tag))
    assert got.reason == "answer_probe"
    stamp = probe.read(got.data).stamp
    assert before <= stamp <= boot_ns()
    assert got.data == answer_frame(
        family, probe.answer(KEY, asked, word, stamp), tag)


@pytest.mark.parametrize("family", BOTH_WAYS)
def test_padding_behind_a_probe_is_left_alone(host, family):
    asked = probe.ask(KEY)
    got = host.run(bytes(probe_frame(family, asked)) + b"padding")
    assert got.reason == "answer_probe"
    whole, padding = got.data[:-7], got.data[-7:]
    stamp = probe.read(whole).stamp
    assert (whole, padding) == (answer_frame(
        family, probe.answer(KEY, asked, stamp=stamp)), b"padding")


@pytest.mark.parametrize("family", BOTH_WAYS)
def test_another_key_is_refused(host, family):
    asked = probe.ask(bytes(reversed(KEY)))
    assert host.run(probe_frame(family, asked)).reason == "drop_probe_forged"
    assert not list(host.maps["sessions"].keys()), "remembered a forgery"


def test_every_bit_is_authenticated(host):
    asked = bytes(probe.ask(KEY, session=1 << 40, sequence=9))
    for bit in range(8 * len(asked)):
        changed = bytearray(asked)
        changed[bit // 8] ^= 1 << bit % 8
        expected = ("drop_probe_malformed" if bit // 8 < 5
                    else "drop_probe_forged")  # magic and type come first
        assert host.run(probe_frame(4, changed)).reason == expected, bit
    assert host.run(probe_frame(4, asked)).reason == "answer_probe"


@pytest.mark.parametrize("family", BOTH_WAYS)
def test_sequences_only_grow(host, family):
    def send(sequence, **fields):
        return host.run(probe_frame(family, probe.ask(
            KEY, sequence=sequence, **fields))).reason

    assert send(10) == "answer_probe"
    assert send(10) == "drop_probe_replay"
    assert send(9) == "drop_probe_replay"
    assert send(0) == "drop_probe_replay"
    assert send(2**64 - 2) == "answer_probe"
    assert send(11) == "drop_probe_replay"
    assert send(2**64 - 1) == "answer_probe"
    # Others are not disturbed: another session, another host's probes.
    assert send(1, session=2) == "answer_probe"
    assert send(1, host=2) == "answer_probe"
    assert send(2**64 - 1) == "drop_probe_replay"


@pytest.mark.parametrize("family", BOTH_WAYS)
def test_cut_off_frames(host, family):
    whole = bytes(probe_frame(family, probe.ask(KEY)))
    for n in range(14, len(whole)):
        assert host.run(whole[:n]).reason == "pass_unreadable", n


@pytest.mark.parametrize("family", BOTH_WAYS)
def test_datagrams_of_every_other_length(host, family):
    """Headers are right, but there is not the one length that a probe has."""
    asked = bytes(probe.ask(KEY))
    for n in set(range(len(asked) + 9)) - {len(asked)}:
        got = host.run(probe_frame(family, asked.ljust(n, b"\0")[:n]))
        assert got.reason == "drop_probe_malformed", n


@pytest.mark.parametrize("length", [0, 7, 8, 135, 137, 65535])
def test_udp_length_that_does_not_fit(host, length):
    frame = probe_frame(4, probe.ask(KEY), len=length)
    assert host.run(frame).reason == "drop_probe_malformed"


def test_ip_length_that_does_not_fit(host):
    """The UDP length is that of a probe, but IP says that there is more."""
    frame = probe_frame(4, bytes(probe.ask(KEY)) + bytes(4), len=136)
    assert host.run(frame).reason == "drop_probe_malformed"


def test_answers_are_not_answered(host):
    reply = probe.answer(KEY, probe.ask(KEY))
    assert host.run(probe_frame(4, reply)).reason == "drop_probe_malformed"


@pytest.mark.parametrize("family", BOTH_WAYS)
def test_only_switches_are_answered(host, family):
    frame = probe_frame(family, probe.ask(KEY), source=STRANGER)
    assert host.run(frame).reason == "pass_stranger"


def test_without_a_key_probes_are_the_kernels(host):
    host.configure(flags=0)
    frame = probe_frame(4, probe.ask(KEY))
    assert host.run(frame).reason == "pass_other"


def test_other_ports_are_the_kernels(host):
    frame = probe_frame(4, probe.ask(KEY), dport=PROBE_PORT + 1)
    assert host.run(frame).reason == "pass_other"


def test_udp_header_cut_off(host):
    for n in range(8):
        frame = ether() / IP(src=SWITCH[4], dst=HOST[4], proto=17) / \
            Raw(bytes(UDP(dport=PROBE_PORT))[:n])
        assert host.run(frame).reason == "pass_other", n


# --- tunnels -----------------------------------------------------------------

def packet(family, size=100, **fields):
    payload = (bytes(range(256)) * 40)[:size]
    return ip(family, CLIENT, VIP, **fields) / TCP(
        sport=1234, dport=80, flags="PA",
        options=[("Timestamp", (1, 2))]) / Raw(payload)


def outer_ip(family, protocol, source=None, **fields):
    fields["proto" if family == 4 else "nh"] = protocol
    return ip(family, source or SWITCH, HOST, **fields)


def ipip(outer, inner, body, **fields):
    return outer_ip(outer, NEXT[inner], **fields) / Raw(bytes(body))


def gue(outer, inner, body, control=0, optional=0, protocol=None, **fields):
    header = struct.pack("!BBH", control, protocol or NEXT[inner], optional)
    return outer_ip(outer, 17, **fields) / UDP(
        sport=50000, dport=GUE_PORT, chksum=0) / Raw(header + bytes(body))


TUNNELS = [pytest.param(ipip, "decap_ipip", id="ipip"),
           pytest.param(gue, "decap_gue", id="gue")]


@pytest.mark.parametrize("size", [0, 1, 1400, 8000])
@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("outer,inner", COMBINATIONS)
@pytest.mark.parametrize("tunnel,reason", TUNNELS)
def test_decapsulation(host, tunnel, reason, outer, inner, tag, size):
    body = packet(inner, size)
    got = host.run(ether(tag) / tunnel(outer, inner, body))
    assert got.reason == reason
    assert got.data == bytes(ether(tag) / body)


@pytest.mark.parametrize("outer,inner", COMBINATIONS)
@pytest.mark.parametrize("tunnel,reason", TUNNELS)
def test_smallest_inner_packet(host, tunnel, reason, outer, inner):
    """Nothing but a header, in a frame that is as short as it can be."""
    body = ip(inner, CLIENT, VIP, **{"proto" if inner == 4 else "nh": 59})
    got = host.run(ether() / tunnel(outer, inner, body))
    assert got.reason == reason
    assert got.data == bytes(ether() / body)


@pytest.mark.parametrize("tunnel,reason", TUNNELS)
def test_inner_options_and_fragments_are_the_kernels(host, tunnel, reason):
    for body in (packet(4, options=[IPOption_RR(length=7)]),
                 ip(4, CLIENT, VIP, flags="MF", proto=6) / Raw(bytes(64)),
                 ip(4, CLIENT, VIP, frag=8, proto=6) / Raw(bytes(64))):
        got = host.run(ether() / tunnel(4, 4, body))
        assert got.reason == reason
        assert got.data == bytes(ether() / body)


@pytest.mark.parametrize("outer,inner", COMBINATIONS)
@pytest.mark.parametrize("tunnel,reason", TUNNELS)
def test_from_servers_to_clients(host, tunnel, reason, outer, inner):
    """As whom the host speaks to them; not from there to servers."""
    body = ip(inner, SERVER, CLIENT) / TCP(sport=8080, dport=4711)
    got = host.run(ether() / tunnel(outer, inner, body))
    assert got.reason == reason
    assert got.data == bytes(ether() / body)
    body = ip(inner, CLIENT, SERVER) / TCP(sport=4711, dport=8080)
    assert host.run(ether() / tunnel(outer, inner, body)).reason == \
        "pass_not_vip"


@pytest.mark.parametrize("outer,inner", COMBINATIONS)
@pytest.mark.parametrize("tunnel,_", TUNNELS)
def test_only_to_vips(host, tunnel, _, outer, inner):
    body = ip(inner, CLIENT, STRANGER) / UDP(dport=53) / Raw(b"x")
    assert host.run(ether() / tunnel(outer, inner, body)).reason == \
        "pass_not_vip"


@pytest.mark.parametrize("outer,inner", COMBINATIONS)
@pytest.mark.parametrize("tunnel,_", TUNNELS)
def test_only_from_switches(host, tunnel, _, outer, inner):
    frame = ether() / tunnel(outer, inner, packet(inner), source=STRANGER)
    assert host.run(frame).reason == "pass_stranger"


@pytest.mark.parametrize("outer,inner", COMBINATIONS)
@pytest.mark.parametrize("tunnel,_", TUNNELS)
def test_inner_packet_cut_off(host, tunnel, _, outer, inner):
    """The outer headers are right at every length; the inner one is not."""
    whole = bytes(packet(inner, 16))
    for n in range(len(whole)):
        got = host.run(ether() / tunnel(outer, inner, whole[:n]))
        assert got.reason == "drop_inner", n


@pytest.mark.parametrize("tunnel,_", TUNNELS)
@pytest.mark.parametrize("outer", BOTH_WAYS)
def test_tunnels_cut_off(host, tunnel, _, outer):
    whole = bytes(ether() / tunnel(outer, 4, packet(4, 16)))
    for n in range(14, len(whole)):
        assert host.run(whole[:n]).reason == "pass_unreadable", n


@pytest.mark.parametrize("inner", BOTH_WAYS)
@pytest.mark.parametrize("tunnel,_", TUNNELS)
def test_inner_version_must_be_the_announced_one(host, tunnel, _, inner):
    frame = ether() / tunnel(4, inner, packet(10 - inner))
    assert host.run(frame).reason == "drop_inner"


def test_inner_header_length(host):
    body = bytearray(bytes(packet(4)))
    for ihl in range(5):
        body[0] = 0x40 | ihl
        assert host.run(ether() / ipip(4, 4, body)).reason == "drop_inner"
    struct.pack_into("!H", body, 2, 19)
    body[0] = 0x45
    assert host.run(ether() / ipip(4, 4, body)).reason == "drop_inner"


@pytest.mark.parametrize("fields", [
    {"control": 0x80}, {"control": 0x40}, {"control": 0x20}, {"control": 1},
    {"optional": 1}, {"optional": 0x8000}, {"protocol": 6}, {"protocol": 59}],
    ids=str)
def test_gue_of_other_kinds(host, fields):
    frame = ether() / gue(4, 4, packet(4), **fields)
    assert host.run(frame).reason == "pass_gue"


def test_gue_can_be_off(host):
    host.configure(gue_port=0)
    frame = ether() / gue(4, 4, packet(4))
    frame[UDP].dport = 0
    assert host.run(frame).reason == "pass_other"
    frame[UDP].dport = GUE_PORT
    assert host.run(frame).reason == "pass_other"


@pytest.mark.parametrize("tunnel,_", TUNNELS)
def test_outer_fragments_and_options(host, tunnel, _):
    body = packet(4)
    assert host.run(ether() / tunnel(4, 4, body, flags="MF")).reason == \
        "pass_fragment"
    assert host.run(ether() / tunnel(4, 4, body, options=[
        IPOption_RR(length=7)])).reason == "pass_options"
    # A later fragment of UDP has no ports.
    later = host.run(ether() / tunnel(4, 4, body, frag=100)).reason
    assert later == ("pass_fragment" if tunnel is ipip else "pass_other")


def merged_ecn(outer, inner):
    """RFC 6040, figure 4, for outer headers that say CE or nothing."""
    if outer != 3:
        return inner
    return 3 if inner else None


@pytest.mark.parametrize("outer,inner", COMBINATIONS)
@pytest.mark.parametrize("tunnel,reason", TUNNELS)
def test_congestion_marks(host, tunnel, reason, outer, inner):
    def field(family, tos):
        return {"tos" if family == 4 else "tc": tos}

    for outside, inside in itertools.product((0, 2, 3), range(4)):
        for dscp in 0x00, 0xb8, 0xfc:
            body = packet(inner, **field(inner, dscp | inside))
            got = host.run(ether() / tunnel(outer, inner, body,
                                            **field(outer, outside)))
            merged = merged_ecn(outside, inside)
            if merged is None:
                assert got.reason == "drop_ecn"
                continue
            expected = packet(inner, **field(inner, dscp | merged))
            assert got.reason == reason
            assert got.data == bytes(ether() / expected)


# --- everything else ---------------------------------------------------------

@pytest.mark.parametrize("frame", [
    ether() / ARP(pdst="10.0.2.2"),
    ether() / IP(src=SWITCH[4], dst=HOST[4]) / ICMP(),
    ether() / IP(src=SWITCH[4], dst=HOST[4]) / TCP(dport=PROBE_PORT),
    ether() / IPv6(src=SWITCH[6], dst=HOST[6]) / TCP(dport=PROBE_PORT),
    ether() / IP(src=SWITCH[4], dst=HOST[4]) / GRE() / IP(),
    ether() / IPv6(src=SWITCH[6], dst=HOST[6]) / IPv6ExtHdrFragment() /
    UDP(dport=PROBE_PORT),
    ether() / Dot1Q(vlan=1) / Dot1Q(vlan=2) / IP() / UDP(dport=PROBE_PORT),
    ether() / packet(4), ether() / packet(6),
], ids=lambda f: f.summary())
def test_other_packets_are_the_kernels(host, frame):
    assert host.run(frame).reason == "pass_other"


@pytest.mark.parametrize("ihl,length", [(4, None), (0, None), (15, 40),
                                        (5, 19), (5, 1500)])
def test_ipv4_header_that_cannot_be_right(host, ihl, length):
    frame = ether() / IP(src=SWITCH[4], dst=HOST[4], ihl=ihl, len=length) / \
        UDP(dport=PROBE_PORT) / Raw(bytes(probe.ask(KEY)))
    assert host.run(frame).reason == "pass_unreadable"


def test_noise(host):
    """Frames with a few wrong bytes: whatever becomes of them is counted once,
    and what is passed on as it was is as it was (see Host.run)."""
    chance = random.Random(6040)
    asked = probe.ask(KEY)
    good = [bytes(ether(tag) / body) for tag in (None, Dot1Q) for body in (
        probe_frame(4, asked).payload, probe_frame(6, asked).payload,
        ipip(4, 6, packet(6, 8)), ipip(6, 4, packet(4, 8)),
        gue(4, 4, packet(4, 8)), gue(6, 6, packet(6, 8)))]
    seen = set()
    for _ in range(4000):
        frame = bytearray(chance.choice(good))
        for _ in range(chance.randrange(1, 4)):
            frame[chance.randrange(12, len(frame))] = chance.randrange(256)
        seen.add(host.run(frame[:chance.randrange(14, 2 * len(frame))]).reason)
    assert {"pass_other", "pass_unreadable", "pass_stranger", "drop_inner",
            "decap_ipip", "decap_gue"} <= seen
