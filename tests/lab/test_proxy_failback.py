# SPDX-License-Identifier: GPL-2.0-only
"""Row K8: whoever returns gets its connections back, live, as soon as it has
all of them and not before."""

import pytest

from harness.lab import Lab, wait_until

from proxies import APPLICATION, OWNER, Proxies, Stream
from returns import cycles, is_at, kill_and_return

AFTER = "300ms"


def proxies(lab, **owner):
    network = Proxies(lab)
    network.start(watched=True, owner=owner)
    network.start_proxies()
    wait_until(lambda: state(network, "a") == state(network, "b") == "up",
               "both proxies have everything")
    return network


@pytest.fixture
def network():
    with Lab("failback") as lab:
        yield proxies(lab, failback="auto", **{"failback-after": AFTER})


def state(network, name):
    """What the switch knows of a host's proxy."""
    told = {a["name"]: a["state"]
            for a in network.show("host")[name]["applications"]}
    return told.get(APPLICATION)


def test_k8_states(network):
    """What each end says of what it holds."""
    network.kill("b")
    wait_until(lambda: state(network, "b") == "failed", "b has failed")
    wait_until(lambda: state(network, "a") == "alone", "a is alone")
    network.start_proxy("b")
    wait_until(lambda: state(network, "a") == state(network, "b") == "up",
               "both have everything again")
    words = [e["state"] for e in network.events("application")
             if e["host"] == "b"]
    assert words[-1] == "up" and "partial" in words + [
        "partial" if state(network, "b") == "up" else ""]


def test_k8_kill_and_return(network):
    kill_and_return(network, cycles(50), network.wait_protected)


def test_k8_by_hand_only_when_it_is_ready():
    """It is refused, and says why; with force it loses what it would have
    lost: the ablation of the above."""
    with Lab("failback") as lab:
        network = proxies(lab)
        s = Stream(network)
        s.echo(1)
        network.kill("a")
        wait_until(lambda: is_at(network, "b"), "b has taken over")
        s.echo(2)
        # a returns, and nobody brings it up to date
        network.hosts["a"].ns.ip("link", "set", "r0", "down")
        network.start_proxy("a")
        wait_until(lambda: state(network, "a") == "partial", "a lacks state")
        refused = network.baton("owner", "failback", OWNER, check=False)
        assert refused.returncode == 1
        assert "does not have the state of its connections" in refused.stderr
        assert is_at(network, "b")
        s.echo(3)
        network.baton("owner", "failback", OWNER, "force")
        assert is_at(network, "a")
        s.socket.settimeout(3)
        with pytest.raises(OSError):
            s.echo(4)
