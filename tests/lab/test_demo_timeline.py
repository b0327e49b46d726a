# SPDX-License-Identifier: GPL-2.0-only
"""What the demo makes of its records: a failover as it should be, and one
thing wrong with it at a time."""

from demo_timeline import (MS, Limits, Packet, Timeline, check_detection,
                           check_fence, check_first, check_flows,
                           check_owners, check_redirection, check_requests,
                           split_requests)
from demo_traffic import Request

START = 1000 * MS
STRUCK, STORE = START + 50 * MS, START + 80 * MS
WAY = MS // 20  # from client to host
LIMITS = Limits(detect_ms=30, allowance_ms=5)


def failover(store=STORE):
    """A packet per ms for 150 ms; the old host is deaf from STRUCK on."""
    packets = []
    for sent in range(START, START + 150 * MS, MS):
        host, deaf = ("old", sent >= STRUCK) if sent < store else ("new", False)
        at = {"old": 0, "new": 0, host: 0 if deaf else sent + WAY}
        packets.append(Packet(sent, **at, answered=0 if deaf
                              else sent + 2 * WAY))
    return packets


def timeline(packets, down=STORE - 1000):
    return Timeline(STRUCK, down, (down - STRUCK) / MS, STORE, 100, packets)


def test_good():
    t = timeline(failover())
    assert (t.lost, t.first_new, t.fault) == (30, STORE + WAY, STRUCK)
    assert t.answer_gap_ms == 31
    assert all(c.ok for c in (check_detection(t, LIMITS),
                              check_first(t, LIMITS), check_redirection(t)))


def test_nothing_happened():
    t = Timeline(STRUCK, packets=failover(store=START + 200 * MS))
    assert t.ms(t.store) is None and t.first_new is None
    assert not any(c.ok for c in (check_detection(t, LIMITS),
                                  check_first(t, LIMITS),
                                  check_redirection(t)))


def test_the_failure_is_the_last_sign_of_life():
    packets = failover()
    packets[60] = packets[60]._replace(answered=packets[60].sent + WAY)
    assert timeline(packets).fault == packets[60].sent
    late = Timeline(STRUCK, STORE, 3.0, STORE, 100, failover())
    assert late.fault == STORE - 3 * MS


def test_detected_late():
    limit = STRUCK + int((1.2 * 30 + 5) * MS)
    for down, ok in (limit, True), (limit + MS, False):
        t = Timeline(STRUCK, down, (down - STRUCK) / MS, down, 100,
                     failover(down))
        assert check_detection(t, LIMITS).ok == ok


def test_first_packet_late():
    packets = failover()
    first = next(i for i, p in enumerate(packets) if p.new)
    packets[first] = packets[first]._replace(new=packets[first].sent + 2 * MS)
    assert not check_first(timeline(packets), LIMITS).ok
    # ... but no later than another one when all was well
    packets[10] = packets[10]._replace(old=packets[10].sent + 3 * MS)
    assert check_first(timeline(packets), LIMITS).ok


def test_stray_after_the_store():
    packets = failover()
    packets[100] = packets[100]._replace(old=packets[100].new, new=0)
    assert "to the old host: 1, nowhere: 1" in \
        check_redirection(timeline(packets)).text
    assert not check_redirection(timeline(packets)).ok


def test_not_redirected_at_once():
    t = timeline(failover(store=STORE + 5 * MS))
    assert "not redirected: 4" in check_redirection(t).text
    assert not check_redirection(t).ok


def owners(**hosts):
    return {name: {"host": host, "epoch": epoch}
            for name, (host, epoch) in hosts.items()}


def test_owners():
    before = owners(x=("a", 1), y=("b", 1))
    for after, ok in ((owners(x=("b", 2), y=("b", 1)), True),
                      (owners(x=("a", 1), y=("b", 1)), False),
                      (owners(x=("b", 1), y=("b", 1)), False),
                      (owners(x=("b", 2), y=("b", 2)), False),
                      (owners(x=("b", 2), y=("a", 2)), False)):
        assert check_owners(before, after, "x", "b").ok == ok


def test_flows():
    table, home = {1: "x", 2: "y", 3: "x"}, {"x": "a", "y": "b"}
    good = {1: "reset", 2: "b", 3: "reset"}
    assert check_flows(table, good, "x", home).ok
    for wrong in ({1: "silent"}, {1: "a"}, {2: "reset"}, {2: "silent"},
                  {4: "b"}):
        assert not check_flows(table, good | wrong, "x", home).ok
    assert not check_flows({2: "y"}, {2: "b"}, "x", home).ok


def request(start, status=200, host="b", error=""):
    return Request(start, start + MS, status, host, error)


def test_requests():
    lost = request(STORE - 20 * MS, 0, "", "timed out")
    under_way, fresh = split_requests(
        [lost, request(STORE + 10 * MS)], STORE)
    assert under_way == [lost]
    assert check_requests(fresh, "a").ok
    for bad in request(STORE, 0, ""), request(STORE, host="a"):
        assert not check_requests([*fresh, bad], "a").ok
    assert not check_requests([], "a").ok


def test_fence():
    assert check_fence(3, 0).ok
    assert not check_fence(0, 0).ok
    assert not check_fence(3, 1).ok
