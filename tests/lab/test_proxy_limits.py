# SPDX-License-Identifier: GPL-2.0-only
"""Rows P1, P2, P7: limits of memory are reached, and what is already stored
comes again: counted drops, and nobody dies or waits for ever."""

import hashlib

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from harness.lab import Lab, wait_until

from crowd import acked
from network import Capture
from proxies import Proxies, Stream

GAPS = 300  # more than a side's stream may have
SIZE = 5 << 20  # bytes of a download
READERS = 20
MEMORY = 8  # MiB
FAIR = 256 << 10  # bytes that one side may keep when memory is used up


@pytest.fixture
def network():
    with Lab("limits") as lab:
        network = Proxies(lab)
        network.start()
        yield network


class Tap:
    """The client's cable: what it says, and what is said in its name."""

    def __init__(self, network, stream):
        self.port = stream.socket.getsockname()[1]
        with network.client.entered():
            self.capture = Capture("c0")

    def segments(self, sent):
        """Segments since the last call, that the client sent, or got."""
        found = []
        while True:
            try:
                frame, (_, _, kind, *_) = self.capture.socket.recvfrom(65536, 64)
            except BlockingIOError:
                return found
            p = Ether(frame)
            if TCP in p and (kind == 4) == sent and \
                    self.port in (p[TCP].sport, p[TCP].dport):
                found.append(p)

    def say(self, packet, **changes):
        for field, value in changes.items():
            setattr(packet[TCP], field, value)
        for layer in packet[IP], packet[TCP]:
            del layer.chksum
        del packet[IP].len
        self.capture.socket.send(bytes(packet))


def is_data(packet):
    return len(packet[TCP].payload) > 0


# --- what is stored already ---------------------------------------------------

def test_p2_what_repeats_waits_for_nothing(network):
    """A segment that brings nothing new is answered at once, though no word of
    the standby is still to come."""
    network.start_proxies()
    s = Stream(network)
    tap = Tap(network, s)
    for i in range(3):
        s.echo(i)
    first, *_, last = [p for p in tap.segments(sent=True) if is_data(p)]
    waited = network.report("a")["held"]
    end = last[TCP].seq + len(last[TCP].payload)
    for again in first, last:
        tap.segments(sent=False)
        tap.say(again)
        wait_until(lambda: [p for p in tap.segments(sent=False)
                            if not is_data(p) and p[TCP].ack == end],
                   "it is acknowledged once more")
    assert network.report("a")["held"] == waited


# --- connections --------------------------------------------------------------

def test_p1_too_many_connections(network):
    """One more is not answered, until another one ends."""
    network.start_proxies(connections=3)
    found = [Stream(network) for _ in range(3)]
    with pytest.raises(TimeoutError):
        network.try_connect()
    report = network.report("a")
    assert report["refused"] > 0 and report["web4"]["connections"] == 3
    for i, s in enumerate(found):
        s.echo(i)
    found[0].socket.close()
    s = Stream(network)
    s.echo(4)
    network.kill("a")
    network.move("b")
    for i, one in enumerate((*found[1:], s)):
        one.echo(i)


def test_p1_too_many_unprotected_connections(network):
    network.start_proxy("a", policy="none", connections=2)
    found = [Stream(network) for _ in range(2)]
    for i, s in enumerate(found):
        s.echo(i)
    with pytest.raises(ConnectionResetError):
        Stream(network).echo(1)
    report = network.report("a")
    assert report["refused"] == 1 and report["accepted"] == 2
    found[0].socket.close()
    wait_until(lambda: is_served(network), "there is room again")


def is_served(network):
    try:
        Stream(network).echo(1)
        return True
    except ConnectionResetError:
        return False


# --- bytes --------------------------------------------------------------------

def test_p2_too_many_gaps(network):
    """One side has room for so many; what would make more is dropped."""
    network.start_proxies()
    s = Stream(network)
    tap = Tap(network, s)
    data = bytes(4 * GAPS)
    s.socket.sendall(b"put %d\n" % len(data))
    wait_until(lambda: acked(s.socket) >= len(b"put 1200\n"), "it is there")
    last = [p for p in tap.segments(sent=True) if is_data(p)][-1]
    begin = last[TCP].seq + len(last[TCP].payload)
    for i in range(GAPS):
        last[TCP].remove_payload()
        tap.say(last / b"\0", seq=begin + 1 + 2 * i)
    wait_until(lambda: network.report("a")["no_room"] > 0, "they are dropped")
    s.socket.sendall(data)
    with s.socket.makefile() as answer:
        assert answer.readline().strip() == hashlib.sha256(data).hexdigest()
    network.kill("a")
    network.move("b")
    s.echo(1)


def test_p1_all_memory_is_used(network):
    """Those who do not read use it up: they go on unprotected, and all the
    others as before."""
    network.start_proxies(memory=MEMORY)
    lazy = [Stream(network) for _ in range(READERS)]
    for s in lazy:
        s.socket.sendall(b"get %d 1\n" % SIZE)
    wait_until(lambda: network.report("a")["no_memory"] > 0, "it is used up")
    for name in ("a", "b"):
        assert network.report(name)["web4"]["bytes"] < \
            (MEMORY << 20) + READERS * 4 * FAIR
    protected = Stream(network)
    protected.download(1 << 20)
    for s in lazy:
        s.finish(SIZE)
    assert network.report("a")["no_room"] == 0
    network.kill("a")
    network.move("b")
    protected.echo(1)
    ends = set()
    for s in lazy:
        try:
            s.echo(2)
            ends.add("lives")
        except ConnectionResetError:
            ends.add("reset")
    assert "reset" in ends  # as nobody has it any more
