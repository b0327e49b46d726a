# SPDX-License-Identifier: GPL-2.0-only
"""What the switch keeps of the packets of recorded services (rows K2, K3)."""

import contextlib
import os
import time

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Dot1AD, Dot1Q

from harness import abi
from rig import HOSTS, MTU, RECORDED, TCP_PORTS, answer, tcp, udp

MONOTONIC_COARSE = 6  # linux/time.h; Python has no name for it
TO_HOST, TO_CLIENT = (abi.C[f"RECORD_TO_{end}"] for end in ("HOST", "CLIENT"))
FLAGS = {"S": 0x02, "SA": 0x12, "PA": 0x18, "A": 0x10, "FA": 0x11, "R": 0x04}
TAGS = pytest.mark.parametrize(
    "tags", ((), (Dot1Q(vlan=7),), (Dot1AD(vlan=8), Dot1Q(vlan=9))),
    ids=("untagged", "tag", "two tags"))


def recorded(rig, reason, frame, port="c0"):
    """What is recorded of a frame, of which there must be one record."""
    since = rig.record_rings()
    before = time.clock_gettime_ns(MONOTONIC_COARSE)
    rig.expect(reason, frame, port=port)
    (record, kept), = rig.recorded(since)
    assert before <= record.time <= time.clock_gettime_ns(
        time.CLOCK_MONOTONIC)
    return record, kept


def expect_record(rig, found, client, frame, l3, **fields):
    """The record says all of this, and the frame is kept as it came."""
    record, kept = found
    frame, tcp_at = bytes(frame), l3 + (20 if client.family == 4 else 40)
    assert kept == frame
    expected = {
        "client": abi.address(client.address), "port": client.port,
        "family": client.family, "l3": l3, "l4": tcp_at,
        "service": rig.services[f"recorded{client.family}"],
        "owner": rig.owners["a"], "host": rig.hosts["a"],
        "length": len(frame), **fields}
    for name, value in expected.items():
        was = getattr(record, name)
        assert (bytes(was) == bytes(value) if name == "client"
                else was == value), f"{name}: {record}"


def not_recorded(rig, reason, frame, port="c0"):
    since = rig.record_rings()
    rig.expect(reason, frame, port=port)
    assert not list(rig.recorded(since))


@TAGS
@pytest.mark.parametrize("flags, payload", (
    ("S", b""), ("PA", b"x"), ("PA", bytes(range(256)) * 5), ("A", b""),
    ("FA", b"last words"), ("R", b"")))
def test_from_the_client(rig, client, tags, flags, payload):
    rig.put_flow(client, "recorded", "a")
    frame = rig.from_client(tcp(client, RECORDED, flags, payload,
                                seq=0xfedcba98, ack=0x76543210), tags)
    found = recorded(rig, "forward_flow", frame)
    expect_record(rig, found, client, frame, 14 + 4 * len(tags),
                  direction=TO_HOST, tcp_flags=FLAGS[flags], seq=0xfedcba98,
                  ack=0x76543210, payload=len(payload),
                  ifindex=rig.ifindex["c0"])


@TAGS
@pytest.mark.parametrize("flags, payload", (
    ("SA", b""), ("PA", b"answer" * 200), ("A", b"")))
def test_from_the_host(rig, client, tags, flags, payload):
    rig.put_flow(client, "recorded", "a")
    frame = rig.from_host(answer(client, RECORDED, flags, payload, seq=7,
                                 ack=0xffffffff), "a", tags)
    found = recorded(rig, "return_flow", frame, HOSTS["a"].port)
    expect_record(rig, found, client, frame, 14 + 4 * len(tags),
                  direction=TO_CLIENT, tcp_flags=FLAGS[flags], seq=7,
                  ack=0xffffffff, payload=len(payload),
                  ifindex=rig.ifindex["h0"])


def test_tcp_options_are_no_payload(rig, client):
    packet = tcp(client, RECORDED, "PA", b"data")
    packet[TCP].options = [("Timestamp", (1, 2)), ("NOP", None)]
    record, _ = recorded(rig, "forward_new", rig.from_client(packet))
    assert record.payload == 4


def test_padding_is_not_kept(rig):
    client = rig.client(4)
    frame = bytes(rig.from_client(tcp(client, RECORDED)))
    record, kept = recorded(rig, "forward_new", frame + bytes(6))
    assert kept == frame and record.length == len(frame)


