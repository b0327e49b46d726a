# SPDX-License-Identifier: GPL-2.0-only
"""Ways for the active proxy to be gone, and to come back as the standby.

strike() returns the time just before the step that takes it away. repair()
does what an operator or a supervisor would do; the rest happens by itself.
"""

import json

from demo_faults import Freezer, set_up, set_xdp
from demo_udp import now
from harness import bpf
from harness.lab import BPFTOOL, BUILD, run, wait_until
from proxies import kept_back

DEVICES = "h0", "r0"  # to the switch, and to the other proxy


class Fault:
    #: packets that its kernel would have said later; None: it says nothing
    kept_back = None

    def __init__(self, network, host):
        self.network = network
        self.host = network.hosts[host]

    def strike(self):
        raise NotImplementedError

    def repair(self):
        raise NotImplementedError


class ProxyKill(Fault):
    name = "proxy_kill"
    text = "kill -9 of baton-proxy"

    def strike(self):
        begun = now()
        self.network.kill(self.host.name)
        return begun

    def repair(self):
        self.network.start_proxy(self.host.name)


class HostCut(Fault):
    name = "proxy_cut"
    text = "all its cables cut (its interfaces set down)"

    def strike(self):
        return min(set_up(self.host.ns, d, False) for d in DEVICES)

    def repair(self):
        for device in DEVICES:
            set_up(self.host.ns, device, True)
        self.host.add_routes()


class HostFreeze(Fault):
    """The kernel of the lab is everybody's, so that the host's cannot freeze.
    Its processes do, and on every interface an XDP program that drops and a
    queue that swallows keep its kernel from hearing and from answering."""

    name = "proxy_freeze"
    text = ("processes frozen; its kernel, shared with the lab, kept from "
            "hearing and answering")

    def strike(self):
        host, lab = self.host, self.network.lab
        self.freezer = Freezer(host.ns.name)
        # Before the lab ends its processes: frozen ones do not even die.
        lab.defer(self.freezer.remove)
        self.own = self._attached()
        deaf = lab.dir / "agents" / "deaf"
        if not deaf.exists():
            run(BPFTOOL, "prog", "load", BUILD / "tests/lab/deaf.bpf.o", deaf,
                "type", "xdp")
        for process in host.agent, self.network.proxies[host.name]:
            self.freezer.add(process)
        begun = now()
        self.freezer.freeze()
        for device in DEVICES:
            host.ns.run("tc", "qdisc", "replace", "dev", device, "root",
                        "blackhole")
        with bpf.Program.pinned(deaf) as program:
            for device in DEVICES:
                set_xdp(host.ns, device, program.fd)
        return begun

    def _attached(self):
        """The agent's program."""
        link, = json.loads(self.host.ns.ip("-j", "link", "show",
                                           DEVICES[0]).stdout)
        return bpf.Program.by_id(link["xdp"]["prog"]["id"])

    def repair(self):
        """As if nothing had been. Its kernel wakes first. What that has to
        say waits since the proxy does not read its queue."""
        set_xdp(self.host.ns, DEVICES[0], self.own.fd)
        set_xdp(self.host.ns, DEVICES[1], -1)
        for device in DEVICES:
            self.host.ns.run("tc", "qdisc", "del", "dev", device, "root")
        self.kept_back = wait_until(
            lambda: kept_back(self.host),
            "packets of the old host that wait for its proxy")
        self.freezer.remove()
        self.own.close()


PROXY_FAULTS = (ProxyKill, HostCut, HostFreeze)
