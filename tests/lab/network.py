# SPDX-License-Identifier: GPL-2.0-only
"""A client, a switch and hosts, each a network namespace:

    client c0 --- s0 switch s1 --- h0 host a
                            s2 --- h0 host b ...

With `direct`, every host also has a cable of its own to the client (d0 to
d1, d2, ...) and answers by it: direct server return. Every cable carries IPv4
and IPv6. The VIPs are on the hosts' loopback; baton-host puts them there.
"""

import contextlib
import hashlib
import json
import os
import socket
import sys
from pathlib import Path

from harness import abi, bpf
from harness.lab import BUILD, PATIENCE, SLOW, run, wait_until
from stream import SO_RCVBUFFORCE

HERE = Path(__file__).resolve().parent

CLIENT = {4: "198.51.100.2", 6: "2001:db8:100::2"}
SWITCH = {4: "198.51.100.1", 6: "2001:db8:100::1"}
CLIENTS = {4: "198.51.100.0/24", 6: "2001:db8:100::/64"}
LENGTH = {4: 24, 6: 64}
ECHO, SINK, WEB = 7, 9, 80  # ports of server.py and of nginx
STREAM = 5000  # port that stream.py receives at
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}

#: as in the profile vm, but that hosts which answer are sooner believed
#: machines with emulated CPUs answer late, and are not to be taken for dead ones
INTERVAL_MS = int(50 * SLOW)
DETECT_MS = 3 * INTERVAL_MS


def detection(interval_ms):
    return {"profile": "lab",
            "profiles": [{"name": "lab", "interval": f"{interval_ms}ms",
                          "multiplier": 3, "up-after": 2}]}


DETECTION = detection(INTERVAL_MS)


def vip(family, number=10):
    return {4: f"192.0.2.{number}", 6: f"2001:db8:200::{number}"}[family]


def near(family, number, station):
    """An address on the cable between switch (1) and host (2)."""
    return {4: f"10.0.{number}.{station}",
            6: f"2001:db8:0:{number}::{station}"}[family]


def direct(family, number, station):
    """An address on the cable between client (1) and host (2)."""
    return {4: f"10.1.{number}.{station}",
            6: f"2001:db8:1:{number}::{station}"}[family]


