# SPDX-License-Identifier: GPL-2.0-only
"""Row P2, committed: the application says what is done, by libbaton; and row K6:
it goes on at another machine from there."""

import os
import random
import signal
import socket
import threading
import time

import pytest

from harness.lab import Lab, wait_until

from application import SERVED, Application, Applications, Refused, patient
from crowd import acked, retransmitted
from network import vip
from proxies import stopped

OUTPUT_MAX = 8 << 20  # BATON_OUTPUT_MAX

families = pytest.mark.parametrize("family", [4, 6])


@pytest.fixture
def network():
    with Lab("committed") as lab:
        network = Applications(lab)
        network.start()
        yield network


def moved(network):
    network.kill("a")
    network.move("b")


def client_state(s):
    return s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


FIN_WAIT1, FIN_WAIT2 = 4, 5
# no more than what TCP sends before it has heard anything (RFC 6928)
DATA = random.Random(2).randbytes(12000)


# --- what a client is told ------------------------------------------------------

@families
def test_p2_committed_is_what_the_application_says(network, family):
    network.start_proxies()
    application = Application(network.path("a", family))
    with network.connect_to(family) as s:
        before = acked(s)
        s.sendall(DATA)
        c = application.accept()
        assert not c.resumed and (c.input, c.output) == (0, 0)
        assert c.client == s.getsockname()[:2]
        assert c.vip == (vip(family), SERVED)
        assert c.read(len(DATA)) == DATA
        c.write(b"answer")
        s.settimeout(0.3)
        with pytest.raises(TimeoutError):
            s.recv(1)
        assert acked(s) == before
        s.settimeout(10)
        c.committed(4000, 3)
        assert s.recv(10) == b"ans"
        wait_until(lambda: acked(s) - before == 4000, "what is committed")
        c.committed(len(DATA), 3)
        wait_until(lambda: acked(s) - before == len(DATA), "all of it")
        c.committed(len(DATA), 6)
        assert s.recv(10) == b"wer"
        c.end()
        assert s.recv(10) == b""


def test_p2_end_of_the_client_waits_too(network):
    network.start_proxies()
    application = Application(network.path("a"))
    with network.connect_to() as s:
        s.sendall(b"all")
        s.shutdown(socket.SHUT_WR)
        c = application.accept()
        assert c.read(3) == b"all"
        assert c.at_end()
        assert client_state(s) == FIN_WAIT1
        c.write(b"well")
        c.committed(3, 4)
        assert s.recv(10) == b"well"
        wait_until(lambda: client_state(s) == FIN_WAIT2, "its end is heard")
        c.end()
        assert s.recv(10) == b""


def test_p2_commit_ahead_of_its_bytes(network):
    """Output and commits go different ways; a commit waits for its bytes."""
    network.start_proxies()
    application = Application(network.path("a"))
    with network.connect_to() as s:
        s.sendall(b"x")
        c = application.accept()
        c.read(1)
        before = acked(s)
        c.committed(1, 6)
        c.committed(1, 7)
        s.settimeout(0.3)
        with pytest.raises(TimeoutError):
            s.recv(1)
        assert acked(s) == before
        c.write(b"answer!")
        assert s.recv(10) == b"answer!"


def test_p2_application_that_takes_its_time(network):
    """The client repeats one segment for each timeout, and goes on at once."""
    network.start_proxies()
    application = Application(network.path("a"))
    with network.connect_to() as s:
        s.sendall(DATA)
        c = application.accept()
        assert c.read(len(DATA)) == DATA
        wait_until(lambda: retransmitted(s) >= 3, "three timeouts")
        assert retransmitted(s) <= 5
        c.write(b"late")
        c.committed(len(DATA), 4)
        begin = time.monotonic()
        assert s.recv(10) == b"late"
        s.sendall(DATA)
        assert c.read(len(DATA)) == DATA
        assert time.monotonic() - begin < 1  # sooner than its next timeout
        assert retransmitted(s) <= 10


