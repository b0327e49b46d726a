# SPDX-License-Identifier: GPL-2.0-only
"""The network of network.py with a baton-proxy on every host, and a server
that clients reach through them:

    client c0 --- s0 switch s1 --- h0 host a, baton-proxy
    server                                    r0 |
                                              r0 |
                            s2 --- h0 host b, baton-proxy

The proxies' link has a cable of its own (with more than two hosts: a bridge).
"""

import contextlib
import hashlib
import json
import os
import random
import signal
import socket
import sys
import time
from pathlib import Path

from harness.lab import BUILD, PATIENCE, Control, run, wait_until

from network import CLIENT, CLIENTS, Network, near, vip
from origin import stream

HERE = Path(__file__).resolve().parent
PORT = 8000  # of the service
ORIGIN = 8080  # of the server
SOURCE = 110  # the VIP that the proxy speaks from to the server
OWNER = "role-a"
APPLICATION = "proxy"
LIMIT_MS = 500  # of its heartbeat: the machine may be busy; deaths are seen at once
PAUSE = 0.1  # s, at most, before the next kill
QUEUES = "/proc/net/netfilter/nfnetlink_queue"
OUT = 7793  # the proxy's queue of what leaves


def beside(host):
    """Its address on the network of the links."""
    return f"10.2.0.{host.number}"


