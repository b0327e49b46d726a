# SPDX-License-Identifier: GPL-2.0-only
"""Rows X3, K4: hosts that run on follow a switch whose maps are made anew, and an
owner that is there again."""

import json
import struct
import time

import pytest

from harness.lab import BUILD, PATIENCE, Control, Lab, wait_until

from owning import Owning, owning
from proxies import OWNER, Stream

YEAR = 365 * 24 * 3600 * 10**9  # ns
FORGOTTEN = 5  # s until a host believes another prober that knows less


class Alone(Owning):
    """Proxies that decide by themselves."""

    owning = False


@pytest.fixture(params=[Owning, Alone])
def network(request):
    """One whose owner has moved, so that its hosts know a later epoch than the
    first."""
    with Lab("anew") as lab:
        network = owning(lab, request.param)
        network.wait_complete("a")
        network.move("b")
        wait_for(network, "b")
        yield network


def services(network, name):
    return Control(network.control(name))("proxy.show")["services"]


def is_followed(network, plays):
    """All proxies are in the switch's epoch, in which this one plays."""
    epoch = network.owner(OWNER)["epoch"]
    return all((s["epoch"], s["role"]) ==
               (epoch, "owner" if name == plays else "standby")
               for name in network.hosts for s in services(network, name))


def wait_for(network, plays, timeout=PATIENCE):
    """It plays, and its standby has everything."""
    wait_until(lambda: is_followed(network, plays), lambda: str(
        [network.owner(OWNER), *(services(network, n) for n in network.hosts)]),
        timeout)
    network.wait_complete(plays)


def take_down(network):
    """All that the switch knows."""
    network.batond.stop()
    network.switch.run(BUILD / "batond", "--config", network.config_path,
                       "--unload")


def check_takeover(network, stream):
    """The owner moves from a, which dies, to b."""
    network.wait_up("b")
    stream.echo(1)
    network.kill("a")
    network.move("b")
    stream.echo(2)
    Stream(network).echo(3)


def test_x3_maps_made_anew(network):
    """The owner begins at its home, in an epoch that is new to all. What lived
    before lives on, as its home holds it."""
    before = network.owner(OWNER)["epoch"]
    stream = Stream(network)
    stream.echo(1)
    take_down(network)
    # on any switch but this its owners' moves are further apart
    wait_until(lambda: time.time() >= before + 1, "its clock is past that")
    network.restart()
    wait_for(network, "a")
    assert network.owner(OWNER)["epoch"] > before
    stream.echo(2)
    Stream(network).echo(3)
    check_takeover(network, stream)
    assert not any("set back" in p.output for p in network.proxies.values())


def test_x3_an_owner_that_is_there_again(network):
    before = network.owner(OWNER)["epoch"]
    whole = network.config_path.read_text()
    network.config_path.write_text(json.dumps(
        {**json.loads(whole), "owners": [], "services": []}))
    network.baton("reload")
    assert not network.show("owner")
    network.config_path.write_text(whole)
    network.baton("reload")
    wait_for(network, "a")
    assert network.owner(OWNER)["epoch"] > before
    check_takeover(network, Stream(network))


def start_proxies_again(network):
    for name in network.hosts:
        network.kill(name)
    for name in network.hosts:
        network.start_proxy(name)


def begin_once_more(network):
    take_down(network)
    network.restart()


@pytest.mark.parametrize("remedy", [start_proxies_again, begin_once_more])
def test_x3_a_clock_that_was_set_back(network, monkeypatch, remedy):
    """The ablation: nobody follows, proxies say why, and both remedies help."""
    before = network.owner(OWNER)["epoch"]
    take_down(network)
    jump = network.lab.dir / "jump"
    jump.write_bytes(struct.pack("=qq", -10 * YEAR, 0))
    with monkeypatch.context() as m:
        m.setenv("LD_PRELOAD", str(BUILD / "jump.so"))
        m.setenv("BATON_JUMP", str(jump))
        network.restart()
    assert network.owner(OWNER)["epoch"] < before
    network.proxies["a"].wait_output("was the switch's clock set back",
                                     FORGOTTEN + PATIENCE)
    assert services(network, "a")[0]["epoch"] == before
    remedy(network)
    wait_for(network, "a")
    check_takeover(network, Stream(network))
