# SPDX-License-Identifier: GPL-2.0-only
"""Row P2: how long what ends are told waits for a standby that is far away. Here
it is so far that nothing else counts."""

import statistics
import time

import pytest

from harness.lab import Lab

from far import Far
from proxies import killed

DELAY = 0.03  # s, each way
ROUND_TRIP = 2 * DELAY
TRIPS = 15
SIZE = 1 << 20


@pytest.fixture
def network():
    with Lab("far") as lab:
        network = Far(lab, DELAY)
        network.start()
        yield network
        network.stop()


def trip(s, n):
    begin = time.monotonic()
    s.sendall(b"echo %d\n" % n)
    answer = b""
    while not answer.endswith(b"\n"):
        answer += s.recv(100)
    assert answer == b"echo %d\n" % n
    return time.monotonic() - begin


def trips(network):
    with network.client_socket() as s:
        return statistics.median(trip(s, n) for n in range(TRIPS))


@pytest.mark.parametrize("policy, at_least, at_most", [
    ("stored", 1, 1.5),  # the answer acknowledges the question
    ("relayed", 1, 1.5),
    ("sent", 0, 0.5),
])
def test_p2_one_round_trip_to_the_standby(network, policy, at_least, at_most):
    """Question and answer are stored at the same time, not after each other."""
    network.start_proxies(policy=policy)
    took = trips(network)
    assert at_least * ROUND_TRIP <= took < at_most * ROUND_TRIP


def test_k6_far_away_and_killed(network):
    """Everything of the last round trip is unknown to who goes on."""
    network.start_proxies()
    with network.client_socket() as s:
        s.sendall(b"put %d\n" % SIZE + bytes(SIZE // 2))
        killed(network)
        s.sendall(bytes(SIZE // 2))
        assert len(s.recv(100)) == 65
        for n in range(TRIPS):
            trip(s, n)