class Proxies(Network):
    link_timeout = "2s"

    def __init__(self, lab, hosts=("a", "b"), **options):
        super().__init__(lab, hosts, vips=[vip(f, n) for f in (4, 6)
                                           for n in (10, SOURCE)], **options)
        # a paced sender sends often and little, also where round trips are
        # so short that the kernel would join much
        self.client.sysctl(net__ipv4__tcp_tso_rtt_log=0)
        # who serves, and where: the clients' machine, unless another is
        self.server, self.server_address = self.client, CLIENT
        self.proxies, self.marks = {}, {}
        self.make_keys()
        self.connect_hosts()

    def make_keys(self):
        self.keys, self.public = {}, {}
        for name in self.hosts:
            self.keys[name] = self.lab.dir / f"{name}.key"
            self.public[name] = run(BUILD / "baton", "key", "new",
                                    self.keys[name]).stdout.split()[-1]

    def connect_hosts(self):
        """By which the proxies replicate: an ordinary network, all of whose
        offloads work."""
        self.hub = hub = self.lab.netns("hub")
        hub.ip("link", "add", "br0", "up", "type", "bridge")
        for host in self.hosts.values():
            port = f"p{host.number}"
            hub.ip("link", "add", port, "up", "type", "veth", "peer", "name",
                   "r0", "netns", host.ns.name)
            hub.ip("link", "set", port, "master", "br0")
            host.ns.ip("link", "set", "r0", "up")
            host.ns.address("r0", f"{beside(host)}/24")

    def proxy_services(self):
        """What clients reach through the proxies."""
        return [{"name": f"web{f}", "vip": vip(f), "port": PORT,
                 "server": self.server_address[f], "server-port": ORIGIN,
                 "owner": OWNER, "source": vip(f, SOURCE)} for f in (4, 6)]

    def protected_services(self):
        """Whose protection is waited for."""
        return [service["name"] for service in self.proxy_services()]

    def start_switch(self, config=None, recorder=True, watched=False,
                     owner=None, detection=None, switch=None, **options):
        """watched: agents watch their proxies, and the switch moves the owner
        when one fails."""
        more = {"application": APPLICATION} if watched else {}
        self.watched = watched
        if watched:
            for name in self.hosts:
                self.restart_agent(name, applications=[
                    {"name": APPLICATION, "limit": f"{LIMIT_MS}ms"}])
        others = [n for n in self.hosts if n != "a"]
        owners = [{"name": OWNER, "host": "a", "standbys": others,
                   **(owner or {})}]
        services = [
            {"name": f"{what}{f}", "vip": vip(f, n), "protocol": "tcp",
             "port": "any", "owners": [OWNER], "recorder": recorder, **more}
            for f in (4, 6) for what, n in (("web", 10), ("back", SOURCE))]
        sections = {"detection": detection, "switch": switch}
        super().start(config or self.config(
            owners, services, **{k: v for k, v in sections.items() if v}),
                      **options)

    def start(self, config=None, rate=(), recorder=True, **options):
        """The switch, as start_switch() does, and servers."""
        self.start_switch(config, recorder, **options)
        self.origins = {}
        for family in (4, 6):
            origin = self.lab.start(self.server, sys.executable,
                                    HERE / "origin.py",
                                    self.server_address[family], ORIGIN, *rate)
            origin.wait_output("ready")
            self.origins[family] = origin

    def control(self, name):
        """The socket on which a host's proxy is asked."""
        return self.lab.private / f"{name}-proxy.sock"

    def ask_proxy(self, name, *words, **options):
        """What its host's command line is told."""
        return self.hosts[name].ns.run(
            BUILD / "baton", "--socket", self.control(name), *words, **options)

    def show_proxy(self, name, *words):
        return json.loads(self.ask_proxy(name, "-j", *words).stdout)

    def proxy_config(self, name, takeover_timeout="60s", memory=1024,
                     buffer=2 << 20, **more):
        """`more`: of each service."""
        host = self.hosts[name]
        return {
            "takeover-timeout": takeover_timeout, "memory": memory,
            "buffer": buffer,
            "node": name, "key": str(self.keys[name]),
            "control": str(self.control(name)),
            **({"application": APPLICATION, "heartbeats": str(host.heartbeats)}
               if self.watched else {}),
            "agent": str(host.pins),
            "address": beside(host),
            "link-timeout": self.link_timeout,
            "peers": [{"name": n, "key": self.public[n],
                       "address": beside(h)}
                      for n, h in self.hosts.items() if n != name],
            "services": [{**service, **more}
                         for service in self.proxy_services()]}

    def expect(self, owner, standby):
        """What was said before of its protection does not count any more."""
        self.marks[owner, standby] = len(self.proxies[owner].output)

    def start_proxy(self, name, config=None, **more):
        for other in self.proxies:
            self.expect(other, name)
            self.marks[name, other] = 0
        path = self.lab.file(f"{name}-proxy.yaml",
                             json.dumps(config or
                                        self.proxy_config(name, **more),
                                        indent=1))
        proxy = self.lab.start(self.hosts[name].ns, BUILD / "baton-proxy",
                               "--config", path, "--verbose")
        proxy.wait_output("is ready")
        self.proxies[name] = proxy
        return proxy

    def start_proxies(self, **more):
        for name in self.hosts:
            self.start_proxy(name, **more)
        if more.get("policy") != "none":
            self.wait_protected()

    def wait_protected(self, owner="a", standby="b"):
        """The owner's proxy has been told that the standby, as it runs now,
        stores all of it."""
        proxy = self.proxies[owner]
        mark = self.marks.get((owner, standby), 0)
        proxy.wait_for(lambda: all(
            f"{service}: {standby} has everything" in proxy.output[mark:]
            for service in self.protected_services()), "protection")

    def kill(self, name):
        self.proxies[name].popen.send_signal(signal.SIGKILL)
        self.proxies[name].popen.wait()

    def report(self, name):
        """What a proxy says of itself: {counter: number}, of each of its
        services {service: {what: number}}, and its standby."""
        ask = Control(self.control(name))
        said = ask("proxy.show")
        connections = ask("connection.show")
        standby = [p["name"] for p in said["peers"] if p["stores"]]
        services = {}
        for s in said["services"]:
            its = [c for c in connections if c["service"] == s["name"]]
            services[s["name"]] = {
                "connections": s["connections"],
                "taking_over": s["taking_over"],
                "unprotected": sum(c["lost_now"] == "all" for c in its),
                "bytes": sum(c["memory_bytes"] for c in its)}
        return {**said["counters"], **services,
                "standby": standby[0] if standby else None}

    def wait_complete(self, name):
        """It plays the owner, and its standby has everything as it is now."""
        ask = Control(self.control(name))
        wait_until(lambda: all(s["role"] == "owner" and s["complete"]
                               for s in ask("proxy.show")["services"]),
                   f"what {name} plays is protected")

    def move(self, name):
        self.batond.control("owner.failover", name=OWNER, to=name)

    def cut(self, name):
        """A host's cable to the switch; its link to other hosts is another."""
        self.hosts[name].ns.ip("link", "set", "h0", "down")

    def mend(self, name):
        """It is back, with the routes that its fall has taken away."""
        host = self.hosts[name]
        host.ns.ip("link", "set", "h0", "up")
        host.ns.ip("\n".join(
            f"route replace {CLIENTS[f]} via {near(f, host.number, 1)}"
            for f in (4, 6)))

    def kill_and_return(self, kills, seed=1, active="a", standby="b"):
        """Kill whoever plays the owner, at any moment, start it again, and so
        on; when its connections were moved."""
        choice = random.Random(seed)
        moves = []
        for _ in range(kills):
            time.sleep(choice.uniform(0, PAUSE))
            self.kill(active)
            self.move(standby)
            moves.append(time.monotonic())
            self.start_proxy(active)
            active, standby = standby, active
            self.wait_protected(active, standby)
        return moves

    def move_there_and_back(self, moves, seed=1, active="a", standby="b"):
        """Move the owner while both live, at any moment once it is protected."""
        choice = random.Random(seed)
        for _ in range(moves):
            time.sleep(choice.uniform(0, PAUSE))
            self.expect(standby, active)
            self.move(standby)
            active, standby = standby, active
            self.wait_protected(active, standby)

    def try_connect(self, patience=0.5, family=4):
        """A connection, soon or not at all (TimeoutError)."""
        s = self.socket(family, socket.SOCK_STREAM)
        s.settimeout(patience)
        try:
            s.connect((vip(family), PORT))
        except OSError:
            s.close()
            raise
        s.settimeout(PATIENCE)
        return s

    def client_socket(self, family=4):
        return self.connection(family, 10, PORT)


