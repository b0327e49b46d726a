# SPDX-License-Identifier: GPL-2.0-only
"""Row P2: what a client is told of its data, policy by policy; and what becomes
of data that it was not told of when the proxy dies."""

import array
import contextlib
import fcntl
import hashlib
import random
import signal
import socket
import termios
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.lab import Lab, wait_until

from crowd import acked, assert_went_on, both_families, retransmitted
from network import CLIENT
from proxies import PORT, Proxies, Stream

SLOW = 8090  # port of a server that reads when the test says so
ROOM = 1 << 16  # bytes that its kernel has room for
SIZE = 3 << 20
KILLS = 20

families = pytest.mark.parametrize("family", [4, 6])


class Slow(Proxies):
    """The server is the test itself."""

    def protected_services(self):
        return [*super().protected_services(), "slowweb4", "slowweb6"]

    def __init__(self, lab):
        super().__init__(lab)
        self.listeners = {}
        for family in (4, 6):
            s = self.socket(family, socket.SOCK_STREAM)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((CLIENT[family], SLOW))
            s.listen()
            self.listeners[family] = s

    def proxy_config(self, name, **more):
        config = super().proxy_config(name, **more)
        for service in list(config["services"]):
            config["services"].append(
                {**service, "name": "slow" + service["name"],
                 "port": PORT + 1, "server-port": SLOW})
        return config

    def pair(self, family):
        """A client's connection, and the server's end of it."""
        with contextlib.ExitStack() as stack:
            s = stack.enter_context(self.connection(family, 10, PORT + 1))
            server = stack.enter_context(self.listeners[family].accept()[0])
            server.settimeout(10)
            stack.pop_all()
        return s, server


@pytest.fixture
def network():
    with Lab("policies") as lab:
        network = Slow(lab)
        network.start()
        yield network


def waiting(s):
    """Bytes in a socket's receive queue."""
    n = array.array("i", [0])
    fcntl.ioctl(s, termios.FIONREAD, n)
    return n[0]


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
        s.settimeout(20)
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
