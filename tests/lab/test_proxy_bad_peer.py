# SPDX-License-Identifier: GPL-2.0-only
"""Rows P2, P4, P7: a standby, or a third node, that does not do what it should.
The proxies live, so do their connections, and nobody is told that they are
protected when they are not."""

import contextlib
import random

import pytest

from harness.lab import BUILD, Lab, run, wait_until

from crowd import acked
from link_peer import (CONN, CONN_PART, DATA, GONE, IN, LACKS, NONE, OUT, OWNER,
                       PAIR, PROOF, PROVE, REASON, RECOVER, RECOVERED, REFUSED,
                       SNAPSHOT, SNAPSHOT_BEGIN, SNAPSHOT_END, STANDBY, STREAM,
                       VERSION, LinkPeer, message)
from proxies import OWNER as ROLE
from proxies import Proxies, Stream, beside

KINDS = (IN, OUT, PAIR, GONE, CONN, CONN_PART, RECOVER, RECOVERED, LACKS,
         PROVE, PROOF, 77)
WRONG = 300  # messages

choices = pytest.mark.parametrize("choice", ["go-on", "stall"])


@contextlib.contextmanager
def networked(*hosts):
    with Lab("badpeer") as lab:
        network = Proxies(lab, hosts or ("a", "b"))
        network.start()
        yield network


@pytest.fixture
def network():
    with networked() as network:
        yield network


@pytest.fixture
def three():
    """a plays the owner, b stands by, and c has a key that both know."""
    with networked("a", "b", "c") as network:
        for name in ("a", "b"):
            network.start_proxy(name)
        network.wait_protected()
        yield network


def peer(network, name, to="a", **options):
    """`name`, as a test plays it, connected to another node."""
    key = options.pop("key", None) or network.keys[name]
    return LinkPeer(network.lab, network.hosts[name].ns, name, key,
                    beside(network.hosts[to]), **options)


# --- who is no standby --------------------------------------------------------

def test_p4_wrong_key(network):
    """A node that has another key than the one that is known for its name."""
    network.start_proxy("a")
    network.keys["b"] = network.lab.dir / "other.key"
    run(BUILD / "baton", "key", "new", network.keys["b"])
    network.start_proxy("b")
    network.proxies["a"].wait_output(
        "b: its key is not the one that is known for its name")
    Stream(network).echo(1)
    report = network.report("a")
    assert report["standby"] is None and report["unconfirmed"] > 0


def test_p4_another_version(network):
    proxy = network.start_proxy("a")
    with peer(network, "b", version=VERSION + 1) as b:
        b.wait_over()
    proxy.wait_output(f"it speaks version {VERSION + 1}, this node {VERSION}")
    Stream(network).echo(1)
    assert network.report("a")["standby"] is None


@choices
def test_p7_standby_that_refuses(network, choice):
    """It is told of every connection, and will have none of it."""
    network.start_proxy("a", **{"on-standby-loss": choice})
    with peer(network, "b", hear=LinkPeer.refuse) as b:
        b.heard(lambda f: f.type == SNAPSHOT_BEGIN, "a snapshot")
        network.proxies["a"].wait_output("refuses to store")
        assert network.report("a")["standby"] is None
        if choice == "go-on":
            Stream(network).echo(1)
        else:
            with pytest.raises(TimeoutError):
                network.try_connect()


@choices
def test_p7_standby_that_confirms_nothing(network, choice):
    """It lives and is silent: after a while it is none."""
    proxy = network.start_proxy("a", **{"on-standby-loss": choice})
    with peer(network, "b", hear=lambda peer, frame: None) as b:
        b.heard(lambda f: f.type == SNAPSHOT_END, "a snapshot")
        proxy.wait_output("it confirms nothing")
        if choice == "go-on":
            Stream(network).echo(1)
        else:
            with pytest.raises(TimeoutError):
                network.try_connect()
        # and when it does after all, it is one again
        said = proxy.output.count("has everything")
        b.hear = LinkPeer.confirm
        b.confirm([f for f in b.frames if f.type in DATA][-1])
        proxy.wait_for(lambda: proxy.output.count("has everything") > said,
                       "protection")
        Stream(network).echo(2)


@choices
def test_p7_standby_that_stores_nothing(network, choice):
    """It confirms all that it is told, and has none of it when it is asked."""
    proxy = network.start_proxy("a", **{"on-standby-loss": choice})
    with peer(network, "b") as b:
        b.heard(lambda f: f.type == SNAPSHOT_END, "a snapshot")
        s = Stream(network)
        s.echo(1)
        proxy.wait_output("it confirms what it does not have")
        before = acked(s.socket)
        s.socket.sendall(b"echo 2\n")
        if choice == "go-on":
            assert s.socket.recv(100) == b"echo 2\n"
        else:
            s.socket.settimeout(0.5)
            with pytest.raises(TimeoutError):
                s.socket.recv(100)
            assert acked(s.socket) == before
        report = network.report("a")
        assert report["unproven"] == 1 and report["standby"] is None
        assert report["web4"]["unprotected"] == 1


def test_p7_standby_that_has_it_all(network):
    network.start_proxies()
    found = [Stream(network, family) for family in (4, 6)]
    for s in found:
        s.upload(1 << 20)
    wait_until(lambda: network.report("a")["proven"] >= 5, "it proves it")
    assert network.report("a")["unproven"] == 0