def stop(process):
    """It does not run any more when this returns."""
    process.popen.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)


def kept_back(host):
    """Packets on their way out of it that wait for its proxy, now."""
    rows = host.ns.run("cat", QUEUES).stdout.splitlines()
    row, = [r.split() for r in rows if int(r.split()[0]) == OUT]
    return int(row[2])


@contextlib.contextmanager
def stopped(process):
    """As if the machine had too much else to do."""
    stop(process)
    try:
        yield
    finally:
        process.popen.send_signal(signal.SIGCONT)


# --- ways to take the owner's host away -----------------------------------------

def killed(network):
    network.kill("a")
    network.move("b")


def link_cut(network):
    network.hosts["a"].ns.ip("link", "set", "h0", "down")


def deaf(network):
    network.hosts["a"].deafen()


def by_hand(network):
    network.move("b")


FAULTS = killed, link_cut, deaf, by_hand


class Stream:
    """One client's transfer, a step at a time."""

    def __init__(self, network, family=4, connection=None):
        self.socket = connection or network.client_socket(family)

    def upload(self, n, seed=1, step=None):
        digest = hashlib.sha256()
        self.socket.sendall(b"put %d\n" % n)
        for i, piece in enumerate(stream(seed, n)):
            if step:
                step(i)
            self.socket.sendall(piece)
            digest.update(piece)
        with self.socket.makefile() as answers:
            assert answers.readline().strip() == digest.hexdigest()

    def download(self, n, seed=1, step=None):
        self.socket.sendall(b"get %d %d\n" % (n, seed))
        self.finish(n, seed, step)

    def finish(self, n, seed=1, step=None):
        """A download that has begun."""
        expected, got = hashlib.sha256(), hashlib.sha256()
        for piece in stream(seed, n):
            expected.update(piece)
        left, i = n, 0
        while left:
            piece = self.socket.recv(min(left, 1 << 16))
            assert piece, f"the end, {left} bytes too soon"
            got.update(piece)
            left -= len(piece)
            i += 1
            if step:
                step(i)
        assert got.hexdigest() == expected.hexdigest()

    def ask(self, question):
        """The line that is the answer."""
        self.socket.sendall(question + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            piece = self.socket.recv(100)
            assert piece, "closed"
            line += piece
        return line[:-1]

    def echo(self, text):
        question = b"echo %d" % text
        assert self.ask(question) == question

    def who(self):
        """Whom the server takes its client for: address and port."""
        address, port = self.ask(b"who").decode().split()
        return address, int(port)
