# SPDX-License-Identifier: GPL-2.0-only
"""Row P2: what a client is told of its data, policy by policy; and what becomes
of data that it was not told of when the proxy dies."""

import hashlib
import random
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.lab import Lab, wait_until

from crowd import acked, assert_went_on, both_families, retransmitted
from proxies import Stream
from slow import Slow, waiting

SIZE = 3 << 20
KILLS = 10

families = pytest.mark.parametrize("family", [4, 6])


@pytest.fixture
def network():
    with Lab("policies") as lab:
        network = Slow(lab)
        network.start()
        yield network


def fill(s, data):
    """Send what there is room for, until all that can move has moved; what has
    been sent."""
    sent, seen = 0, []
    s.setblocking(False)
    while True:
        try:
            sent += s.send(data[sent:sent + (1 << 16)])
        except BlockingIOError:
            pass
        seen.append((sent, acked(s)))
        if sent == len(data) or len(seen) > 100 and seen[-1] == seen[-100]:
            break
        time.sleep(0.002)
    s.setblocking(True)
    s.settimeout(20)
    return sent


def settled(s, server):
    """(acknowledged, in the server's kernel), once neither moves."""
    seen = []

    def still():
        seen.append((acked(s), waiting(server)))
        return len(seen) > 60 and seen[-1] == seen[-60]
    wait_until(still, "nothing moves")
    return seen[-1]


def read(server, n):
    got = hashlib.sha256()
    while n:
        piece = server.recv(min(n, 1 << 16))
        assert piece, f"the end, {n} bytes too soon"
        got.update(piece)
        n -= len(piece)
    return got.hexdigest()


def pass_on(s, rest, server, n):
    """The digest of what the server reads while the client sends the rest."""
    with ThreadPoolExecutor(1) as pool:
        digest = pool.submit(read, server, n)
        s.sendall(rest)
        return digest.result()


DATA = random.Random(1).randbytes(SIZE)
DIGEST = hashlib.sha256(DATA).hexdigest()


# --- relayed ------------------------------------------------------------------

@families
@pytest.mark.parametrize("policy", ["relayed", "stored"])
def test_p2_relayed_is_what_the_server_has(network, family, policy):
    """The server does not read: the client is told of no more than what the
    server's kernel has taken. With `stored`, of more."""
    network.start_proxies(policy=policy)
    s, server = network.pair(family)
    with s, server:
        before = acked(s)
        sent = fill(s, DATA)
        told, there = settled(s, server)
        assert there
        if policy == "stored":
            assert told - before > there
            return
        assert told - before <= there
        assert pass_on(s, DATA[sent:], server, SIZE) == DIGEST
        wait_until(lambda: acked(s) - before == SIZE, "all is acknowledged")


@families
def test_p2_relayed_killed_while_it_withholds(network, family):
    network.start_proxies(policy="relayed")
    s, server = network.pair(family)
    with s, server:
        before = acked(s)
        sent = fill(s, DATA)
        network.kill("a")
        network.move("b")
        told, there = settled(s, server)
        assert told - before <= there
        assert pass_on(s, DATA[sent:], server, SIZE) == DIGEST
        wait_until(lambda: acked(s) - before == SIZE, "all is acknowledged")
        server.sendall(b"well")
        assert s.recv(10) == b"well"
        s.shutdown(socket.SHUT_WR)
        assert server.recv(10) == b""
        server.close()
        assert s.recv(10) == b""


def test_p2_relayed_fin_waits_too(network):
    """That the client has said all is acknowledged when the server knows."""
    network.start_proxies(policy="relayed")
    s, server = network.pair(4)
    with s, server:
        sent = fill(s, DATA)
        s.shutdown(socket.SHUT_WR)
        wait_until(lambda: state(s) == "FIN_WAIT1", "its FIN is sent")
        settled(s, server)
        assert state(s) == "FIN_WAIT1"
        assert read(server, sent) == hashlib.sha256(DATA[:sent]).hexdigest()
        assert server.recv(1) == b""
        wait_until(lambda: state(s) == "FIN_WAIT2", "its acknowledgement")


def state(s):
    names = {1: "ESTABLISHED", 4: "FIN_WAIT1", 5: "FIN_WAIT2"}
    return names.get(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0])


def test_p2_patience(network):
    """A client waits for as long as it takes, and asks ever less often; what it
    repeats is next to nothing."""
    network.start_proxies(policy="relayed")
    s, server = network.pair(4)
    with s, server:
        sent = fill(s, DATA)
        wait_until(lambda: retransmitted(s) >= 5, "five timeouts")
        begin, before = time.monotonic(), retransmitted(s)
        wait_until(lambda: retransmitted(s) > before, "one more", timeout=30)
        assert time.monotonic() - begin > 1
        # The proxy's kernel is as patient with a server that has dropped what
        # its window had room for, as Linux does when its memory is used up:
        # a window that opens does not end the wait for the timeout.
        for end in (s, server):
            end.settimeout(60)
        repeated = retransmitted(s)
        assert pass_on(s, DATA[sent:], server, SIZE) == DIGEST
        assert repeated <= 8
        assert retransmitted(s) - repeated <= 20


@families
@pytest.mark.parametrize("what", ["download", "upload"])
def test_p5_relayed_in_the_middle(network, family, what):
    network.start_proxies(policy="relayed")
    s = Stream(network, family)

    def step(i):
        if i == 100:
            network.kill("a")
            network.move("b")
    getattr(s, what)(20 << 20, step=step)
    for i in range(100):
        s.echo(i)


def test_p5_relayed_kills(network):
    network.start_proxies(policy="relayed")
    crowds = both_families(network)
    network.kill_and_return(KILLS)
    assert_went_on(*crowds)


def test_p7_relayed_without_standby(network):
    """Alone, a proxy still withholds."""
    network.start_proxies(policy="relayed")
    s, server = network.pair(4)
    with s, server:
        network.proxies["b"].popen.send_signal(signal.SIGKILL)
        network.proxies["a"].wait_output("no standby any more")
        before = acked(s)
        fill(s, DATA)
        told, there = settled(s, server)
        assert told - before <= there
