# SPDX-License-Identifier: GPL-2.0-only
"""Rows K6 and X3: detection goes on without batond, and batond notices when
detection does not."""

import os
import signal
from pathlib import Path

import pytest

from harness import abi, bpf
from harness.lab import BUILD, Lab, run, wait_until

from network import Network


@pytest.fixture
def network():
    with Lab("prober") as lab:
        yield Network(lab, ["a", "b"])


def prober(network):
    return network.ask("status")["prober"]


def alive(pid):
    """Not counting what only waits for its parent."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except FileNotFoundError:
        return False
    return state.split()[0] != "Z"


def owner_word(network, name):
    """As the maps have it: no batond is needed to read them."""
    with bpf.Map.pinned(network.batond.pins / "owner_info") as infos, \
            bpf.Map.pinned(network.batond.pins / "owners") as owners:
        for i in range(1, 16):
            info = abi.OwnerInfo.from_buffer_copy(infos.lookup(i))
            if info.name.decode() == name:
                return abi.Owner.from_buffer_copy(owners.lookup(i))
    raise AssertionError(f"no owner {name}")


def die(network, name):
    network.hosts[name].ns.ip("link", "set", "h0", "down")


def kill_batond(network):
    network.batond.kill()
    network.batond.popen.wait()


def test_k6_detection_without_batond(network):
    """batond is dead, then a host dies: its owner moves all the same, and the
    next batond finds, and tells, what happened meanwhile."""
    network.start()
    pid = prober(network)["pid"]
    before = owner_word(network, "role-a")
    last = network.last_event()
    kill_batond(network)
    assert alive(pid)
    die(network, "a")
    wait_until(lambda: owner_word(network, "role-a").epoch == before.epoch + 1,
               "the owner has moved")
    assert owner_word(network, "role-a").host == \
        owner_word(network, "role-b").host

    network.restart()
    assert prober(network)["adopted"]
    assert prober(network)["pid"] == pid
    network.wait_event("host_down", last, host="a")
    network.wait_event("move", last, owner="role-a", to="b")
    assert network.owner("role-a")["host"] == "b"
    assert network.show("host")["b"]["state"] == "up"


def test_k6_without_prober_nothing_is_detected(network):
    """The ablation of the test above: with the prober dead, too, the owner
    stays where it is."""
    network.start()
    pid = prober(network)["pid"]
    before = owner_word(network, "role-a")
    kill_batond(network)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid), "the prober is dead")
    die(network, "a")
    with pytest.raises(AssertionError):
        wait_until(lambda: owner_word(network, "role-a").epoch != before.epoch,
                   "the owner has moved", timeout=2)
    # batond is back, and so is detection.
    network.start(up=False, pins=network.batond.pins.parent)
    network.wait_event("move", owner="role-a", to="b")


def test_x3_state_of_hosts_is_kept(network):
    """Over a restart nothing is forgotten: round-trip times, a host that is
    down, one that drains by the operator's wish."""
    network.start()
    network.baton("host", "drain", "b")
    die(network, "a")
    network.wait_event("host_down", host="a")
    probes = network.show("host")["b"]["probes"]
    kill_batond(network)
    network.restart()
    hosts = network.show("host")
    assert hosts["a"]["state"] == "down"
    assert hosts["b"]["state"] == "up"
    assert hosts["b"]["probes"] > probes
    assert hosts["b"]["draining"]


def test_k6_prober_killed(network):
    """An alarm at once, and another prober; detection works again."""
    network.start()
    first = prober(network)["pid"]
    os.kill(first, signal.SIGKILL)
    network.wait_event("prober", state="lost", pid=first)
    network.wait_event("prober", state="started")
    assert prober(network)["pid"] != first
    wait_until(lambda: network.ask("status")["realtime"], "it is real-time")
    die(network, "a")
    network.wait_event("move", owner="role-a", to="b")


def test_k6_prober_hung(network):
    """One that is stopped is as good as dead, and holds nobody up."""
    network.start()
    first = prober(network)["pid"]
    os.kill(first, signal.SIGSTOP)
    network.wait_event("prober", state="hung", pid=first)
    network.wait_event("prober", state="started")
    assert not alive(first)
    die(network, "a")
    network.wait_event("move", owner="role-a", to="b")


def test_k6_stand_in(network):
    """Probers that die again and again: batond probes by itself between them,
    and a host that dies then is found dead."""
    network.start()

    def killed_until_pause():
        pid = prober(network)["pid"]
        if pid:
            os.kill(pid, signal.SIGKILL)
        return prober(network)["stand_in"]
    wait_until(killed_until_pause, "batond stands in", interval=0.02)
    network.wait_event("prober", state="stand-in")
    die(network, "a")
    network.wait_event("move", owner="role-a", to="b")


def test_x3_another_key_is_another_prober(network):
    """A prober with the old key is no use: it is replaced, and what it knew of
    hosts is kept."""
    network.start()
    pid = prober(network)["pid"]
    kill_batond(network)
    network.key.write_text(os.urandom(16).hex() + "\n")
    last_probe = network.restart() and prober(network)
    assert last_probe["pid"] != pid and not last_probe["adopted"]
    assert not alive(pid)
    # Agents with the former key are not heard any more.
    network.wait_event("host_down", host="a")


def test_x3_unload_ends_the_prober(network):
    network.start()
    pid = prober(network)["pid"]
    network.batond.stop()
    assert alive(pid)
    run(*network.switch.argv(BUILD / "batond", "--config",
                             network.config_path, "--unload"))
    assert not alive(pid)
    assert not list(network.batond.pins.glob("*"))


def test_x3_new_maps_are_not_moved_by_an_old_prober(network):
    """Pins removed by hand: what still probes for them is replaced."""
    network.start()
    pid = prober(network)["pid"]
    kill_batond(network)
    for pin in network.batond.pins.iterdir():
        pin.unlink()
    network.restart()
    assert prober(network)["pid"] != pid
    assert not alive(pid)
    network.wait_up("a", "b")
