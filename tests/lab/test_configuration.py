# SPDX-License-Identifier: GPL-2.0-only
"""Rows X3 and K4: the configuration changes while packets flow, from the file
or by hand; no flow is lost, and what is wrong changes nothing."""

import contextlib
import itertools
import json
import random
import re
import signal
import threading
import time

import pytest

from harness.lab import Lab

from load import Load
from network import DETECTION, SINK, Network, near, say, vip


KILLS = 8


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return tmp_path_factory.mktemp("content")


@pytest.fixture
def network(content):
    with Lab("configuration") as lab:
        n = Network(lab, ["a", "b", "c"])
        for host in n.hosts.values():
            host.start_server()
            host.start_web(content)
        n.start(two_hosts(n), up=False)
        n.wait_up("a", "b")
        yield n


def two_hosts(network):
    """c is there, but not in the configuration."""
    config = network.config(owners=[
        {"name": "role-a", "host": "a", "standbys": ["b"]},
        {"name": "role-b", "host": "b", "standbys": ["a"]}])
    config["hosts"] = [h for h in config["hosts"] if h["name"] != "c"]
    return config


def with_a_third(network):
    more = two_hosts(network)
    more["hosts"].append(network.hosts["c"].entry())
    more["owners"].append({"name": "role-c", "host": "c"})
    # At a port of which no client has a connection: those would be the new
    # service's from then on.
    more["services"].append({"name": "sink", "vip": vip(4), "port": SINK,
                             "protocol": "tcp", "owners": ["role-c"]})
    return more


def written(network):
    return json.loads(network.config_path.read_text())


def rewrite(network, config):
    """The file anew, with the paths that the lab has put into it."""
    config["switch"] = written(network)["switch"]
    fresh = network.config_path.with_suffix(".new")
    fresh.write_text(json.dumps(config, indent=1))
    fresh.replace(network.config_path)  # as an editor does: all or nothing


@pytest.mark.parametrize("how", ["reload", "hangup"])
def test_x3_reload_under_load(network, how):
    """A host, an owner and a service come; then they go again."""
    first = two_hosts(network)
    more = with_a_third(network)

    def reload(config):
        rewrite(network, config)
        mark = network.last_event()
        if how == "reload":
            network.baton("reload")
        else:
            network.batond.kill(signal.SIGHUP)
        return network.wait_event("config", mark)["changes"]

    with network.connection() as kept, Load(network) as load:
        host = say(kept)
        assert reload(more) > 0
        network.wait_up("c")
        assert network.upload(b"to c")[0] == "c"
        load.more()
        assert reload(first) > 0
        assert network.upload(b"not to c")[0] in ("a", "b")
        load.more()
        assert reload(first) == 0
        assert set(network.show("host")) == {"a", "b"}
        assert set(network.show("owner")) == {"role-a", "role-b"}
        assert say(kept) == host
        load.check()


def test_x3_killed_while_reloading(network):
    """Killed at any moment, between any two stores, the controller leaves
    maps that forward, and the next one makes of them what the file says."""
    first, more = two_hosts(network), with_a_third(network)
    rewrite(network, first)
    over = threading.Event()

    def keep_reloading():
        configs = itertools.cycle((more, first))
        while not over.is_set():
            rewrite(network, next(configs))
            with contextlib.suppress(OSError, ValueError):
                network.batond.control.request("reload")

    dice = random.Random(1)
    with network.connection() as kept, Load(network) as load:
        host = say(kept)
        for _ in range(KILLS):
            over.clear()
            reloads = threading.Thread(target=keep_reloading)
            reloads.start()
            time.sleep(dice.uniform(0, 0.03))  # any moment will do
            network.batond.kill()
            over.set()
            reloads.join()
            network.batond.popen.wait()
            network.restart()
            said = written(network)
            for kind in "host", "owner", "service":
                assert set(network.show(kind)) == {
                    o["name"] for o in said[f"{kind}s"]}
            shares = [o["share"] for s in network.show("service").values()
                      for o in s["owners"]]
            assert all(shares)
            assert say(kept) == host
        load.check()


