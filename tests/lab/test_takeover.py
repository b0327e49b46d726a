# SPDX-License-Identifier: GPL-2.0-only
"""Connections go on at another machine (rows P5, K6): restored from the packets
that came in at the first one, which is cut off. Clients and servers are ordinary
sockets; each checks every byte.

    client ca --- a0 A b0 --- sa server
           cb --- a0 B b0 --- sb
"""

import contextlib
import random
import socket
import subprocess
import threading

import pytest

from harness.lab import BUILD, PATIENCE, Lab, wait_until

VIP = {4: "192.0.2.10", 6: "2001:db8:200::10"}
SOURCE = {4: "192.0.2.11", 6: "2001:db8:200::11"}
CLIENT = {4: "198.51.100.2", 6: "2001:db8:100::2"}
SERVER = {4: "203.0.113.2", 6: "2001:db8:300::2"}
LENGTH = {4: 32, 6: 128}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
PORT = 4000

MB = 1 << 20
PATTERN = random.Random(4).randbytes(4 * MB + 7)


def near(family, machine, leg, station):
    """An address on the cable of a machine to the client or the server."""
    return {4: f"10.{machine}.{leg}.{station}",
            6: f"2001:db8:{machine}:{leg}::{station}"}[family]


class Pair:
    def __init__(self, lab):
        self.lab = lab
        self.client, self.server = lab.netns("client"), lab.netns("server")
        self.hosts = [lab.netns("a"), lab.netns("b")]
        for family in 4, 6:
            self.client.address("lo", f"{CLIENT[family]}/{LENGTH[family]}")
            self.server.address("lo", f"{SERVER[family]}/{LENGTH[family]}")
        for machine, host in enumerate(self.hosts):
            host.sysctl(net__ipv6__conf__all__keep_addr_on_down=1)
            self.machine(host, machine)

    def machine(self, host, machine):
        for leg, (end, device) in enumerate(((self.client, f"c{machine}"),
                                             (self.server, f"s{machine}"))):
            self.lab.veth(end, device, host, f"h{leg}")
            for family in 4, 6:
                length = {4: 24, 6: 64}[family]
                far, ours = (near(family, machine, leg, n) for n in (1, 2))
                end.address(device, f"{far}/{length}")
                host.address(f"h{leg}", f"{ours}/{length}")
                # Else packets to a machine that is gone wait for it to be
                # found, and TCP repeats nothing that waits in its own host.
                end.neighbour(ours, host.mac(f"h{leg}"), device)
                to = (CLIENT, SERVER)[leg][family]
                host.ip("route", "add", to, "via", far)
        for family in 4, 6:
            for address in VIP, SOURCE:
                host.address("lo", f"{address[family]}/{LENGTH[family]}")
        # Until its sockets exist, a machine that takes over is to be silent.
        for iptables in "iptables-legacy", "ip6tables-legacy":
            host.run(iptables, "-A", "OUTPUT", "-p", "tcp", "--tcp-flags",
                     "RST", "RST", "-j", "DROP")

    def revive(self):
        """A has its links again, after it lost them."""
        for leg in 0, 1:
            self.hosts[0].ip("link", "set", f"h{leg}", "up")
        for family in 4, 6:
            for leg, to in enumerate((CLIENT, SERVER)):
                self.hosts[0].ip("route", "replace", to[family], "via",
                                 near(family, 0, leg, 1))

    def flip(self, machine):
        for family in 4, 6:
            for leg, (end, device, to, source) in enumerate((
                    (self.client, f"c{machine}", VIP, CLIENT),
                    (self.server, f"s{machine}", SOURCE, SERVER))):
                end.ip("route", "replace", to[family], "via",
                       near(family, machine, leg, 2), "dev", device, "src",
                       source[family])

    def settings(self, **values):
        for ns in self.client, self.server, *self.hosts:
            ns.sysctl(**{f"net__ipv4__{k}": v for k, v in values.items()})


@pytest.fixture(scope="module")
def pair():
    with Lab("takeover") as lab:
        yield Pair(lab)


