# SPDX-License-Identifier: GPL-2.0-only
"""Live connections through baton-proxy, while the proxy and its host are taken
away again and again."""

import sys
import time

import demo_progress
from demo_proxy_clients import resets, start_clients
from demo_proxy_lab import LINK_TIMEOUT_MS, ProxyLab
from demo_proxy_timeline import (Progress, Strike, Stream, check_silence,
                                 check_resets, check_return, check_stalls,
                                 check_stream, check_takeover)
from demo_timeline import Check
from demo_udp import now
from harness.lab import Failed, Lab, wait_until
from proxies import OWNER

SECOND = 1_000_000_000
STEADY = 0.08  # of all the time: how long nothing happens between two events
LATE = 20  # s more than planned, for the transfers on a slow machine
RETRANSMISSION_MS = 250  # what one of TCP's own timeouts may add to a stall


class Course:
    """The faults, one after the other, under the same connections."""

    def __init__(self, network, screen, options):
        self.network = network
        self.screen = screen
        self.options = options
        self.strikes, self.streams, self.checks = [], [], []
        self.clients = []
        self.steady = int(STEADY * options.seconds * SECOND)
        self.limit_ms = 1.2 * network.detect_ms + options.allowance
        self.stall_ms = (self.limit_ms + 1.2 * LINK_TIMEOUT_MS +
                         options.allowance + RETRANSMISSION_MS)

    @property
    def ok(self):
        return bool(self.checks) and all(c.ok for c in self.checks)

    # --- the clients ---

    def begin(self):
        network, options = self.network, self.options
        self.kernels = {"clients": network.client, "server": network.server}
        self.before = {who: resets(ns) for who, ns in self.kernels.items()}
        record = network.lab.file("progress", "")
        self.sampler = network.lab.start(network.client, sys.executable,
                                         demo_progress.__file__, record)
        self.record = open(record, encoding="ascii")
        network.lab.defer(self.record.close)
        self.begun = now()
        self.end = time.monotonic() + options.seconds + LATE
        self.clients = start_clients(network,
                                     options.seconds * options.bandwidth,
                                     options.bandwidth, options.seconds)
        self.progress = Progress(self.clients)
        self.rest = ""
        self.streams = [Stream(c.name, self.progress.points[c.name])
                        for c in self.clients]

    def _read(self):
        text = self.rest + self.record.read()
        *lines, self.rest = text.split("\n")
        self.progress.feed(lines)

    def wait_moving(self, at):
        """Until every connection has got on since this time."""
        def moving():
            self._read()
            if not self.sampler.alive():
                raise Failed(f"demo_progress.py: {self.sampler.output}")
            if ended := [c.name for c in self.clients if not c.alive()]:
                raise Failed(f"too early an end: {', '.join(ended)}")
            return not self.progress.behind(at)
        wait_until(moving, lambda: "connections that stand still: " +
                   ", ".join(self.progress.behind(at)))

    # --- a fault ---

    def suffer(self, kind):
        self.wait_moving(now() + self.steady)
        owner = self.network.owner(OWNER)
        fault = kind(self.network, owner["host"])
        if self.options.ablation == "no-gate":
            self._open_gate(fault.host)
        seen = self.network.last_event()
        self.network.expect(owner["next"], owner["host"])
        struck = fault.strike()
        s = Strike(kind.name, fault.text, owner["host"], owner["next"], struck)
        self.strikes.append(s)
        self.screen.say(f"host {s.host}: {s.text}", at=0)
        try:
            self._take_over(s, seen)
            self._come_back(s, fault)
        finally:
            self._judge(s)

    @staticmethod
    def _open_gate(host):
        """What the kernel of a dead proxy says is let out."""
        for tables in "iptables-legacy", "ip6tables-legacy":
            host.ns.run(tables, "-F", "BATON-PROXY-OUT")

    def _take_over(self, s, seen):
        move = self.network.wait_event("move", seen, owner=OWNER,
                                       to=s.standby)
        s.store = move["mono_ns"]
        s.cause = next((e["text"] for e in
                        self.network.ask("event.show", after=seen)
                        if e["kind"] in ("host_down", "application")),
                       "without a cause")
        self.screen.say(f"batond: {s.cause}", at=s.ms(s.store))
        self.screen.say(f"batond: {move['text']}", at=s.ms(s.store))
        self.wait_moving(s.store + self.steady)

    def _come_back(self, s, fault):
        s.returned = now()
        fault.repair()
        self.network.wait_protected(s.standby, s.host)
        s.protected = now()
        self.network.wait_ready(s.host)
        s.plays = self.network.owner(OWNER)["host"]
        s.kept_back = fault.kept_back
        self.wait_moving(s.protected)

    def _judge(self, s):
        checks = [check_takeover(s, self.limit_ms),
                  check_stalls(s, self.streams, self.stall_ms),
                  check_return(s)]
        if s.kept_back is not None:
            checks.append(check_silence(s.kept_back))
        self._add(checks)

    def _add(self, checks):
        self.checks += checks
        self.screen.checks(checks)

    # --- the end ---

    def finish(self):
        """Let every client end; what became of it."""
        for client, stream in zip(self.clients, self.streams):
            (stream.bytes, stream.sha256, stream.right,
             stream.error) = client.outcome(max(1,
                                                self.end - time.monotonic()))
        self._read()
        self._add([check_stream(s) for s in self.streams])
        self._add([check_resets(
            {who: resets(ns) - self.before[who]
             for who, ns in self.kernels.items()})])

    def give_up(self, error):
        """Something that was waited for did not happen."""
        self._add([Check("course", False, str(error))])

    # --- what is shown ---

    def rows(self):
        """Of each stream, for the table and demo.json. The beginning, where
        ssh computes keys, is not the proxies' doing."""
        since = self.strikes[0].struck if self.strikes else 0
        return [{"name": s.name, "bytes": s.bytes,
                 **{k.name: s.stall_ms(k) for k in self.strikes},
                 "longest_ms": s.longest(since),
                 "sha256": s.sha256, "ok": check_stream(s).ok} for s in self.streams]

    def table(self):
        self.screen.table(
            (("stream", "name", "{}"), ("bytes", "bytes", "{}"),
             *((k.name, k.name, "{:.0f} ms") for k in self.strikes),
             ("longest stall", "longest_ms", "{:.0f} ms"),
             ("SHA-256", "sha256", "{:.12}")), self.rows())

    def result(self):
        return {"ok": self.ok,
                "strikes": [{"name": s.name, "host": s.host,
                             "standby": s.standby, "cause": s.cause,
                             "store_ms": s.ms(s.store),
                             "returned_ms": s.ms(s.returned),
                             "protected_ms": s.ms(s.protected)}
                            for s in self.strikes],
                "streams": self.rows(),
                "checks": [c._asdict() for c in self.checks]}


def play(options, screen, faults):
    """The course, as far as it went before something broke down."""
    with Lab("demo") as lab:
        if options.keep:
            lab.keep(options.keep / "proxy")
        network = ProxyLab(lab, options.profile)
        network.start(options.bandwidth)
        course = Course(network, screen, options)
        try:
            course.begin()
            screen.line(f"2 hosts with baton-proxy, detection "
                        f"{options.profile} ({network.detect_ms:g} ms), "
                        f"{len(course.clients)} clients for "
                        f"{options.seconds} s")
            for i, kind in enumerate(faults, 1):
                screen.title(f"[{i}/{len(faults)}] {kind.name}")
                course.suffer(kind)
            screen.title("the end of all transfers")
        except Failed as e:
            course.give_up(e)
        course.finish()
    return course
