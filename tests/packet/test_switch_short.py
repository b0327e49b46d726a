# SPDX-License-Identifier: GPL-2.0-only
"""The short way: what it takes, it treats as the whole way does; what it does
not take, it leaves as it came."""

import contextlib
import os
import struct

import pytest

from harness import abi, bpf
from rig import HOSTS, TCP_PORTS, answer, assert_same, tcp, udp

RESOLVED = [name for name, host in HOSTS.items() if host.mac]


@pytest.fixture(autouse=True)
def one_cpu():
    """Each CPU remembers services for itself."""
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    yield
    os.sched_setaffinity(0, cpus)


@contextlib.contextmanager
def stage(rig, number, fd):
    """Another program, or none, in a slot of the jump table."""
    slot = rig.maps["programs"]
    number = abi.C[f"STAGE_{number}"]
    program = bpf.Program.by_id(struct.unpack("=I", slot.lookup(number))[0])
    with program:
        if fd is None:
            slot.delete(number)
        else:
            slot.update(number, struct.pack("=i", fd))
        try:
            yield program
        finally:
            slot.update(number, struct.pack("=i", program.fd))


@pytest.fixture
def alone(rig):
    """The short way, with nothing behind it."""
    with stage(rig, "WHOLE", None) as whole:
        yield whole


def known(rig, client, host="a"):
    """A packet of a connection that is established for the table."""
    rig.send(rig.from_client(tcp(client, TCP_PORTS[host])))
    packet = tcp(client, TCP_PORTS[host], "A", b"payload", seq=1001, ack=1)
    rig.send(rig.from_client(packet))
    return packet


@pytest.mark.parametrize("host", RESOLVED)
def test_known_connection_takes_the_short_way(rig, client, host, request):
    packet = known(rig, client, host)
    request.getfixturevalue("alone")
    rig.expect_at_host("forward_flow", packet, host)


@pytest.mark.parametrize("host", RESOLVED)
@pytest.mark.parametrize("flags", ["A", "PA", "FA", "R", "S", "UAE"])
def test_both_ways_do_the_same(rig, client, host, flags):
    """The same packet in the same state, by one way and by the other."""
    packet = tcp(client, TCP_PORTS[host], flags, b"data", seq=7, ack=9)
    frame = bytes(rig.from_client(packet))
    known(rig, client, host)
    flow = rig.flow(client, f"{host}-tcp")
    with stage(rig, "WHOLE", None) as whole:
        with rig.changed(flow):
            label, short = rig.send(frame)
            after_short = flow.state, flow.flags
        with rig.changed(flow):
            long = whole.run(frame, rig.ifindex["c0"])
            after_long = flow.state, flow.flags
    assert label == "forward_flow"
    assert short.action == long.action
    assert_same(short.data, long.data)
    assert after_short == after_long


def untouched(rig, frame, port="c0"):
    before = rig.counters()
    run = rig.program.run(bytes(frame), rig.ifindex[port])
    assert (run.action, run.data) == (bpf.XDP_PASS, bytes(frame))
    assert rig.counters() == before


def test_unknown_connection_is_left_alone(rig, client, alone):
    untouched(rig, rig.from_client(udp(client)))
    assert rig.flow(client, "a-udp") is None


def test_answers_are_left_alone(rig, client, request):
    known(rig, client)
    request.getfixturevalue("alone")
    untouched(rig, rig.from_host(answer(client, TCP_PORTS["a"], "A")),
              HOSTS["a"].port)


def test_last_hop_and_large_packets_are_left_alone(rig, client, request):
    known(rig, client)
    request.getfixturevalue("alone")
    untouched(rig, rig.from_client(
        tcp(client, TCP_PORTS["a"], "A", b"x",
            **{"ttl" if client.family == 4 else "hlim": 1})))
    untouched(rig, rig.from_client(
        tcp(client, TCP_PORTS["a"], "A", b"x" * 1500)))


def test_changed_services_are_looked_up_again(rig, client, request):
    """What a CPU remembers of services ends when batond has changed one."""
    packet = known(rig, client)
    with rig.changed(rig.settings, generation=rig.settings.generation + 1):
        with stage(rig, "WHOLE", None):
            untouched(rig, rig.from_client(packet))
        rig.expect_at_host("forward_flow", packet, "a")  # and is remembered
        with stage(rig, "WHOLE", None):
            rig.expect_at_host("forward_flow", packet, "a")
