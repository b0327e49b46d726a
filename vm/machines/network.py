# SPDX-License-Identifier: GPL-2.0-only
"""The network of tests/lab/proxies.py, every station of it a machine:

    client c0 --- s0 switch s1 --- h0 host a
    server                                r0 |
                                          r0 |
                            s2 --- h0 host b

Hosts send with a TTL of their own, so that the client can count what comes
from either.
"""

import contextlib
import json
import re

from harness.lab import PATIENCE, SLOW, wait_until
from proxies import OWNER, PORT, Proxies, beside

from network import vip

from .kernels import VM
from .machine import Gone

WIRES = [
    (("client", "c0"), ("switch", "s0")),
    (("switch", "s1"), ("a", "h0")),
    (("switch", "s2"), ("b", "h0")),
    (("a", "r0"), ("b", "r0")),
]
#: emulated CPUs are late by a tenth of a second with so many of them
DETECTION = {"profile": "machines",
             "profiles": [{"name": "machines", "interval": "200ms",
                           "multiplier": 4, "up-after": 2}]}
TTL = {"a": 200, "b": 100}  # less one or two on their way
CHAIN = "BATON-FROM"


class Machines(Proxies):
    def __init__(self, lab, **options):
        super().__init__(lab, **options)
        for name, host in self.hosts.items():
            self.set_ttl(host.ns, name)
        for tables in "iptables-legacy", "ip6tables-legacy":
            self.client.run(tables, "-N", CHAIN)
            self.client.run(tables, "-I", "INPUT", "-i", "c0", "-j", CHAIN)
            match = ("-m", "ttl", "--ttl-gt") if tables[2] == "t" else \
                ("-m", "hl", "--hl-gt")
            for limit in (150, 64):  # from a, from b
                self.client.run(tables, "-A", CHAIN, *match, limit, "-j",
                                "RETURN")

    @staticmethod
    def set_ttl(station, name):
        station.sysctl(net__ipv4__ip_default_ttl=TTL[name],
                       net__ipv6__conf__all__hop_limit=TTL[name],
                       net__ipv6__conf__h0__hop_limit=TTL[name])

    def connect_hosts(self):
        for host in self.hosts.values():
            host.ns.ip("link", "set", "r0", "up")
            host.ns.address("r0", f"{beside(host)}/24")

    def config(self, *args, **sections):
        return super().config(*args, **{"detection": DETECTION, **sections})

    def machine(self, name):
        return self.lab.machines[name]

    def again(self, name):
        """A dead machine is back, empty, with the programs that its start
        would bring."""
        number = self.hosts[name].number
        self.proxies.pop(name, None)
        self.lab.again(name)
        host = self.add_host(name, number)
        self.connect_hosts()
        self.set_ttl(host.ns, name)
        return host

    # --- traffic ---

    def start_clients(self, families=(4, 6)):
        clients = self.lab.start(
            self.client, "env", f"BATON_SLOW={SLOW}", "/usr/bin/python3",
            VM / "guest/clients.py", PORT, *(vip(f) for f in families))
        clients.wait_output("ready", 6 * PATIENCE)
        return clients

    def stop_clients(self, clients):
        """What every connection tells."""
        clients.kill(15)
        assert clients.wait(12 * PATIENCE) == 0, clients.output
        return json.loads(clients.output.splitlines()[-1])

    def from_host(self, name):
        """Packets that the client has received from a host, of both
        families."""
        row = list(TTL).index(name)
        count = 0
        for tables in "iptables-legacy", "ip6tables-legacy":
            text = self.client.run(tables, "-nvxL", CHAIN).stdout
            rules = [line for line in text.splitlines() if "RETURN" in line]
            count += int(re.match(r"\s*(\d+)", rules[row])[1])
        return count

    def wait_traffic(self, name, packets=500):
        """So many packets more have come from a host."""
        before = self.from_host(name)
        wait_until(lambda: self.from_host(name) >= before + packets,
                   lambda: f"{packets} packets from {name}, of which "
                   f"{self.from_host(name) - before} came", 6 * PATIENCE, 0.2)

    def resets(self):
        """RSTs that connections of the client, or of its server, got."""
        text = self.client.run("nstat", "-asz", "TcpEstabResets").stdout
        return sum(int(line.split()[1]) for line in text.splitlines()
                   if line.startswith("TcpEstab"))

    def counted(self, label):
        """Packets that left the switch for a reason."""
        row, = (r for r in self.ask("stats")["reasons"]
                if r["reason"] == label)
        return row["packets"]

    def words(self):
        """What the proxies that are there have said last."""
        said = []
        for name, proxy in self.proxies.items():
            with contextlib.suppress(Gone):
                said += [f"{name}: {line}"
                         for line in proxy.output.splitlines()[-40:]]
        return "\n".join(said)

    def role(self):
        return self.owner(OWNER)
