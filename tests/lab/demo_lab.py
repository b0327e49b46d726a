# SPDX-License-Identifier: GPL-2.0-only
"""The demo's network: a client, a switch with batond, and hosts, each with
baton-host, nginx, and the echo server of the UDP stream.

    client eth0 -- client [switch] host-a -- eth0 a
                                   host-b -- eth0 b
                                   ...
"""

import json
import os
import string
import sys

import demo_udp
from harness import bpf
from harness.lab import BPFTOOL, BUILD, Lab, run, wait_until

VIP4, VIP6 = "192.0.2.10", "2001:db8:200::10"
VIPS = (VIP4, VIP6)
CLIENT4, CLIENT6 = "198.51.100.{}", "2001:db8:100::{:x}"

NGINX = """\
daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    client_body_temp_path {dir};
    proxy_temp_path {dir};
    fastcgi_temp_path {dir};
    uwsgi_temp_path {dir};
    scgi_temp_path {dir};
    client_header_timeout 1h;
    keepalive_timeout 1h;
    server {{
        listen 80 backlog=4096;
        listen [::]:80 backlog=4096;
        add_header X-Host {host};
        location / {{ return 200 "{host}\\n"; }}
    }}
}}
"""


class Instrument:
    """demo_host.bpf.c on a host's interface."""

    def __init__(self, lab, ns, device, pins):
        pins.mkdir()
        run(BPFTOOL, "prog", "loadall", BUILD / "tests/lab/demo_host.bpf.o",
            pins, "pinmaps", pins)
        self.frozen_in = bpf.Program.pinned(pins / "frozen_in")
        self.maps = {name: bpf.Map.pinned(pins / name)
                     for name in ("arrivals", "mute")}
        self.slots = self.maps["arrivals"].max_entries
        self._mute = self.maps["mute"].mapping()
        arrivals = self.maps["arrivals"].mapping()
        #: by sequence number: when the packet came to this host, or 0
        self.arrivals = memoryview(arrivals.memory).cast("Q")
        ns.run("tc", "qdisc", "add", "dev", device, "clsact")
        for side, program in ("ingress", "arrive"), ("egress", "mute_out"):
            ns.run("tc", "filter", "add", "dev", device, side, "bpf", "da",
                   "pinned", pins / program)

    def mute(self, on):
        """Nothing leaves the interface but what XDP sends."""
        self._mute.write_word(0, int(on))


class Host:
    """A machine that serves. `number` is where it is in the network."""

    DEVICE = "eth0"

    def __init__(self, demo, number):
        self.demo = demo
        self.number = number
        self.name = string.ascii_lowercase[number - 1]
        self.owner = f"web-{self.name}"
        self.port = f"host-{self.name}"
        self.address = f"10.0.{number}.2"
        self.gateways = (f"10.0.{number}.1", f"2001:db8:{number:x}::1")
        self.ns = demo.lab.netns(self.name)
        self.agent = None
        self.servers = []
        demo.lab.veth(demo.switch, self.port, self.ns, self.DEVICE)
        demo.switch.address(self.port, self.gateways[0] + "/24",
                            self.gateways[1] + "/64")
        self.configure_network()
        self.instrument = Instrument(demo.lab, self.ns, self.DEVICE,
                                     demo.pins / f"demo-{self.name}")

    def configure_network(self):
        """Again after the interface was down, which forgets all this."""
        self.ns.ip(f"""\
address replace {self.address}/24 dev {self.DEVICE}
address replace 2001:db8:{self.number:x}::2/64 dev {self.DEVICE} nodad
route replace default via {self.gateways[0]}
route replace default via {self.gateways[1]}""")

    def wait_gateways(self):
        """Until the way out is known."""
        for gateway in self.gateways:
            wait_until(lambda g=gateway: self.ns.run(
                "ping", "-c1", "-W2", g, check=False).returncode == 0,
                       f"host {self.name} reaches {gateway}")

    def start_agent(self):
        config = {"interface": self.DEVICE,
                  "bpffs": str(self.demo.pins / f"host-{self.name}"),
                  "probe-key": str(self.demo.key),
                  "switches": [self.gateways[0]], "vips": VIPS,
                  "manage-vips": True}
        self.agent = self.demo.lab.baton_host(self.ns, json.dumps(config),
                                              f"baton-host-{self.name}")
        self.agent.wait_output("ready")

    def start_servers(self):
        lab, room = self.demo.lab, self.demo.flows + 1024
        directory = lab.dir / f"nginx-{self.name}"
        directory.mkdir(exist_ok=True)
        config = lab.file(f"nginx-{self.name}.conf", NGINX.format(
            dir=directory, host=self.name, connections=room, files=2 * room))
        self.servers = [
            lab.start(self.ns, "/usr/sbin/nginx", "-p", directory, "-e",
                      directory / "error.log", "-c", config),
            lab.start(self.ns, sys.executable, demo_udp.__file__, "echo",
                      VIP4)]
        for process, sockets in zip(self.servers, ("-Hltn", "-Hlun")):
            process.wait_for(lambda s=sockets: self.ns.run("ss", s).stdout,
                             "it listens")

    def restart_servers(self):
        for process in self.servers:
            process.destroy()
        self.start_servers()

    def processes(self):
        return [*self.servers, self.agent]


