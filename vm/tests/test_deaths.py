# SPDX-License-Identifier: GPL-2.0-only
"""Machines die while clients' transfers go through them, and every transfer
comes to its end, byte for byte: each is compared with what was sent, or its
SHA-256 is."""

import pytest

from harness.lab import PATIENCE, wait_until
from machines.lab import MachineLab
from machines.network import WIRES, Machines


def power(network):
    network.machine("a").kill()


def panic(network):
    network.machine("a").crash()


def freeze(network):
    network.machine("a").freeze()


def cable(network):
    """The host sees it; the switch, whose end stays up, does not."""
    network.machine("a").cut("h0")


def cable_both(network):
    network.machine("a").cut("h0")
    network.machine("switch").cut("s1")


DEATHS = power, panic, freeze, cable, cable_both


@pytest.fixture
def network(kernel, kvm):
    with MachineLab(kernel, kvm, WIRES) as lab:
        yield Machines(lab)


def dies(network, how, clients):
    """Host a goes in the middle of it all; the word of its owner."""
    network.wait_traffic("a")
    before = network.role()
    assert before["host"] == "a"
    how(network)
    wait_until(lambda: network.role()["host"] == "b", "the owner moves",
               PATIENCE, 0.2)
    assert clients.alive(), clients.output
    return before


def told_well(network, told):
    wrong = [c for c in told if c["wrong"]]
    assert not wrong, f"{wrong}\n{network.words()}"
    assert all(c["done"] for c in told), told


@pytest.mark.parametrize("how", DEATHS, ids=lambda d: d.__name__)
def test_p5_transfers_outlive_their_machine(network, how):
    """Promises 1, 2, 4: nothing that was acknowledged is lost, one owner at a
    time, no end of a connection that nobody meant."""
    network.start()
    network.start_proxies()
    clients = network.start_clients()
    before = dies(network, how, clients)
    network.wait_traffic("b")
    told_well(network, network.stop_clients(clients))
    after = network.role()
    assert after["epoch"] == before["epoch"] + 1
    assert network.resets() == 0


@pytest.mark.parametrize("fence", [True, False], ids=["fence", "no-fence"])
def test_x5_a_frozen_machine_goes_on_later(network, fence):
    """Promise 3: it believes that it is the owner still, and says so; nothing
    of that leaves the switch. Without the fence it does."""
    network.start(switch={"fence": fence})
    network.start_proxies()
    clients = network.start_clients([4])
    dies(network, freeze, clients)
    network.wait_traffic("b")
    heard = network.from_host("a")
    fenced = network.counted("drop_fence")
    network.machine("a").thaw()
    if fence:
        wait_until(lambda: network.counted("drop_fence") > fenced,
                   "it says something", 6 * PATIENCE, 0.2)
        network.wait_traffic("b")
        assert network.from_host("a") == heard
        told_well(network, network.stop_clients(clients))
    else:
        wait_until(lambda: network.from_host("a") > heard,
                   "it is heard", 6 * PATIENCE, 0.2)


def test_k8_back_after_it_was_switched_on_again(network):
    """Promise 7: a machine that has died comes back empty, is given the
    complete state, and plays its owner again."""
    network.start()
    network.start_proxies()
    clients = network.start_clients()
    dies(network, power, clients)
    network.wait_traffic("b")
    network.again("a")
    network.start_proxy("a")
    network.wait_protected("b", "a")
    network.wait_up("a")
    network.move("a")
    network.wait_traffic("a")
    told_well(network, network.stop_clients(clients))
    assert network.role()["host"] == "a"


def test_ablation_without_a_standby_that_stores(network):
    """Promise 1's: when nothing is stored elsewhere, a machine's death ends
    connections."""
    network.start()
    network.start_proxies(policy="none")
    clients = network.start_clients([4])
    dies(network, power, clients)
    told = network.stop_clients(clients)
    assert all(c["wrong"] for c in told), told
