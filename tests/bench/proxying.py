# SPDX-License-Identifier: GPL-2.0-only
"""What protection costs: bytes and answers through baton-proxy with a standby,
without one, and through HAProxy, one after the other in one network."""

import contextlib
import os
import socket
import statistics
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lab"), str(HERE.parent)]

from harness.lab import BUILD  # noqa: E402
from network import CLIENT, vip  # noqa: E402
from proxies import PORT, Proxies, beside  # noqa: E402

BULK = 8081
THROUGH = "unprotected", "protected", "haproxy"
OURS = "unprotected", "protected"
TRIPS_TO = *THROUGH, "standby"
HARD = "rcvbuf64k", "loss1000"
PORTS = {"unprotected": 8001, "protected": PORT, "haproxy": 8003}
SECONDS = 2
TRIPS = 3000
SEGMENT = 1448  # bytes of data


class Bench(Proxies):
    """All three at once, on host a. `buffer`: of the proxy's sockets, bytes;
    `apart`: no machine has a CPU in common with one that it talks to."""

    def __init__(self, lab, haproxy=True, apart=False, **options):
        super().__init__(lab)
        self.apart = apart
        self.carried = 0  # bytes, of the last transfer
        self.start()
        with self.on("client"):
            server = lab.start(self.client, sys.executable, HERE / "bulk.py",
                               CLIENT[4], BULK)
        server.wait_output("ready")
        self.start_proxies(**options)
        self.start_beside()
        if haproxy:
            self.start_haproxy()

    @contextlib.contextmanager
    def on(self, machine):
        """What is done, or started, meanwhile is on this machine's CPU: host a's
        is one, that of the others another."""
        all_cpus = os.sched_getaffinity(0)
        if self.apart:
            choose = max if machine == "a" else min
            os.sched_setaffinity(0, {choose(all_cpus)})
        try:
            yield
        finally:
            os.sched_setaffinity(0, all_cpus)

    def start_proxy(self, name, config=None, **more):
        with self.on(name):
            return super().start_proxy(name, config, **more)

    def start_beside(self):
        """The same server on the standby's host, where the proxies' link ends:
        what one round trip to the standby takes."""
        with self.on("b"):
            server = self.lab.start(self.hosts["b"].ns, sys.executable,
                                    HERE / "bulk.py",
                                    beside(self.hosts["b"]), BULK)
        server.wait_output("ready")

    def start_haproxy(self):
        lab = self.lab
        path = lab.file("haproxy.cfg", f"""
            global
                maxconn 4096
            defaults
                mode tcp
                timeout connect 5s
                timeout client 1m
                timeout server 1m
            listen bench
                bind {vip(4)}:{PORTS["haproxy"]}
                server s {CLIENT[4]}:{BULK}\n""")
        with self.on("a"):
            haproxy = lab.start(self.hosts["a"].ns, "/usr/sbin/haproxy", "-db",
                                "-f", path)
        haproxy.wait_for(lambda: self.answers("haproxy"), "HAProxy listens")

    def proxy_config(self, name, **more):
        config = super().proxy_config(name, **more)
        web, = [s for s in config["services"] if s["name"] == "web4"]
        web["server-port"] = BULK
        config["services"].append({
            **{k: v for k, v in web.items()
               if k not in ("owner", "source")},
            "name": "plain", "port": PORTS["unprotected"], "policy": "none"})
        return config

    def lose_packets(self):
        """One in 1,000 of what brings data from the client is lost; packets,
        not what will become many of them."""
        self.client.ip("link", "set", "c0", "gso_max_segs", "1")
        for words in (
                ("qdisc", "add", "dev", "c0", "clsact"),
                ("filter", "add", "dev", "c0", "egress", "bpf", "da", "obj",
                 BUILD / "tests/bench/lossy.bpf.o", "sec", "tc")):
            self.client.run("tc", *words)

    def connect_to(self, through):
        if through == "standby":
            s = self.hosts["a"].socket(4, socket.SOCK_STREAM)
            s.connect((beside(self.hosts["b"]), BULK))
        else:
            s = self.socket(4, socket.SOCK_STREAM)
            s.connect((vip(4), PORTS[through]))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def answers(self, through):
        try:
            self.connect_to(through).close()
        except OSError:
            return False
        return True

    def download(self, through):
        """MB/s"""
        buffer = bytearray(1 << 20)
        with self.connect_to(through) as s:
            s.sendall(b"d")
            s.recv_into(buffer)
            begin, n = time.monotonic(), 0
            while time.monotonic() - begin < SECONDS:
                n += s.recv_into(buffer)
            self.carried = n
            return n / (time.monotonic() - begin) / 1e6

    def upload(self, through, receive_buffer=None):
        buffer = bytes(1 << 20)
        with self.connect_to(through) as s:
            s.sendall(b"u")
            begin, n = time.monotonic(), 0
            while time.monotonic() - begin < SECONDS:
                s.sendall(buffer)
                n += len(buffer)
            s.shutdown(socket.SHUT_WR)
            assert s.recv(1) == b"."
            self.carried = n
            return n / (time.monotonic() - begin) / 1e6

    def acks_per_message(self, what):
        """To the standby; of the acknowledgements that a receiver owes for what
        was carried, one for each second full segment (RFC 5681, section 4.2)."""
        before = self.report("a")["messages"]
        getattr(self, what)("protected")
        return self.carried / (2 * SEGMENT) / \
            (self.report("a")["messages"] - before)

    def trips(self, through):
        """The median of many, in us."""
        took = []
        with self.on("a" if through == "standby" else "client"), \
                self.connect_to(through) as s:
            s.sendall(b"e")
            for _ in range(TRIPS):
                begin = time.monotonic_ns()
                s.sendall(b"x" * 64)
                n = 0
                while n < 64:
                    n += len(s.recv(64))
                took.append(time.monotonic_ns() - begin)
        return statistics.median(took) / 1e3