class DemoLab:
    """Everything but traffic. A context: it removes what it made."""

    def __init__(self, hosts, flows, profile, ablation=None, keep=None):
        self.count = hosts
        self.flows = flows
        self.profile = profile
        self.ablation = ablation
        self.keep = keep
        self.lab = Lab("demo")

    def __enter__(self):
        self.lab.__enter__()
        try:
            self._make()
        except BaseException:
            self.lab.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *exception):
        return self.lab.__exit__(*exception)

    def _make(self):
        lab = self.lab
        if self.keep:
            lab.keep(self.keep / "hosts")
        self.key = lab.file("probe.key", os.urandom(16).hex() + "\n")
        self.key.chmod(0o600)
        self.pins = lab.bpffs()
        self.client, self.switch = lab.netns("client"), lab.netns("switch")
        lab.veth(self.switch, "client", self.client, "eth0")
        self.switch.address("client", CLIENT4.format(1) + "/24",
                            CLIENT6.format(1) + "/64")
        self.client.address("eth0", CLIENT4.format(2) + "/24",
                            CLIENT6.format(2) + "/64")
        self.client.ip(f"route add default via {CLIENT4.format(1)}\n"
                       f"route add default via {CLIENT6.format(1)}")
        self.switch.sysctl(net__ipv4__ip_forward=1,
                           net__ipv6__conf__all__forwarding=1)
        self.hosts = [Host(self, i + 1) for i in range(self.count)]
        for host in self.hosts:
            host.start_agent()
            host.start_servers()
        self.batond = lab.batond(self.switch, self._config(), pins=self.pins)
        self.control = self.batond.control
        for host in self.hosts:
            self.wait_host(host, "up")
        self.detect_ms = self.host_state(self.hosts[0])["detect_ms"]
        if self.ablation == "no-detection":
            for host in self.hosts:
                self.control("host.set", object={"name": host.name,
                                                 "probe": False})

    def _config(self):
        owners = [h.owner for h in self.hosts]
        ports = ["client", *(h.port for h in self.hosts)]
        web = {"protocol": "tcp", "port": 80, "owners": owners}
        return {
            "switch": {"probe-key": str(self.key), "flows": 1 << 18,
                       "flows6": 1 << 18,
                       "fence": self.ablation != "no-fence"},
            "ports": [{"interface": p} for p in ports],
            "hosts": [{"name": h.name, "address": h.address}
                      for h in self.hosts],
            "owners": [{"name": h.owner, "host": h.name} for h in self.hosts],
            "services": [{"name": "web4", "vip": VIP4, **web},
                         {"name": "web6", "vip": VIP6, **web},
                         {"name": "stream", "vip": VIP4, "protocol": "udp",
                          "port": demo_udp.PORT, "owners": owners[:1]}],
            "detection": {"profile": self.profile},
            # Connections of earlier rounds are not to be counted again.
            "timeouts": {"tcp-closing": "1s", "tcp-closed": "1s"},
        }

    def host(self, name):
        return next(h for h in self.hosts if h.name == name)

    def host_state(self, host):
        return self.control("host.show", name=host.name)[0]

    def wait_host(self, host, state):
        wait_until(lambda: self.host_state(host)["state"] == state,
                   lambda: f"host {host.name} {state}; batond says:\n"
                           f"{self.batond.output}")

    def owners(self):
        return {o["name"]: o for o in self.control("owner.show")}

    def flow_rows(self, *words):
        """Rows of `baton flow show`."""
        return json.loads(self.lab.baton(self.batond, "-j", "flow", "show",
                                         *words).stdout)

    def dropped_by_fence(self):
        return sum(r["packets"] for r in self.control("stats")["reasons"]
                   if r["reason"] == "drop_fence")
