# SPDX-License-Identifier: GPL-2.0-only
"""What became of connections, out of records that were made at the time, and
whether it is what should have become of them. No clocks, no sockets.

Times are CLOCK_BOOTTIME in ns. A connection's progress is a list of points
(time, bytes), as demo_progress.py records them.
"""

from dataclasses import dataclass
from typing import Optional

from demo_timeline import MS, Check


@dataclass
class Strike:
    """One fault and what came of it."""
    name: str
    text: str
    host: str  # that it happened to
    standby: str  # that should go on
    struck: int
    store: Optional[int] = None  # batond: the owner's word
    cause: str = ""  # batond: what it noticed
    returned: Optional[int] = None  # the host was given back
    protected: Optional[int] = None  # it has everything, as the standby
    plays: str = ""  # who played the owner then
    kept_back: Optional[int] = None  # packets of the returned host's kernel

    def ms(self, at):
        return None if at is None else (at - self.struck) / MS


@dataclass
class Stream:
    """A client's connection, from its first byte to its last."""
    name: str
    points: list
    bytes: int = 0
    sha256: str = ""
    right: bool = False  # all of them, and nothing else
    error: str = ""

    def gaps(self):
        return zip(self.points, self.points[1:])

    def longest(self, since=0):
        """The longest time without progress, in ms."""
        return max((b[0] - a[0] for a, b in self.gaps() if b[0] > since),
                   default=0) / MS

    def stall(self, begin, end):
        """The longest one that was under way between these times, as a pair
        of them; None if the connection was not there all the time."""
        if not self.lives(begin, end):
            return None
        return max(((a[0], b[0]) for a, b in self.gaps()
                    if a[0] < end and b[0] > begin),
                   key=lambda gap: gap[1] - gap[0], default=None)

    def stall_of(self, strike):
        """The longest while the host was gone."""
        return (None if strike.returned is None
                else self.stall(strike.struck, strike.returned))

    def stall_ms(self, strike):
        gap = self.stall_of(strike)
        return None if gap is None else (gap[1] - gap[0]) / MS

    def lives(self, begin, end):
        return bool(self.points) and (self.points[0][0] < begin and
                                      self.points[-1][0] > end)


class Progress:
    """What demo_progress.py wrote so far, by the clients' names. A client has
    a `name`, and says is_mine(family, local port, remote port)."""

    def __init__(self, clients):
        self.points = {c.name: [] for c in clients}
        self._clients = clients
        self._whose = {}  # of each connection: its client's points

    def feed(self, lines):
        for line in lines:
            at, family, local, remote, count = map(int, line.split())
            key = family, local, remote
            if key not in self._whose:
                self._whose[key] = next((
                    self.points[c.name] for c in self._clients
                    if c.is_mine(*key)), [])
            self._whose[key].append((at, count))

    def behind(self, at):
        """Those who have not moved since then."""
        return [name for name, points in self.points.items()
                if not points or points[-1][0] < at]


def check_takeover(strike, limit_ms):
    """The owner has moved, and in time."""
    if strike.store is None:
        return Check("takeover", False, "the owner did not move")
    took = strike.ms(strike.store)
    return Check("takeover", took <= limit_ms,
                 f"{strike.standby} plays the owner after {took:.1f} ms; at "
                 f"most {limit_ms:g}")


def check_return(strike):
    """The host that was gone is the standby again, the owner is where it
    was."""
    if strike.protected is None:
        return Check("return", False, f"{strike.host} is no standby")
    return Check("return", strike.plays == strike.standby,
                 f"{strike.host} has everything "
                 f"{(strike.protected - strike.returned) / MS:.0f} ms after "
                 f"its return; the owner is at {strike.plays}")


def check_stalls(strike, streams, limit_ms):
    """Every connection was under way and went on."""
    gone = [s.name for s in streams if s.stall_ms(strike) is None]
    stalls = {s.name: s.stall_ms(strike) for s in streams
              if s.name not in gone}
    if gone:
        return Check("streams", False,
                     f"not under way all the time: {', '.join(gone)}")
    worst = max(stalls, key=stalls.get)
    return Check("streams", stalls[worst] <= limit_ms,
                 f"all {len(stalls)} went on, the last, {worst}, after "
                 f"{stalls[worst]:.0f} ms; at most {limit_ms:g}")


def check_stream(stream):
    """To its end, by one connection, without a wrong byte."""
    return Check(stream.name, stream.right and not stream.error,
                 stream.error or ("all bytes right" if stream.right else
                                  "bytes are missing or wrong"))


def check_resets(counted):
    """{whose kernel: connections that it saw reset}"""
    return Check("resets", not any(counted.values()),
                 "connections that were reset, as the kernels count them: " +
                 ", ".join(f"{n} ({who})" for who, n in counted.items()))


def check_silence(kept_back):
    """What a host's kernel said after its return, for what it no longer owns.
    How much that is, is up to it."""
    return Check("silence", kept_back > 0,
                 "packets of the old host's kernel that its proxy kept back: "
                 f"{kept_back}")
