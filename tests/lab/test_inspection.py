# SPDX-License-Identifier: GPL-2.0-only
"""Row X6: what is pinned can be read without us, and means what we say."""

import ipaddress
import json

import pytest

from harness import abi
from harness.lab import BPFTOOL, Lab, run, wait_until

from network import CLIENT, Network, say, vip


@pytest.fixture(scope="module")
def network():
    with Lab("inspection") as lab:
        n = Network(lab)
        for host in n.hosts.values():
            host.start_server()
        n.start(n.config(switch={"flows": 1024, "flows6": 1024}))
        n.baton("owner", "failover", "role-a", "to", "b")
        yield n


def dump(network, name):
    """What bpftool makes of a map: [(key, value)], with the names of BTF."""
    entries = json.loads(run(BPFTOOL, "-j", "map", "dump", "pinned",
                             network.batond.pins / name).stdout)
    return [(e["formatted"]["key"], e["formatted"].get("value",
                                                       e["formatted"]))
            for e in entries]


def text(chars):
    """A name as bpftool shows it: a string, or a list of characters."""
    if isinstance(chars, str):
        return chars
    return "".join(c for c in chars if c not in ("", "\0"))


def address4(word):
    return str(ipaddress.IPv4Address(word.to_bytes(4, "little")))


def test_x6_every_map_is_pinned_in_one_place(network):
    pinned = {p.name for p in network.batond.pins.iterdir()}
    assert {m.name for m in abi.MAPS} <= pinned
    for m in abi.MAPS:
        shown = json.loads(run(BPFTOOL, "-j", "map", "show", "pinned",
                               network.batond.pins / m.name).stdout)
        # Names of maps end after 15 characters.
        assert shown["name"] == m.name[:15]
        # The kernel takes no types for arrays of programs and of devices.
        assert "btf_id" in shown or m.name in ("programs", "ports")


def test_x6_owners(network):
    ids = {o["id"]: o for o in network.show("owner").values()}
    hosts = {h["id"]: h["name"] for h in network.show("host").values()}
    words = {k: v for k, v in dump(network, "owners") if k in ids}
    assert len(words) == 2
    for key, word in words.items():
        # An anonymous union and structure: bpftool nests what has no name.
        fields = word.get("", word)
        fields = fields if "host" in fields else fields[""]
        assert hosts[fields["host"]] == ids[key]["host"] == "b"
        assert fields["epoch"] == ids[key]["epoch"]
    info = {k: text(v["name"]) for k, v in dump(network, "owner_info")
            if k in ids}
    assert info == {k: o["name"] for k, o in ids.items()}


def test_x6_hosts(network):
    shown = {h["id"]: h for h in network.show("host").values()}
    links = {link["ifindex"]: link["ifname"] for link in json.loads(
        network.switch.ip("-j", "link", "show").stdout)}
    for key, record in dump(network, "hosts"):
        if key in shown:
            assert links[record["ifindex"]] == shown[key]["interface"]
            assert record["mtu"] == shown[key]["mtu"]
    for key, record in dump(network, "host_info"):
        if key in shown:
            assert text(record["name"]) == shown[key]["name"]
            assert address4(record["address"][0]) == shown[key]["address"]


def test_x6_services(network):
    shown = {s["id"]: s for s in network.show("service").values()}
    found = {}
    for key, value in dump(network, "services4"):
        if key["protocol"]:  # else it only marks the VIP as one
            assert address4(key["vip"]) == shown[value["id"]]["vip"]
            found[value["id"]] = key["protocol"]
    assert found == {i: {"tcp": 6, "udp": 17}[s["protocol"]]
                     for i, s in shown.items() if s["vip"] == vip(4)}


def test_x6_flows(network):
    with network.connection() as s:
        say(s)
        client, port = s.getsockname()
        wanted, = network.flows("client", client, "port", port, "service",
                                "tcp4").values()
        slots = [slot for _, bucket in dump(network, "flows4")
                 for slot in bucket["slot"] if slot["key"]["service"]]
    found = [slot for slot in slots
             if address4(slot["key"]["client"]) == CLIENT[4] and
             int.from_bytes(slot["key"]["port"].to_bytes(2, "little"),
                            "big") == port]
    assert len(found) == 1
    flow = found[0]["flow"]
    owners = {o["id"]: o["name"] for o in network.show("owner").values()}
    assert owners[flow["owner"]] == wanted["owner"]
    assert abi.FLOW_STATES[flow["state"]].label == wanted["state"]
    assert bool(flow["flags"] & abi.C["FLOW_CONFIRMED"]) == wanted["confirmed"]


def test_x6_counters(network):
    """What the table of reasons says is the sum of what the CPUs counted."""
    kinds = "forward", "return", "drop"

    def stats():
        return {r["reason"]: r["packets"]
                for r in network.ask("stats")["reasons"]
                if r["reason"].startswith(kinds)}

    def at_rest():
        """Both, while nothing came in between."""
        before = stats()
        dump = run(BPFTOOL, "-j", "map", "dump", "pinned",
                   network.batond.pins / "counters").stdout
        return stats() == before and (before, json.loads(dump))
    said, entries = wait_until(at_rest, "a moment without packets")
    for entry in entries:
        formatted = entry["formatted"]
        counted = sum(v["value"]["packets"] for v in formatted["values"])
        label = abi.REASONS[formatted["key"]].label
        if label.startswith(kinds):
            assert counted == said[label]
    assert said["forward_new"] > 0
