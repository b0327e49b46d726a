# SPDX-License-Identifier: GPL-2.0-only
"""docs/control.md lists the fields that batond sends, all and no others."""

import re
import subprocess

import pytest

from harness import abi, bpf
from harness.lab import BUILD, ROOT, wait_until

TEXT = (ROOT / "docs/control.md").read_text()

ANYTHING = object()  # what the page leaves open, as "..."


# --- the page ----------------------------------------------------------------

def tokens(text):
    return iter(re.findall(r'"[a-z0-9_]+"|\.\.\.|[a-z]+|[{}\[\],:]', text))


def parse_value(token, rest):
    """What is written like JSON without values: an object as a dict from its
    names to what they hold, an array as a list of one, else None."""
    if token == "[":
        item = parse_value(next(rest), rest)
        assert next(rest) == "]"
        return [item]
    if token != "{":
        return ANYTHING if token == "..." else None
    fields = {}
    token = next(rest)
    while token != "}":
        name, value = token.strip('"'), None
        token = next(rest)
        if name == "...":
            value = ANYTHING
        elif token == ":":
            value = parse_value(next(rest), rest)
            token = next(rest)
        assert name not in fields and token in ",}", (name, token)
        fields[name] = value
        if token == ",":
            token = next(rest)
    return ANYTHING if list(fields) == ["..."] else fields


def described(heading="## Objects"):
    """From the name of an object to its fields."""
    section = TEXT.partition(heading)[2].partition("\n## ")[0]
    shapes = {}
    for name, text in re.findall(r"^- (\w+)[^`]*?: `({.*?})`", section,
                                 re.DOTALL | re.MULTILINE):
        rest = tokens(text)
        shapes[name] = parse_value(next(rest), rest)
    return shapes


DECISION = {"flows", "because", "guards", "others", "more_others"}


def kinds():
    """From the kind of an event to its fields; a move's are named by name."""
    table = TEXT.partition("## Kinds of events")[2]
    return {kind: set(re.findall(r"`(\w+)`", fields))
            | (set(OBJECTS["move"]) if "those of a move" in fields else set())
            | (DECISION if "those of a decision" in fields else set())
            for names, fields in re.findall(r"^\| (`.*?) \| (.*?) \|", table,
                                            re.MULTILINE)
            for kind in re.findall(r"`(\w+)`", names)}


OBJECTS = described()


def compare(shape, value, where):
    """Null stands for anything that is not known."""
    if isinstance(shape, list):
        assert isinstance(value, list), where
        for item in value:
            compare(shape[0], item, f"{where}[]")
    elif isinstance(shape, dict) and value is not None:
        names = set(shape) - {"..."}
        assert names <= set(value), where
        if "..." not in shape:
            assert names == set(value), where
        for name in names:
            compare(shape[name], value[name], f"{where}.{name}")
    elif shape is None:
        assert not isinstance(value, dict), where


# --- the switch --------------------------------------------------------------

PROBED_ONLY = {"applications", "probes", "unanswered", "answers", "lost",
               "late", "bogus", "forged", "unsent", "bursts", "lease_us",
               "last_answer_ms"}


@pytest.fixture(scope="module")
def network(lab):
    switch, host, wire = (lab.netns(n) for n in ("switch", "host", "wire"))
    lab.veth(switch, "up0", wire, "up1")
    lab.veth(switch, "down0", host, "eth0")
    switch.address("down0", "10.0.1.1/24")
    host.address("eth0", "10.0.1.2/24")
    return switch, host


@pytest.fixture(scope="module")
def batond(lab, network):
    key = lab.file("probe.key", "00112233445566778899aabbccddeeff\n")
    key.chmod(0o600)
    return lab.batond(network[0], {
        "switch": {"probe-key": str(key)},
        "ports": [{"interface": "up0"}, {"interface": "down0"}],
        "hosts": [{"name": "a", "address": "10.0.1.2", "profile": "vm"},
                  {"name": "b", "address": "10.0.1.3", "probe": False},
                  {"name": "far", "address": "203.0.113.9", "detect": "bfd"}],
        "owners": [{"name": "web-a", "host": "a", "standbys": ["b"]},
                   {"name": "alone", "host": "a", "standbys": ["far"]}],
        "services": [
            {"name": "web", "vip": "192.0.2.10", "protocol": "tcp",
             "port": 80, "owners": ["web-a"]},
            {"name": "all", "vip": "2001:db8:200::10", "protocol": "udp",
             "port": "any", "owners": ["web-a"]},
            {"name": "vpn", "vip": "192.0.2.11", "protocol": "ipsec",
             "owners": ["alone"]}],
    })


@pytest.fixture(scope="module")
def agent(lab, network, batond):
    """The host's agent, heard by batond."""
    config = lab.dir / "host-a.yaml"
    config.write_text(f"interface: eth0\nbpffs: {lab.bpffs('host-bpf')}\n"
                      f"probe-key: {lab.dir}/probe.key\n"
                      "switches: [10.0.1.1]\n")
    process = lab.start(network[1], BUILD / "baton-host", "--config", config)
    process.wait_for(
        lambda: batond.control("host.show", name="a")[0]["state"] == "up",
        "host a up")
    return config


