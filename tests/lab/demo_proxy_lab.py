# SPDX-License-Identifier: GPL-2.0-only
"""The network of proxies.py with servers that are machines of their own, and
with detection of all that can happen to a host:

    client c0 --- s0 switch s9 --- v0 server: nginx, sshd
                       s1 --- h0 host a, baton-host, baton-proxy
                                    r0 |
                                    r0 |
                       s2 --- h0 host b, baton-host, baton-proxy
"""

from demo_proxy_servers import SSH, WEB, start_nginx, start_sshd
from harness.lab import wait_until
from network import CLIENTS, vip
from proxies import APPLICATION, OWNER, SOURCE, Proxies

SERVER = {4: "203.0.113.2", 6: "2001:db8:300::2"}
ROUTER = {4: "203.0.113.1", 6: "2001:db8:300::1"}
SERVERS = {4: "203.0.113.0/24", 6: "2001:db8:300::/64"}
PORTS = {"web": WEB, "ssh": SSH}

#: after which a proxy goes on without a standby whose machine is gone
LINK_TIMEOUT_MS = 200


class ProxyLab(Proxies):
    behind = [CLIENTS, SERVERS]
    link_timeout = f"{LINK_TIMEOUT_MS}ms"

    def __init__(self, lab, profile):
        self.profile = profile
        super().__init__(lab)
        self.server = lab.netns("server")
        self.connect(self.switch, "s9", ROUTER, self.server, "v0", SERVER)
        self.server.ip("\n".join(f"route add default via {ROUTER[f]}"
                                 for f in (4, 6)))
        for host in self.hosts.values():
            # what is configured stays when a cable is out
            host.ns.sysctl(net__ipv6__conf__all__keep_addr_on_down=1)

    def switch_config(self):
        services = [
            {"name": f"{name}{f}", "vip": vip(f, number), "protocol": "tcp",
             "port": port, "owners": [OWNER], "recorder": True,
             "application": APPLICATION}
            for name, number, port in (*((n, 10, p) for n, p in PORTS.items()),
                                       ("back", SOURCE, "any"))
            for f in (4, 6)]
        config = self.config(
            [{"name": OWNER, "host": "a", "standbys": ["b"]}], services,
            detection={"profile": self.profile})
        config["ports"].append({"interface": "s9"})
        return config

    def proxy_services(self):
        return [{"name": f"{name}{f}", "vip": vip(f), "port": port,
                 "server": SERVER[f], "server-port": port, "owner": OWNER,
                 "source": vip(f, SOURCE)}
                for name, port in PORTS.items() for f in (4, 6)]

    def start(self, rate):
        """All but the clients; `rate`: bytes a second of a download."""
        (self.lab.dir / "data" / "upload").mkdir(parents=True)
        addresses = list(SERVER.values())
        start_nginx(self.lab, self.server, addresses, rate)
        start_sshd(self.lab, self.server, addresses)
        self.start_switch(self.switch_config(), watched=True)
        self.start_proxies()
        self.wait_ready("b")

    def wait_ready(self, standby):
        """It would be the owner's next host: nothing there has failed."""
        wait_until(lambda: self.owner(OWNER)["next"] == standby,
                   lambda: f"{standby} is the standby: {self.owner(OWNER)}")

    @property
    def detect_ms(self):
        return self.show("host")["a"]["detect_ms"]