@pytest.mark.parametrize("choice", ["go-on", "stall"])
def test_p7_commit_without_standby(network, choice):
    network.start_proxies(**{"on-standby-loss": choice})
    application = Application(network.path("a"))
    with network.connect_to() as s:
        s.sendall(b"one")
        c = application.accept()
        c.read(3)
        c.committed(3, 0)
        network.kill("b")
        network.proxies["a"].wait_output("no standby any more")
        c.write(b"1")
        c.committed(3, 1)
        if choice == "stall":
            s.settimeout(0.3)
            with pytest.raises(TimeoutError):
                s.recv(1)
            s.settimeout(10)
            network.start_proxy("b", **{"on-standby-loss": choice})
        assert s.recv(10) == b"1"


@pytest.mark.parametrize("choice", ["go-on", "stall"])
def test_p7_commit_that_the_standby_has_no_room_for(network, choice):
    """It confirms what came later, but not this."""
    how = {"on-standby-loss": choice}
    network.start_proxy("a", **how)
    config = network.proxy_config("b", **how)
    network.start_proxy("b", config={**config, "memory": 1})
    network.wait_protected()
    application = Application(network.path("a"))
    output = bytes(5 << 20)
    with network.connect_to() as s, network.connect_to() as other:
        s.sendall(b"one")
        c = application.accept()
        c.read(3)
        other.sendall(b"two")
        c.write(output)
        c.committed(3, len(output))
        wait_until(lambda: network.report("a")["unkept"] == 1,
                   "the standby says that it lacks it")
        assert application.accept().read(3) == b"two"  # what came later
        if choice == "stall":
            s.settimeout(0.3)
            with pytest.raises(TimeoutError):
                s.recv(1)
            s.settimeout(10)
            network.kill("b")
            network.start_proxy("b", **how)
        got = 0
        while got < len(output):
            got += len(s.recv(1 << 20))


# --- going on ---------------------------------------------------------------------

def test_k6_next_application_of_the_same_host(network):
    """What was not committed has not been."""
    network.start_proxies()
    first = Application(network.path("a"))
    with network.connect_to() as s:
        s.sendall(b"one two three")
        c = first.accept()
        assert c.read(13) == b"one two three"
        c.write(b"1 2 3")
        c.committed(3, 1)
        assert s.recv(10) == b"1"
        first.close()
        c.abort()
        second = patient(network.path("a"))
        again = second.accept()
        assert again.resumed and again.id == c.id
        assert (again.input, again.output) == (3, 1)
        assert again.read(10) == b" two three"
        again.write(b" II III")
        again.committed(13, 8)
        assert s.recv(10) == b" II III"
        s.sendall(b" four")
        assert again.read(5) == b" four"


@families
def test_k6_application_of_the_next_host(network, family):
    network.start_proxies()
    first = Application(network.path("a", family))
    second = Application(network.path("b", family))
    with network.connect_to(family) as s:
        before = acked(s)
        s.sendall(DATA)
        c = first.accept()
        c.read(len(DATA))
        c.write(b"12345")
        c.committed(1000, 4)
        assert s.recv(10) == b"1234"
        assert not second.waiting(0)
        moved(network)
        again = second.accept()
        assert again.resumed and again.id == c.id and again.epoch > c.epoch
        assert (again.input, again.output) == (1000, 4)
        assert again.client == s.getsockname()[:2]
        assert again.read(len(DATA) - 1000) == DATA[1000:]
        again.write(b"V")
        again.committed(len(DATA), 5)
        assert s.recv(10) == b"V"
        wait_until(lambda: acked(s) - before == len(DATA), "all of it")
        again.end()
        assert s.recv(10) == b""
        assert c.readable() and c.gone()
        with pytest.raises(Refused):  # its proxy is dead
            first.accept()
        c.abort()


@pytest.mark.parametrize("word", ["end", "abort", "committed"])
def test_k6_back_at_once(network, word):
    """The owner has been away and back before its first host's proxy knows of
    either. The application there still has the connection as it was; what it says
    of that is nothing to the one that it has now."""
    network.start_proxies()
    application = Application(network.path("a"))
    with network.connect_to() as s:
        s.sendall(b"one two")
        c = application.accept()
        c.read(7)
        c.write(b"1 2")
        c.committed(3, 1)
        assert s.recv(10) == b"1"
        with stopped(network.proxies["a"]):
            network.move("b")
            network.proxies["b"].wait_output("app4: the last of them")
            network.move("a")
        again = application.accept()
        assert again.id == c.id and again.epoch > c.epoch
        assert c.readable() and c.gone()
        if word == "committed":
            c.committed(2, 1)
        else:
            getattr(c, word)()
        assert (again.input, again.output) == (3, 1)
        assert again.read(4) == b" two"
        again.write(b" II")
        again.committed(7, 4)
        assert s.recv(10) == b" II"
        again.end()
        assert s.recv(10) == b""


