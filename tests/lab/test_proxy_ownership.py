# SPDX-License-Identifier: GPL-2.0-only
"""Rows K4, K8: proxies, their agents and the switch agree who holds everything. An
owner goes on without a standby only once the switch no longer counts on it."""

import os
import signal
import threading
import time

import pytest

from harness import abi, bpf
from harness.lab import PATIENCE, Control, Lab, wait_until

from application import Application, Applications
from crowd import acked, assert_went_on, both_families
from owning import Owning, owning
from proxies import OWNER, Stream
from returns import cycles, is_at, kill_and_return

UPLOAD = 64 << 20
PIECES = UPLOAD >> 16
BEFORE = 200  # pieces before something happens to the standby
STALLED = 1.0  # s without progress: it waits for the switch
BOUND = 1.5  # s: of a stall, besides the silence after which a link is down
AFTER = "300ms"


@pytest.fixture
def network():
    with Lab("owning") as lab:
        network = owning(lab)
        network.wait_for_complete("b")
        yield network


class Upload:
    """One client's, in the background."""

    def __init__(self, network):
        self.stream = Stream(network)
        self.at = threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        assert self.at.wait(30)

    def run(self):
        try:
            self.stream.upload(UPLOAD, step=self.step)
        except (OSError, AssertionError) as e:
            self.failure = e

    def step(self, piece):
        if piece == BEFORE:
            self.at.set()
        time.sleep(0.002)  # it is to last: a pace, not a condition

    def acked(self):
        """Bytes that the other end has acknowledged."""
        return acked(self.stream.socket)

    def settled(self):
        """Bytes acknowledged, once that has not changed for a while."""
        last, since = self.acked(), time.monotonic()

        def still():
            nonlocal last, since
            now = self.acked()
            if now != last:
                last, since = now, time.monotonic()
            return time.monotonic() - since > STALLED
        wait_until(still, "it makes no progress")
        return last

    def finish(self):
        self.thread.join(120)
        assert not self.thread.is_alive() and not self.failure, self.failure


def test_k4_who_is_complete(network):
    """Everybody says so, and people see it."""
    row = network.baton("owner", "show").stdout.splitlines()[1].split()
    assert "b" in row
    announced = network.show("host")["b"]["announced"]["holds"]
    assert [(h["owner"], h["role"]) for h in announced] == [(OWNER, "standby")]
    assert network.show_proxy("a", "proxy", "show")["ownership"] == "up"


def test_k4_a_standby_dies(network):
    """The owner goes on, once the switch has let go of it; soon."""
    crowds = both_families(network, rate=4 << 20)
    upload = Upload(network)
    network.kill("b")
    network.wait_for_complete()
    upload.finish()
    network.start_proxy("b")
    network.wait_protected("a", "b")
    network.wait_for_complete("b")
    assert_went_on(*crowds)
    assert len(network.released()) == 1
    print("released after", network.released(), "ms")
    assert network.released()[0] < 1000 * BOUND


def test_k4_no_word_of_the_switch(network):
    """Nothing is acknowledged that only the owner has before the switch knows."""
    upload = Upload(network)
    with network.unheard("a"):
        network.kill("b")
        stalled = upload.settled()
        assert stalled < UPLOAD and network.complete() == ["b"]
        why = network.show_proxy("a", "connection", "show")
        assert {c["because"] for c in why} == {
            "its standby is lost, and the switch still counts on that: it "
            "waits"}
        # a new connection is not promised anything either
        with pytest.raises(TimeoutError):
            network.try_connect(0.5)
        assert upload.acked() == stalled
    upload.finish()
    network.wait_for_complete()


def test_k4_no_word_of_the_switch_and_another_standby(network):
    """It need not wait for the word if the standby is back."""
    upload = Upload(network)
    with network.unheard("a"):
        network.kill("b")
        upload.settled()
        network.start_proxy("b")
        upload.finish()
    network.wait_for_complete("b")


def test_k4_a_proxy_that_decides_by_itself():
    """The ablation: it goes on at once, and the switch knows nothing."""
    class Alone(Owning):
        owning = False

    with Lab("owning") as lab:
        network = owning(lab, Alone)
        assert network.complete() == []
        upload = Upload(network)
        with network.unheard("a"):
            network.kill("b")
            upload.finish()
        assert network.show_proxy("a", "proxy", "show")["ownership"] is None


