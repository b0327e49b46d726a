# SPDX-License-Identifier: GPL-2.0-only
"""The network of proxies.py, in which proxies, their agents and the switch agree
who holds everything."""

import contextlib
import re

from harness.lab import PATIENCE, Control, wait_until

from agreeing import PORT, Agreeing
from proxies import OWNER, Proxies


class Owning(Agreeing, Proxies):
    """Proxies that agree with the switch what they hold."""

    owning = True

    def __init__(self, lab, hosts=("a", "b"), **options):
        super().__init__(lab, hosts, **options)

    def make_keys(self):
        """A proxy's is its agent's."""

    def proxy_config(self, name, **more):
        config = super().proxy_config(name, **more)
        if self.owning:
            config["ownership"] = str(self.socket_of(name))
        return config

    def complete(self, at="switch"):
        """Hosts that hold all of the owner, as a machine says."""
        ask = self.batond.control if at == "switch" else \
            Control(self.socket_of(at))
        found = ask("owner.show", name=OWNER)
        return found[0]["complete"]

    def wait_for_complete(self, *hosts, timeout=PATIENCE):
        """Everybody says that these do."""
        def agreed():
            try:
                return all(self.complete(at) == list(hosts)
                           for at in ("switch", *self.hosts))
            except AssertionError:  # an agent that has not heard of it yet
                return False
        wait_until(agreed, lambda: f"{hosts} complete: " + str(
            [self.complete(at) for at in ("switch", *self.hosts)]), timeout)

    def released(self, name="a"):
        """How long the switch let a proxy wait, in ms, each time."""
        return [float(ms) for ms in re.findall(
            r"let go of a standby, ([0-9.]+) ms", self.proxies[name].output)]

    @contextlib.contextmanager
    def unheard(self, name):
        """Nothing that host and switch say of ownership arrives at the switch."""
        rule = "OUTPUT", "-p", "udp", "--dport", str(PORT), "-j", "DROP"
        self.hosts[name].ns.run("iptables-legacy", "-A", *rule)
        yield
        self.hosts[name].ns.run("iptables-legacy", "-D", *rule)

    def cut_link(self):
        """Between the proxies, while both live."""
        self.hosts["b"].ns.ip("link", "set", "r0", "down")


def owning(lab, kind=Owning, hosts=("a", "b"), proxy=None, **options):
    """proxy: of each of their services."""
    network = kind(lab, hosts)
    network.link_timeout = "500ms"
    network.start(**options)
    for name in network.hosts:
        network.start_proxy(name, **(proxy or {}))
    return network
