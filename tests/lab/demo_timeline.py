# SPDX-License-Identifier: GPL-2.0-only
"""What happened when, out of records that were made at the time, and whether
it is what should have happened. No clocks, no sockets.

Times are CLOCK_BOOTTIME in ns. A packet of the stream is a Packet: when the
client sent it, when it came to the interfaces of the old host and of the new
one, when its answer came back; 0: never.
"""

from collections import namedtuple
from dataclasses import dataclass, field
from typing import Optional

MS = 1_000_000

Packet = namedtuple("Packet", "sent old new answered")
Check = namedtuple("Check", "name ok text")

#: A request of which this is less true than "began after" counts as begun
#: before: the stamps of Curl are not better.
REQUEST_ERROR = 5 * MS


@dataclass
class Limits:
    detect_ms: float  # of the profile: interval times multiplier
    allowance_ms: float  # for pauses of the machine
    first_ms: float = 1  # from the store to the first packet at the standby


@dataclass
class Timeline:
    """Of one failover. Times are None for what did not happen.

    `struck` is when we set out to kill the host; the kernel may make us wait
    for its locks. The host failed at its last sign of life after that: an
    answer to a probe, or sending a packet that it still answered."""
    struck: int
    down: Optional[int] = None  # batond: the host is down
    silent_ms: Optional[float] = None  # batond: since its last answer
    store: Optional[int] = None  # batond: the owner's word
    flip_ns: Optional[int] = None
    packets: list = field(default_factory=list)

    def __post_init__(self):
        split = next((i for i, p in enumerate(self.packets) if p.new),
                     len(self.packets))
        #: those before the first that came to the new host, and the others
        self.before, self.after = self.packets[:split], self.packets[split:]
        self.fault = max([self.struck,
                          *(p.sent for p in self.before if p.answered),
                          *([self.down - int(self.silent_ms * MS)]
                            if self.down else [])])

    def ms(self, at):
        """Since the fault."""
        return None if at is None else (at - self.fault) / MS

    @property
    def detect_ms(self):
        return self.ms(self.down)

    @property
    def last_old(self):
        return max((p.old for p in self.packets if p.old), default=None)

    @property
    def first_new(self):
        return self.after[0].new if self.after else None

    @property
    def first_new_ms(self):
        """How long the first packet for the new host took, once there was
        both the packet and the store that sends it there."""
        if self.store is None or not self.after:
            return None
        return (self.after[0].new - max(self.store, self.after[0].sent)) / MS

    @property
    def usual_ms(self):
        """The longest that a packet took to the old host, in good times."""
        return max((p.old - p.sent for p in self.packets
                    if p.old and p.old < self.fault), default=0) / MS

    @property
    def lost(self):
        """Packets that were never answered."""
        return sum(not p.answered for p in self.packets)

    @property
    def answer_gap_ms(self):
        """The client's view: the longest time without an answer."""
        times = sorted(p.answered for p in self.packets if p.answered)
        return max((b - a for a, b in zip(times, times[1:])), default=0) / MS


def check_detection(t, limits):
    limit = 1.2 * limits.detect_ms + limits.allowance_ms
    if t.down is None:
        return Check("detection", False, "the host was not declared down")
    return Check("detection", t.detect_ms <= limit,
                 f"down after {t.detect_ms:.1f} ms; at most 1.2 x "
                 f"{limits.detect_ms:g} + {limits.allowance_ms:g} ms for "
                 "pauses of the machine")


def check_first(t, limits):
    limit = max(limits.first_ms, t.usual_ms)
    if t.first_new_ms is None:
        return Check("first packet", False, "none came to the standby")
    return Check("first packet", t.first_new_ms <= limit,
                 f"at the standby {t.first_new_ms:.3f} ms after the store; "
                 f"at most {limits.first_ms:g} ms, or the {t.usual_ms:.3f} ms "
                 "that one took before the failure")


def check_redirection(t):
    """No packet that met the store went to the old host. Which did is told
    by their order, not by clocks: they came to the switch one by one."""
    late = [p for p in t.before if t.store is None or p.sent > t.store]
    stray = [p for p in t.after if p.old]
    missing = [p for p in t.after if not p.new]
    return Check("redirection", not (late or stray or missing or not t.after),
                 f"sent after the store and not redirected: {len(late)}; of "
                 f"the {len(t.after)} from the first redirected one on, to "
                 f"the old host: {len(stray)}, nowhere: {len(missing)}")


def check_owners(before, after, owner, to):
    """Owners as {"name": {"host", "epoch"}}: one has moved, no other."""
    wrong = [name for name, o in after.items()
             if (o["host"], o["epoch"]) !=
             ((to, before[name]["epoch"] + 1) if name == owner
              else (before[name]["host"], before[name]["epoch"]))]
    return Check("owners", not wrong,
                 f"{owner} is played by {after[owner]['host']} in epoch "
                 f"{after[owner]['epoch']}; not as expected: "
                 f"{', '.join(wrong) or 'none'}")


def check_flows(owners, answers, moved, home):
    """Idle connections of the owner that moved are now the standby's, which
    does not know them yet and resets them; all others live where they were.
    owners: {connection: owner}, home: {owner: host}."""
    wrong = [c for c, answer in answers.items()
             if answer != ("reset" if owners.get(c) == moved
                           else home.get(owners.get(c)))]
    mine = sum(o == moved for o in owners.values())
    return Check("flows", not wrong and mine > 0,
                 f"{mine} idle connections of {moved} moved, "
                 f"{len(owners) - mine} of others stayed; not as expected: "
                 f"{len(wrong)} of {len(answers)}")


def split_requests(requests, store):
    """Requests that were under way at the store, and those that were not."""
    edge = store + REQUEST_ERROR
    return ([r for r in requests if r.start <= edge],
            [r for r in requests if r.start > edge])


def failed(requests):
    return [r for r in requests if r.status != 200]


def check_requests(requests, dead):
    """Those begun after the store."""
    bad = failed(requests)
    wrong = [r for r in requests if r.host == dead]
    return Check("new requests", bool(requests) and not bad and not wrong,
                 f"{len(requests)} made, {len(bad)} failed"
                 f"{' (' + bad[0].error + ')' if bad else ''}, "
                 f"{len(wrong)} answered by the dead host")


def check_fence(dropped, heard):
    """What a host said once it was back, for what it no longer owned."""
    return Check("fence", dropped > 0 and heard == 0,
                 f"late packets of the old host dropped: {dropped}, answers "
                 f"of its that came to the client: {heard}")