def test_k4_the_link_is_cut(network):
    """While both live: the standby does not count any more by the time that
    something is acknowledged which it does not have. When the owner dies then,
    what only it had is lost, and nothing wrong takes its place."""
    stream, upload = Stream(network), Upload(network)
    stream.echo(1)
    with network.unheard("a"):
        network.cut_link()
        stalled = upload.settled()
        assert network.complete() == ["b"]

    def goes_on():
        if upload.acked() == stalled:
            return False
        assert network.complete() == [] == network.complete("a")
        return True
    wait_until(goes_on, "it goes on")
    upload.finish()
    stream.echo(2)
    network.kill("a")
    network.move("b")
    stream.socket.settimeout(3)
    with pytest.raises((OSError, AssertionError)):
        stream.echo(3)
    Stream(network).echo(4)


def test_k4_a_takeover_waits_for_a_round_trip(network):
    """The one that died still counts, if nobody told the switch: the new owner
    asks at once."""
    crowds = both_families(network, rate=2 << 20)
    upload = Upload(network)
    network.kill("a")
    network.move("b")
    upload.finish()
    assert_went_on(*crowds)
    released, = network.released("b")
    print("released after", released, "ms")
    assert released < 1000 * BOUND


def test_k4_a_proxy_begins_anew(network):
    """Its memory is another one, and plays nothing: the owner goes to the one that
    holds everything, though nobody watches whether proxies live."""
    upload = Upload(network)
    network.kill("a")
    network.start_proxy("a")
    wait_until(lambda: is_at(network, "b"), "b plays it")
    upload.finish()
    moves = network.events("move")
    assert [(m["to"], m["cause"]) for m in moves] == \
        [("b", "its host lost the state")]
    network.wait_for_complete("a")


def test_k4_who_would_rather_stall():
    """It never asks to go on alone."""
    stall = {"on-standby-loss": "stall"}
    with Lab("owning") as lab:
        network = owning(lab, proxy=stall)
        network.wait_for_complete("b")
        upload = Upload(network)
        network.kill("b")
        stalled = upload.settled()
        assert network.complete() == ["b"]
        assert upload.acked() == stalled
        network.start_proxy("b", **stall)
        upload.finish()
        network.wait_for_complete("b")
        assert not network.released()


def end_switch(network):
    """batond, and the process that probes for it."""
    prober = network.ask("status")["prober"]["pid"]
    network.batond.stop()
    os.kill(prober, signal.SIGKILL)


def test_k4_the_switch_begins_anew(network):
    """Who is complete outlives batond and its prober, and a proxy that loses its
    standby meanwhile waits."""
    epoch = network.owner(OWNER)["epoch"]
    upload = Upload(network)
    end_switch(network)
    network.restart()
    assert network.complete() == ["b"]
    network.batond.stop()
    network.kill("b")
    upload.settled()
    network.restart()
    upload.finish()
    network.wait_for_complete()
    assert network.owner(OWNER)["epoch"] == epoch


def test_k4_what_was_kept_of_another_epoch(network):
    """The ablation: it counts for nothing, until all have said again what they
    hold."""
    end_switch(network)
    with bpf.Map.pinned(network.batond.pins / "grants") as grants:
        grant = abi.Grant.from_buffer_copy(grants.lookup(1))
        assert grant.complete == 2 and \
            grant.epoch & 0xffffffff == network.epoch(OWNER, 0)
        grant.epoch += 1
        grants.update(1, grant)
    network.hosts["a"].agent.stop()
    network.restart()
    assert network.complete() == []
    network.restart_agent("a")
    network.wait_for_complete("b")


def test_k4_who_holds_everything_takes_over():
    """Of three, whatever their order."""
    with Lab("owning") as lab:
        network = owning(lab, hosts=("a", "b", "c"), watched=True)
        wait_until(network.complete, "a standby is complete")
        upload = Upload(network)
        if network.complete() == ["b"]:
            network.kill("b")
            network.wait_for_complete("c")
            network.start_proxy("b")
        network.wait_for_complete("c")
        network.kill("a")
        wait_until(lambda: is_at(network, "c"), "c has taken over")
        upload.finish()
        network.wait_for_complete("b")


class Committing(Owning, Applications):
    """With an application on every host."""


def test_k4_a_commit_waits_for_the_switch():
    """What an application commits without a standby is told once the switch has let
    go of that."""
    with Lab("owning") as lab:
        network = owning(lab, Committing)
        network.wait_for_complete("b")
        application = Application(network.path("a"))
        with network.connect_to() as s:
            s.sendall(b"one")
            c = application.accept()
            c.read(3)
            with network.unheard("a"):
                network.kill("b")
                network.proxies["a"].wait_output("no standby any more")
                c.write(b"1")
                c.committed(3, 1)
                s.settimeout(STALLED)
                with pytest.raises(TimeoutError):
                    s.recv(1)
            s.settimeout(PATIENCE)
            assert s.recv(10) == b"1"
            # nothing is between them any more
            s.sendall(b"two")
            c.read(3)
            c.write(b"2")
            c.committed(6, 2)
            assert s.recv(10) == b"2"
            assert len(network.released()) == 1


