# SPDX-License-Identifier: GPL-2.0-only
"""Rows P5, P7, K6: takeovers of which a part fails, ends that die, hosts that
both die. Whoever cannot go on is told so, and counted; the others go on."""

import os
import random
import re
import socket
import time
from pathlib import Path

import pytest

from harness.lab import PATIENCE, Failed, Lab, wait_until

from crowd import KINDS, Crowd, acked
from network import CLIENT, vip
from origin import reset_at_close
from proxies import (ORIGIN, OWNER, PORT, SOURCE, Proxies, Stream, kept_back,
                     stopped)

TCP_REPAIR = 19
TIMEOUT = 2  # s: takeover-timeout
MOVES = 12
RATE = 2 << 20  # bytes a second
SOON = 1  # s: what does not wait for that


@pytest.fixture
def network():
    with Lab("badluck") as lab:
        network = Proxies(lab)
        network.start()
        yield network


def take_over(network):
    network.kill("a")
    network.move("b")


def streams(network, n, family=4):
    found = [Stream(network, family) for _ in range(n)]
    for i, s in enumerate(found):
        s.echo(i)
    return found


def descriptors(network, name):
    return len(os.listdir(f"/proc/{network.proxies[name].popen.pid}/fd"))


def is_reset(stream):
    """The client is told, also if it says nothing itself."""
    with pytest.raises(ConnectionResetError):
        stream.socket.recv(1)
    return True


def ports(network, host, number):
    """Local ports of the host's connections at a VIP."""
    listed = network.hosts[host].ns.run("ss", "-Htna").stdout
    return [int(port) for port in re.findall(
        rf"(?:[\w-]+\s+){{3}}{re.escape(vip(4, number))}:(\d+)\s(?!.*:\*)",
        listed)]


def sockets(network, host):
    return len(ports(network, host, 10)) + len(ports(network, host, SOURCE))


# --- ends that go -------------------------------------------------------------

def test_p1_server_that_resets(network):
    """The client learns it, and both hosts forget the connection."""
    network.start_proxies()
    s = Stream(network)
    s.echo(1)
    s.socket.sendall(b"reset\n")
    assert is_reset(s)
    for name in ("a", "b"):
        wait_until(lambda n=name: not network.report(n)["web4"]["connections"],
                   f"{name} forgets it")
    take_over(network)
    assert network.report("b")["lost"] == 0
    Stream(network).echo(2)


def test_p1_client_that_resets(network):
    network.start_proxies()
    s = Stream(network)
    s.echo(1)
    reset_at_close(s.socket)
    s.socket.close()
    network.origins[4].wait_output("reset")
    for name in ("a", "b"):
        wait_until(lambda n=name: not network.report(n)["web4"]["connections"],
                   f"{name} forgets it")


def vanish(network, stream):
    """Nothing is heard of this client any more, nor does it hear."""
    port = str(stream.socket.getsockname()[1])
    for chain, option in ("OUTPUT", "--sport"), ("INPUT", "--dport"):
        network.client.run("iptables-legacy", "-A", chain, "-p", "tcp", option,
                           port, "-j", "DROP")


def end(network, stream):
    """It ends while nobody plays the owner, so that nobody hears of it."""
    reset_at_close(stream.socket)
    stream.socket.close()


@pytest.mark.parametrize("gone", [vanish, end], ids=lambda f: f.__name__)
def test_p5_client_that_is_gone(network, gone):
    """The takeover of the others does not wait for it; its server is told; it
    leaves nothing behind."""
    network.start_proxies(takeover_timeout=f"{TIMEOUT}s")
    dead, *others = streams(network, 5)
    network.kill("a")
    gone(network, dead)
    begin = time.monotonic()
    network.move("b")
    for i, s in enumerate(others):
        s.echo(i)
    assert time.monotonic() - begin < SOON
    wait_until(lambda: network.report("b")["lost"], "it is given up")
    assert (time.monotonic() - begin >= TIMEOUT) == (gone is vanish)
    network.origins[4].wait_output("reset")
    report = network.report("b")
    assert report["lost"] == 1
    assert report["taken_over"] == report["web4"]["connections"] == 4
    assert report["web4"]["taking_over"] == 0
    assert sockets(network, "b") == 2 * 4


def test_k6_a_takeover_is_urgent(network):
    """It goes ahead of what else the host does; but not for long, if it waits for
    an end that is not there."""
    def policy():
        return os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK
    network.start_proxies()
    pid = network.proxies["b"].pid
    one, = streams(network, 1)
    network.kill("a")
    assert policy() == os.SCHED_OTHER
    vanish(network, one)
    network.move("b")
    wait_until(lambda: policy() == os.SCHED_RR, "it goes ahead")
    wait_until(lambda: policy() == os.SCHED_OTHER, "it does not any more")
    assert network.report("b")["web4"]["taking_over"] == 1


