# SPDX-License-Identifier: GPL-2.0-only
"""Rows K5 and X2: owners moved and drained by hand, and who is next by each
policy."""

import contextlib
import json

import pytest

from harness.lab import Lab

from network import DETECTION, ECHO, Network, say, vip

HOSTS = ["a", "b", "c"]


@pytest.fixture
def network():
    with Lab("by-hand") as lab:
        n = Network(lab, HOSTS)
        for host in n.hosts.values():
            host.start_server()
        yield n


def moves(network, *words):
    return json.loads(network.baton("-j", "owner", *words).stdout)


def refused(network, *words):
    done = network.baton(*words, check=False)
    assert done.returncode == 1, done
    return done.stderr


def test_x2_failover_and_failback(network):
    network.start()
    with network.connection() as kept:
        home = say(kept)
        role = f"role-{home}"
        others = [h for h in HOSTS if h != home]
        flow, = network.flows("host", home)
        first, = moves(network, "failover", role)
        assert (first["from"], first["to"]) == (home, others[0])
        second, = moves(network, "failover", role, "to", others[1])
        assert (second["from"], second["to"]) == (others[0], others[1])
        assert second["epoch"] == first["epoch"] + 1
        assert network.flows()[flow]["host"] == others[1]
        back, = moves(network, "failback", role)
        assert (back["to"], back["epoch"]) == (home, first["epoch"] + 2)
        # Nothing was sent meanwhile, so the connection lives.
        assert say(kept) == home
    events = [(e["from"], e["to"]) for e in network.events("move")]
    assert events == [(home, others[0]), (others[0], others[1]),
                      (others[1], home)]
    assert "already" in refused(network, "owner", "failback", role)
    assert "no owner" in refused(network, "owner", "failover", "wombat")


def test_x2_one_connection_alone(network):
    """A single flow is given to another owner; its neighbours stay."""
    network.start()
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(network.socket(4)) for _ in range(20)]
        for s in sockets:
            s.connect((vip(4), ECHO))
        names = [say(s) for s in sockets]
        client, port = sockets[0].getsockname()
        other = next(h for h in HOSTS if h != names[0])
        network.baton("flow", "set", "client", client, "port", port,
                      "service", "udp4", "owner", f"role-{other}")
        assert [say(s) for s in sockets] == [other, *names[1:]]


def test_x2_failover_to_host_that_is_down(network):
    config = network.config(detection={**DETECTION, "startup-grace": "500ms"})
    config["hosts"].append({"name": "d", "address": "10.0.1.99"})
    network.start(config)
    network.wait_event("host_down", host="d")
    assert "force" in refused(network, "owner", "failover", "role-a", "to",
                              "d")
    assert network.owner("role-a")["host"] == "a"
    moved, = moves(network, "failover", "role-a", "to", "d", "force")
    assert moved["to"] == "d"
    assert network.owner("role-a")["host"] == "d"


def test_k5_drained_owner_keeps_its_connections(network):
    network.start()
    with contextlib.ExitStack() as stack:
        kept = [stack.enter_context(network.connection()) for _ in range(24)]
        names = [say(s) for s in kept]
        assert "a" in names
        network.baton("owner", "drain", "role-a")
        assert network.owner("role-a")["state"] == "draining"
        assert "a" not in {network.who() for _ in range(24)}
        assert [say(s) for s in kept] == names
        network.baton("owner", "drain", "role-a", "off")
        assert network.owner("role-a")["state"] == "active"
        assert "a" in {network.who() for _ in range(48)}


def test_k5_drained_host_takes_nothing_over(network):
    config = network.config()
    config["owners"][2]["standbys"] = ["b", "a"]
    network.start(config)
    assert network.owner("role-a")["next"] == "b"
    assert network.owner("role-c")["next"] == "b"
    network.baton("host", "drain", "b")
    network.batond.wait_for(
        lambda: network.owner("role-a")["next"] == "c", "next is c")
    assert network.show("host")["b"]["draining"]
    moved, = moves(network, "failover", "role-a")
    assert moved["to"] == "c"
    network.baton("host", "drain", "b", "off")
    network.batond.wait_for(
        lambda: network.owner("role-c")["next"] == "b", "next is b again")


def test_k5_agent_that_says_draining(network):
    """The host's own word does what the operator's does."""
    network.start()
    network.hosts["b"].agent_command("--say", "draining")
    network.wait_event("host_word", host="b", word="draining")
    network.batond.wait_for(
        lambda: network.owner("role-a")["next"] == "c", "next is c")
    assert network.owner("role-b")["host"] == "b"
    assert "b" not in {network.who() for _ in range(24)}


def test_k5_policies_decide_beforehand_and_are_followed(network):
    """c is preferred by priority; b by order; once b has the connections, c
    is the less loaded; two that are spread go to different hosts."""
    owners = [{"name": "ordered", "host": "a", "standbys": ["b", "c"]},
              {"name": "priority", "host": "a", "policy": "priority"},
              {"name": "loaded", "host": "a", "policy": "least-loaded"},
              {"name": "spread-1", "host": "a", "policy": "spread"},
              {"name": "spread-2", "host": "a", "policy": "spread"},
              {"name": "busy", "host": "b"}]
    config = network.config(owners=owners)
    config["hosts"] = [h.entry(priority=200 if h.name == "c" else 100)
                       for h in network.hosts.values()]
    for service in config["services"]:
        service["owners"] = ["busy"]
    network.start(config)
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            s = stack.enter_context(network.socket(4))
            s.connect((vip(4), ECHO))
            assert say(s) == "b"

    def plan():
        return {name: o["next"] for name, o in network.show("owner").items()}

    network.batond.wait_for(lambda: plan()["loaded"] == "c",
                            "the less loaded of the two is next")
    planned = plan()
    assert planned["ordered"] == "b"
    assert planned["priority"] == "c"
    assert {planned["spread-1"], planned["spread-2"]} == {"b", "c"}
    network.hosts["a"].deafen()
    for name in planned:
        if name != "busy":
            event = network.wait_event("move", owner=name)
            assert (event["from"], event["to"]) == ("a", planned[name])
    assert network.owner("busy")["host"] == "b"
