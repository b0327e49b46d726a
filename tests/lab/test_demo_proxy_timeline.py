# SPDX-License-Identifier: GPL-2.0-only
"""What the demo of the proxies makes of its records: a course as it should be,
and one thing wrong with it at a time."""

from collections import namedtuple
from dataclasses import replace

from demo_proxy_timeline import (Progress, Strike, Stream, check_silence,
                                 check_resets, check_return, check_stalls,
                                 check_stream, check_takeover)
from demo_timeline import MS

START = 1000 * MS
STRIKE = Strike("cut", "cable cut", "a", "b", struck=START + 100 * MS,
                store=START + 130 * MS, cause="no answer",
                returned=START + 500 * MS, protected=START + 600 * MS,
                plays="b")


def stream(stall=50, end=1000):
    """It moves every 10 ms, but for so long from the strike on."""
    times = [t for t in range(0, end + 1, 10)
             if not 100 < t < 100 + stall]
    return Stream("download", [(START + t * MS, t) for t in times], right=True)


def test_stalls():
    s = stream(stall=50)
    assert s.stall_ms(STRIKE) == 50
    assert s.stall_of(STRIKE) == (START + 100 * MS, START + 150 * MS)
    assert (s.longest(), s.longest(START + 200 * MS)) == (50, 10)
    assert check_stalls(STRIKE, [s], 50).ok
    assert not check_stalls(STRIKE, [s, stream(stall=60)], 50).ok


def test_a_stall_counts_where_it_is():
    s = stream(stall=300)
    later = replace(STRIKE, struck=START + 500 * MS, returned=START + 600 * MS)
    assert (s.longest(), s.stall_ms(later)) == (300, 10)
    begun = replace(STRIKE, struck=START + 300 * MS, returned=START + 600 * MS)
    assert s.stall_ms(begun) == 300  # it was under way already


def test_who_was_not_there_proves_nothing():
    for s in stream(end=400), Stream("download", []), \
            replace(stream(), points=stream().points[20:]):
        assert s.stall_ms(STRIKE) is None
        check = check_stalls(STRIKE, [stream(), s], 1000)
        assert not check.ok and "download" in check.text
    assert stream().stall_ms(replace(STRIKE, returned=None)) is None


def test_takeover():
    assert check_takeover(STRIKE, 30).ok
    assert not check_takeover(STRIKE, 29).ok
    assert not check_takeover(replace(STRIKE, store=None), 1000).ok


def test_return():
    assert check_return(STRIKE).ok
    assert not check_return(replace(STRIKE, plays="a")).ok
    assert not check_return(replace(STRIKE, protected=None)).ok


def test_stream():
    assert check_stream(stream()).ok
    assert not check_stream(replace(stream(), right=False)).ok
    assert not check_stream(replace(stream(), error="curl: (56)")).ok


def test_resets():
    assert check_resets({"clients": 0, "server": 0}).ok
    assert not check_resets({"clients": 0, "server": 1}).ok


def test_silence():
    assert check_silence(1).ok and not check_silence(0).ok


Client = namedtuple("Client", "name key")
Client.is_mine = lambda self, *key: key == self.key


def test_progress():
    progress = Progress([Client("four", (4, 40000, 80)),
                         Client("six", (6, 40000, 80))])
    progress.feed(["10 4 40000 80 1", "11 6 40000 80 5", "12 4 50000 22 9"])
    assert progress.behind(11) == ["four"]
    progress.feed(["20 4 40000 80 2"])
    assert progress.points == {"four": [(10, 1), (20, 2)], "six": [(11, 5)]}
    assert progress.behind(11) == []
