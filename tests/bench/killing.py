# SPDX-License-Identifier: GPL-2.0-only
"""What clients see when the active proxy is killed, again and again."""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lab"), str(HERE.parent)]

from harness.lab import Lab, wait_until  # noqa: E402

from crowd import KINDS, Crowd, stall  # noqa: E402
from network import CLIENT  # noqa: E402
from proxies import Proxies  # noqa: E402

MANY = 1000
RATE = 2000000  # bytes a second of each connection


def stalls(kind, connections, kills, recorder=True):
    """How long each connection stood still after each move, ms, and what went
    wrong; of clients that are not in each other's way."""
    with Lab("kill") as lab:
        network = Proxies(lab)
        network.start(rate=(RATE,), recorder=recorder)
        network.start_proxies()
        crowd = Crowd(network.client_socket, [kind] * connections, RATE)
        moves = network.kill_and_return(kills)
        told = crowd.stop()
    return ([1000 * stall(c, at) for c in told for at in moves],
            [c["wrong"][0] for c in told if c["wrong"]])


def storm(kills):
    """Clients that do what they can: what went wrong."""
    with Lab("kill") as lab:
        network = Proxies(lab)
        network.start()
        network.start_proxies()
        crowds = [Crowd(lambda f=f: network.client_socket(f), KINDS)
                  for f in CLIENT]
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