def test_k6_ended_before_its_host(network):
    """The application has said all; its host dies before the client has it."""
    network.start_proxies()
    first = Application(network.path("a"))
    second = Application(network.path("b"))
    with network.connect_to() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
        s.sendall(b"all")
        c = first.accept()
        c.read(3)
        writer = threading.Thread(target=c.write, args=(DATA * 100,))
        writer.start()
        writer.join()
        c.committed(3, len(DATA) * 100)
        c.end()
        assert s.recv(1, socket.MSG_PEEK)
        moved(network)
        got = b""
        while piece := s.recv(1 << 16):
            got += piece
        assert got == DATA * 100
        assert not second.waiting(0.1)


# --- what must not be ---------------------------------------------------------------

def reset(s):
    with pytest.raises(ConnectionResetError):
        while s.recv(1 << 16):
            pass
    return True


def abort(c):
    c.abort()


def commit_of_what_has_not_come(c):
    c.committed(100, 0)


def commit_that_goes_back(c):
    c.write(b"ab")
    c.committed(1, 2)
    c.committed(0, 2)


def end_with_input_left(c):
    c.end()


def more_output_than_can_wait(c):
    try:
        c.write(bytes(OUTPUT_MAX + (1 << 20)))
    except (BrokenPipeError, ConnectionResetError):
        pass


def end_that_waits_for_nothing(c):
    c.committed(1, 5)
    c.end()


@pytest.mark.parametrize("what", [
    abort, commit_of_what_has_not_come, commit_that_goes_back,
    end_with_input_left, more_output_than_can_wait,
    end_that_waits_for_nothing], ids=lambda f: f.__name__)
def test_p2_connection_is_reset(network, what):
    network.start_proxies()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    application = Application(network.path("a"))
    with network.connect_to() as s, network.connect_to() as other:
        s.sendall(b"x")
        c = application.accept()
        good = application.accept()
        if c.client != s.getsockname()[:2]:
            c, good = good, c
        c.read(1)
        what(c)
        assert reset(s)
        # nobody else notices
        other.sendall(b"y")
        assert good.read(1) == b"y"
        good.write(b"z")
        good.committed(1, 1)
        assert other.recv(1) == b"z"


def test_p2_client_resets(network):
    network.start_proxies()
    application = Application(network.path("a"))
    s = network.connect_to()
    s.sendall(b"x")
    c = application.accept()
    c.read(1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                 b"\1\0\0\0\0\0\0\0")
    s.close()
    assert c.readable() and c.gone()
    c.committed(1, 0)  # too late, and harmless
    c.end()
    with network.connect_to() as s:
        s.sendall(b"y")
        assert application.accept().read(1) == b"y"


def test_p2_whose_application_it_is(network):
    network.start_proxies()
    path = network.path("a")
    assert path.stat().st_mode & 0o777 == 0o660
    Application(path).close()  # by root: it is loaded as well
    path.chmod(0o666)  # as if the file let him
    network.lab.dir.chmod(0o755)
    pid = os.fork()
    if not pid:
        os.setuid(65534)
        try:
            Application(path)
        except Refused as e:
            os._exit("not permitted" in str(e))
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


@pytest.mark.parametrize("message", [b"x", bytes(88), b"\1" * 88, b"\3" * 88,
                                     b"\1" * 1000],
                         ids=["short", "zero", "hello", "commit", "long"])
def test_p2_who_talks_nonsense(network, message):
    """He is heard no more; an application that is there goes on."""
    network.start_proxies()
    application = Application(network.path("a"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as guest:
        guest.settimeout(10)
        guest.connect(str(network.path("a")))
        guest.send(message)
        assert guest.recv(100) == b""
    with network.connect_to() as s:
        s.sendall(b"y")
        assert application.accept().read(1) == b"y"
