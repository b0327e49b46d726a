# SPDX-License-Identifier: GPL-2.0-only
"""Rows K2 and K3: what a dying host did not acknowledge is at its standby as
soon as the owner is.

Clients send to a host that is deaf all of a sudden, and then fall silent
themselves: whatever the standby gets of them, nobody sent again.
"""

import contextlib
import fcntl
import json
import socket
import struct
import termios
import time
from collections import namedtuple
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from harness import abi, bpf
from harness.lab import BUILD, SLOW, Lab, wait_until

from network import CLIENT, CLIENTS, INTERVAL_MS, SINK, Network, detection, \
    near, vip

MARK = 4242  # port of the datagram that closes a capture
#: all is sent before the owner moves, also where CPUs are emulated
LATE = detection(int(INTERVAL_MS * SLOW))


@pytest.fixture
def start():
    """start(forward, recorder): hosts a and b, of which a plays the owner."""
    with contextlib.ExitStack() as stack:
        def make(forward, recorder):
            lab = stack.enter_context(Lab("recorder"))
            n = Network(lab, {"a": (forward, 4), "b": (forward, 4)})
            n.hosts["a"].start_server()
            # Windows are sent at once, not paced.
            n.client.sysctl(net__ipv4__tcp_congestion_control="reno")
            owner = {"name": "role", "host": "a", "standbys": ["b"]}
            n.start(n.config([owner], [
                {"name": f"tcp{family}", "vip": vip(family),
                 "protocol": "tcp", "port": SINK, "owners": ["role"],
                 "recorder": recorder} for family in (4, 6)],
                detection=LATE))
            return n
        yield make


def record_rings(network):
    with bpf.Map.pinned(network.batond.pins / "record_rings") as rings:
        return [abi.RecordRing.from_buffer_copy(value)
                for _, value in rings.items()]


def acknowledged(s):
    """Nothing that was sent is under way, or waits to be."""
    left = fcntl.ioctl(s, termios.TIOCOUTQ, bytes(4))  # tcp(7): SIOCOUTQ
    return not any(left)


