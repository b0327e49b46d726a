# SPDX-License-Identifier: GPL-2.0-only
"""Between a server behind a service and hosts that speak to it as their clients
(row P1): packets go where the client's own connection is, and are fenced as
those are."""

import contextlib

import pytest
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6PacketTooBig, IPv6,
                                IPv6ExtHdrFragment)
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from harness import abi
from rig import (ANY, BACK, FAMILIES, HOSTS, MTU, RECORDED, ROUTER, SERVERS,
                 SPREAD, TCP_PORTS, VIPS, answer, tcp)

REACHABLE = [name for name, host in HOSTS.items() if host.mac]
ALL_FLAGS = pytest.mark.parametrize("flags", ("S", "SA", "A", "PA", "FA", "R"))
A = TCP_PORTS["a"]


def to_server(client, port, flags="A", data=b"", **ip):
    """What a host says to the server, as the client."""
    return tcp(client, port + BACK, flags, data, vip=SERVERS[client.family],
               **ip)


def from_server(client, port, flags="A", data=b"", **ip):
    return answer(client, port + BACK, flags, data, vip=SERVERS[client.family],
                  **ip)


def fenced(rig, packet, host, port=None):
    rig.expect("drop_fence", rig.from_host(packet, host),
               port=port or HOSTS[host].port)


def passes(rig, frame, port):
    rig.expect("pass_not_service", frame, port=port)


def elsewhere(rig, client):
    """A connection whose owner is not the one that the ring names."""
    ring = rig.host_of(rig.ring_owner("spread", client))
    host = "b" if ring == "a" else "a"
    rig.put_flow(client, "spread", host)
    return host, ring


# --- where it goes -------------------------------------------------------------

@pytest.mark.parametrize("host", REACHABLE)
def test_servers_answer_reaches_the_clients_host(rig, client, host):
    port = TCP_PORTS[host]
    rig.expect_at_host("forward_new", tcp(client, port), host)
    rig.expect_at_host("forward_flow", from_server(client, port, "SA"), host)
    rig.expect_at_host("forward_flow", from_server(client, port, "PA", b"x" * 99),
                       host, [Dot1Q(vlan=3)])


@pytest.mark.parametrize("host", REACHABLE)
def test_host_reaches_the_server(rig, client, host):
    port = TCP_PORTS[host]
    rig.put_flow(client, f"{host}-tcp", host)
    rig.expect_at_client("return_flow", to_server(client, port, "S"), host)
    rig.expect_at_client("return_flow",
                         to_server(client, port, "PA", b"data" * 30), host)


def test_the_flow_decides_not_the_ring(rig, client):
    host, other = elsewhere(rig, client)
    rig.expect_at_host("forward_flow", from_server(client, SPREAD), host)
    rig.expect_at_client("return_flow", to_server(client, SPREAD), host)
    fenced(rig, to_server(client, SPREAD), other)


def test_connections_of_other_services_are_none_of_its(rig, client):
    rig.put_flow(client, "a-tcp", "a")
    passes(rig, rig.from_client(from_server(client, SPREAD)), "c0")
    passes(rig, rig.from_host(to_server(client, SPREAD), "a"), "h0")


# --- whom the server hears -----------------------------------------------------

@pytest.mark.parametrize("host", [h for h in REACHABLE if h != "a"])
def test_other_hosts_are_not_heard(rig, client, host):
    rig.put_flow(client, "a-tcp", "a")
    fenced(rig, to_server(client, A), host)
    rig.expect_at_client("return_flow", to_server(client, A), "a")


@pytest.mark.parametrize("port", ("c0", "h0"))
def test_the_client_itself_is_not_heard(rig, client, port):
    """What it has said to the host, it cannot unsay to the server."""
    rig.put_flow(client, "a-tcp", "a")
    rig.expect("drop_fence", Ether(src=ROUTER, dst=rig.mac[port]) /
               to_server(client, A, "R"), port=port)


def test_a_move_takes_the_back_along(rig, client):
    """One store moves both connections of a proxy."""
    rig.put_flow(client, "a-tcp", "a")
    fenced(rig, to_server(client, A), "b")
    with rig.moved("a", "b"):
        fenced(rig, to_server(client, A, "R"), "a")
        rig.expect_at_client("return_flow", to_server(client, A), "b")
        rig.expect_at_host("forward_flow", from_server(client, A), "b")
    rig.expect_at_client("return_flow", to_server(client, A), "a")
    rig.expect_at_host("forward_flow", from_server(client, A), "a")


@contextlib.contextmanager
def without_fence(rig):
    flags = rig.settings.flags
    with rig.changed(rig.settings, flags=flags & ~abi.C["SETTING_FENCE"]):
        yield


def test_without_the_fence_anybody_is_heard(rig, client):
    """What it is for: the tests above fail without it."""
    rig.put_flow(client, "a-tcp", "a")
    with without_fence(rig):
        rig.expect_at_client("return_flow", to_server(client, A, "R"), "b")
    fenced(rig, to_server(client, A, "R"), "b")


