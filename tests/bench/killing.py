# SPDX-License-Identifier: GPL-2.0-only
"""What clients see when the active proxy is killed, again and again."""

import random
import re
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lab"), str(HERE.parent)]

import detection  # noqa: E402
from harness.lab import Lab, wait_until  # noqa: E402

from crowd import KINDS, Crowd, both_families, stall  # noqa: E402
from proxies import OWNER, Proxies  # noqa: E402

MANY = 1000
SLOW = 20000  # bytes a second of each of them
SMALL = 3 << 16  # bytes of a transfer of theirs
REST = 0.2  # s
RATE = 2000000  # bytes a second of each connection


def wrong(told):
    return [c["wrong"][0] for c in told if c["wrong"]]


def after(told, moments):
    """How long each connection stood still from each of these moments, ms."""
    return [1000 * stall(c, at) for c in told for at in moments]


def around(told, moments):
    """The same, but all of the time in which it stood still."""
    return [1000 * sum(end - begin for begin, end in c["pauses"]
                       if begin <= at < end) for c in told for at in moments]


def kill_at_rest(network, kills):
    """Kill and return, each time after a rest; when nothing had happened for a
    while, and when the connections were moved."""
    rest, moves, names = [], [], ["a", "b"]
    for number in range(kills):
        time.sleep(REST)
        rest.append(time.monotonic())
        time.sleep(REST)
        moves += network.kill_and_return(1, number, *names)
        names.reverse()
    return rest, moves


def stalls(kind, connections, kills, recorder=True):
    """How long each connection stood still after each move, and at any other
    moment, ms, and what went wrong; of clients that are not in each other's way."""
    with Lab("kill") as lab:
        network = Proxies(lab)
        network.start(rate=(RATE,), recorder=recorder)
        network.start_proxies()
        crowd = Crowd(network.client_socket, [kind] * connections, RATE,
                      urgent=True)
        rest, moves = kill_at_rest(network, kills)
        told = crowd.stop()
    return after(told, moves), after(told, rest), wrong(told)


def stalls_of_many(kills):
    """The same of uploads by MANY clients that share what two cores can do, each of
    which sends seldom."""
    with Lab("kill") as lab:
        network = Proxies(lab)
        network.start()
        network.start_proxies()
        # hosts that are as busy as these answer probes too late
        network.ask("maintenance.on")
        crowd = Crowd(network.client_socket, ["upload"] * MANY, SLOW,
                      size=SMALL)
        rest, moves = kill_at_rest(network, kills)
        told = crowd.stop()
    return after(told, moves), after(told, rest), wrong(told)


# --- where detection is at work -------------------------------------------------

#: its agent sees that it is dead, and says so (and no busy host is to be taken for
#: a dead one meanwhile); its probes are not answered
BLOWS = {"process": (Proxies.kill, "vm"), "host": (Proxies.cut, "default")}


def ready(network, name):
    """The switch would move the owner there again."""
    def up():
        shown = network.show("host")[name]
        return shown["state"] == "up" and \
            [a["state"] for a in shown["applications"]] == ["up"]
    wait_until(up, f"{name} is up")


def detected(blow, connections, kills):
    """From the blow until the owner was moved, and how long each connection
    stood still, ms; what went wrong. Of probes, the default is 10 ms x 3."""
    strike, profile = BLOWS[blow]
    with Lab("kill") as lab:
        network = Proxies(lab)
        network.start(rate=(RATE,), watched=True,
                      detection={"profile": profile})
        network.start_proxies()
        crowd = Crowd(network.client_socket, ["upload"] * connections, RATE,
                      urgent=True)
        for one in network.hosts.values():
            one.ns.sysctl(net__ipv6__conf__all__keep_addr_on_down=1)
        choice = random.Random(1)
        took, moved = [], []
        active, standby = "a", "b"
        for _ in range(kills):
            for name in network.hosts:
                ready(network, name)
            network.wait_complete(active)
            last = network.last_event()
            time.sleep(REST + choice.uniform(0, REST))
            struck = detection.boot_ns()
            strike(network, active)
            event = network.wait_event("move", last, owner=OWNER, to=standby)
            took.append((event["mono_ns"] - struck) / 1e6)
            moved.append(time.monotonic() -
                         (detection.boot_ns() - event["mono_ns"]) / 1e9)
            if blow == "host":
                network.mend(active)
            else:
                network.start_proxy(active)
            active, standby = standby, active
        told = crowd.stop()
    return took, around(told, moved), wrong(told)


def storm(kills):
    """Clients that do what they can: what went wrong."""
    with Lab("kill") as lab:
        network = Proxies(lab)
        network.start()
        network.start_proxies()
        crowds = both_families(network)
        network.kill_and_return(kills)
        return [c["wrong"][0] for crowd in crowds for c in crowd.stop()
                if c["wrong"]]


def without_the_gate():
    """Connections that a kill ends if FIN and RST of the dead get out."""
    with Lab("kill") as lab:
        network = Proxies(lab)
        network.start()
        network.start_proxies()
        crowd = Crowd(network.client_socket, KINDS)
        network.hosts["a"].ns.run("iptables-legacy", "-F", "BATON-PROXY-OUT")
        network.kill("a")
        return sum(bool(c["wrong"]) for c in crowd.stop())


def resident(process):
    with open(f"/proc/{process.popen.pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * 4096


def many(kills):
    """How long it takes to take over 1,000 connections, ms, and the memory
    that an idle one needs, bytes."""
    with Lab("kill") as lab:
        network = Proxies(lab)
        network.start()
        network.start_proxies()
        network.ask("maintenance.on")
        before = {n: resident(p) for n, p in network.proxies.items()}
        sockets = [network.client_socket() for _ in range(MANY)]

        def echo(number):
            for s in sockets:
                s.sendall(b"echo %d\n" % number)
            for s in sockets:
                assert s.recv(100) == b"echo %d\n" % number
        echo(0)
        memory = max((resident(p) - before[n]) / MANY
                     for n, p in network.proxies.items())
        took = []
        active, standby = "a", "b"
        for number in range(1, kills + 1):
            network.kill(active)
            network.move(standby)
            proxy = network.proxies[standby]
            found = wait_until(lambda p=proxy: re.search(
                r"web4: the last of them after ([\d.]+) ms", p.output),
                "all are taken over")
            took.append(float(found[1]))
            echo(number)
            network.start_proxy(active)
            active, standby = standby, active
            network.wait_protected(active, standby)
        for s in sockets:
            s.close()
    return took, memory
