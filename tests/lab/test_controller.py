# SPDX-License-Identifier: GPL-2.0-only
"""Row X3: batond can be killed, ended, replaced and started again while
packets flow; none is lost, and it takes over what it finds."""

import contextlib
import json
import random
import signal
import threading
import time

import pytest

from harness import abi, bpf
from harness.lab import BUILD, SLOW, Lab

from load import Load
from network import Network, say


KILLS = 5


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return tmp_path_factory.mktemp("content")


@pytest.fixture
def network(content):
    with Lab("controller") as lab:
        n = Network(lab)
        for host in n.hosts.values():
            host.start_server()
            host.start_web(content)
        yield n


def attached(network):
    """{interface: id of the XDP program on it}"""
    links = json.loads(network.switch.ip("-j", "link", "show").stdout)
    return {link["ifname"]: link["xdp"]["prog"]["id"] for link in links
            if "xdp" in link}


def pinned_program(network, name):
    with bpf.Program.pinned(network.batond.pins / name) as program:
        return program.info.id


def started(network):
    return network.events("start")[-1]


def lasting(network, connection):
    """Where the flows are that live all the time: the connection's, and the
    stream's."""
    port = connection.getsockname()[1]
    return {key: (flow["owner"], flow["host"])
            for key, flow in network.flows().items()
            if key[1] == port or key[2].startswith("udp")}


@pytest.mark.parametrize("family", [4, 6])
def test_x3_killed_and_started_again(network, family):
    """Again and again under load: no packet lost, every page fetched, every
    connection where it was, nothing attached twice; and each start puts a
    new switch program in place, as an upgrade would."""
    network.start()
    assert not started(network)["adopted"]
    network.baton("owner", "failover", "role-a", "to", "b")
    with network.connection(family) as kept, Load(network, family) as load:
        host = say(kept)
        ids, flows = attached(network), lasting(network, kept)
        assert len(flows) == 2
        assert set(ids) == {"s0", "s1", "s2"}
        programs = {pinned_program(network, "switch")}
        for end in signal.SIGKILL, signal.SIGTERM, signal.SIGKILL:
            network.batond.kill(end)
            network.batond.popen.wait()
            load.more()  # while nobody is in control
            network.restart()
            assert started(network)["adopted"]
            load.more()
            programs.add(pinned_program(network, "switch"))
        assert len(programs) == 4
        assert attached(network) == ids
        assert lasting(network, kept) == flows
        owner = network.owner("role-a")
        assert (owner["host"], owner["epoch"]) == \
            ("b", network.epoch("role-a", 1))
        assert say(kept) == host
        load.check()
    # And it does its work.
    network.wait_up("a", "b")
    mark = network.last_event()
    network.hosts["b"].deafen()
    move = network.wait_event("move", mark, owner="role-a")
    assert (move["to"], move["epoch"]) == ("a", network.epoch("role-a", 2))


def owner_word(network, number):
    """{host, epoch} of an owner, as packets see it."""
    with bpf.Map.pinned(network.batond.pins / "owners") as owners:
        word = abi.Owner.from_buffer_copy(owners.lookup(number))
    return word.host, word.epoch


def test_x3_killed_while_moving(network):
    """The word that packets see is the truth: whenever batond dies, the next
    one goes on from it, and no epoch comes twice."""
    network.start()
    names = {h["id"]: h["name"] for h in network.show("host").values()}
    number = network.owner("role-a")["id"]
    over = threading.Event()
    moves = []

    def keep_moving():
        while not over.is_set():
            with contextlib.suppress(OSError, ValueError, KeyError):
                moves.extend(network.batond.control.request(
                    "owner.failover", name="role-a", force=True)["data"])

    dice = random.Random(1)
    for _ in range(KILLS):
        over.clear()
        mover = threading.Thread(target=keep_moving)
        mover.start()
        time.sleep(dice.uniform(0, 0.03 * SLOW))  # any moment will do
        network.batond.kill()
        over.set()
        mover.join()
        network.batond.popen.wait()
        word = owner_word(network, number)
        network.restart()
        assert owner_word(network, number) == word
        owner = network.owner("role-a")
        assert (owner["host"], owner["epoch"]) == (names[word[0]], word[1])
        network.wait_up("a", "b")
    epochs = [m["epoch"] for m in moves]
    assert len(epochs) > KILLS
    assert epochs == sorted(set(epochs))


def test_x3_load_would_notice(network):
    """Ablation: without the programs packets are lost, and it shows."""
    network.start()
    with Load(network) as load:
        network.batond.stop()
        network.switch.run(BUILD / "batond", "--config", network.config_path,
                           "--unload")
        load.sender.wait_for(lambda: load.failures, "a page is not fetched")
        done = load.result()
        assert done["received"] < done["sent"]


def test_x3_other_abi_is_refused(network):
    """Maps of another version are left alone, and it is said how to go on."""
    network.start()
    before = attached(network)
    network.batond.stop()
    with bpf.Map.pinned(network.batond.pins / "meta") as meta:
        record = abi.Meta.from_buffer_copy(meta.lookup(0))
        record.abi += 1
        meta.update(0, record)
    command = BUILD / "batond", "--config", network.config_path
    done = network.switch.run(*command, check=False)
    assert done.returncode == 1
    assert "--unload" in done.stderr
    assert str(record.abi) in done.stderr and str(abi.C["ABI"]) in done.stderr
    assert attached(network) == before
    assert "hello" and network.who() in network.hosts  # forwards on
    network.switch.run(*command, "--unload")
    assert not attached(network)
    assert not [m.name for m in abi.MAPS
                if (network.batond.pins / m.name).exists()]
    network.restart()
    assert not started(network)["adopted"]
    network.wait_up("a", "b")
    assert network.who() in network.hosts


def test_x3_only_one_at_a_time(network):
    network.start()
    before = attached(network)
    done = network.switch.run(BUILD / "batond", "--config",
                              network.config_path, check=False)
    assert done.returncode == 1
    assert "held by another batond" in done.stderr
    assert attached(network) == before
    assert network.ask("status")["pid"] == network.batond.pid
    done = network.switch.run(BUILD / "batond", "--config",
                              network.config_path, "--unload", check=False)
    assert done.returncode == 1 and "stop it first" in done.stderr
    assert network.who() in network.hosts


def test_x3_flows_without_controller(network):
    """`baton flow` reads the pinned maps, whether or not batond runs."""
    network.start()
    with network.connection() as s:
        say(s)
        flows = network.flows()
        network.batond.kill()
        network.batond.popen.wait()
        now = network.flows()
        assert flows.keys() == now.keys()
        (key, flow), = now.items()
        assert (flow["host"], flow["state"]) == (say(s), "established")
        assert key[2] == "tcp4"
