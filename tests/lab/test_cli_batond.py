# SPDX-License-Identifier: GPL-2.0-only
"""baton and batond understand each other."""

import json
import subprocess

import pytest

from harness.lab import BUILD

CONFIG = {
    "ports": [{"interface": "up0"}, {"interface": "down0"}],
    "hosts": [{"name": "a", "address": "10.0.1.2", "probe": False},
              {"name": "b", "address": "10.0.1.3", "probe": False}],
    "owners": [{"name": "web-a", "host": "a"}, {"name": "web-b", "host": "b"}],
    "services": [{"name": "web", "vip": "192.0.2.10", "protocol": "tcp",
                  "port": 80, "owners": ["web-a"]}],
}


@pytest.fixture(scope="module")
def batond(lab):
    switch, wire = lab.netns("switch"), lab.netns("wire")
    lab.veth(switch, "up0", wire, "up1")
    lab.veth(switch, "down0", wire, "down1")
    switch.address("down0", "10.0.1.1/24")
    return lab.batond(switch, CONFIG)


@pytest.fixture
def baton(lab, batond):
    def ask(*words, check=True):
        return lab.baton(batond, *words, check=check)
    return ask


def data(baton, *words):
    return json.loads(baton("-j", *words).stdout)


def test_k5_plan(baton):
    """Who would take over, whoever dies; nothing moves for having asked.
    (Before anything is moved: a guard would keep it.)"""
    before = data(baton, "owner", "show")
    lines = baton("owner", "plan").stdout.splitlines()
    assert lines[:4] == ["if a died:", "  web-a -> b  (0 flows)",
                         "if b died:", "  web-b -> a  (0 flows)"]
    assert "these would be too many:" in lines[5]
    assert lines[6] == "if a and b died at once:"
    assert lines[7].startswith("  web-a stays, without a host: ")
    named = baton("owner", "plan", "a", "b").stdout.splitlines()
    assert named == lines[6:]
    assert baton("owner", "plan", "wombat", check=False).returncode == 1
    after = data(baton, "owner", "show")
    for owner in before + after:
        owner.pop("moved_ms")
    assert before == after


@pytest.mark.parametrize("words, missing", [
    ("service show", ("BACK-OF",)),
    # nobody says what hosts hold
    ("owner show", ("MOVED", "STANDBYS", "COMPLETE", "HELD")),
    # nothing is known of a host that is not probed
    ("host show", ("WORD", "RTT", "LOST", "DETECT", "ANSWERED", "BARRED",
                   "FAILED", "OWNERS")),
])
def test_every_column_is_filled(baton, words, missing):
    """The daemon sends what the table has columns for."""
    lines = baton(*words.split()).stdout.splitlines()
    header, rows = lines[0].split(), [line.split() for line in lines[1:]]
    assert rows
    for row in rows:
        for name, value in zip(header, row):
            assert value != "-" or name in missing, (name, row)


@pytest.mark.parametrize("words", [
    "status", "stats", "stats -a", "event show", "config show",
    "service show web", "host show a", "owner show web-a", "flow show",
    "reload"])
def test_shows(baton, words):
    words = words.split()
    done = baton(*words)
    assert done.stdout and not done.stderr
    json.loads(baton("-j", *words).stdout)


def test_change_and_show(baton):
    baton("service", "set", "web", "owners", "web-a,web-b:3")
    service, = data(baton, "service", "show", "web")
    shares = {o["name"]: o["share"] for o in service["owners"]}
    # as near as a ring of some thousand entries comes
    assert shares == pytest.approx({"web-a": 0.25, "web-b": 0.75}, abs=0.02)
    baton("host", "add", "c", "address", "10.0.1.4", "probe", "no")
    baton("owner", "set", "web-a", "standbys", "c,b", "policy", "ordered")
    owner, = data(baton, "owner", "show", "web-a")
    assert owner["standbys"] == ["c", "b"]


def test_failover_and_back(baton):
    moved, = data(baton, "owner", "failover", "web-a", "to", "b")
    assert (moved["owner"], moved["from"], moved["to"]) == ("web-a", "a", "b")
    # to where it is already
    assert baton("owner", "failover", "web-a", "to", "b",
                 check=False).returncode == 1
    moved, = data(baton, "owner", "failback", "web-a")
    assert moved["to"] == "a"


def test_drain(baton):
    baton("host", "drain", "b")
    assert [h["draining"] for h in data(baton, "host", "show", "b")] == [True]
    baton("host", "drain", "b", "off")
    assert [h["draining"] for h in data(baton, "host", "show", "b")] == [False]


def test_refusal_names_the_field(baton):
    done = baton("host", "set", "a", "wombat", "7", check=False)
    assert done.returncode == 1
    assert "wombat" in done.stderr and not done.stdout


def test_flow_is_where_the_daemon_says(baton):
    key = ("client", "198.51.100.7", "port", "7", "service", "web")
    assert data(baton, "flow", "show", *key)[0]["recorded"] is False
    baton("flow", "set", *key, "owner", "web-b")
    row, = data(baton, "flow", "show", *key)
    assert (row["owner"], row["host"]) == ("web-b", "b")
    assert row["vip"] == "192.0.2.10" and row["idle_s"] is not None
    baton("flow", "del", *key)
    assert data(baton, "flow", "show", *key)[0]["recorded"] is False


def test_watch_sees_what_happens(baton, batond):
    argv = [str(BUILD / "baton"), "-j", "--socket", str(batond.control.path),
            "event", "watch", "last", "1"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as watch:
        try:
            # Once the past is printed, what follows is not missed.
            past = json.loads(watch.stdout.readline())
            data(baton, "owner", "failover", "web-b", "to", "a")
            event = json.loads(watch.stdout.readline())
            while event.get("owner") != "web-b":
                event = json.loads(watch.stdout.readline())
        finally:
            watch.terminate()
        assert event["seq"] > past["seq"] and event["to"] == "a"
    data(baton, "owner", "failback", "web-b")