def test_k4_a_standby_that_lacks_something_is_not_complete():
    """It has no room for what is committed: the switch does not count on it, the
    owner goes on, and it is complete again once that is over."""
    with Lab("owning") as lab:
        network = Committing(lab)
        network.start()
        network.start_proxy("a")
        network.start_proxy("b", config={**network.proxy_config("b"),
                                         "memory": 1})
        network.wait_for_complete("b")
        application = Application(network.path("a"))
        output = bytes(5 << 20)
        with network.connect_to() as s:
            s.sendall(b"one")
            c = application.accept()
            c.read(3)
            c.write(output)
            c.committed(3, len(output))
            wait_until(lambda: network.report("a")["unkept"] == 1,
                       "the standby says that it lacks it")
            network.wait_for_complete()
            got = 0
            while got < len(output):
                got += len(s.recv(1 << 20))
            c.end()
        # it is told once more each 10 s
        network.wait_for_complete("b", timeout=3 * PATIENCE)


@pytest.fixture
def returning():
    with Lab("owning") as lab:
        network = owning(lab, watched=True,
                         owner={"failback": "auto", "failback-after": AFTER})
        network.wait_for_complete("b")
        yield network


def test_k8_kill_and_return(returning):
    """It returns once its home holds all again."""
    kill_and_return(returning, cycles(5),
                    lambda: returning.wait_for_complete("b"))


def test_k8_not_before_it_is_complete(returning):
    """By hand it is refused, and not lost by itself either."""
    stream = Stream(returning)
    stream.echo(1)
    returning.kill("a")
    wait_until(lambda: is_at(returning, "b"), "b has taken over")
    returning.hosts["a"].ns.ip("link", "set", "r0", "down")
    returning.start_proxy("a")
    wait_until(lambda: [app["state"] for app in
                        returning.show("host")["a"]["applications"]]
               == ["partial"], "a works, and lacks state")
    refused = returning.baton("owner", "failback", OWNER, check=False)
    assert refused.returncode == 1
    assert "does not hold the complete state" in refused.stderr
    stream.echo(2)
    returning.hosts["a"].ns.ip("link", "set", "r0", "up")
    wait_until(lambda: is_at(returning, "a"), "a holds all of it")
    stream.echo(3)


def test_k4_agents_begin_anew(network):
    """What is held is not theirs, and nothing moves or waits."""
    epoch = network.owner(OWNER)["epoch"]
    upload = Upload(network)
    for name in network.hosts:
        network.restart_agent(name)
        wait_until(lambda n=name: network.show_proxy(
            n, "proxy", "show")["ownership"] == "up", "the proxy is back")
    upload.finish()
    network.wait_for_complete("b")
    assert network.owner(OWNER)["epoch"] == epoch
    assert not network.released()
    network.kill("b")
    network.wait_for_complete()
    wait_until(network.released, "the switch still answers")


class Unspoken(Owning):
    """Only the hosts have keys."""

    def config(self, *more, **sections):
        config = super().config(*more, **sections)
        del config["switch"]["node-key"]
        for host in config["hosts"]:
            del host["key"]
        return config


def test_k4_a_switch_that_says_nothing():
    """A proxy that is to wait for its word does so, and says why."""
    with Lab("owning") as lab:
        network = Unspoken(lab)
        network.start()
        network.start_proxies()
        with pytest.raises(TimeoutError):
            network.try_connect(0.5)
        network.proxies["a"].wait_output("the switch has not told the agent")
        assert "has not told" not in network.proxies["b"].output


def test_k4_what_is_refused(network):
    """Who says what cannot be is told which field it is."""
    ask = Control(network.socket_of("a"))
    hold = {"owner": OWNER, "role": "none", "epoch": "0", "incarnation": "5",
            "waits": 0, "claim": 0, "complete": False, "lag": 0}
    for field, value in (("owner", ""), ("role", "king"), ("epoch", 1),
                         ("incarnation", "0x5"), ("waits", 512),
                         ("claim", -1), ("complete", 1), ("lag", 1 << 32),
                         ("complete", True), ("waits", 1)):
        answer = ask.request("ownership.hold", **{**hold, field: value})
        assert f'"{field}": expected' in answer["error"], answer
    assert ask.request("ownership.hold", **hold)["data"]["owner"] == OWNER
