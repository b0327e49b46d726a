# SPDX-License-Identifier: GPL-2.0-only
"""Row P5 where the network is bad: proxies die while packets are lost, late,
out of order or there twice, between clients and switch, hosts and switch, or
the hosts themselves. Kernels without netem cannot show it; Debian's can
(docs/vm.md)."""

import json

import pytest

from harness.lab import Lab

from crowd import KINDS, Crowd, assert_went_on
from proxies import Proxies

KILLS = 3

#: who sends into each path, and by which interface
PATHS = {
    "client": lambda n: [(n.client, "c0")],
    "host": lambda n: [(h.ns, "h0") for h in n.hosts.values()],
    "link": lambda n: [(h.ns, "r0") for h in n.hosts.values()],
}
FAULTS = {
    "loss": "loss 1%",
    "delay": "delay 20ms 5ms distribution normal",
    "reordering": "delay 4ms reorder 25% 50%",
    "duplication": "duplicate 5%",
}


@pytest.fixture(scope="module", autouse=True)
def netem():
    with Lab("netem") as lab:
        done = lab.netns("asked").run("tc", "qdisc", "add", "dev", "lo", "root",
                                      "netem", "delay", "1ms", check=False)
    if done.returncode:
        pytest.skip("this kernel has no sch_netem")


@pytest.fixture
def network():
    with Lab("netem") as lab:
        network = Proxies(lab)
        network.start()
        network.start_proxies()
        yield network


class Fault:
    def __init__(self, network, path, fault):
        self.ends = PATHS[path](network)
        for ns, device in self.ends:
            # room for what is on its way: it is the path that drops
            ns.run("tc", "qdisc", "replace", "dev", device, "root", "netem",
                   "limit", 10000, *FAULTS[fault].split())

    def counted(self, what):
        total = 0
        for ns, device in self.ends:
            shown = json.loads(ns.run("tc", "-s", "-j", "qdisc", "show",
                                      "dev", device).stdout)
            # beside what the agent has attached
            qdisc, = [q for q in shown if q["kind"] == "netem"]
            total += qdisc[what]
        return total


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("fault", FAULTS)
def test_p5_kills_on_a_bad_path(network, path, fault):
    """No reset, no wrong byte, no connection that hangs."""
    bad = Fault(network, path, fault)
    crowd = Crowd(network.client_socket, KINDS)
    network.kill_and_return(KILLS)
    assert_went_on(crowd)
    assert bad.counted("packets") > 1000
    if fault == "loss":
        assert bad.counted("drops")


def test_what_is_lost_is_noticed(network):
    """Its ablation: nobody stores what the dead proxy had, and the path is as
    bad."""
    network.kill("b")
    network.proxies["a"].wait_output("no standby any more")
    Fault(network, "client", "loss")
    crowd = Crowd(network.client_socket, KINDS)
    network.kill("a")
    network.start_proxy("b")
    network.move("b")
    assert all(c["wrong"] for c in crowd.stop())