# --- what it leaves alone ------------------------------------------------------

@ALL_FLAGS
def test_it_makes_no_connection(rig, client, flags):
    """Others speak to that server as if there was no switch."""
    passes(rig, rig.from_client(from_server(client, A, flags)), "c0")
    passes(rig, rig.from_client(to_server(client, A, flags)), "c0")
    passes(rig, rig.from_host(to_server(client, A, flags), "a"), "h0")
    for service in "a-tcp", "a-tcp-back":
        assert rig.flow(client, service) is None


@ALL_FLAGS
@pytest.mark.parametrize("state", ("OPENING", "ANSWERED", "ESTABLISHED",
                                   "CLOSING"))
def test_it_changes_no_connection(rig, client, flags, state):
    """Not even how old it is."""
    slot = rig.put_flow(client, "a-tcp", "a", state, confirmed=False)
    before = bytes(slot.flow)
    rig.expect_at_host("forward_flow", from_server(client, A, flags), "a")
    rig.expect_at_client("return_flow", to_server(client, A, flags), "a")
    fenced(rig, to_server(client, A, flags), "b")
    assert bytes(slot.flow) == before


def test_other_ports_and_protocols_of_the_server(rig, client):
    rig.put_flow(client, "a-tcp", "a")
    ends = {"src": SERVERS[client.family], "dst": client.address}
    passes(rig, rig.from_client(client.ip(**ends) / TCP(
        sport=22, dport=client.port)), "c0")
    passes(rig, rig.from_client(client.ip(**ends) / TCP(
        sport=0, dport=client.port)), "c0")


def test_malformed_packets_of_the_server_are_the_kernels_business(rig, client):
    rig.put_flow(client, "a-tcp", "a")
    packet = from_server(client, A)
    packet[TCP].dataofs = 3
    rig.expect("pass_unreadable", rig.from_client(packet))


def test_a_host_that_speaks_from_a_vip(rig, client):
    """To a server that others reach as their clients: by its own service."""
    ours = client._replace(address=ANY[client.family])
    server = client._replace(address=SERVERS[client.family], port=A + BACK)
    packet = to_server(ours, A)
    rig.put_flow(server, "any", "a")
    rig.expect_at_client("return_flow", packet, "a")
    fenced(rig, packet, "b")
    rig.expect_at_host("forward_flow", from_server(ours, A), "a")


def test_the_server_as_a_client(rig, client):
    """From the port that it serves at."""
    server = client._replace(address=SERVERS[client.family], port=A + BACK)
    rig.expect_at_host("forward_new", tcp(server, SPREAD), rig.host_of(
        rig.ring_owner("spread", server)))


# --- sizes, fragments, errors --------------------------------------------------

def test_too_big_for_a_tunnel_is_told_to_the_server(rig, client):
    port = TCP_PORTS["gue4"]
    rig.put_flow(client, "gue4-tcp", "gue4")
    headers = len(from_server(client, port))
    fits = MTU - 32
    rig.expect_at_host("forward_flow", from_server(
        client, port, data=bytes(fits - headers)), "gue4")
    frame = rig.from_client(from_server(client, port,
                                        data=bytes(fits + 1 - headers)))
    run = rig.expect("answer_too_big", frame)
    assert run.data == rig.icmp_answer(frame, "too big", fits)


def fragments(packet):
    """Two, of 16 bytes and the rest."""
    l4 = bytes(packet[TCP])
    for offset, part, more in ((0, l4[:24], 1), (3, l4[24:], 0)):
        if packet.version == 4:
            yield IP(src=packet.src, dst=packet.dst, id=77, frag=offset,
                     flags="MF" if more else 0, proto=6) / Raw(part)
        else:
            yield IPv6(src=packet.src, dst=packet.dst) / IPv6ExtHdrFragment(
                id=77, m=more, offset=offset, nh=6) / Raw(part)


def test_fragments_of_the_server(rig, client):
    host, _ = elsewhere(rig, client)
    first, later = fragments(from_server(client, SPREAD, data=bytes(64)))
    passes(rig, rig.from_client(later), "c0")
    rig.expect_at_host("forward_flow", first, host)
    rig.expect_at_host("forward_fragment", later, host)


def test_fragments_to_the_server(rig, client):
    host, other = elsewhere(rig, client)
    first, later = fragments(to_server(client, SPREAD, data=bytes(64)))
    passes(rig, rig.from_host(later, host), HOSTS[host].port)
    rig.expect_at_client("return_flow", first, host)
    rig.expect_at_client("return_fragment", later, host)
    fenced(rig, later, other)


def test_fragments_between_others(rig, client):
    for make in to_server, from_server:
        for fragment in fragments(make(client, SPREAD, data=bytes(64))):
            passes(rig, rig.from_client(fragment), "c0")


