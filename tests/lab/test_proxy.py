# SPDX-License-Identifier: GPL-2.0-only
"""Rows P1 to P5: connections through baton-proxy, and what becomes of them when
it dies."""

import contextlib
import re
import socket

import pytest

from harness.lab import SLOW, Lab, wait_until

from crowd import Crowd, acked, assert_went_on, both_families
from proxies import FAULTS, ORIGIN, OWNER, Proxies, Stream, killed, stopped

KILLS = max(2, int(50 / SLOW))
MOVES = max(2, int(20 / SLOW))
MANY = 1200  # connections
BIG = int((20 << 20) / SLOW)  # bytes
EARLY = BIG // (1 << 16) // 3  # pieces, of which BIG has three times as many

families = pytest.mark.parametrize("family", [4, 6])


@pytest.fixture
def network():
    with Lab("proxy") as lab:
        network = Proxies(lab)
        network.start()
        yield network


# --- relaying -----------------------------------------------------------------

@families
@pytest.mark.parametrize("policy", ["none", "stored"])
def test_p1_relay(network, family, policy):
    if policy == "none":
        network.start_proxy("a", policy=policy)
    else:
        network.start_proxies(policy=policy)
    Stream(network, family).download(BIG)
    Stream(network, family).upload(BIG)
    s = Stream(network, family)
    for i in range(100):
        s.echo(i)


@pytest.mark.parametrize("policy", ["none", "stored"])
def test_p1_half_close(network, policy):
    """Either direction ends by itself."""
    network.start_proxies(policy=policy)
    with network.client_socket() as s:
        s.sendall(b"get 3000000 1\n")
        s.shutdown(socket.SHUT_WR)
        n = 0
        while piece := s.recv(1 << 16):
            n += len(piece)
    assert n == 3000000


def test_p1_back_pressure(network):
    """A client that does not read stops the server, and costs no memory
    without end."""
    network.start_proxies()
    with network.client_socket() as s:
        s.sendall(b"get 200000000 1\n")
        wait_until(lambda: s.recv(1, socket.MSG_PEEK), "the first bytes")
        status = network.proxies["b"].popen.pid
        sizes = []

        def settled():
            with open(f"/proc/{status}/statm", encoding="ascii") as f:
                sizes.append(int(f.read().split()[1]) * 4096)
            return len(sizes) > 200 and sizes[-1] == sizes[-100]
        wait_until(settled, "the standby's memory grows no more")
        assert sizes[-1] < 100 << 20


def test_p1_server_that_refuses(network):
    network.start_proxies()
    network.origins[4].popen.kill()
    network.origins[4].popen.wait()
    with pytest.raises(ConnectionResetError):
        with network.client_socket() as s:
            s.sendall(b"echo 1\n")
            s.recv(100)


# --- withholding --------------------------------------------------------------

@pytest.mark.parametrize("policy", ["stored", "sent"])
def test_p2_nothing_is_acknowledged_that_is_not_stored(network, policy):
    """The standby stops: what a client sends from then on is acknowledged only
    if nobody waits for it."""
    network.start_proxies(policy=policy)
    with network.client_socket() as s:
        s.sendall(b"echo 1\n")
        assert s.recv(100) == b"echo 1\n"
        before = acked(s)
        with stopped(network.proxies["b"]):
            s.sendall(b"echo 2\n")
            if policy == "sent":
                assert s.recv(100) == b"echo 2\n"
                return
            s.settimeout(0.5)
            with pytest.raises(TimeoutError):
                s.recv(100)
            assert acked(s) == before
        s.settimeout(10)
        assert s.recv(100) == b"echo 2\n"


@pytest.mark.parametrize("choice", ["go-on", "stall"])
def test_p7_standby_lost(network, choice):
    """Without a standby connections go on unprotected, or wait for one."""
    network.start_proxies(**{"on-standby-loss": choice})
    s = Stream(network)
    s.echo(1)
    network.kill("b")
    network.proxies["a"].wait_output("no standby any more")
    if choice == "go-on":
        s.echo(2)
    else:
        s.socket.sendall(b"echo 2\n")
        s.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            s.socket.recv(100)
        s.socket.settimeout(10)
    network.start_proxy("b")
    network.wait_protected()
    if choice == "stall":
        assert s.socket.recv(100) == b"echo 2\n"
    # what began without it is protected as well now
    network.kill("a")
    network.move("b")
    s.echo(3)


@pytest.mark.parametrize("timeout", ["100ms", "20s"])
def test_p7_standby_cut_off(network, timeout):
    """A standby that is gone without a word is waited for as long as that is
    configured."""
    network.link_timeout = timeout
    network.start_proxies()
    s = Stream(network)
    s.echo(1)
    network.hosts["b"].ns.ip("link", "set", "r0", "down")
    if timeout == "100ms":
        s.echo(2)
        network.proxies["a"].wait_output("no standby any more")
        return
    s.socket.sendall(b"echo 2\n")
    s.socket.settimeout(1)
    with pytest.raises(TimeoutError):
        s.socket.recv(100)
    assert "no standby any more" not in network.proxies["a"].output