def test_x3_flows_of_removed_owner_find_another(network):
    """Its connections cannot go on, but their packets go to somebody."""
    with network.connection() as s:
        name = say(s)
        other = {"a": "b", "b": "a"}[name]
        config = two_hosts(network)
        config["owners"] = [o for o in config["owners"]
                            if o["host"] == other]
        for service in config["services"]:
            service["owners"] = [f"role-{other}"]
        rewrite(network, config)
        network.baton("reload")
        with pytest.raises(ConnectionResetError):
            say(s)
    assert network.who() == other


@pytest.mark.parametrize("wrong, says", [
    ('"hosts": [', '"hsots": ['),
    ('"host": "b"', '"host": "nobody"'),
    ('"protocol": "udp"', '"protocol": "sctp"'),
    ('"hosts": [', '"hosts": [[['),
], ids=["key", "reference", "value", "syntax"])
def test_x3_wrong_file_changes_nothing(network, wrong, says):
    text = network.config_path.read_text()
    line = text[:text.index(wrong)].count("\n") + 1
    before = network.ask("config.show"), network.show("owner")
    network.config_path.write_text(text.replace(wrong, says))
    done = network.baton("reload", check=False)
    assert done.returncode == 1
    told = re.findall(rf"{network.config_path}:(\d+):", done.stderr)
    # The line of what is wrong, or that on which its object begins; where
    # brackets do not match, anything after it.
    assert told
    if not says.endswith("[[["):
        assert line - 2 <= int(told[0]) <= line
    mark = network.last_event()
    network.batond.kill(signal.SIGHUP)
    assert "not read again" in network.wait_event("config", mark)["text"]
    after = network.ask("config.show"), network.show("owner")
    for owners in before[1], after[1]:
        for owner in owners.values():
            owner.pop("flows")
    assert after == before
    assert network.who() in "ab"


def test_k4_changes_by_hand_survive_a_crash(network):
    """Added, changed and removed at run time; batond is killed, and goes on
    with what was; until the file is changed."""
    network.baton("host", "add", "c", "address", near(4, 3, 2))
    network.wait_up("c")
    network.baton("owner", "add", "role-c", "host", "c", "standbys", "a")
    network.baton("service", "add", "web", "vip", vip(4), "protocol", "tcp",
                  "port", "80", "owners", "role-c")
    assert network.curl("host").stdout == "c\n"
    network.baton("service", "set", "web", "owners", "role-b")
    assert network.curl("host").stdout == "b\n"
    network.baton("service", "del", "udp6")
    network.baton("owner", "set", "role-a", "standbys", "c")
    refused = network.baton("owner", "del", "role-b", check=False)
    assert refused.returncode == 1 and "web" in refused.stderr
    refused = network.baton("host", "add", "c", "address", "10.0.9.9",
                            check=False)
    assert refused.returncode == 1

    def state():
        return (network.ask("config.show")["text"],
                {k: o["id"] for kind in ("host", "owner", "service")
                 for k, o in network.show(kind).items()})
    before = state()
    network.batond.kill()
    network.batond.popen.wait()
    network.restart()
    assert state() == before
    assert network.owner("role-a")["standbys"] == ["c"]
    assert network.curl("host").stdout == "b\n"

    # Read again, the file is what counts.
    network.baton("reload")
    assert set(network.show("service")) == {"tcp4", "tcp6", "udp4", "udp6"}
    assert set(network.show("host")) == {"a", "b"}
    network.baton("host", "add", "c", "address", near(4, 3, 2))
    network.batond.kill()
    network.batond.popen.wait()
    config = two_hosts(network)
    config["detection"] = {**DETECTION, "startup-grace": "2s"}
    rewrite(network, config)
    network.restart()
    assert set(network.show("host")) == {"a", "b"}
    assert "given up" in network.batond.output
