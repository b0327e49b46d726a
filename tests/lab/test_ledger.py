# SPDX-License-Identifier: GPL-2.0-only
"""Rows P2, K6: ledger.c, which appends, commits and answers, is killed again and
again, with its proxy or without: nothing that was committed is lost, nothing is
done twice, and no client notices."""

import ctypes
import errno
import multiprocessing
import os
import random
import signal
import socket
import threading
import time
from collections import defaultdict

import pytest

from harness.lab import BUILD, Lab

from application import Applications
from proxies import PAUSE

KILLS = 20
WRITERS = 6
AHEAD = 4  # lines that a writer sends before it has an answer
PATIENT = 60  # s
CALLS = 100000


class Ledgers(Applications):
    def __init__(self, lab):
        super().__init__(lab)
        self.ledgers = {}
        self.file = lab.dir / "ledger"
        self.how = ()

    def start_ledger(self, name, family=4):
        ledger = self.lab.start(self.hosts[name].ns, BUILD / "ledger",
                                self.path(name, family), self.file, *self.how)
        ledger.wait_output("listens")
        self.ledgers[name, family] = ledger

    def start_ledgers(self, how=()):
        self.how = how
        for name in self.hosts:
            for family in (4, 6):
                self.start_ledger(name, family)

    def kill_ledgers(self, name):
        for (of, _), ledger in self.ledgers.items():
            if of == name:
                ledger.popen.send_signal(signal.SIGKILL)
                ledger.popen.wait()

    def records(self):
        """What is in the ledger: {writer: [numbers]}."""
        found = defaultdict(list)
        for line in self.file.read_text().splitlines():
            _, _, writer, number = line.split()
            found[writer].append(int(number))
        return found


@pytest.fixture
def network():
    with Lab("ledger") as lab:
        network = Ledgers(lab)
        network.start()
        yield network


class Writer(threading.Thread):
    """Sends numbered lines, and wants each one's answer in its turn."""

    def __init__(self, network, number, family):
        super().__init__(daemon=True)
        self.name = f"writer{number}"
        self.socket = network.connect_to(family)
        # where nothing is replayed to a proxy that was not there, timeouts of
        # TCP add up
        self.socket.settimeout(PATIENT)
        self.stopping = threading.Event()
        self.sent = self.answered = 0
        self.wrong = None

    def line(self, number):
        return b"%s %d\n" % (self.name.encode(), number)

    def run(self):
        try:
            with self.socket.makefile("rb") as answers:
                while self.answered < self.sent or not self.stopping.is_set():
                    if (self.sent < self.answered + AHEAD
                            and not self.stopping.is_set()):
                        self.socket.sendall(self.line(self.sent + 1))
                        self.sent += 1
                        continue
                    answer = answers.readline()
                    assert answer == b"ok " + self.line(self.answered + 1), \
                        answer
                    self.answered += 1
            self.socket.shutdown(socket.SHUT_WR)
            assert self.socket.recv(1) == b"", "more than answers"
        except (OSError, AssertionError) as e:
            self.wrong = e


def run_writers(network, kill_one):
    """Kill again and again while they write."""
    network.start_proxies()
    network.start_ledgers(network.how)
    writers = [Writer(network, i, (4, 6)[i % 2]) for i in range(WRITERS)]
    for writer in writers:
        writer.start()
    choice = random.Random(3)
    for i in range(KILLS):
        time.sleep(choice.uniform(0, PAUSE))
        kill_one(i)
    for writer in writers:
        writer.stopping.set()
    for writer in writers:
        writer.join(PATIENT)
        assert not writer.is_alive(), f"{writer.name} hangs"
    return writers


def kill_host(network):
    """The application and the proxy of whoever plays the owner."""
    active, standby = "a", "b"

    def kill_one(_):
        nonlocal active, standby
        network.kill_ledgers(active)
        network.kill(active)
        network.move(standby)
        network.start_proxy(active)
        for family in (4, 6):
            network.start_ledger(active, family)
        active, standby = standby, active
        network.wait_protected(active, standby)
    return kill_one


def kill_application(network):
    def kill_one(_):
        network.kill_ledgers("a")
        for family in (4, 6):
            network.start_ledger("a", family)
    return kill_one


def kill_proxy(network):
    """Its application lives, and comes back to it."""
    active, standby = "a", "b"

    def kill_one(_):
        nonlocal active, standby
        network.kill(active)
        network.move(standby)
        network.start_proxy(active)
        active, standby = standby, active
        network.wait_protected(active, standby)
    return kill_one


def kill_in_place(network):
    """The proxy is started again before anybody is told."""
    def kill_one(_):
        network.kill("a")
        network.start_proxy("a")
        network.wait_protected()
    return kill_one


def move_by_hand(network):
    """Nobody dies: an application sees its connections go and come back."""
    active, standby = "a", "b"

    def kill_one(_):
        nonlocal active, standby
        network.move(standby)
        active, standby = standby, active
    return kill_one


@pytest.mark.parametrize("what", [kill_host, kill_application, kill_proxy,
                                  kill_in_place, move_by_hand],
                         ids=lambda f: f.__name__)
def test_p2_nothing_lost_nothing_twice(network, what):
    writers = run_writers(network, what(network))
    assert not [w.wrong for w in writers if w.wrong]
    found = network.records()
    for writer in writers:
        assert writer.answered > KILLS
        assert found[writer.name] == list(range(1, writer.sent + 1))


def test_p2_a_proxy_that_ends_while_it_is_called(tmp_path):
    """Is one that is not there, at whatever moment; it may be called again."""
    library = ctypes.CDLL(str(BUILD / "libbaton.so"))
    path, listener = str(tmp_path / "socket"), ctypes.c_void_p()

    def come_and_go():
        while True:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                s.bind(path)
                s.listen()
            os.unlink(path)
    proxy = multiprocessing.get_context("fork").Process(target=come_and_go)
    proxy.start()
    found = {library.baton_listen(ctypes.byref(listener), path.encode())
             for _ in range(CALLS)}
    proxy.kill()
    proxy.join()
    assert found <= {-errno.ENOENT, -errno.ECONNREFUSED}


def test_p2_commits_before_it_is_done(network):
    """The same by an application that commits too early: what it has said to be
    done is lost with it."""
    network.how = "early",
    writers = run_writers(network, kill_host(network))
    found = network.records()
    lost = [n for w in writers for n in range(1, w.answered + 1)
            if n not in found[w.name]]
    assert lost
