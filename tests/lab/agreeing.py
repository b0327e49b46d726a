# SPDX-License-Identifier: GPL-2.0-only
"""The network of network.py, in which switch and hosts agree who owns what."""

import json

from harness.lab import BUILD, PATIENCE, Control, run, wait_until

from network import LENGTH, Network, near

NAMES = "a", "b", "c"
OWNER_FIELDS = ("name", "id", "host", "home", "state", "epoch", "policy",
                "standbys", "next", "failback", "failback_after_ms",
                "complete")
HOST_FIELDS = ("name", "id", "address", "state", "word", "owners", "announced")
PORT = 7793


class Agreeing(Network):
    """Everybody has a key, and speaks of who owns what."""

    def __init__(self, lab, hosts=NAMES, **options):
        self.keys, self.public = {}, {}
        for name in (*hosts, "switch"):
            self.keys[name] = lab.dir / f"{name}.node"
            self.public[name] = run(BUILD / "baton", "key", "new",
                                    self.keys[name]).stdout.split()[-1]
        super().__init__(lab, hosts, **options)
        for host in self.hosts.values():
            # to each other, through the switch
            host.ns.ip("\n".join(
                f"route add {near(4, n, 0)}/{LENGTH[4]} via "
                f"{near(4, host.number, 1)}" for n in range(1, len(hosts) + 1)
                if n != host.number))

    def socket_of(self, name):
        return self.lab.private / f"{name}-host.sock"

    def agent_options(self, name, **more):
        return {"node-key": str(self.keys[name]),
                "switch-key": self.public["switch"],
                "control": str(self.socket_of(name)), **more}

    def add_host(self, name, *more, **options):
        host = super().add_host(name, *more, **options)
        self.start_speaking(name)
        return host

    def start_speaking(self, name, **more):
        return super().restart_agent(name, **self.agent_options(name, **more))

    def restart_agent(self, name, **more):
        return self.start_speaking(name, **more)

    def config(self, *more, **sections):
        config = super().config(*more, **sections)
        config["switch"]["node-key"] = str(self.keys["switch"])
        for host in config["hosts"]:
            host["key"] = self.public[host["name"]]
        return config

    def picture(self, name):
        """All owners and hosts, as the switch or a host says."""
        ask = self.batond.control if name == "switch" else \
            Control(self.socket_of(name))
        owners = [{f: o[f] for f in OWNER_FIELDS} for o in ask("owner.show")]
        hosts = [{f: h[f] for f in HOST_FIELDS} for h in ask("host.show")]
        for host in hosts:
            if host["announced"]:
                del host["announced"]["heard_ms"]
        return {"owners": owners, "hosts": hosts}

    def agree(self, *names):
        """One picture, and all have announced what they are; or None."""
        names = names or ("switch", *self.hosts)
        one, *others = [self.picture(n) for n in names]
        whole = all(h["announced"] for h in one["hosts"])
        return one if whole and all(o == one for o in others) else None

    def wait_agreed(self, condition=lambda picture: True, what="one picture",
                    names=(), timeout=PATIENCE):
        def agreed():
            picture = self.agree(*names)
            return picture if picture and condition(picture) else None
        return wait_until(agreed, lambda: f"{what}: " + "\n".join(
            json.dumps(self.picture(n)) for n in names or ("switch", *self.hosts)),
            timeout)

    def verdicts(self, name):
        return Control(self.socket_of(name))("ownership.show")