def error(src, dst, quoted):
    if quoted.version == 4:
        return IP(src=src, dst=dst) / ICMP(type=3, code=4, nexthopmtu=1280
                                           ) / Raw(bytes(quoted))
    return IPv6(src=src, dst=dst) / ICMPv6PacketTooBig(mtu=1280) / Raw(
        bytes(quoted))


ROUTERS = {4: "192.0.2.251", 6: "2001:db8:9::bad"}


def test_error_about_what_a_host_has_sent(rig, client):
    """It reaches the host, or paths with a small MTU would swallow all."""
    host, _ = elsewhere(rig, client)
    flow = bytes(rig.flow(client, "spread"))
    router = ROUTERS[client.family]
    about = to_server(client, SPREAD, "PA", b"data" * 30)
    rig.expect_at_host("forward_icmp", error(router, client.address, about),
                       host)
    assert bytes(rig.flow(client, "spread")) == flow
    # what is not addressed to whom it quotes is not from this path
    passes(rig, rig.from_client(error(router, VIPS[client.family][:-1] + "77",
                                      about)), "c0")


def test_error_of_a_host_about_the_server(rig, client):
    host, other = elsewhere(rig, client)
    server = SERVERS[client.family]
    packet = error(client.address, server, from_server(client, SPREAD))
    rig.expect_at_client("return_icmp", packet, host)
    fenced(rig, packet, other)
    # a router's is no host's
    passes(rig, rig.from_host(error(ROUTERS[client.family], server,
                                    from_server(client, SPREAD)), host),
           HOSTS[host].port)


def test_errors_about_other_connections_pass(rig, client):
    router = ROUTERS[client.family]
    passes(rig, rig.from_client(error(router, client.address,
                                      to_server(client, SPREAD))), "c0")
    passes(rig, rig.from_client(error(router, SERVERS[client.family],
                                      from_server(client, SPREAD))), "c0")


def test_errors_that_quote_nonsense_pass(rig, client):
    elsewhere(rig, client)
    about = bytes(to_server(client, SPREAD))
    for quote in about[:10], b"\0" + about[1:], b"":
        kind = (ICMP(type=3, code=1) if client.family == 4 else
                ICMPv6DestUnreach())
        passes(rig, rig.from_client(client.ip(
            src=ROUTERS[client.family], dst=client.address) / kind /
            Raw(quote)), "c0")


# --- what is counted and kept --------------------------------------------------

def test_traffic_is_its_own(rig, client):
    rig.put_flow(client, "a-tcp", "a")
    ids = [rig.services[f"{s}{client.family}"] for s in ("a-tcp", "a-tcp-back")]

    def counted():
        return [rig.maps["service_stats"].sum64(i) for i in ids]
    front, (n_in, in_bytes, out, out_bytes) = counted()
    packet = from_server(client, A, data=b"x" * 77)
    reply = to_server(client, A)
    rig.expect_at_host("forward_flow", packet, "a")
    rig.expect_at_client("return_flow", reply)
    assert counted() == [front, (n_in + 1, in_bytes + len(packet), out + 1,
                                 out_bytes + len(reply))]


def test_recorded_apart_from_the_front(rig, client):
    """By the client's address and port, as another service's."""
    rig.put_flow(client, "recorded", "a")
    legs = [("recorded", RECORDED, "forward_flow", "TO_HOST", "c0",
             rig.from_client(tcp(client, RECORDED, "PA", b"q"))),
            ("recorded", RECORDED, "return_flow", "TO_CLIENT", "h0",
             rig.from_host(answer(client, RECORDED, "PA", b"a"))),
            ("recorded-back", RECORDED + BACK, "return_flow", "TO_CLIENT",
             "h0", rig.from_host(to_server(client, RECORDED, "PA", b"q"))),
            ("recorded-back", RECORDED + BACK, "forward_flow", "TO_HOST", "c0",
             rig.from_client(from_server(client, RECORDED, "PA", b"a")))]
    for service, vip_port, reason, direction, port, frame in legs:
        since = rig.record_rings()
        rig.expect(reason, frame, port=port)
        (record, kept), = rig.recorded(since)
        assert kept == bytes(frame)
        assert bytes(record.client) == bytes(abi.address(client.address))
        assert (record.port, record.vip_port, record.service,
                record.direction, record.owner, record.host) == (
                    client.port, vip_port,
                    rig.services[f"{service}{client.family}"],
                    abi.C[f"RECORD_{direction}"], rig.owners["a"],
                    rig.hosts["a"])


def test_what_the_fence_drops_is_not_kept(rig, client):
    rig.put_flow(client, "recorded", "a")
    since = rig.record_rings()
    fenced(rig, to_server(client, RECORDED, "PA", b"late"), "b")
    assert not list(rig.recorded(since))


def test_it_has_the_ring_and_the_flows_of_its_front(rig):
    for family in FAMILIES:
        front = rig.service(f"spread{family}")
        back = rig.service(f"spread-back{family}")
        assert front.flows == front.id
        assert (back.flows, back.ring) == (front.id, front.ring)
        assert back.id != front.id
