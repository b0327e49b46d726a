# SPDX-License-Identifier: GPL-2.0-only
"""Row K6 at its limit: as many hosts as there can be. One machine answers for
all of them here, behind one next hop; what is probed and judged is 4,095."""

import ipaddress
import os

import pytest

from harness.lab import Lab, wait_until

from network import Network, vip

HOSTS = 4095
NET = ipaddress.ip_network("10.10.0.0/16")
PATIENCE = 60  # seconds; everything is 4,095 times as much


def cpu_seconds(pid):
    """What a process has used."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def network():
    with Lab("many") as lab:
        n = Network(lab, ["a"])
        n.switch.ip("route", "add", str(NET), "via", "10.0.1.2", "dev", "s1")
        n.hosts["a"].ns.ip("route", "add", "local", str(NET), "dev", "lo")
        yield n


def config(network, max_down):
    addresses = (str(NET[i + 256]) for i in range(HOSTS))
    hosts = [{"name": f"h{i}", "address": a, "interface": "s1"}
             for i, a in enumerate(addresses)]
    return {**network.config(
        owners=[{"name": "web", "host": "h0"}],
        services=[{"name": "web", "vip": vip(4), "protocol": "tcp",
                   "port": 80, "owners": ["web"]}],
        detection={"profile": "many", "profiles": [
            {"name": "many", "interval": "100ms", "multiplier": 3,
             "up-after": 2}]},
        guards={"max-down": max_down}), "hosts": hosts}


@pytest.mark.parametrize("guard", [True, False], ids=["guard", "no-guard"])
def test_k6_4095_hosts(network, guard):
    """All are heard, none is called dead while all live, and when all seem to
    die at once nothing moves: the switch suspects itself, with the first of
    them, as most of the others owe it answers as well."""
    network.start(config(network, "60%" if guard else "100%"), up=False)

    def up():
        return network.ask("status")["hosts"]["up"]
    wait_until(lambda: up() == HOSTS, lambda: f"{up()} are up", PATIENCE, 0.2)

    last = network.last_event()
    pid = network.ask("status")["prober"]["pid"]
    before = cpu_seconds(pid)
    probes = network.show("host")["h4094"]["probes"]
    wait_until(lambda: network.show("host")["h4094"]["probes"] > probes + 20,
               "twenty rounds", PATIENCE, 0.2)
    used = cpu_seconds(pid) - before
    assert not network.events("host_down", last)
    assert up() == HOSTS
    assert used > 0

    # All at once: within the second the guard holds everything.
    network.hosts["a"].deafen()
    if not guard:
        network.wait_event("move", last, timeout=PATIENCE, owner="web")
        return
    network.wait_event("held", last, timeout=PATIENCE,
                       held_by="most hosts died at once: the switch itself "
                               "is suspected (max_down_percent)")
    wait_until(lambda: network.ask("status")["hosts"]["down"] == HOSTS,
               "all are down", PATIENCE, 0.2)
    assert network.owner("web")["host"] == "h0"
    assert network.ask("status")["prober"]["pid"] == pid
