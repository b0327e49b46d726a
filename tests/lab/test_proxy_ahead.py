# SPDX-License-Identifier: GPL-2.0-only
"""Rows P2, P3, K6: data goes on before the standby has it, and is acknowledged
when it does. So when the owner dies, an end may have more than the standby: whoever
sent that says it again, and it is not passed on once more."""

import random
import socket

import pytest

from harness.lab import PATIENCE, Lab, wait_until

from crowd import acked
from slow import Slow

DATA = random.Random(4).randbytes(1 << 20)
BEFORE = 4000  # bytes that the standby has
AHEAD = 8000  # and that it has not; both fit into a first window
STALL = 0.3  # s: for what must not happen
SILENT = "OUTPUT", "-o", "r0", "-j", "DROP"

directions = pytest.mark.parametrize("way", ["upload", "download"])


@pytest.fixture
def network():
    with Lab("ahead") as lab:
        network = Slow(lab)
        # the owner is not to miss its standby while the test looks
        network.link_timeout = "60s"
        yield network


def pair(network, family, way, recorder=True, **options):
    """Who sends, and who is sent to."""
    network.start(recorder=recorder)
    network.start_proxies(**options)
    client, server = network.pair(family)
    return (client, server) if way == "upload" else (server, client)


def read(s, n):
    got = bytearray()
    while len(got) < n:
        piece = s.recv(n - len(got))
        assert piece, f"the end after {len(got)} bytes"
        got += piece
    return got


def hears_nothing(s):
    """Neither a byte nor the end of the stream."""
    s.settimeout(STALL)
    with pytest.raises(TimeoutError):
        s.recv(1)
    s.settimeout(PATIENCE)
    return True


def silence(network, how="-A"):
    """From now on the standby hears nothing of what its owner does."""
    network.hosts["a"].ns.run("iptables-legacy", how, *SILENT)


def take_over(network):
    network.kill("a")
    network.move("b")
    wait_until(lambda: network.report("b")["taken_over"], "b has taken over")
    # a kernel that lives would go on with what its proxy has said
    silence(network, "-D")


def ahead(network, sender, receiver):
    """The receiver has what the standby has not; the bytes."""
    sender.sendall(DATA[:BEFORE])
    got = read(receiver, BEFORE)
    sure = acked(sender)
    silence(network)
    sender.sendall(DATA[BEFORE:BEFORE + AHEAD])
    return sure, got + read(receiver, AHEAD)


@directions
@pytest.mark.parametrize("family, recorder", [(4, True), (6, False)])
def test_p3_an_end_that_is_ahead(network, family, way, recorder):
    sender, receiver = pair(network, family, way, recorder)
    sure, got = ahead(network, sender, receiver)
    assert acked(sender) <= max(sure, BEFORE + 1)
    take_over(network)
    sender.sendall(DATA[BEFORE + AHEAD:])
    assert got + read(receiver, len(DATA) - len(got)) == DATA
    # the recorder may have told what was lacking before the end has answered
    assert recorder or network.report("b")["further"]
    # and the other way as well
    receiver.sendall(DATA)
    assert read(sender, len(DATA)) == DATA


@directions
def test_p2_ablation_acknowledged_before_it_is_stored(network, way):
    """The same, but its sender is told at once: nobody can repeat it."""
    sender, receiver = pair(network, 4, way, policy="sent")
    _, got = ahead(network, sender, receiver)
    take_over(network)
    sender.sendall(DATA[len(got):len(got) + AHEAD])
    receiver.settimeout(STALL)
    try:
        got += read(receiver, AHEAD)
    except (OSError, AssertionError):
        pass
    assert got != DATA[:len(got)] or len(got) == BEFORE + AHEAD


@directions
def test_p3_ahead_at_both_ends_and_twice(network, way):
    """Who takes over dies in the same way."""
    sender, receiver = pair(network, 4, way)
    _, got = ahead(network, sender, receiver)
    receiver.sendall(DATA[:AHEAD])
    take_over(network)
    sender.sendall(DATA[len(got):])
    got += read(receiver, len(DATA) - len(got))
    assert read(sender, AHEAD) == DATA[:AHEAD]
    network.start_proxy("a")
    network.wait_protected("b", "a")
    network.kill("b")
    network.move("a")
    sender.sendall(DATA)
    assert got + read(receiver, len(DATA)) == DATA + DATA


@directions
@pytest.mark.parametrize("dies", [True, False])
def test_p2_the_end_of_a_stream_waits(network, way, dies):
    """Nobody could tell whether it had arrived."""
    sender, receiver = pair(network, 4, way)
    ahead(network, sender, receiver)
    sender.shutdown(socket.SHUT_WR)
    assert hears_nothing(receiver)
    if dies:
        take_over(network)
    else:
        silence(network, "-D")
    assert not receiver.recv(1)
    receiver.sendall(DATA)
    assert read(sender, len(DATA)) == DATA
    receiver.close()
    assert not sender.recv(1)


def test_p2_an_answer_waits(network):
    """It would acknowledge the question."""
    client, server = pair(network, 4, "upload")
    silence(network)
    client.sendall(b"question")
    assert read(server, 8) == b"question"
    server.sendall(b"answer")
    assert hears_nothing(client) and acked(client) <= 1  # the SYN
    take_over(network)
    assert read(client, 6) == b"answer"
