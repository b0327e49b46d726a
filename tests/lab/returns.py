# SPDX-License-Identifier: GPL-2.0-only
"""Row K8, again and again: the home of an owner dies, and gets it back."""

import os
import random
import signal
import time

from harness.lab import wait_until

from crowd import assert_went_on, both_families
from proxies import OWNER, stop


def cycles(usual):
    """`make soak-return CYCLES=N` asks for more."""
    return int(os.environ.get("CYCLES", usual))


def is_at(network, name):
    return network.owner(OWNER)["host"] == name


def is_alone(network):
    """The home's proxy has given up its standby, on a machine that is busy: should
    it die now, what it has done since is lost, as it may be."""
    said = network.proxies["a"].output
    given_up = said.rfind("no standby any more")
    return given_up >= 0 and not all(
        f"{service}: b has everything" in said[given_up:]
        for service in network.protected_services())


def strike(network):
    """Kill the home's proxy, unless it is alone; whether it was killed. It is
    stopped first, so that this does not change meanwhile."""
    proxy = network.proxies["a"]
    stop(proxy)
    if is_alone(network):
        proxy.popen.send_signal(signal.SIGCONT)
        return False
    network.kill("a")
    return True


def kill_and_return(network, number, protected):
    """The home dies and returns, and sometimes dies again while it is brought up
    to date, under connections that must all go on. protected(): waits until its
    standby holds everything."""
    choice = random.Random(8)
    crowds = both_families(network, rate=2 << 20)
    moves, mark = [], network.last_event()
    for _ in range(number):
        while not strike(network):
            protected()
        wait_until(lambda: is_at(network, "b"), "b has taken over")
        network.start_proxy("a")
        if choice.random() < 0.3:
            # mostly less than what it has to be ready for
            time.sleep(choice.uniform(0, 0.15))
            if strike(network):
                network.start_proxy("a")
        wait_until(lambda: is_at(network, "a"), "a has all of it again")
        protected()
        # at once, as the switch does not remember all for ever
        moves += network.events("move", mark)
        mark = moves[-1]["seq"]
    # of the proxy that has lived all the time; seen if something is wrong
    print(network.show_proxy("b", "proxy", "show")["counters"])
    print(*(line for line in network.proxies["b"].output.splitlines()
            if "taken over" in line or "is not kept" in line), sep="\n")
    assert_went_on(*crowds)
    assert len(moves) >= 2 * number
    assert [e["to"] for e in moves] == ["b", "a"] * (len(moves) // 2)
    assert {e["cause"] for e in moves if e["to"] == "a"} == \
        {"failback, its home is ready"}