# --- taking over --------------------------------------------------------------

@families
@pytest.mark.parametrize("what", ["download", "upload"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_p5_in_the_middle(network, family, what, fault):
    """The proxy, or its whole host, is gone in the middle of a transfer; or
    somebody moves it."""
    network.start_proxies()
    s = Stream(network, family)

    def step(i):
        if i == EARLY:
            fault(network)
    getattr(s, what)(BIG, step=step)
    s.echo(1)
    assert network.owner(OWNER)["host"] == "b"


@families
def test_p5_whole_segments(network, family):
    """The new owner's are as long as those of the old one."""
    network.start_proxies()
    s = Stream(network, family)
    killed(network)
    s.echo(1)
    s.echo(2)
    said = network.hosts["b"].ns.run("ss", "-Htin", "state",
                                     "established").stdout
    lengths = [int(n) for n in re.findall(r"\bmss:(\d+)", said)]
    assert len(lengths) == 2 and min(lengths) > 1400


def test_p5_half_closed(network):
    """The client has said all before the proxy dies."""
    network.start_proxies()
    with network.client_socket() as s:
        s.sendall(b"get %d 1\n" % BIG)
        s.shutdown(socket.SHUT_WR)
        n = 0
        while piece := s.recv(1 << 16):
            if n < BIG // 4 <= n + len(piece):
                killed(network)
            n += len(piece)
    assert n == BIG


@families
def test_p5_server_not_reached_yet(network, family):
    """What a client has said to a proxy whose server had not answered yet, the
    other proxy tells the server."""
    network.start_proxies()
    closed = "INPUT", "-p", "tcp", "--dport", ORIGIN, "-j", "DROP"
    iptables = "iptables-legacy" if family == 4 else "ip6tables-legacy"
    network.client.run(iptables, "-A", *closed)
    with network.client_socket(family) as s:
        s.sendall(b"echo 1\n")
        wait_until(lambda: acked(s) > len(b"echo 1\n"), "it is acknowledged")
        s.shutdown(socket.SHUT_WR)
        killed(network)
        network.proxies["b"].wait_output("the last of them")
        network.client.run(iptables, "-D", *closed)
        assert s.recv(100) == b"echo 1\n"
        assert s.recv(100) == b""


def test_p5_restarted_in_place(network):
    """Killed and started again before anybody is told: its standby gives it
    back what it had."""
    network.start_proxies()
    s = Stream(network)
    s.echo(1)
    network.kill("a")
    network.start_proxy("a")
    s.echo(2)
    assert network.owner(OWNER)["host"] == "a"
    network.wait_protected()
    killed(network)
    s.echo(3)


def test_p5_new_connections_after_it(network):
    network.start_proxies()
    killed(network)
    s = Stream(network)
    s.download(1 << 20)
    s.upload(1 << 20)


def test_p5_kills(network):
    """There and back, at any moment: no reset, no wrong byte, no connection
    that hangs."""
    network.start_proxies()
    crowds = both_families(network)
    network.kill_and_return(KILLS)
    assert_went_on(*crowds)
    # nobody is called a liar who is none
    assert [network.report(n)["unproven"] for n in ("a", "b")] == [0, 0]


def test_p5_live_moves(network):
    """The same, but nobody dies; and whoever is asked proves what it has."""
    network.start_proxies()
    crowds = both_families(network)
    network.move_there_and_back(MOVES)
    assert_went_on(*crowds)
    counted = [network.report(n) for n in ("a", "b")]
    assert sum(c["proven"] for c in counted)
    assert [c["unkept"] + c["lost"] for c in counted] == [0, 0]


def test_p5_many_connections(network):
    """Idle all of them, so nothing but an answer tells where an end is."""
    network.start_proxies()
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(network.client_socket())
                   for _ in range(MANY)]

        def echo(word):
            for s in sockets:
                s.sendall(b"echo %s\n" % word)
            for s in sockets:
                assert s.recv(100) == b"echo %s\n" % word
        echo(b"before")
        killed(network)
        wait_until(lambda: network.report("b")["taken_over"] == MANY,
                   "b has taken all of them over")
        echo(b"after")


def test_p5_without_the_gate(network):
    """The same, but what the kernel of a dead proxy says is let out: the end of
    all to which it has nothing else to say."""
    network.start_proxies()
    crowd = Crowd(network.client_socket, ("upload", "rr"))
    network.hosts["a"].ns.run("iptables-legacy", "-F", "BATON-PROXY-OUT")
    network.kill("a")
    # the switch does not fence it yet, as nobody has noticed
    wait_until(lambda: not crowd.process.is_alive() or crowd.pipe.poll(),
               "the clients hear of it")
    told = crowd.stop()
    assert {c["wrong"] and c["wrong"][0] for c in told} <= {"reset", "corrupt"}
