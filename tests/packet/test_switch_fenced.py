# SPDX-License-Identifier: GPL-2.0-only
"""A host that does not own a connection changes nothing of it (row X5): what
the fence drops is not noted in the flow table either."""

import pytest

from rig import HOSTS, SPREAD, TCP_PORTS, answer, udp_answer

PORT = TCP_PORTS["a"]


@pytest.mark.parametrize("flags", ("R", "FA", "SA", "PA"))
@pytest.mark.parametrize("state", ("OPENING", "ESTABLISHED", "CLOSED"))
def test_of_a_known_connection(rig, client, state, flags):
    slot = rig.put_flow(client, "a-tcp", "a", state=state)
    before = bytes(slot.flow)
    rig.expect("drop_fence",
               rig.from_host(answer(client, PORT, flags, seq=77, ack=88), "b"),
               port=HOSTS["b"].port)
    assert bytes(slot.flow) == before


@pytest.mark.parametrize("flags", ("R", "FA", "SA", "PA"))
def test_of_one_that_is_not_known(rig, client, flags):
    rig.expect("drop_fence", rig.from_host(answer(client, PORT, flags), "b"),
               port=HOSTS["b"].port)
    assert rig.flow(client, "a-tcp") is None


def test_of_datagrams(rig, client):
    rig.expect("drop_fence", rig.from_host(udp_answer(client), "b"),
               port=HOSTS["b"].port)
    assert rig.flow(client, "a-udp") is None


def test_a_client_that_claims_to_be_the_service(rig, client):
    rig.expect("drop_fence", rig.from_client(answer(client, PORT, "PA")))
    assert rig.flow(client, "a-tcp") is None


def test_the_owner_is_the_flow_s_not_the_ring_s(rig, client):
    """Whose connection it is decides, not where a new one would go."""
    ring = rig.host_of(rig.ring_owner("spread", client))
    other = "b" if ring == "a" else "a"
    slot = rig.put_flow(client, "spread", other, state="ESTABLISHED")
    packet = answer(client, SPREAD, "R")
    before = bytes(slot.flow)
    rig.expect("drop_fence", rig.from_host(packet, ring),
               port=HOSTS[ring].port)
    assert bytes(slot.flow) == before
    rig.expect_at_client("return_flow", packet, other)
    assert slot.flow.state_label == "closed"