def test_the_first_packet_of_a_connection(rig, client):
    record, _ = recorded(rig, "forward_new",
                         rig.from_client(tcp(client, RECORDED, "S")))
    assert record.owner == rig.owners["a"]


def test_the_host_is_the_one_that_got_it(rig, client):
    frame = rig.from_client(tcp(client, RECORDED, "A"))
    rig.put_flow(client, "recorded", "a")
    with rig.moved("a", "b"):
        record, _ = recorded(rig, "forward_flow", frame)
        assert record.host == rig.hosts["b"]
    assert recorded(rig, "forward_flow", frame)[0].host == rig.hosts["a"]


@pytest.mark.parametrize("host, reason", ((None, "drop_no_host"),
                                          ("dark", "drop_unresolved")))
def test_what_nobody_takes_is_kept(rig, client, host, reason):
    rig.put_flow(client, "recorded", "a")
    with rig.moved("a", host):
        record, _ = recorded(
            rig, reason, rig.from_client(tcp(client, RECORDED, "PA", b"x")))
    assert record.host == 0 and record.owner == rig.owners["a"]


def test_what_is_fenced_is_not_kept(rig, client):
    rig.put_flow(client, "recorded", "a")
    frame = rig.from_host(answer(client, RECORDED), "a")
    with rig.moved("a", "b"):
        not_recorded(rig, "drop_fence", frame, HOSTS["a"].port)
    recorded(rig, "return_flow", frame, HOSTS["a"].port)


def test_what_is_answered_is_not_kept(rig, client):
    hops = {"ttl" if client.family == 4 else "hlim": 1}
    not_recorded(rig, "answer_ttl",
                 rig.from_client(tcp(client, RECORDED, **hops)))


def test_other_services_are_not_recorded(rig, client):
    for _ in range(2):  # once the whole way, once the short
        rig.put_flow(client, "a-tcp", "a")
        not_recorded(rig, "forward_flow",
                     rig.from_client(tcp(client, TCP_PORTS["a"], "A")))
        rig.put_flow(client, "a-udp", "a")
        not_recorded(rig, "forward_flow",
                     rig.from_client(udp(client)))


def test_fragments_are_not_recorded(rig):
    client = rig.client(4)
    rig.put_flow(client, "recorded", "a")
    packet = tcp(client, RECORDED, "PA", bytes(100), id=77)
    packet[IP].flags = "MF"
    not_recorded(rig, "forward_flow", rig.from_client(packet))


def test_the_largest_frame(rig, client):
    head = len(tcp(client, RECORDED, "A"))
    frame = rig.from_client(tcp(client, RECORDED, "PA", bytes(MTU - head)),
                            [Dot1AD(vlan=8), Dot1Q(vlan=9)])
    rig.put_flow(client, "recorded", "a")
    record, kept = recorded(rig, "forward_flow", frame)
    assert kept == bytes(frame) and record.length == MTU + 22


@pytest.fixture
def jumbo(rig):
    """Host a takes large packets."""
    host = rig.memory["hosts"].view(abi.Host, rig.hosts["a"])
    with rig.changed(host, mtu=9000):
        yield


def test_of_a_larger_one_the_beginning_is_kept(rig, client, jumbo):
    before = rig.record_rings()
    frame = bytes(rig.from_client(tcp(client, RECORDED, "PA", bytes(3000),
                                      seq=5)))
    record, kept = recorded(rig, "forward_new", frame)
    assert kept == frame[:abi.C["RECORD_FRAME"]]
    assert (record.length, record.payload) == (len(frame), 3000)
    grown = [now.too_large - was.too_large
             for now, was in zip(rig.record_rings(), before)]
    assert sum(grown) == 1


@contextlib.contextmanager
def on_one_cpu():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield min(allowed)
    finally:
        os.sched_setaffinity(0, allowed)


def test_the_oldest_is_written_over(rig, client):
    slots = rig.meta.record_slots
    assert slots & (slots - 1) == 0
    rig.put_flow(client, "recorded", "a")
    since = rig.record_rings()
    with on_one_cpu() as cpu:
        for i in range(slots + 3):
            rig.expect("forward_flow",
                       rig.from_client(tcp(client, RECORDED, "A", seq=i)))
    assert rig.record_rings()[cpu].next - since[cpu].next == slots + 3
    assert [r.seq for r, _ in rig.recorded(since)] == list(
        range(3, slots + 3))
