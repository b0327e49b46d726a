# SPDX-License-Identifier: GPL-2.0-only
"""How soon each kind of death is noticed: from the blow to the store that moves
the owner, which the prober dates itself."""

import contextlib
import math
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

from harness import bpf  # noqa: E402
from harness.lab import BPFTOOL, BUILD, Lab, run, wait_until  # noqa: E402

from demo_faults import Freezer, set_up, set_xdp  # noqa: E402
from network import Network, vip  # noqa: E402

#: of the application: beaten every 2 ms, so that it fits the default profile
LIMIT_MS = 20
BEAT_MS = 2
PROFILES = ("default", "fast", "vm")


def boot_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Watched(Network):
    """Two hosts with an application each; the owner `web` is at home on a."""

    def __init__(self, lab, profile="default"):
        super().__init__(lab, ["a", "b"])
        self.deaf = lab.bpffs("deaf") / "program"
        run(BPFTOOL, "prog", "load", BUILD / "tests/lab/deaf.bpf.o", self.deaf,
            "type", "xdp")
        self.workers = {}
        for name, host in self.hosts.items():
            host.agent.stop()
            host.start_agent(applications=[
                {"name": "web", "limit": f"{LIMIT_MS}ms"}])
            self.work(name)
        self.start(self.config(
            owners=[{"name": "web", "host": "a", "standbys": ["b"]}],
            services=[{"name": "web", "vip": vip(4), "protocol": "tcp",
                       "port": 80, "owners": ["web"], "application": "web"}],
            detection={"profile": profile}))

    def work(self, name):
        host = self.hosts[name]
        worker = self.lab.start(host.ns, BUILD / "beat", host.heartbeats,
                                "web", BEAT_MS)
        worker.wait_output("beats")
        self.workers[name] = worker
        return worker

    def at_rest(self):
        """All is well, and the owner at home."""
        def well():
            hosts = self.show("host")
            return all(h["state"] == "up" and h["word"] == "up" and
                       [a["state"] for a in h["applications"]] == ["up"]
                       for h in hosts.values())
        wait_until(well, lambda: f"all is well: {self.show('host')}")
        if self.owner("web")["host"] != "a":
            self.ask("owner.failback", name="web")
        wait_until(lambda: self.owner("web")["host"] == "a", "web is at home")

    def detect(self, kind):
        """Strike host a, anywhere between two probes: ms until the store."""
        self.at_rest()
        last = self.last_event()
        time.sleep(random.random() * self.show("host")["a"]["detect_ms"] / 1000)
        with kind(self) as struck:
            move = self.wait_event("move", last, owner="web", to="b")
        return (move["mono_ns"] - struck) / 1e6


# --- kinds of death: each yields when it struck, and is undone ---------------

def _worker(network, sig, undo=None):
    worker = network.workers["a"]
    struck = boot_ns()
    worker.kill(sig)
    yield struck
    if undo:
        worker.kill(undo)
    else:
        worker.destroy()
        network.work("a")


@contextlib.contextmanager
def killed(network):
    yield from _worker(network, signal.SIGKILL)


@contextlib.contextmanager
def stopped(network):
    yield from _worker(network, signal.SIGSTOP, signal.SIGCONT)


@contextlib.contextmanager
def deadlocked(network):
    yield from _worker(network, signal.SIGUSR1)


@contextlib.contextmanager
def frozen(network):
    """All of the host's processes; its kernel goes on."""
    freezer = Freezer(f"{network.lab.name}-a")
    try:
        for process in network.hosts["a"].agent, network.workers["a"]:
            freezer.add(process)
        struck = boot_ns()
        freezer.freeze()
        yield struck
    finally:
        freezer.remove()


def _start_again(network):
    """The agent, and with it the host's program."""
    host = network.hosts["a"]
    host.agent.stop()
    run("ip", "-n", host.ns.name, "link", "set", "dev", "h0", "xdpdrv", "off")
    host.start_agent(applications=[{"name": "web", "limit": f"{LIMIT_MS}ms"}])
    network.workers["a"].destroy()
    network.work("a")


@contextlib.contextmanager
def xdp_gone(network):
    yield set_xdp(network.hosts["a"].ns, "h0", -1)
    _start_again(network)


@contextlib.contextmanager
def cut(network):
    """Both ways."""
    ns = network.hosts["a"].ns
    yield set_up(ns, "h0", False)
    set_up(ns, "h0", True)
    ns.run("ethtool", "-K", "h0", "gro", "on")


@contextlib.contextmanager
def cut_one_way(network):
    """What is sent to the host is lost; its link is up, and it can send."""
    host = network.hosts["a"]
    with bpf.Program.pinned(network.deaf) as deaf:
        yield set_xdp(host.ns, "h0", deaf.fd)
    _start_again(network)


@contextlib.contextmanager
def word(network):
    """`baton-host --say leaving`, the start of that program included."""
    host = network.hosts["a"]
    command = [BUILD / "baton-host", "--config",
               network.lab.dir / "a-agent.yaml", "--say"]
    with host.ns.entered():
        struck = boot_ns()
        run(*command, "leaving")
    yield struck
    host.agent_command("--say", "up")


KINDS = {"killed": killed, "stopped": stopped, "deadlocked": deadlocked,
         "frozen": frozen, "xdp_gone": xdp_gone, "cut": cut,
         "cut_one_way": cut_one_way, "word": word}


@contextlib.contextmanager
def busy(lab, cpus):
    """Every CPU has something else to do."""
    loops = [lab.start(None, sys.executable, "-c", "while True: pass")
             for _ in range(cpus)]
    try:
        yield
    finally:
        for loop in loops:
            loop.destroy()


def percentile(times, part):
    return sorted(times)[math.ceil(part * len(times)) - 1]


def measure(rounds, load=0):
    """{kind: [ms]}"""
    with Lab("detection") as lab:
        network = Watched(lab)
        with busy(lab, load):
            return {name: [network.detect(kind) for _ in range(rounds)]
                    for name, kind in KINDS.items()}


def false_alarms(seconds, load):
    """{profile: live hosts that were called dead} while nothing happens."""
    with Lab("alarms") as lab:
        networks = {}
        for profile in PROFILES:
            inner = lab._stack.enter_context(Lab(f"alarms-{profile}"))
            networks[profile] = Watched(inner, profile)
            networks[profile].at_rest()
        marks = {p: n.last_event() for p, n in networks.items()}
        with busy(lab, load):
            time.sleep(seconds)
        return {p: len(n.events("host_down", marks[p])) +
                len([e for e in n.events("application", marks[p])
                     if e["failed"]])
                for p, n in networks.items()}


def draw(results, path, detect_ms):
    """Histograms, one above the other; {label: {kind: [ms]}}."""
    import matplotlib
    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    figure, all_axes = plt.subplots(len(KINDS), 1, sharex=True,
                                    figsize=(8, 1.3 * len(KINDS)))
    end = max(t for kinds in results.values() for times in kinds.values()
              for t in times) * 1.05
    for axes, kind in zip(all_axes, KINDS):
        for label, kinds in results.items():
            axes.hist(kinds[kind], bins=60, range=(0, end), alpha=0.55,
                      label=label)
        axes.axvline(detect_ms, color="#c0392b", lw=1)
        axes.set_ylabel(kind, rotation=0, ha="right", va="center")
        axes.set_yticks([])
    all_axes[0].legend(frameon=False, fontsize="small")
    all_axes[-1].set_xlabel("ms from the blow to the move of the owner "
                            "(red: the profile's detection time)")
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