def test_p5_half_open_client_that_is_gone(network):
    """It has sent a SYN, and nothing after that: it is not waited for, for
    ever."""
    network.start_proxies(takeover_timeout=f"{TIMEOUT}s")
    s = network.socket(4, socket.SOCK_STREAM)
    network.client.run("iptables-legacy", "-A", "INPUT", "-p", "tcp", "-s",
                       vip(4), "-j", "DROP")
    s.setblocking(False)
    s.connect_ex((vip(4), 8000))
    wait_until(lambda: network.report("b")["web4"]["connections"],
               "the standby knows it")
    network.kill("a")
    s.close()
    network.move("b")
    network.proxies["b"].wait_output("its client does not answer")
    report = network.report("b")
    assert report["web4"]["connections"] == 0 and report["lost"] == 1


# --- hosts that go ------------------------------------------------------------

def test_p5_both_die(network):
    """What nobody has any more ends honestly, once somebody is there who can
    say so."""
    network.start_proxies()
    s, = streams(network, 1)
    network.kill("b")
    network.kill("a")
    network.start_proxy("a")
    network.proxies["a"].wait_output("web4: taking over 0 connections")
    s.socket.sendall(b"echo 1\n")
    assert is_reset(s)
    Stream(network).echo(2)


@pytest.mark.parametrize("cut", [False, True], ids=["by_hand", "cut"])
def test_p5_to_and_fro(network, cut):
    """The owner moves between proxies that live, as soon as what it has is
    protected again: nobody is called a liar for what it was asked before."""
    for host in network.hosts.values():
        host.ns.sysctl(net__ipv6__conf__all__keep_addr_on_down=1)
    network.start_proxies()
    crowd = Crowd(network.client_socket, KINDS, RATE)
    choice = random.Random(1)
    active, standby = "a", "b"
    for _ in range(MOVES):
        network.wait_complete(active)
        time.sleep(choice.uniform(0.3, 0.7))  # questions are asked meanwhile
        if cut:
            network.cut(active)
            wait_until(lambda to=standby: network.owner(OWNER)["host"] == to,
                       "the owner moves")
            network.mend(active)
            network.wait_up(active)
        else:
            network.move(standby)
        active, standby = standby, active
    network.wait_complete(active)
    told = crowd.stop()
    assert not [c["wrong"] for c in told if c["wrong"]]
    for name in ("a", "b"):
        report = network.report(name)
        assert report["unproven"] == 0 and report["proven"] > 0


@pytest.mark.parametrize("policy", ["stored", "relayed"])
def test_k6_words_of_an_earlier_time(network, policy):
    """A proxy that learns at once that another host has played the owner, and that
    it plays it again, has said nothing yet of what its kernel got before: nobody
    else has that, so what the kernel says of it is not told now either."""
    network.start_proxies(policy=policy)
    host = network.hosts["a"]
    s, = streams(network, 1)
    with stopped(network.proxies["a"]):
        network.move("b")
        network.proxies["b"].wait_output("web4: the last of them")
        # a's kernel is given what its proxy does not know of
        host.ns.run("iptables-legacy", "-D", "INPUT", "-j", "BATON-PROXY-IN")
        network.move("a")
        before = acked(s.socket)
        s.socket.sendall(b"echo 1\n")
        wait_until(lambda: kept_back(host), "it acknowledges that")
        host.ns.run("iptables-legacy", "-A", "INPUT", "-j", "BATON-PROXY-IN")
        assert acked(s.socket) == before
    s.socket.settimeout(PATIENCE)
    assert s.socket.recv(100) == b"echo 1\n"


def test_k6_back_with_what_nobody_else_has(network):
    """The owner returns at once, and its standby, which has played it between, does
    not have the newest: it is not told before that has stored it."""
    network.start_proxies(**{"on-standby-loss": "stall"})
    s, = streams(network, 1)
    link = network.hosts["b"].ns
    mute = "OUTPUT", "-p", "tcp", "--dport", str(PORT), "-j", "DROP"
    before = acked(s.socket)
    link.ip("link", "set", "r0", "down")
    s.socket.sendall(b"echo 1\n")
    wait_until(lambda: network.show_proxy("a", "connection", "show")[0]
               ["in_bytes"] == 2 * len(b"echo 1\n"), "a has it")
    network.client.run("iptables-legacy", "-A", *mute)
    network.move("b")
    network.proxies["a"].wait_output("web4: owner role-a is another host's")
    network.move("a")
    network.proxies["a"].wait_output("web4: taking over 1 connections")
    with pytest.raises(Failed):
        wait_until(lambda: acked(s.socket) > before, "it is told", timeout=1)
    network.client.run("iptables-legacy", "-D", *mute)
    link.ip("link", "set", "r0", "up")
    s.socket.settimeout(PATIENCE)
    assert s.socket.recv(100) == b"echo 1\n"