def pieces(shift, length):
    """Bytes that no other connection has, `shift` saying where they begin; in
    two pieces at least."""
    part = min(max(length // 2, 1), len(PATTERN) - 65521)
    while length:
        piece = PATTERN[shift % 65521:][:min(part, length)]
        yield piece
        length -= len(piece)


def expect(sock, shift, length):
    """Exactly these bytes, then the end of the stream."""
    got = 0
    for piece in pieces(shift, length):
        view = memoryview(piece)
        while view:
            data = sock.recv(min(len(view), 1 << 18))
            assert data, f"the stream ends after {got} bytes"
            assert data == view[:len(data)], f"wrong after {got} bytes"
            got += len(data)
            view = view[len(data):]
    assert not sock.recv(1), "more than was sent"


class Traffic:
    """Connections, a thread for each direction of each end. `up` and `down`
    say how many bytes go there; an end says that it has no more (FIN). The
    second half of them goes when go_on() has been called, if `pause`."""

    def __init__(self, pair, family, connections, up, down, pause=False):
        self.threads, self.sockets, self.errors = [], [], []
        self.second_half = threading.Event()
        if not pause:
            self.go_on()
        with pair.server.entered():
            self.listener = socket.socket(FAMILY[family])
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((SERVER[family], PORT))
        self.listener.listen(connections)
        with pair.client.entered():
            clients = [socket.socket(FAMILY[family])
                       for _ in range(connections)]
        # all of them are there before the first one says anything
        for sock in clients:
            self.add(sock)
            sock.connect((VIP[family], PORT))
            self.add(self.listener.accept()[0])
        for i, (sock, server) in enumerate(zip(clients, self.sockets[1::2])):
            for end, out, come in ((sock, (i, up), (i + 7, down)),
                                   (server, (i + 7, down), (i, up))):
                self.start(self.talk, end, *out)
                self.start(expect, end, *come)

    def add(self, sock):
        sock.settimeout(6 * PATIENCE)
        self.sockets.append(sock)

    def talk(self, sock, shift, length):
        everything = list(pieces(shift, length))
        half = len(everything) // 2
        for piece in everything[:half]:
            sock.sendall(piece)
        self.second_half.wait()
        for piece in everything[half:]:
            sock.sendall(piece)
        sock.shutdown(socket.SHUT_WR)

    def go_on(self):
        self.second_half.set()

    def start(self, function, *args):
        def body():
            try:
                function(*args)
            except (OSError, AssertionError) as error:
                self.errors.append(f"{function.__name__} {args[1:]}: {error!r}")
        self.threads.append(threading.Thread(target=body, daemon=True))
        self.threads[-1].start()

    def finish(self):
        """What went wrong."""
        for thread in self.threads:
            thread.join(7 * PATIENCE)
            assert not thread.is_alive()
        return self.errors

    def close(self):
        self.go_on()
        for sock in (self.listener, *self.sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self.threads:
            thread.join(PATIENCE)


def take_over(pair, family, connections, up, down, after, pause=False,
              ablation=""):
    """(what it said of the sockets, what went wrong at the ends)"""
    pair.revive()
    pair.flip(0)
    relay = subprocess.Popen(
        [BUILD / "takeover", *(h.path for h in pair.hosts), VIP[family],
         str(PORT), SOURCE[family], SERVER[family], str(connections),
         str(after), ablation], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    with contextlib.ExitStack() as stack:
        stack.callback(relay.wait)
        stack.callback(relay.kill)
        assert relay.stdout.readline() == "ready\n", relay.stderr.read()
        traffic = Traffic(pair, family, connections, up, down, pause)
        stack.callback(traffic.close)
        assert relay.stdout.readline() == "dead\n", relay.stderr.read()
        pair.flip(1)
        relay.stdin.write("go\n")
        relay.stdin.flush()
        line = relay.stdout.readline().split()
        assert line, relay.stderr.read()
        traffic.go_on()
        if ablation:
            wait_until(lambda: traffic.errors, "somebody notices")
            return {}, traffic.errors
        errors = traffic.finish()
        assert relay.wait(PATIENCE) == 0, relay.stderr.read()
        return dict(zip(line[::2], map(float, line[1::2]))), errors


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("off", [
    [], ["tcp_timestamps"], ["tcp_sack"], ["tcp_window_scaling"],
    ["tcp_timestamps", "tcp_sack", "tcp_window_scaling"]],
    ids=lambda off: "-".join(off) or "all")
def test_both_directions_go_on(pair, family, off):
    names = "tcp_timestamps", "tcp_sack", "tcp_window_scaling"
    pair.settings(**{n: int(n not in off) for n in names})
    try:
        said, errors = take_over(pair, family, 4, 24 * MB, 24 * MB, 8 * MB)
    finally:
        pair.settings(**{n: 1 for n in names})
    assert not errors
    assert said["restored"] == 8
    # Only who knows no SACK cannot prove what its answer answers.
    if "tcp_sack" not in off:
        assert said["unproven"] == 0
    elif "tcp_timestamps" in off:
        assert said["unproven"] == 8


@pytest.mark.parametrize("up,down", [(10, 24 * MB), (24 * MB, 10)],
                         ids=["client", "server"])
@pytest.mark.parametrize("family", [4, 6])
def test_one_end_had_said_all(pair, family, up, down):
    """Its FIN has been received, passed on and acknowledged."""
    said, errors = take_over(pair, family, 4, up, down, 8 * MB)
    assert not errors
    assert said["restored"] == 8


@pytest.mark.parametrize("family", [4, 6])
def test_quiet_connections_go_on(pair, family):
    """Nobody's repetition helps them, as nothing is on its way."""
    said, errors = take_over(pair, family, 50, 1000, 2000, 50 * 1500,
                             pause=True)
    assert not errors
    assert said["restored"] == 100


def test_with_gaps_in_what_had_come(pair):
    """One segment of a hundred is lost on its way to the machines, so others
    come ahead of it, and are not asked for again."""
    rule = ("OUTPUT", "-o", "c0", "-p", "tcp", "-m", "statistic", "--mode",
            "random", "--probability", "0.01", "-j", "DROP")
    pair.client.run("iptables-legacy", "-A", *rule)
    try:
        said, errors = take_over(pair, 4, 4, 24 * MB, 24 * MB, 8 * MB)
    finally:
        pair.client.run("iptables-legacy", "-D", *rule)
    assert not errors
    assert said["restored"] == 8


@pytest.mark.parametrize("timestamps", [0, 1])
@pytest.mark.parametrize("family", [4, 6])
def test_a_connection_that_was_not_open_yet(pair, family, timestamps):
    """The client has sent its SYN, and the answer is lost."""
    pair.flip(1)
    pair.settings(tcp_timestamps=timestamps)
    program = subprocess.Popen(
        pair.hosts[1].argv(BUILD / "half_open", VIP[family], PORT),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with contextlib.ExitStack() as stack:
        stack.callback(pair.settings, tcp_timestamps=1)
        stack.callback(program.wait)
        stack.callback(program.kill)
        assert program.stdout.readline() == "ready\n", program.stderr.read()
        with pair.client.entered():
            sock = stack.enter_context(socket.socket(FAMILY[family]))
        sock.settimeout(PATIENCE)
        sock.connect((VIP[family], PORT))
        for size in 1, 4096, 100000:
            data = PATTERN[:size]
            sock.sendall(data)
            got = b""
            while len(got) < size:
                got += sock.recv(size - len(got)) or b"end of stream"
            assert got == data
        sock.shutdown(socket.SHUT_WR)
        assert not sock.recv(1)
        assert program.wait(PATIENCE) == 0, program.stderr.read()


def test_ablation_without_the_bytes_that_were_kept(pair):
    _, errors = take_over(pair, 4, 4, 24 * MB, 24 * MB, 8 * MB,
                          ablation="forget")
    assert errors
