# SPDX-License-Identifier: GPL-2.0-only
"""What the flow table holds of a connection, packet by packet (row K2)."""

import pytest

from rig import SPREAD, TCP_PORTS, answer, tcp, udp, udp_answer

PORT = TCP_PORTS["a"]
CLIENT, HOST = 1000, 5000  # initial sequence numbers

#: The segments of a connection, by name: who sends, flags, seq, ack
SEGMENTS = {
    "SYN": ("client", "S", CLIENT, 0),
    "SYN-ACK": ("host", "SA", HOST, CLIENT + 1),
    "ACK": ("client", "A", CLIENT + 1, HOST + 1),
    "wrong ACK": ("client", "A", CLIENT + 1, HOST + 99),
    "data": ("client", "PA", CLIENT + 1, HOST + 1),
    "host's data": ("host", "PA", HOST + 2, CLIENT + 2),
    "host's first": ("host", "A", HOST + 1, CLIENT + 1),
    "FIN": ("client", "FA", CLIENT + 2, HOST + 2),
    "host's FIN": ("host", "FA", HOST + 2, CLIENT + 2),
    "RST": ("client", "R", CLIENT + 1, 0),
    "host's RST": ("host", "RA", 0, CLIENT + 1),
    "host's SYN": ("host", "S", HOST, 0),
    "SYN with ACK": ("client", "SA", CLIENT, HOST),
}

ESTABLISH = [("SYN", "opening"), ("SYN-ACK", "answered"),
             ("ACK", "established+")]

#: After each segment: the state, with + when the flow is confirmed
SCENARIOS = {
    "handshake": ESTABLISH,
    "wrong acknowledgement": ESTABLISH[:2] + [
        ("wrong ACK", "answered"), ("ACK", "established+")],
    "SYN again": [("SYN", "opening"), ("SYN", "opening"),
                  ("SYN-ACK", "answered"), ("SYN", "answered"),
                  ("SYN-ACK", "answered"), ("ACK", "established+")],
    "data in place of the ACK": ESTABLISH[:2] + [("data", "established+")],
    "the host goes on without an ACK": ESTABLISH[:2] + [
        ("host's first", "answered"), ("host's data", "established+")],
    "the client closes": ESTABLISH + [
        ("FIN", "closing+"), ("host's data", "closing+"),
        ("host's FIN", "closed+"), ("ACK", "closed+")],
    "the host closes": ESTABLISH + [
        ("host's FIN", "closing+"), ("data", "closing+"), ("FIN", "closed+")],
    "both at once": ESTABLISH + [
        ("FIN", "closing+"), ("FIN", "closing+"), ("host's FIN", "closed+"),
        ("host's FIN", "closed+")],
    "the host resets": ESTABLISH + [("host's RST", "closed+")],
    "the client's reset was forged": ESTABLISH + [
        ("RST", "closing+"), ("host's data", "established+")],
    "the client resets a handshake": ESTABLISH[:1] + [
        ("RST", "opening"), ("SYN-ACK", "answered"), ("RST", "answered")],
    "refused": ESTABLISH[:1] + [("host's RST", "closed")],
    "reopened": ESTABLISH + [
        ("FIN", "closing+"), ("host's FIN", "closed+"), ("SYN", "opening"),
        ("SYN-ACK", "answered"), ("ACK", "established+")],
    "a SYN of a live connection": ESTABLISH + [
        ("SYN", "established+"), ("SYN-ACK", "established+")],
    "known late, by the client": [("ACK", "opening"), ("ACK", "established")],
    "known late, by the host": [("host's data", "established+"),
                                ("data", "established+")],
    "only the client is heard": [
        ("SYN", "opening"), ("ACK", "established"), ("FIN", "closing")],
    "the host's SYN": [("SYN", "opening"), ("host's SYN", "opening")],
    "SYN with ACK of the client": [("SYN", "opening"),
                                   ("SYN with ACK", "opening")],
}


def label(flow):
    return flow.state_label + ("+" if flow.confirmed else "")


def segment(client, name):
    sender, flags, seq, ack = SEGMENTS[name]
    if sender == "client":
        return tcp(client, PORT, flags, seq=seq, ack=ack)
    return answer(client, PORT, flags, seq=seq, ack=ack)


def exchange(rig, client, name, reason):
    if SEGMENTS[name][0] == "host":
        rig.expect_at_client("return_flow", segment(client, name))
    else:
        rig.expect_at_host(reason, segment(client, name), "a")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_tcp(rig, client, scenario):
    known = closed = False
    for step, (name, state) in enumerate(SCENARIOS[scenario]):
        new = not known or closed and name == "SYN"
        exchange(rig, client, name, "forward_new" if new else "forward_flow")
        flow = rig.flow(client, "a-tcp")
        assert label(flow) == state, f"after {name}, step {step}"
        assert flow.owner == rig.owners["a"]
        known, closed = True, state.startswith("closed")


def test_the_reset_of_nothing_is_not_remembered(rig, client):
    rig.expect_at_client("return_flow", segment(client, "host's RST"))
    assert rig.flow(client, "a-tcp") is None


@pytest.mark.parametrize("wrap", (0x0000ffff, 0xffffffff, 0x1234fffe))
def test_sequence_numbers_wrap(rig, client, wrap):
    rig.expect_at_host("forward_new", tcp(client, PORT), "a")
    rig.expect_at_client("return_flow", answer(client, PORT, seq=wrap))
    assert rig.flow(client, "a-tcp").check == (wrap + 1) & 0xffff
    rig.expect_at_host("forward_flow",
                       tcp(client, PORT, "A", ack=wrap + 1 & 0xffffffff), "a")
    assert label(rig.flow(client, "a-tcp")) == "established+"


def test_reopened_connections_choose_their_owner_anew(rig, client):
    """The old connection's owner has no claim on the new one."""
    ring = rig.host_of(rig.ring_owner("spread", client))
    other = "b" if ring == "a" else "a"
    slot = rig.put_flow(client, "spread", other, state="CLOSED")
    rig.expect_at_host("forward_flow", tcp(client, SPREAD, "A"), other)
    rig.expect_at_host("forward_new", tcp(client, SPREAD, "S"), ring)
    assert slot.flow.owner == rig.owners[ring]
    assert label(slot.flow) == "opening"


def test_udp(rig, client):
    for send, state in ((udp, "opening"), (udp, "opening"),
                        (udp_answer, "answered"), (udp_answer, "answered"),
                        (udp, "established+"), (udp_answer, "established+"),
                        (udp, "established+")):
        packet = send(client)
        if send is udp:
            known = rig.flow(client, "a-udp") is not None
            rig.expect_at_host("forward_flow" if known else "forward_new",
                               packet, "a")
        else:
            rig.expect_at_client("return_flow", packet)
        assert label(rig.flow(client, "a-udp")) == state


def test_udp_that_the_host_begins(rig, client):
    rig.expect_at_client("return_flow", udp_answer(client))
    assert label(rig.flow(client, "a-udp")) == "answered"
    rig.expect_at_host("forward_flow", udp(client), "a")
    assert label(rig.flow(client, "a-udp")) == "established+"


def test_stamps_are_of_the_clock(rig, client):
    before = rig.stamp()
    rig.expect_at_host("forward_new", udp(client), "a")
    flow = rig.flow(client, "a-udp")
    assert flow.seen in (before, rig.stamp())
    flow.seen = before - 100 & 0xffff
    rig.expect_at_host("forward_flow", udp(client), "a")
    assert flow.seen in (before, rig.stamp())