class Sender:
    """A connection whose every byte is known."""

    def __init__(self, network, number):
        self.socket = network.connection(4 + 2 * (number % 2), port=SINK)
        self.heard, self.lost = (
            bytes((number + i // 7 * kind) % 256 for i in range(9000))
            for kind in (3, 5))
        self.key = self.socket.getsockname()[:2]


def segments(capture, network):
    """{client: [(sequence number, flags, data)]} of what arrives at b, up to
    a datagram that is sent it by now."""
    with network.switch.entered():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with s:
        s.sendto(b"", (near(4, network.hosts["b"].number, 2), MARK))
    found = {}

    def closed():
        for frame in map(Ether, capture.frames()):
            if frame.haslayer("UDP") and frame["UDP"].dport == MARK:
                return True
            if not frame.haslayer(TCP) or frame[TCP].dport != SINK:
                continue
            ip = frame[IP] if frame.haslayer(IP) else frame[IPv6]
            size = (ip.len - ip.ihl * 4 if ip.version == 4 else ip.plen)
            data = bytes(ip.payload)[ip[TCP].dataofs * 4:size]
            found.setdefault((ip.src, ip[TCP].sport), []).append(
                (ip[TCP].seq, ip[TCP].flags, data))
        return False
    wait_until(closed, "the datagram that closes the capture")
    return found


def fail(network, senders, before=lambda: None, after=lambda: None):
    """Host a hears no more, clients send, clients are cut off, b plays the
    owner: what it got until then, and the event. `before` and `after` the
    failure more may happen."""
    for s in senders:
        s.socket.sendall(s.heard)
    wait_until(lambda: all(acknowledged(s.socket) for s in senders),
               "the host has all so far")
    last = network.last_event()
    before()
    forwarded = network.counted("forward_flow")
    network.hosts["a"].deafen()
    with network.hosts["b"].capture() as capture:
        for s in senders:
            s.socket.sendall(s.lost)
        # The first window is larger than all of it.
        wait_until(lambda: network.counted("forward_flow") - forwarded >=
                   sum(-(-len(s.lost) // 1448) for s in senders),
                   "the switch has forwarded all")
        network.client.ip("link", "set", "c0", "down")
        after()
        event = network.wait_event("move", last, owner="role", to="b")
        return segments(capture, network), event


def check(senders, found, replayed):
    """All that was lost, in order, without a gap, nothing twice; and nothing
    that host a had."""
    assert found.keys() == {s.key for s in senders}
    for s in senders:
        got = found[s.key]
        assert b"".join(data for *_, data in got) == s.lost
        for (seq, _, data), (after, *_) in zip(got, got[1:]):
            assert after == (seq + len(data)) % 2**32
    assert replayed["connections"] == len(senders)
    assert replayed["packets"] >= sum(len(got) for got in found.values())
    assert not any(replayed[name] for name in (
        "incomplete", "too_large", "overwritten", "refused"))


@contextlib.contextmanager
def connected(network):
    with contextlib.ExitStack() as stack:
        senders = [Sender(network, i) for i in range(6)]
        for s in senders:
            stack.callback(s.socket.close)
        yield senders


@pytest.mark.parametrize("forward", ("l2", "gue"))
def test_the_standby_gets_what_was_not_acknowledged(start, forward):
    network = start(forward, True)
    with connected(network) as senders:
        found, event = fail(network, senders)
    check(senders, found, event["replayed"])
    text = network.baton("event", "show").stdout
    assert f"{event['replayed']['packets']} packets of 6 connections" in text


def test_again(start):
    """For a host that was not ready: the same once more, on request."""
    network = start("l2", True)
    for clients in CLIENTS.values():
        # ... and says nothing until it is; no RST.
        network.hosts["b"].ns.ip("route", "replace", "blackhole", clients)
    with connected(network) as senders:
        fail(network, senders)
        with network.hosts["b"].capture() as capture:
            replayed = json.loads(network.baton(
                "-j", "owner", "replay", "role").stdout)
            check(senders, segments(capture, network), replayed)


Packet = namedtuple("Packet", "interface, seconds, data, comment")


def options(data):
    """{code: value} of a pcapng block's options."""
    found = {}
    while True:
        code, size = struct.unpack_from("=HH", data)
        if not code:
            assert (size, len(data)) == (0, 4)
            return found
        found[code] = data[4:4 + size]
        data = data[4 + -(-size // 4) * 4:]


def pcapng(data):
    """The packets of a file of one section, with its interfaces' names."""
    names = []
    while data:
        kind, size = struct.unpack_from("=II", data)
        assert size % 4 == 0 and data[size - 4:size] == data[4:8]
        body, data = data[8:size - 4], data[size:]
        if kind == 0x0a0d0d0a:
            magic, major, minor, length = struct.unpack_from("=IHHq", body)
            assert (magic, major, minor, length) == (0x1a2b3c4d, 1, 0, -1)
            assert not names and options(body[16:])[4].startswith(b"baton")
        elif kind == 1:
            link, longest = struct.unpack_from("=HxxI", body)
            found = options(body[8:])
            assert link == 1 and longest >= 1514 and found[9] == b"\t"
            names.append(found[2].decode())
        else:
            assert kind == 6
            index, high, low, kept, _ = struct.unpack_from("=5I", body)
            found = options(body[20 + -(-kept // 4) * 4:])
            assert found[2] == bytes((1, 0, 0, 0))  # inbound
            yield Packet(names[index], (high << 32 | low) / 1e9,
                         body[20:20 + kept], found[1].decode())


def test_capture(start, tmp_path):
    """What was recorded, as a file that others read; without batond."""
    network = start("l2", True)
    file = tmp_path / "role.pcapng"
    with connected(network) as senders:
        fail(network, senders)
    network.batond.destroy()

    def capture(owner):  # where the ports' names are known
        return network.switch.run(
            BUILD / "baton", "-j", "-b", network.batond.pins, "owner",
            "capture", owner, "file", file, check=False)
    told = json.loads(capture("role").stdout)
    assert file.stat().st_mode & 0o777 == 0o600
    packets = list(pcapng(file.read_bytes()))
    assert told == {"packets": len(packets), "lost": 0}
    assert all(abs(time.time() - p.seconds) < 3600 for p in packets)
    # Of b's kernel, which does not know the connections, too.
    assert {p.interface for p in packets} == {
        "s0", *(h.port for h in network.hosts.values())}
    frames = [Ether(p.data) for p in packets]
    for s in senders:
        sent = b"".join(bytes(f[TCP].payload) for f, p in zip(frames, packets)
                        if f[TCP].sport == s.key[1] and
                        p.comment.endswith("to host a"))
        # The handshake and all data, some of it perhaps more than once.
        assert s.heard[:100] in sent and s.lost[-100:] in sent
        flags = [str(f[TCP].flags) for f in frames
                 if s.key[1] in (f[TCP].sport, f[TCP].dport)]
        assert {"S", "SA", "A"} <= set(flags)
    assert capture("nobody").returncode == 1


def test_k2_every_failover_is_kept(start):
    """Without anybody's order, named in its event, and the oldest go."""
    network = start("l2", True)
    kept = network.lab.dir / "batond-state/captures"
    for i in range(20):
        (kept / f"200001{i + 1:02}T000000.000000Z-role.pcapng").touch()
    (kept / "notes.txt").touch()  # somebody's own
    with connected(network) as senders:
        _, event = fail(network, senders)
    file = Path(event["capture"])
    wait_until(file.exists, "the file is written")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.name.endswith("Z-role.pcapng")
    sent = [Ether(p.data) for p in pcapng(file.read_bytes())]
    for s in senders:
        assert s.lost[-100:] in b"".join(
            bytes(f[TCP].payload) for f in sent if f[TCP].sport == s.key[1])
    files = sorted(f.name for f in kept.iterdir())
    assert len(files) == 16 + 1 and file.name in files
    assert files[0] == "20000106T000000.000000Z-role.pcapng"
    assert "notes.txt" in files
    # by hand: no failure
    last = network.last_event()
    network.ask("owner.failover", name="role", to="a", force=True)
    event = network.wait_event("move", last, owner="role", to="a")
    assert event["capture"] is None


def test_while_batond_is_away(start):
    """The prober moves the owner; who comes next sends what is owed."""
    network = start("l2", True)
    role = network.owner("role")

    def kill():
        network.batond.kill()
        network.batond.popen.wait()

    def restart():
        with bpf.Map.pinned(network.batond.pins / "owners") as owners:
            wait_until(lambda: abi.Owner.from_buffer_copy(
                owners.lookup(role["id"])).epoch > role["epoch"],
                "the prober has moved the owner")
        network.restart()
    with connected(network) as senders:
        found, event = fail(network, senders, kill, restart)
    check(senders, found, event["replayed"])


def test_without_the_recorder_it_gets_nothing(start):
    """The ablation of the test above."""
    network = start("l2", False)
    with connected(network) as senders:
        found, event = fail(network, senders)
    assert found == {} and event["replayed"] is None
    assert not any(ring.next for ring in record_rings(network))


def test_a_standby_that_comes_later(start):
    """Owners whose host is gone and whose standby is not there either lose
    nothing until it comes."""
    network = start("l2", True)
    b = network.hosts["b"]
    after = network.last_event()
    b.agent.stop()
    b.agent_command("--detach")
    network.wait_event("host_down", after, host="b")
    with network.connection(port=SINK) as s:
        key = s.getsockname()
        s.sendall(b"heard")
        wait_until(lambda: acknowledged(s), "the host has all so far")
        network.hosts["a"].deafen()
        network.wait_event("held", after, owner="role", to=None)
        before = network.counted("forward_flow")
        s.sendall(b"nobody is there")
        wait_until(lambda: network.counted("forward_flow") > before,
                   "the switch has forwarded it")
        network.client.ip("link", "set", "c0", "down")
        with b.capture() as capture:
            b.start_agent()
            network.wait_event("move", after, owner="role", to="b")
            found = segments(capture, network)
    assert {key: [data for *_, data in got] for key, got in
            found.items()} == {key: [b"nobody is there"]}


@pytest.mark.timing
def test_many_at_once(start):
    """More than any queue between the switch and the host holds. Of those of
    one CPU, as that has the ring that they must fit."""
    network = start("l2", True)
    router = network.switch.mac("s0")
    number = 1000
    # Made before, as that takes long: who was never answered is not owed what is old.
    packets = [bytes(Ether(src=network.client.mac("c0"), dst=router) /
                     IP(src=CLIENT[4], dst=vip(4)) /
                     TCP(sport=1024 + i, dport=SINK, flags="PA", seq=1, ack=1) /
                     Raw(b"x" * 1000)) for i in range(number)]
    with network.client.entered():
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sender.bind(("c0", 0))
    with sender, network.hosts["b"].capture() as capture:
        network.hosts["a"].deafen()
        after = network.last_event()
        for packet in packets:
            sender.send(packet)
        event = network.wait_event("move", after, owner="role", to="b")
        found = segments(capture, network)
    before = event["replayed"]["packets"]
    # Whoever came after the move needed no help.
    assert 0 < before <= number
    assert {port for _, port in found} == set(range(1024, 1024 + number))