def test_page_is_understood():
    assert {"move", "service", "host", "bfd", "owner", "event", "reason",
            "plan", "replay", "stats", "traffic", "status"} == set(OBJECTS)
    assert {"start", "stop", "move", "link_down"} <= set(kinds())


def test_status(batond):
    compare(OBJECTS["status"], batond.control("status"), "status")


def test_services(batond):
    services = batond.control("service.show")
    compare([OBJECTS["service"]], services, "service")
    assert [s["port"] for s in services] == [80, "any", None]


def test_hosts(batond, agent):
    probed, other, watched = batond.control("host.show")
    assert probed["rtt_us"] is not None
    compare(OBJECTS["host"], probed, "host a")
    shape = {k: v for k, v in OBJECTS["host"].items() if k not in PROBED_ONLY}
    compare(shape, other, "host b")
    compare({**shape, "bfd": OBJECTS["bfd"]}, watched, "host far")
    assert watched["bfd"] is not None
    assert probed["bfd"] is None and other["bfd"] is None


def test_owners(batond):
    compare([OBJECTS["owner"]], batond.control("owner.show"), "owner")


def test_stats(batond):
    stats = batond.control("stats")
    compare(OBJECTS["stats"], stats, "stats")
    compare([OBJECTS["reason"]], stats["reasons"], "reason")
    compare([OBJECTS["traffic"]], stats["services"] + stats["hosts"],
            "traffic")
    compare(OBJECTS["stats"]["table"]["flows4"], stats["table"]["flows6"],
            "flows6")


def test_moves(batond, agent):
    moves = batond.control("owner.failover", name="web-a", to="b")
    compare([OBJECTS["move"]], moves, "move")
    compare([OBJECTS["move"]], batond.control("owner.failback", name="web-a"),
            "move")


def test_plan(batond, agent):
    plan = batond.control("owner.plan")
    compare(OBJECTS["plan"], plan, "plan")
    assert plan["one"] and plan["one"][0]["owners"]
    plan = batond.control("owner.plan", hosts=["a", "b"])
    assert plan.pop("two") is None
    compare({"one": OBJECTS["plan"]["one"]}, plan, "plan")


def test_replay(batond):
    assert batond.control("owner.replay", name="web-a") is None
    with bpf.Map.pinned(batond.pins / "record_rings") as rings:
        rings.update(0, abi.RecordRing(next=1))
    compare(OBJECTS["replay"], batond.control("owner.replay", name="web-a"),
            "replay")


def test_an_error_is_as_shown(batond, agent):
    """The example's words are batond's."""
    shown = re.search(r'"ok": false, "error": "owner web-a: host b (.*?)"',
                      TEXT)[1]
    batond.control("host.add", object={"name": "new", "address": "10.0.1.9"})
    answer = batond.control.request("owner.failover", name="web-a", to="new")
    assert answer["error"] == f"owner web-a: host new {shown}"
    batond.control("host.del", name="new")


def test_events(batond, agent, network):
    """Every kind that can be made to happen here has the fields listed."""
    switch, host = network

    def seen():
        return {e["kind"] for e in batond.control("event.show", last=4096)}

    def await_kinds(*wanted):
        wait_until(lambda: set(wanted) <= seen(),
                   lambda: f"events {wanted}, of {seen()}")

    batond.control("owner.failover", name="web-a", to="b")
    batond.control("owner.failback", name="web-a")
    subprocess.run(host.argv(BUILD / "baton-host", "--config", agent,
                             "--say", "draining"), check=True)
    await_kinds("host_word")
    batond.control("owner.drain", name="alone", on=True)
    host.ip("link", "set", "eth0", "down")
    await_kinds("link_down", "host_down", "move")
    host.ip("link", "set", "eth0", "up")
    await_kinds("link_up", "host_up")

    listed = kinds()
    for event in batond.control("event.show", last=4096):
        compare(OBJECTS["event"], event, "event")
        own = set(event) - set(OBJECTS["event"])
        if event["kind"] in ("config", "unresolved"):
            assert own <= listed[event["kind"]], event
        else:
            assert own == listed[event["kind"]], event
    assert {"start", "host_up", "host_word", "config", "unresolved"} <= seen()


def test_no_kind_is_missing():
    sources = "".join(p.read_text()
                      for p in (ROOT / "user/batond").glob("*.c"))
    # after the severity, what is quoted before any call or other text
    sent = re.findall(r'\bevent(?:_at)?\(&b(?:->|\.)events,.*?LOG_L_\w+,'
                      r'((?:[^"(]*"[a-z_]+")+)', sources, re.DOTALL)
    assert set(re.findall(r'"(\w+)"', "".join(sent))) == set(kinds())
