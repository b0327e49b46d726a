# SPDX-License-Identifier: GPL-2.0-only
"""Rows P5, K6: an end has what the old owner has sent ahead of a gap, which the
new one has to fill, whose kernel knows nothing of what lies behind it."""

import socket
import threading
import time

import pytest

from harness.lab import Failed, Lab, wait_until

from network import vip
from origin import stream
from proxies import ORIGIN, PORT, SOURCE, Proxies, Stream, killed

SIZE = 24 << 20
# The windows have grown until then; and behind it there is more than can be on
# its way (4 MiB, the proxy's buffer), or all that is needed may be there already.
GAP = SIZE // 3 * 2
AHEAD = 96 << 10  # bytes that arrive behind the gap, at least
STALL = 2  # s: for what must not happen
MOVES = 12
FLOW = 8 << 20  # bytes between two moves


@pytest.fixture
def network():
    with Lab("gap") as lab:
        network = Proxies(lab)
        network.start()
        network.start_proxies()
        # or all that is on its way would arrive, or be lost, as one
        network.client.ip("link", "set", "c0", "gro_max_size", "3000")
        yield network


class Gap:
    """Segments with a certain place of the stream do not arrive. It has three
    marks, as one may lie where two segments meet."""

    def __init__(self, network, what, seed):
        self.network = network
        data = b"".join(stream(seed, SIZE))
        number = 10 if what == "download" else SOURCE
        self.rules = [("INPUT", "-s", vip(4, number), "-m", "string",
                       "--algo", "bm", "--hex-string",
                       f"|{data[at:at + 16].hex()}|", "-j", "DROP")
                      for at in range(GAP, GAP + 300, 100)]
        self.change("-A")

    def change(self, how):
        for rule in self.rules:
            self.network.client.run("iptables-legacy", how, *rule)

    def fill(self):
        self.change("-D")


def ahead(network, what):
    """Bytes that an end has behind the gap."""
    port = f"sport = {ORIGIN}" if what == "upload" else f"dport = {PORT}"
    said = network.client.run("ss", "-Htin", "state", "established",
                              port).stdout
    packets = [int(word.partition(":")[2]) for word in said.split()
               if word.startswith("rcv_ooopack:")]
    return sum(packets) * 1448


class Transfer(threading.Thread):
    """In a thread of its own; `ended`: how, when it has."""

    def __init__(self, network, what, seed):
        super().__init__()
        self.stream, self.ended = Stream(network), None
        self.what, self.seed = what, seed
        self.start()

    def run(self):
        try:
            getattr(self.stream, self.what)(SIZE, self.seed)
            self.ended = "right"
        except (OSError, AssertionError) as error:
            self.ended = error

    def give_up(self):
        self.stream.socket.shutdown(socket.SHUT_RDWR)
        self.join()


def taken_over_at_a_gap(network, what):
    """What is behind the gap has come from a host that is dead now. How much it
    is depends on what was on its way when the gap came: where that was too
    little, it is done once more."""
    for seed in range(10):
        gap = Gap(network, what, seed)
        transfer = Transfer(network, what, seed)
        try:
            wait_until(lambda: ahead(network, what) > AHEAD,
                       "bytes behind the gap", timeout=0.5)
            break
        except Failed:
            gap.fill()
            transfer.join()
            transfer.stream.socket.close()
    else:
        raise Failed("no bytes behind the gap")
    killed(network)
    network.proxies["b"].wait_output("web4: the last of them")
    return gap, transfer


@pytest.mark.parametrize("what", ["download", "upload"])
def test_p5_behind_a_gap(network, what):
    gap, transfer = taken_over_at_a_gap(network, what)
    gap.fill()
    transfer.join(STALL)
    assert transfer.ended == "right"
    assert network.report("b")["ahead"]


@pytest.mark.parametrize("what", ["download", "upload"])
def test_ablation_of_being_told_less(network, what):
    """Acknowledgements that reach the new owner's kernel as they came."""
    gap, transfer = taken_over_at_a_gap(network, what)
    network.hosts["b"].ns.run("iptables-legacy", "-F", "BATON-PROXY-IN")
    gap.fill()
    transfer.join(STALL)
    assert not transfer.ended
    transfer.give_up()


@pytest.mark.parametrize("what", ["download", "upload"])
def test_p5_moves_at_full_speed(network, what):
    """As much is always on its way as fits: none of the moves makes it stop."""
    s, moved, stop = Stream(network), [0], threading.Event()
    size = 1 << 40

    def upload():
        s.socket.sendall(b"put %d\n" % size)
        while not stop.is_set():
            moved[0] += s.socket.send(bytes(1 << 16))

    def download():
        s.socket.sendall(b"get %d 1\n" % size)
        while not stop.is_set():
            moved[0] += len(s.socket.recv(1 << 16))
    thread = threading.Thread(target={"upload": upload,
                                      "download": download}[what])
    thread.start()
    active, standby = "a", "b"
    try:
        for _ in range(MOVES):
            network.expect(standby, active)
            network.move(standby)
            active, standby = standby, active
            goal = moved[0] + FLOW
            begin = time.monotonic()
            wait_until(lambda g=goal: moved[0] >= g, "it goes on")
            assert time.monotonic() - begin < STALL
            network.wait_protected(active, standby)
    finally:
        stop.set()
        thread.join()
