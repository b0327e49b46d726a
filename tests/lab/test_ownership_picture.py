# SPDX-License-Identifier: GPL-2.0-only
"""Row K4: switch and hosts tell each other who there is and who owns what; whoever
is asked gives the same answer."""

import json
import socket

import pytest

from harness.lab import BUILD, Lab, run

from agreeing import NAMES, PORT, Agreeing

FLOOD = 2000  # datagrams


@pytest.fixture
def network():
    with Lab("picture") as lab:
        network = Agreeing(lab)
        network.start()
        yield network


def plays(owner, host):
    def condition(picture):
        found, = [o for o in picture["owners"] if o["name"] == owner]
        return found["host"] == host
    return condition


def announced(picture, name):
    found, = [h["announced"] for h in picture["hosts"] if h["name"] == name]
    return found


def test_k4_the_same_answer_everywhere(network):
    picture = network.wait_agreed()
    assert [o["name"] for o in picture["owners"]] == \
        ["role-a", "role-b", "role-c"]
    assert [(h["name"], h["state"], h["owners"]) for h in picture["hosts"]] \
        == [(n, "up", [f"role-{n}"]) for n in NAMES]
    for name, host in network.hosts.items():
        said = announced(picture, name)
        assert {"address": host.address, "mac": host.ns.mac("h0")} in \
            said["addresses"]
        assert said["holds"] == [{"owner": f"role-{name}", "role": "owner",
                                  "epoch": network.epoch(f"role-{name}", 0)}]


def test_k4_people_see_it(network):
    network.wait_agreed()
    rows = json.loads(network.hosts["b"].ns.run(
        BUILD / "baton", "--socket", network.socket_of("b"), "-j", "owner",
        "show", "role-a").stdout)
    assert [r["host"] for r in rows] == ["a"]
    table = network.hosts["b"].ns.run(
        BUILD / "baton", "--socket", network.socket_of("b"), "host",
        "show").stdout
    assert all(name in table for name in NAMES)
    counts = dict(line.split() for line in network.hosts["b"].ns.run(
        BUILD / "baton", "--socket", network.socket_of("b"), "node",
        "show").stdout.splitlines())
    assert set(counts) == set(network.verdicts("b"))
    assert int(counts["accepted"]) > 0 and int(counts["forged"]) == 0
    done = network.hosts["b"].ns.run(
        BUILD / "baton", "--socket", network.socket_of("b"), "owner", "show",
        "nobody", check=False)
    assert done.returncode and "no owner nobody" in done.stderr


def test_k4_a_move_is_told(network):
    network.wait_agreed()
    network.ask("owner.failover", name="role-a", to="b")
    picture = network.wait_agreed(
        lambda p: plays("role-a", "b")(p) and any(
            h["owner"] == "role-a" for h in announced(p, "b")["holds"])
        and not announced(p, "a")["holds"], "b plays it, and says so")
    assert len(announced(picture, "b")["holds"]) == 2


def test_k4_a_death_is_told(network):
    network.wait_agreed()
    network.hosts["a"].deafen()
    picture = network.wait_agreed(plays("role-a", "b"), "b plays it",
                                  names=("switch", "b", "c"))
    assert [h["state"] for h in picture["hosts"]] == ["down", "up", "up"]


def test_k4_what_a_host_says_of_its_applications(network):
    """Hosts hear it from each other, not from the switch."""
    pidfile = network.lab.file("pid", "1\n")
    network.start_speaking("a", applications=[
        {"name": "web", "check": "process", "pidfile": str(pidfile),
         "interval": "50ms", "limit": "1s"}])
    network.wait_agreed(lambda p: [
        (x["name"], x["state"]) for x in announced(p, "a")["applications"]]
        == [("web", "up")], "the application is up")


def test_k4_partition(network):
    """Who is cut off catches up."""
    network.wait_agreed()
    rules = [("INPUT", "-p", "udp", "--dport", str(PORT), "-j", "DROP"),
             ("OUTPUT", "-p", "udp", "--dport", str(PORT), "-j", "DROP")]
    for rule in rules:
        network.hosts["c"].ns.run("iptables-legacy", "-A", *rule)
    network.ask("owner.failover", name="role-a", to="b")
    network.wait_agreed(plays("role-a", "b"), names=("switch", "a", "b"))
    assert plays("role-a", "a")(network.picture("c"))
    for rule in rules:
        network.hosts["c"].ns.run("iptables-legacy", "-D", *rule)
    network.wait_agreed(plays("role-a", "b"))


def test_k4_who_starts_again(network):
    """Neither an agent nor the controller takes anything away for a moment
    from what others see."""
    before = network.wait_agreed()
    network.hosts["a"].agent.stop()
    network.start_speaking("a")
    assert network.picture("b")["owners"] == before["owners"]
    network.wait_agreed()
    network.batond.stop()
    assert network.picture("b")["owners"] == before["owners"]
    network.restart()
    network.wait_agreed(plays("role-a", "a"))


def test_k4_a_key_that_is_not_known(network):
    """It can say what it likes."""
    network.wait_agreed()
    other = network.lab.dir / "other.node"
    run(BUILD / "baton", "key", "new", other)
    network.start_speaking("c", **{"node-key": str(other)})
    network.ask("owner.failover", name="role-a", to="b")
    picture = network.wait_agreed(plays("role-a", "b"),
                                  names=("switch", "a", "b"))
    assert announced(picture, "c")["word"] == "up"  # what it said before
    assert network.picture("c") == {"owners": [], "hosts": []}
    assert network.verdicts("c")["forged"]
    assert network.ask("ownership.show")["forged"]


def test_k4_noise(network):
    """Datagrams of anybody change nothing and keep nobody from speaking."""
    network.wait_agreed()
    with network.hosts["a"].ns.entered():
        noise = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with noise:
        for n in range(FLOOD):
            noise.sendto(bytes(n % 256 for _ in range(n % 1400)),
                         (network.hosts["b"].address, PORT))
    network.ask("owner.failover", name="role-a", to="b")
    network.wait_agreed(plays("role-a", "b"))
    said = network.verdicts("b")
    assert said["alien"] + said["cut"] and not said["malformed"]


def test_k4_who_does_not_wait_for_the_answer(network):
    """An agent outlives those who ask it something and are gone."""
    network.wait_agreed()
    for _ in range(20):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.connect(str(network.socket_of("a")))
            s.sendall(b'{"do": "host.show"}\n' * 50)
    network.wait_agreed()
    assert network.hosts["a"].agent.alive()


def test_k4_nothing_is_told_without_keys():
    """The ablation: the same hosts, and the switch has no key."""
    with Lab("picture") as lab:
        network = Agreeing(lab)
        config = network.config()
        del config["switch"]["node-key"]
        for host in config["hosts"]:
            del host["key"]
        network.start(config)
        network.ask("owner.failover", name="role-a", to="b")
        assert network.picture("c") == {"owners": [], "hosts": []}
