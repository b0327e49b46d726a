# SPDX-License-Identifier: GPL-2.0-only
"""Row K6: a proxy that dies, stops or is stuck is noticed by its heartbeat, and
its connections go on without anybody's order."""

import signal

import pytest

from harness.lab import Lab, wait_until

from crowd import KINDS, Crowd, assert_went_on
from proxies import APPLICATION, OWNER, Proxies


@pytest.fixture
def network():
    with Lab("proxy") as lab:
        network = Proxies(lab)
        network.start(watched=True)
        network.start_proxies()
        wait_until(lambda: all(beats(network, n) for n in network.hosts),
                   "the proxies beat")
        yield network


def beats(network, name):
    return any(a["name"] == APPLICATION and a["state"] == "up"
               for a in network.show("host")[name]["applications"])


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP,
                                  signal.SIGTERM])
def test_k6_the_owner_moves(network, blow):
    crowd = Crowd(network.client_socket, KINDS, 2 << 20)
    network.proxies["a"].popen.send_signal(blow)
    wait_until(lambda: network.owner(OWNER)["host"] == "b", "the move")
    network.proxies["b"].wait_output("the last of them")
    if blow == signal.SIGSTOP:  # what it says late, nobody hears
        network.proxies["a"].popen.send_signal(signal.SIGCONT)
        network.wait_protected("b", "a")
    assert_went_on(crowd)


def test_k6_ablation_nobody_watches():
    """The same without the heartbeat: nothing moves, the clients wait."""
    with Lab("proxy") as lab:
        network = Proxies(lab)
        network.start()
        network.start_proxies()
        crowd = Crowd(network.client_socket, KINDS, 2 << 20)
        network.kill("a")
        seen = network.ask("host.show", name="a")[0]["answers"]
        # far more probes than a detection takes
        wait_until(lambda: network.ask("host.show", name="a")[0]["answers"]
                   > seen + 100, "a hundred more answers")
        assert network.owner(OWNER)["host"] == "a"
        network.move("b")
        assert not [c["wrong"] for c in crowd.stop() if c["wrong"]]


def test_k6_the_agent_comes_later(network):
    """A proxy that found no agent beats as soon as there is one."""
    host = network.hosts["b"]
    network.kill("b")
    host.agent.stop()
    network.start_proxy("b")
    network.proxies["b"].wait_output("trying again")
    host.start_agent(applications=[{"name": APPLICATION, "limit": "100ms"}])
    network.proxies["b"].wait_output("the agent watches this process")
    wait_until(lambda: beats(network, "b"), "it beats")