def test_p7_standby_without_room(network):
    """What it cannot keep it says, and is not taken to have kept it."""
    network.start_proxy("a")
    network.start_proxy("b", connections=2)
    network.wait_protected()
    streams = [Stream(network) for _ in range(4)]
    for s in streams:
        s.echo(1)
    wait_until(lambda: network.report("a")["web4"]["unprotected"] == 2,
               "two connections are known to be unprotected")
    assert network.report("a")["unkept"] == 2
    report = network.report("b")
    assert report["web4"]["connections"] == report["lacking"] == 2
    network.kill("a")
    network.move("b")
    ends = []
    for s in streams:
        try:
            s.echo(2)
            ends.append("lives")
        except ConnectionError:
            ends.append("reset")
    assert sorted(ends) == ["lives", "lives", "reset", "reset"]


def test_p7_room_is_found_later(network):
    """Connections that had no room are sent once more when there is some."""
    network.start_proxy("a")
    network.start_proxy("b", connections=1)
    network.wait_protected()
    first, second = Stream(network), Stream(network)
    second.echo(1)
    first.socket.close()
    wait_until(lambda: network.report("a")["web4"]["unprotected"] == 0,
               "the other one is protected", timeout=30)
    network.kill("a")
    network.move("b")
    second.echo(2)


def test_p7_service_that_the_standby_does_not_have(network):
    network.start_proxy("a")
    config = network.proxy_config("b")
    config["services"].pop()
    network.start_proxy("b", config=config)
    proxy = network.proxies["a"]
    proxy.wait_output("web4: b has everything")
    proxy.wait_output("web6: b does not keep it")
    four, six = Stream(network, 4), Stream(network, 6)
    four.echo(1)
    six.echo(1)
    report = network.report("a")
    assert report["web4"]["unprotected"] == 0
    assert report["web6"]["unprotected"] == 1
    assert "web6: b has everything" not in proxy.output


# --- who has a key, and lies --------------------------------------------------

def goes_on(network, stream):
    """The proxies live, and so does the connection, here and there."""
    stream.echo(1)
    for name in ("a", "b"):
        assert network.proxies[name].alive()
    network.kill("a")
    network.move("b")
    stream.echo(2)
    stream.download(1 << 20)


def epoch(network):
    return network.owner(ROLE)["epoch"]


def test_p4_stale_epoch_and_role(three):
    stream = Stream(three)
    now = epoch(three)
    for to, role, when, reason in (
            ("b", OWNER, now - 1, "epoch_old"),
            ("b", STANDBY, now, "conflict"),
            ("a", OWNER, now, "conflict"),
            ("a", OWNER, now - 1, "epoch_old"),
            ("a", STANDBY, now + 1, "epoch_ahead")):
        with peer(three, "c", to) as c:
            c.data(STREAM, message(RECOVER, "web4"), ROLE, when, role)
            told = c.heard(lambda f: f.type == REFUSED, f"{to} {role} {when}")
            assert told.payload == REASON[reason].to_bytes(4, "big")
    goes_on(three, stream)


@pytest.mark.parametrize("to,role", [("a", STANDBY), ("b", OWNER)],
                         ids=["owner", "standby"])
def test_p4_forged_messages(three, to, role):
    """What is said in the right epoch, with all fields right, by a node that is
    neither."""
    stream = Stream(three)
    choice = random.Random(1)
    now = epoch(three)
    before = three.report(to)["bad"]
    with peer(three, "c", to) as c:
        for _ in range(WRONG):
            kind = STREAM
            if role == OWNER and choice.random() < 0.3:
                c.data(SNAPSHOT_BEGIN, message(IN, "web4"), ROLE, now, role)
                kind = choice.choice([SNAPSHOT, SNAPSHOT_END])
            body = choice.randbytes(choice.choice([0, 8, 40, 80, 300, 5000]))
            c.data(kind, message(choice.choice(KINDS), "web4", body,
                                 choice.randrange(2)), ROLE, now, role)
        wait_until(lambda: three.report(to)["bad"] >= before + WRONG,
                   "all of them are counted")
    goes_on(three, stream)


def test_p4_senseless_messages_of_the_owner(network):
    """A standby hears nothing right from the one that it believes, and lives."""
    proxy = network.start_proxy("b")
    choice = random.Random(2)
    with peer(network, "a", "b") as a:
        a.data(SNAPSHOT_BEGIN, message(IN, "web4"), ROLE, epoch(network), OWNER)
        for _ in range(WRONG):
            body = choice.randbytes(choice.choice([0, 8, 40, 80, 300, 5000]))
            a.data(STREAM, message(choice.choice(KINDS), "web4", body,
                                   choice.randrange(2)), ROLE, epoch(network),
                   OWNER)
        a.data(STREAM, b"short", ROLE, epoch(network), OWNER)
        wait_until(lambda: network.report("b")["taken"] >= WRONG, "all came")
    assert network.report("b")["web4"]["connections"] == 0
    # it is as good a standby as before
    network.start_proxy("a")
    proxy.wait_output("standby of a, with 0 connections")
    network.wait_protected()
    stream = Stream(network)
    goes_on(network, stream)


def test_p4_frames_out_of_order(three):
    """The link ends, and nothing else."""
    stream = Stream(three)
    for to, role in ("a", STANDBY), ("b", OWNER):
        # repeated, old, ahead; by nobody; noise
        for step in 0, -1, 2, "nobody", "noise":
            with peer(three, "c", to) as c:
                c.data(STREAM, message(GONE, "web4"), ROLE, epoch(three), role)
                if step == "noise":
                    c.raw(random.Random(3).randbytes(4096))
                elif step == "nobody":
                    c.data(SNAPSHOT_BEGIN, message(GONE, "web4"), ROLE,
                           epoch(three), NONE)
                else:
                    c.data(STREAM, message(GONE, "web4"), ROLE, epoch(three),
                           role, step)
                c.wait_over()
    goes_on(three, stream)
