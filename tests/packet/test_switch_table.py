# SPDX-License-Identifier: GPL-2.0-only
"""Full buckets of the flow table: who gives way to whom (rows K1, X1)."""

import random

import pytest

from harness import abi, bpf
from rig import CLIENTS, SPREAD, TCP_PORTS, answer, tcp

SERVICE = "spread"


@pytest.fixture
def crowd(rig, client):
    """A client, and for each of its two buckets four others whose first
    bucket that is: they fill both before the client comes."""
    # The seed is random: of some clients both buckets are the same.
    while len(set(here := rig.buckets(rig.flow_key(client, SERVICE)))) < 2:
        client = rig.client(client.family)
    others = {bucket: [] for bucket in here}
    while any(len(found) < 4 for found in others.values()):
        other = rig.client(client.family)
        first = rig.buckets(rig.flow_key(other, SERVICE))[0]
        if len(others.get(first, "1234")) < 4:
            others[first].append(other)
    return client, others[here[0]], others[here[1]]


def host(rig, client):
    return rig.host_of(rig.ring_owner(SERVICE, client))


def arrive(rig, client, reason="forward_new"):
    rig.expect_at_host(reason, tcp(client, SPREAD), host(rig, client))


def confirm(rig, client):
    """Shake hands."""
    rig.expect_at_client("return_flow", answer(client, SPREAD),
                         host(rig, client))
    rig.expect_at_host("forward_flow", tcp(client, SPREAD, "A", ack=5001),
                       host(rig, client))
    assert rig.flow(client, SERVICE).confirmed


def known(rig, clients):
    return [rig.flow(c, SERVICE) is not None for c in clients]


def bucket_of(rig, client):
    """Which of its two buckets holds a client's flow."""
    key = rig.flow_key(client, SERVICE)
    return [any(s.key == key for s in rig.slots(key, bucket))
            for bucket in rig.buckets(key)]


def test_first_bucket_first(rig, client):
    arrive(rig, client)
    assert bucket_of(rig, client)[0]


def test_second_bucket_when_the_first_is_full(rig, crowd):
    client, first, _ = crowd
    for other in first:
        arrive(rig, other)
    arrive(rig, client)
    assert bucket_of(rig, client) == [False, True]
    assert all(known(rig, first))
    arrive(rig, client, "forward_flow")


def test_the_longest_unseen_unconfirmed_flow_gives_way(rig, crowd):
    client, first, second = crowd
    for other in first + second:
        arrive(rig, other)
    rig.flow(first[2], SERVICE).seen -= 7
    rig.flow(first[1], SERVICE).seen -= 3
    rig.flow(second[0], SERVICE).seen -= 9  # of the other bucket
    arrive(rig, client)
    assert known(rig, first) == [True, True, False, True]
    assert all(known(rig, second))
    assert bucket_of(rig, client) == [True, False]
    assert rig.flow(client, SERVICE).state_label == "opening"


def test_confirmed_flows_do_not_give_way(rig, crowd):
    """The packet still goes where it goes each time, and is counted."""
    client, first, second = crowd
    for other in first + second:
        arrive(rig, other)
        confirm(rig, other)
    for _ in range(3):
        arrive(rig, client, "forward_overflow")
    rig.expect_at_client("return_flow", answer(client, SPREAD),
                         host(rig, client))
    assert rig.flow(client, SERVICE) is None
    assert all(known(rig, first + second))
    assert all(rig.flow(c, SERVICE).confirmed for c in first + second)


def test_unconfirmed_in_the_second_bucket_gives_way(rig, crowd):
    client, first, second = crowd
    for other in first + second:
        arrive(rig, other)
    for other in first + second[:3]:
        confirm(rig, other)
    arrive(rig, client)
    assert all(known(rig, first + second[:3]))
    assert not rig.flow(second[3], SERVICE)
    assert bucket_of(rig, client) == [False, True]


def test_closed_flows_give_way_first(rig, crowd):
    """Before unconfirmed ones, though they had been confirmed."""
    client, first, second = crowd
    for other in first + second:
        arrive(rig, other)
    rig.flow(first[0], SERVICE).seen -= 100
    confirm(rig, first[3])
    rig.expect_at_client("return_flow", answer(first[3], SPREAD, "R"),
                         host(rig, first[3]))
    assert rig.flow(first[3], SERVICE).state_label == "closed"
    arrive(rig, client)
    assert known(rig, first) == [True, True, True, False]


def test_a_slot_in_transit_does_not_give_way(rig, crowd):
    """A slot whose flow is just being stored belongs to who stores it."""
    client, first, second = crowd
    for other in first + second:
        arrive(rig, other)
        confirm(rig, other)
    slot = rig.slot(rig.flow_key(first[1], SERVICE))
    slot.flow = abi.Flow()
    arrive(rig, client, "forward_overflow")
    assert slot.key == rig.flow_key(first[1], SERVICE)
    assert slot.flow == abi.Flow()


@pytest.mark.parametrize("flags", ("S", "A", "PA", "R", "FA"))
def test_a_flood_evicts_no_live_connection(rig, family, flags):
    """Four times as many forged segments as the table has room for."""
    live = [rig.client(family) for _ in range(100)]
    for client in live:
        arrive(rig, client)
        confirm(rig, client)
    source = random.Random(7)
    frame = bytes(rig.from_client(tcp(live[0], SPREAD, flags, seq=1, ack=2)))
    address, l4 = (26, 34) if family == 4 else (22, 54)
    buckets = len(rig.memory[f"flows{family}"])
    for _ in range(4 * buckets * abi.C["FLOW_SLOTS"]):
        forged = bytearray(frame)
        packed = CLIENTS[family][source.randrange(1 << 17)].packed
        forged[address:address + len(packed)] = packed
        forged[l4:l4 + 2] = source.randrange(1, 20000).to_bytes(2, "big")
        run = rig.program.run(forged, rig.ifindex["c0"])
        assert run.action == bpf.XDP_REDIRECT
    assert all(known(rig, live))
    for client in live:
        rig.expect_at_host("forward_flow", tcp(client, SPREAD, "A", ack=5001),
                           host(rig, client))


def test_no_flow_is_in_the_table_twice(rig, family):
    """Whatever came, went, and came again."""
    clients = [rig.client(family) for _ in range(400)]
    frames = [bytes(rig.from_client(tcp(c, SPREAD))) for c in clients]
    source = random.Random(11)
    for _ in range(4000):
        rig.program.run(source.choice(frames), rig.ifindex["c0"])
    table = rig.memory[f"flows{family}"]
    slot = abi.Flow4Slot if family == 4 else abi.Flow6Slot
    keys = [bytes(s.key) for i in range(len(table))
            for s in table.view(slot * abi.C["FLOW_SLOTS"], i)
            if any(bytes(s.key))]
    assert len(keys) == len(set(keys))
    assert set(keys) <= {bytes(rig.flow_key(c, SERVICE)) for c in clients}
    assert len(keys) > len(clients) * 0.9


def test_tcp_port_is_part_of_the_key(rig, client):
    arrive(rig, client)
    rig.expect_at_host("forward_new", tcp(client, TCP_PORTS["a"]), "a")