class Host:
    def __init__(self, network, name, number, forward, outer):
        self.network = network
        self.name = name
        self.number = number
        self.forward = forward
        self.outer = outer  # family of probes, and of the tunnel
        self.port = f"s{number}"
        self.ns = network.lab.netns(name)
        self.gateway = None  # {family: address}
        self.pins = network.agents / name
        self.agent = None
        self.servers = []

    @property
    def address(self):
        return near(self.outer, self.number, 2)

    @property
    def heartbeats(self):
        return self.network.lab.private / f"{self.name}-heartbeats"

    def add_routes(self):
        """To all that is behind the switch."""
        self.ns.ip("\n".join(f"route replace {network[f]} via "
                             f"{self.gateway[f]}" for f in (4, 6)
                             for network in self.network.behind))

    def entry(self, **more):
        """In the switch's configuration."""
        return {"name": self.name, "address": self.address,
                "forward": self.forward, **more}

    def start_agent(self, **more):
        config = {"interface": "h0", "bpffs": str(self.pins),
                  "mode": self.network.mode,
                  "probe-key": str(self.network.key),
                  "switches": [near(f, self.number, 1) for f in (4, 6)],
                  "vips": self.network.vips, "manage-vips": True,
                  "heartbeats": str(self.heartbeats), **more}
        self.agent = self.network.lab.baton_host(
            self.ns, json.dumps(config, indent=1), f"{self.name}-agent")
        self.agent.wait_output("ready;")
        return self.agent

    def agent_command(self, *argv):
        return self.ns.run(BUILD / "baton-host", "--config",
                           self.network.lab.dir / f"{self.name}-agent.yaml",
                           *argv)

    def counted(self, label):
        """Packets that the host's program counted for a reason."""
        index = [r.label for r in abi.HOST_REASONS].index(label)
        with bpf.Map.pinned(self.pins / "counters") as counters:
            return counters.sum64(index)[0]

    def start_server(self):
        """server.py: echo and sink."""
        server = self.network.lab.start(
            self.ns, sys.executable, HERE / "server.py", self.name,
            *self.network.vips)
        server.wait_output("ready")
        self.servers.append(server)
        return server

    def start_web(self, root):
        """nginx, which serves a directory, and its host's name at /host."""
        scratch = self.network.lab.dir / f"{self.name}-nginx"
        scratch.mkdir()
        places = "".join(f"{kind}_temp_path {scratch}/{kind};\n" for kind in
                         ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = self.network.lab.file(f"{self.name}-nginx.conf", f"""
            daemon off; master_process off; user root;
            pid {scratch}/pid; error_log {scratch}/error.log;
            events {{ worker_connections 512; }}
            http {{
                {places} access_log off;
                server {{
                    listen {WEB}; listen [::]:{WEB};
                    root {root};
                    location = /host {{ return 200 "{self.name}\\n"; }}
                }}
            }}""")
        web = self.network.lab.start(
            self.ns, "/usr/sbin/nginx", "-e", scratch / "error.log", "-c",
            config)

        def listens():
            with self.socket(4, socket.SOCK_STREAM) as s:
                return s.connect_ex(("127.0.0.1", WEB)) == 0
        web.wait_for(listens, "nginx listens")
        self.servers.append(web)
        return web

    def socket(self, family, kind, protocol=0):
        """A socket that lives in the host's namespace."""
        with self.ns.entered():
            return socket.socket(FAMILY[family], kind, protocol)

    def capture(self):
        """What arrives by the switch, from now on."""
        with self.ns.entered():
            return Capture("h0")

    def deafen(self):
        """The machine hears nothing any more: probes, ARP, packets. Nothing
        on the switch's side changes; its link stays up."""
        run("ip", "-n", self.ns.name, "-force", "link", "set", "dev", "h0",
            "xdpdrv" if self.network.mode == "native" else "xdpgeneric",
            "object", BUILD / "tests/lab/deaf.bpf.o", "section", "xdp")


class Capture:
    """Frames that a device receives, as raw bytes."""

    def __init__(self, device):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                    socket.htons(3))  # ETH_P_ALL
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        self.socket.bind((device, 0))

    def frames(self):
        """What has come since the last call, but for what the device sent."""
        while True:
            try:
                frame, (_, _, kind, *_) = self.socket.recvfrom(
                    65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if kind != socket.PACKET_OUTGOING:
                yield frame

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()


class Network:
    """hosts: {name: (forward, family of probes and tunnel)}, or just names,
    for ("l2", 4)."""

    #: what hosts reach through the switch: {family: prefix}
    behind = [CLIENTS]

    def __init__(self, lab, hosts=("a", "b"), mode="native",
                 direct_return=False, vips=None):
        self.lab = lab
        self.mode = mode
        self.vips = vips or [vip(4), vip(6)]
        self.key = lab.file("probe.key", os.urandom(16).hex() + "\n")
        self.key.chmod(0o600)
        self.agents = lab.bpffs("agents")
        self.batond = None
        self.switch = lab.netns("switch")
        self.client = lab.netns("client")
        self.connect(self.switch, "s0", SWITCH, self.client, "c0", CLIENT)
        self.client.ip("\n".join(f"route add default via {SWITCH[f]}"
                                 for f in (4, 6)))
        self.switch.sysctl(net__ipv4__ip_forward=1,
                           net__ipv6__conf__all__forwarding=1)
        self.hosts = {}
        if not isinstance(hosts, dict):
            hosts = {name: ("l2", 4) for name in hosts}
        for number, (name, (forward, outer)) in enumerate(hosts.items(), 1):
            self.add_host(name, number, forward, outer, direct_return)

    def connect(self, a, a_device, a_address, b, b_device, b_address):
        self.lab.veth(a, a_device, b, b_device)
        for ns, device, address in ((a, a_device, a_address),
                                    (b, b_device, b_address)):
            if self.mode == "generic":
                # Merged segments would be larger than any MTU.
                ns.run("ethtool", "-K", device, "gro", "off")
            ns.address(device, *(f"{address[f]}/{LENGTH[f]}"
                                 for f in (4, 6)))

    def add_host(self, name, number, forward="l2", outer=4,
                 direct_return=False):
        host = self.hosts[name] = Host(self, name, number, forward, outer)
        self.connect(self.switch, host.port,
                     {f: near(f, number, 1) for f in (4, 6)},
                     host.ns, "h0", {f: near(f, number, 2) for f in (4, 6)})
        host.gateway = {f: near(f, number, 1) for f in (4, 6)}
        if direct_return:
            host.gateway = {f: direct(f, number, 1) for f in (4, 6)}
            self.lab.veth(self.client, f"d{number}", host.ns, "d0")
            self.client.address(f"d{number}",
                                *(f"{host.gateway[f]}/{LENGTH[f]}"
                                  for f in (4, 6)))
            host.ns.address("d0", *(f"{direct(f, number, 2)}/{LENGTH[f]}"
                                    for f in (4, 6)))
        host.add_routes()
        # Packets come by another way than they go.
        for ns, device in (host.ns, "h0"), (self.client, "c0"):
            ns.sysctl(**{f"net__ipv4__conf__{d}__rp_filter": 0
                         for d in ("all", device)})
        host.start_agent()
        return host

    def restart_agent(self, name, **options):
        self.hosts[name].agent.stop()
        return self.hosts[name].start_agent(**options)

    def config(self, owners=None, services=None, **sections):
        """Unless said otherwise: a role for each host with all the others as
        standbys, TCP and UDP at any port, at a VIP of each family."""
        names = list(self.hosts)
        owners = owners or [
            {"name": f"role-{n}", "host": n,
             "standbys": [other for other in names if other != n]}
            for n in names]
        services = services or [
            {"name": f"{protocol}{family}", "vip": vip(family),
             "protocol": protocol, "port": "any",
             "owners": [o["name"] for o in owners]}
            for protocol in ("tcp", "udp") for family in (4, 6)]
        switch = {"probe-key": str(self.key), "mode": self.mode,
                  "flows": 65536, "flows6": 65536, "ring": 1021,
                  **sections.pop("switch", {})}
        return {"switch": switch,
                "ports": [{"interface": "s0"},
                          *({"interface": h.port}
                            for h in self.hosts.values())],
                "hosts": [h.entry() for h in self.hosts.values()],
                "owners": owners, "services": services,
                "detection": DETECTION, **sections}

    def start(self, config=None, up=True, **options):
        """batond; `up`: wait until it has heard all hosts."""
        self.batond = self.lab.batond(self.switch, config or self.config(),
                                      **options)
        self.first = {name: owner["epoch"]
                      for name, owner in self.show("owner").items()}
        if up:
            self.wait_up(*self.hosts)
        return self.batond

    def restart(self):
        """batond again, with the files that the last one had."""
        old = self.batond
        self.batond = self.lab.start(
            self.switch, BUILD / "batond", "--config", self.config_path,
            kind=lambda argv, log: type(old)(argv, log, old.pins,
                                             old.control.path))
        return self.batond.ready()

    @property
    def config_path(self):
        return self.lab.dir / "batond.yaml"

    # --- asking the switch ---

    def ask(self, do, **fields):
        return self.batond.control(do, **fields)

    def show(self, kind):
        """{name: object} of hosts, owners or services."""
        return {o["name"]: o for o in self.ask(f"{kind}.show")}

    def owner(self, name):
        found, = self.ask("owner.show", name=name)
        return found

    def epoch(self, name, moves):
        """The owner's, after so many moves since start()."""
        return self.first[name] + moves

    def baton(self, *argv, **options):
        return self.lab.baton(self.batond, *argv, **options)

    def flows(self, *words):
        """What `baton flow show` says: {(client, port, service): flow}."""
        rows = json.loads(self.baton("-j", "flow", "show", *words).stdout)
        return {(r["client"], r["port"], r["service"]): r for r in rows}

    def counted(self, label):
        """Packets that left the switch for a reason."""
        with bpf.Map.pinned(self.batond.pins / "counters") as counters:
            return counters.sum64(abi.REASON[label])[0]

    def last_event(self):
        events = self.ask("event.show", last=1)
        return events[-1]["seq"] if events else 0

    def events(self, kind, after=0):
        return [e for e in self.ask("event.show", last=4096, after=after)
                if e["kind"] == kind]

    def wait_event(self, kind, after=0, timeout=PATIENCE, **fields):
        """The first event of the kind with these fields."""
        def found():
            return next((e for e in self.events(kind, after)
                         if all(e.get(k) == v for k, v in fields.items())),
                        None)
        return wait_until(found, lambda: f"event {kind} {fields}: "
                          f"{self.ask('event.show', after=after)}", timeout)

    def wait_up(self, *names):
        def all_up():
            hosts = self.show("host")
            return all(hosts[n]["state"] == "up" and hosts[n]["mac"]
                       for n in names)
        self.batond.wait_for(all_up, f"hosts {names} are up")

    # --- being a client ---

    def socket(self, family, kind=socket.SOCK_DGRAM, protocol=0):
        with self.client.entered():
            s = socket.socket(FAMILY[family], kind, protocol)
        s.settimeout(PATIENCE)
        return s

    def connection(self, family=4, number=10, port=ECHO):
        """A TCP connection to a VIP."""
        s = self.socket(family, socket.SOCK_STREAM)
        with contextlib.ExitStack() as stack:
            stack.callback(s.close)
            s.connect((vip(family, number), port))
            stack.pop_all()
        return s

    def upload(self, data, family=4, number=10):
        """Send it to the sink: the name of the host that got it, and the
        digest of what it got."""
        with self.connection(family, number, SINK) as s:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            with s.makefile() as answer:
                return tuple(answer.read().split())

    def curl(self, path, family=4, number=10, check=True, **options):
        address = vip(family, number)
        at = f"[{address}]" if family == 6 else address
        more = [word for key, value in options.items()
                for word in ("--" + key.replace("_", "-"), value)]
        return self.client.run("curl", "-gsS", "--fail", "--max-time",
                               PATIENCE, *more, f"http://{at}/{path}",
                               check=check)

    def who(self, family=4):
        """The host that a new connection goes to."""
        with self.connection(family) as s:
            return say(s)


def say(s, text=b"hello\n"):
    """Have a connection or datagram echoed; the name of who did it."""
    s.sendall(text)
    if s.type == socket.SOCK_DGRAM:
        answer = s.recv(65536)
    else:
        answer = b""
        while not answer.endswith(b"\n"):
            piece = s.recv(65536)
            assert piece, f"closed after {answer!r}"
            answer += piece
    name, _, echo = answer.partition(b" ")
    assert echo == text, f"{len(echo)} bytes came back, {len(text)} were sent"
    return name.decode()


def digest(data):
    return hashlib.sha256(data).hexdigest()