# --- takeovers of which a part fails ------------------------------------------

def occupy(network, host, port):
    """Somebody there has this very connection already."""
    with network.hosts[host].ns.entered():
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    s.bind((vip(4, SOURCE), port))
    s.connect((CLIENT[4], ORIGIN))
    return s


def test_p5_port_that_is_in_use(network):
    network.start_proxies()
    first, = streams(network, 1)
    port, = ports(network, "a", SOURCE)
    others = streams(network, 4)
    with occupy(network, "b", port):
        take_over(network)
        for i, s in enumerate(others):
            s.echo(i)
        assert is_reset(first)
    network.origins[4].wait_output("reset")
    report = network.report("b")
    assert report["lost"] == 1 and report["taken_over"] == 4
    assert report["web4"]["connections"] == 4


def test_p5_too_few_descriptors(network):
    """As many as can be are taken over; nobody hangs."""
    network.start_proxies()
    found = streams(network, 10)
    pid = network.proxies["b"].popen.pid
    now = descriptors(network, "b")
    limit(pid, now + 9)
    take_over(network)
    ends = []
    for i, s in enumerate(found):
        try:
            s.echo(i)
            ends.append("lives")
        except ConnectionError:
            ends.append("reset")
    # nor does it turn in a circle when somebody comes who cannot be let in
    wait_until(lambda: is_turned_away(network), "somebody is turned away")
    spent = cpu(pid)
    time.sleep(0.5)  # in which it has nothing to do
    assert cpu(pid) - spent < 0.1
    limit(pid, 20000)
    report = network.report("b")
    assert report["taken_over"] == ends.count("lives") >= 1
    assert report["lost"] == ends.count("reset") >= 5
    assert report["web4"]["connections"] == ends.count("lives")
    wait_until(lambda: lets_in(network), "it lets clients in again", timeout=15)


def is_turned_away(network):
    """A new client is told that it cannot be served."""
    try:
        with network.try_connect() as s:
            s.settimeout(0.5)
            s.recv(1)
    except (ConnectionResetError, TimeoutError) as e:
        return isinstance(e, ConnectionResetError)


def lets_in(network):
    try:
        Stream(network).echo(1)
        return True
    except OSError:
        return False


def limit(pid, n):
    import resource
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (n, 20000))


def cpu(pid):
    """Seconds that it has run."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_p5_address_that_is_missing(network):
    """The standby does not have the address toward the IPv4 server: those
    connections end, the others go on."""
    network.start_proxies(takeover_timeout=f"{TIMEOUT}s")
    four, six = streams(network, 3), streams(network, 3, family=6)
    network.hosts["b"].ns.ip("addr", "del", f"{vip(4, SOURCE)}/32", "dev", "lo")
    take_over(network)
    for i, s in enumerate(six):
        s.echo(i)
    for s in four:
        assert is_reset(s)
    report = network.report("b")
    assert report["lost"] == 3 and report["taken_over"] == 3
    assert report["web4"]["connections"] == 0
    assert report["web6"]["connections"] == 3


def test_p5_moved_away_while_taking_over(network):
    """The host that has not come to the end of it lets others in when it is the
    owner's once more."""
    network.start_proxies()
    dead, = streams(network, 1)
    vanish(network, dead)
    network.move("b")
    network.proxies["b"].wait_output("web4: taking over 1 connections")
    network.move("a")
    network.proxies["b"].wait_output("web4: owner role-a is another host's")
    network.move("b")
    Stream(network).echo(1)


def test_p5_just_connected(network):
    """Moves while connections begin: what only the kernel of the host before
    knows of them yet is not in the way when they come back."""
    network.start_proxies()
    choice, begun = random.Random(1), []
    active, standby = "a", "b"
    for _ in range(MOVES):
        for _ in range(4):
            s = network.socket(4, socket.SOCK_STREAM)
            s.setblocking(False)
            s.connect_ex((vip(4), PORT))
            begun.append(s)
        time.sleep(choice.uniform(0, 0.003))
        network.expect(standby, active)
        network.move(standby)
        active, standby = standby, active
        network.wait_protected(active, standby)
        for s in begun:
            s.settimeout(PATIENCE)
            Stream(network, connection=s).echo(1)
