# SPDX-License-Identifier: GPL-2.0-only
"""One failure, from traffic that flows to the host's return."""

from demo_timeline import (Check, Limits, Packet, Timeline, check_detection,
                           check_fence, check_first, check_flows,
                           check_owners, check_redirection, check_requests,
                           failed, split_requests)
from demo_traffic import summary
from demo_udp import now
from harness.lab import Failed, wait_until

SECOND = 1_000_000_000


class Scenario:
    def __init__(self, fault, traffic, say, allowance_ms):
        self.fault = fault
        self.host = fault.host
        self.demo = fault.host.demo
        self.traffic = traffic
        self.say = say
        self.limits = Limits(self.demo.detect_ms, allowance_ms)
        self.checks = []
        self.timeline = None
        self.standby = None
        self.requests, self.under_way, self.fresh = [], [], []
        self.answers = {}
        self.moved_flows = 0
        self.failback_lost = None
        self.broken = False

    @property
    def ok(self):
        return bool(self.checks) and all(c.ok for c in self.checks)

    def run(self, flows):
        self._prepare(flows)
        events = self._strike()
        if events:
            self._settle()
            self._judge(events)
            self._come_back()
        else:
            self.timeline = Timeline(self.struck, packets=self._packets())
            self.checks.append(check_detection(self.timeline, self.limits))
            self.fault.repair()
            self.host.restart_servers()

    def give_up(self, error):
        """Something that was waited for did not happen."""
        self.broken = True
        self.checks.append(Check("course", False, str(error)))

    # --- before ---

    def _prepare(self, flows):
        self.traffic.new_round(flows)
        self.traffic.stream.wait_answers(self.traffic.stream.rate)
        self.traffic.wait_requests(now())
        wait_until(lambda: len(self.traffic.idle_owners()) == flows,
                   "all idle connections in the flow table")
        self.idle_owners = self.traffic.idle_owners()
        self.owners = self.demo.owners()
        self.standby = self.demo.host(self.owners[self.host.owner]["next"])
        self.moved_flows = len(self.demo.flow_rows("owner", self.host.owner))
        self.say(f"{self.host.owner} has {self.moved_flows} connections on "
                 f"{self.host.name}; standby: {self.standby.name}")

    # --- the failure ---

    def _events(self):
        """Of this failure: {kind: event}; nothing until all have happened."""
        found = {}
        for e in self.demo.control("event.show", after=self.seen):
            if e["kind"] == "host_down" and e["host"] == self.host.name:
                found["down"] = e
            if e["kind"] == "move" and e["owner"] == self.host.owner:
                found["move"] = e
        return found if len(found) == 2 else None

    def _strike(self):
        self.seen = self.demo.control("event.show", last=1)[-1]["seq"]
        self.first = max(1, self.traffic.stream.position()
                         - self.traffic.stream.rate)
        self.struck = self.fault.strike(self.traffic.stream)
        self.say(f"host {self.host.name}: {self.fault.text}", at=0)
        patience = 20 * self.demo.detect_ms / 1e3 + 2
        try:
            return wait_until(self._events, "the failover", patience)
        except Failed:
            self.say(f"nothing happened within {patience:g} s")
            return None

    def _settle(self):
        """The client's own view of it becomes good again."""
        self.traffic.stream.wait_answers(self.traffic.stream.rate // 4)
        self.traffic.wait_requests(now())
        self.after = self.demo.owners()
        self.packets = self._packets()
        self.answers = self.traffic.idle.ask()

    def _packets(self):
        """From a moment before the failure until the last answered one."""
        record = self.traffic.stream.record
        old, new = (h.instrument.arrivals for h in (self.host, self.standby))
        return [Packet(record.sent[n], old[n], new[n], record.answered[n])
                for n in self.traffic.stream.since(self.first)]

    def _judge(self, events):
        down, move = events["down"], events["move"]
        self.timeline = t = Timeline(
            self.struck, down["mono_ns"], down["detect_ms"], move["mono_ns"],
            move["flip_ns"], self.packets)
        self.say(f"batond: {down['text']}", at=t.ms(t.down))
        self.say(f"batond: {move['text']}: one store, {t.flip_ns} ns",
                 at=t.ms(t.store))
        if t.first_new:
            self.say(f"first packet at {self.standby.name}",
                     at=t.ms(t.first_new))
        self.requests = self.traffic.requests(self.struck - SECOND // 4)
        self.under_way, self.fresh = split_requests(self.requests, t.store)
        self.say(f"stream: packets lost: {t.lost}; {t.answer_gap_ms:.1f} ms "
                 f"without an answer; idle connections: "
                 f"{summary(self.answers)}")
        home = {name: o["host"] for name, o in self.owners.items()}
        self.checks += [
            check_detection(t, self.limits), check_first(t, self.limits),
            check_redirection(t),
            check_owners(self.owners, self.after, self.host.owner,
                         self.standby.name),
            check_flows(self.idle_owners, self.answers, self.host.owner, home),
            check_requests(self.fresh, self.host.name)]

    # --- after ---

    def _come_back(self):
        fenced = self.demo.dropped_by_fence()
        self.fault.repair()
        if self.fault.answers_late:
            self._check_fence(fenced)
        self.host.restart_servers()
        self.demo.wait_host(self.host, "up")
        first = self.traffic.stream.position() + 1
        self.demo.control("owner.failback", name=self.host.owner)
        self.traffic.stream.wait_answers(self.traffic.stream.rate // 4)
        answered = self.traffic.stream.record.answered
        self.failback_lost = sum(not answered[n] for n in
                                 self.traffic.stream.since(first))
        self.say(f"host {self.host.name} is up again, and {self.host.owner} "
                 f"given back to it; packets lost: {self.failback_lost}")

    def _check_fence(self, fenced):
        record = self.traffic.stream.record
        late = [n for n, p in enumerate(self.packets, self.first)
                if p.old and not p.answered]

        def heard():
            return sum(bool(record.answered[n]) for n in late)
        wait_until(lambda: heard() or self.demo.dropped_by_fence() > fenced,
                   "the old host's late answers")
        self.checks.append(check_fence(self.demo.dropped_by_fence() - fenced,
                                       heard()))

    def result(self):
        """For demo.json; null for what did not happen."""
        t = self.timeline or Timeline(0)
        moved = t.store is not None
        lost = len(failed(self.under_way))
        reset = sum(a == "reset" for a in self.answers.values())
        return {
            "name": self.fault.name,
            "host": self.host.name,
            "standby": self.standby and self.standby.name,
            "ok": self.ok,
            "detect_ms": t.detect_ms,
            "silent_ms": t.silent_ms,
            "store_ms": t.ms(t.store),
            "flip_ns": t.flip_ns,
            "last_packet_old_ms": t.ms(t.last_old),
            "first_packet_new_ms": t.ms(t.first_new),
            "first_after_store_ms": t.first_new_ms,
            "packets_lost": t.lost if moved else None,
            "answer_gap_ms": t.answer_gap_ms if moved else None,
            "failback_packets_lost": self.failback_lost,
            "flows_moved": self.moved_flows if moved else 0,
            "client_errors": len(failed(self.fresh)) if moved else None,
            "new_requests": len(self.fresh) if moved else None,
            "in_flight_lost": lost + reset if moved else None,
            "in_flight": {"requests": lost, "idle_connections": reset},
            "checks": [c._asdict() for c in self.checks],
        }
