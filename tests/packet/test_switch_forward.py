# SPDX-License-Identifier: GPL-2.0-only
"""From a client to the host of the connection's owner (rows K1, X1, X4)."""

import ctypes

import pytest
from scapy.layers.inet import ICMP, IP, IPOption_Timestamp, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

from harness import abi, bpf
from rig import (AFFINE, ANY, DRAINED, FAMILIES, HOSTS, ROUTER, SPREAD,
                 TCP_PORTS, UDP_PORT, VIPS, tcp, udp)

REACHABLE = [name for name, host in HOSTS.items() if host.mac]
TUNNELS = [name for name in REACHABLE if HOSTS[name].forward != "l2"]


@pytest.mark.parametrize("host", REACHABLE)
def test_tcp_new_then_known(rig, client, host):
    port = TCP_PORTS[host]
    rig.expect_at_host("forward_new", tcp(client, port), host)
    rig.expect_at_host("forward_flow", tcp(client, port), host)
    rig.expect_at_host("forward_flow",
                       tcp(client, port, "PA", b"data" * 20, seq=1001), host)
    flow = rig.flow(client, f"{host}-tcp")
    assert flow.owner == rig.owners[host]


def test_udp_new_then_known(rig, client):
    rig.expect_at_host("forward_new", udp(client), "a")
    rig.expect_at_host("forward_flow", udp(client, b""), "a")
    assert rig.flow(client, "a-udp").state_label == "opening"


def test_udp_without_checksum(rig):
    client = rig.client(4)
    packet = udp(client)
    packet[UDP].chksum = 0
    rig.expect_at_host("forward_new", packet, "a")


@pytest.mark.parametrize("tos", (0x00, 0x03, 0xb8, 0xff))
@pytest.mark.parametrize("host", REACHABLE)
def test_traffic_class_reaches_the_host(rig, family, host, tos):
    client = rig.client(family)
    fields = {"tos": tos} if family == 4 else {"tc": tos, "fl": 0x12345}
    rig.expect_at_host("forward_new", tcp(client, TCP_PORTS[host], **fields),
                       host)


@pytest.mark.parametrize("host", REACHABLE)
def test_ip_options(rig, host):
    client = rig.client(4)
    packet = tcp(client, TCP_PORTS[host], options=[IPOption_Timestamp()])
    assert len(packet[IP].options) == 1
    rig.expect_at_host("forward_new", packet, host)


@pytest.mark.parametrize("checksum", (
    0x0000, 0x0001, 0x00ff, 0x0100, 0x7fff, 0x8000, 0xfe00, 0xfefe, 0xfeff,
    0xff00, 0xff01, 0xfffe))
def test_header_checksum_follows_the_ttl(rig, checksum):
    """Whatever it was; the two that carry, and their neighbours, included."""
    client = rig.client(4)
    before = IP(bytes(udp(client, id=0))).chksum
    packet = udp(client, id=(before - checksum) % 0xffff)
    assert IP(bytes(packet)).chksum == checksum
    rig.expect_at_host("forward_new", packet, "a")


@pytest.mark.parametrize("host", REACHABLE)
@pytest.mark.parametrize("tags", ((Dot1Q(vlan=7, prio=5),),
                                  (Dot1AD(vlan=8), Dot1Q(vlan=9))),
                         ids=("one", "two"))
def test_tags_are_taken_off(rig, client, host, tags):
    rig.expect_at_host("forward_new", tcp(client, TCP_PORTS[host]), host,
                       tags)


def test_three_tags_are_not_read(rig, client):
    tags = [Dot1Q(vlan=i) for i in (1, 2, 3)]
    rig.expect("pass_not_ip", rig.from_client(udp(client), tags))


def test_padding_of_short_frames(rig, client):
    """The link's padding is no part of the packet, nor of what is counted."""
    packet = udp(client, b"")
    frame = bytes(rig.from_client(packet)).ljust(60, b"\0")
    run = rig.expect("forward_new", frame)
    expected = rig.at_host(packet, "a", run.data)
    assert run.data == expected.ljust(60, b"\0")


def test_same_port_in_and_out(rig, client):
    """A host that is behind the port that the packet came in by."""
    packet = udp(client)
    frame = Ether(src=ROUTER, dst=rig.mac["h0"]) / packet
    run = rig.expect("forward_new", frame, port="h0")
    assert run.action == bpf.XDP_TX
    assert run.data == rig.at_host(packet, "a", run.data)


@pytest.mark.parametrize("host", TUNNELS)
def test_paths_are_stable_for_a_flow(rig, family, host):
    """What spreads flows over paths depends on the flow alone, not on what
    the switch did before."""
    client, other = rig.client(family), rig.client(family)
    port = TCP_PORTS[host]
    first = rig.expect_at_host("forward_new", tcp(client, port), host)
    for filler in range(20):
        packet = tcp(other, port, "PA", bytes([filler]) * 99, seq=filler << 25,
                     ack=filler << 20)
        rig.send(rig.from_client(packet, [Dot1Q(vlan=filler)]))
        again = rig.expect_at_host("forward_flow", tcp(client, port), host)
        assert again == first


@pytest.mark.parametrize("host", ("gue4", "gue6", "ipip6"))
def test_paths_differ_between_flows(rig, family, host):
    frames = [rig.expect_at_host("forward_new", tcp(rig.client(family),
                                                    TCP_PORTS[host]), host)
              for _ in range(32)]
    # 14 bits or 20 of hash: two equal ones among 32 would be bad luck, more
    # would not be luck.
    spread = {(Ether(f).payload.fields.get("fl"),
               Ether(f).payload.payload.fields.get("sport"))
              for f in frames}
    assert len(spread) > 28


# --- which owner -------------------------------------------------------------

def test_new_connections_go_by_the_ring(rig, family):
    seen = set()
    for _ in range(40):
        client = rig.client(family)
        host = rig.host_of(rig.ring_owner("spread", client))
        rig.expect_at_host("forward_new", tcp(client, SPREAD), host)
        seen.add(host)
    assert seen == {"a", "b"}


def test_client_affinity(rig, family):
    """All connections of a client go together, those of clients apart."""
    seen = set()
    for _ in range(24):
        client = rig.client(family)
        host = rig.host_of(rig.ring_owner("affine", client, port=0))
        for port in (1, 77, 40000):
            rig.expect_at_host("forward_new", tcp(client._replace(port=port),
                                                  AFFINE), host)
        seen.add(host)
    assert seen == {"a", "b"}


def test_known_connections_stay_when_the_ring_changes(rig, client):
    slot = rig.put_flow(client, "spread", "b")
    rig.expect_at_host("forward_flow", tcp(client, SPREAD, "A"), "b")
    slot.flow.owner = rig.owners["a"]
    rig.expect_at_host("forward_flow", tcp(client, SPREAD, "A"), "a")


def test_draining_owner_keeps_its_connections(rig, client):
    """And gets no new ones."""
    assert rig.owner("leaving").state == abi.C["OWNER_DRAINING"]
    rig.put_flow(client, "drained", "leaving")
    rig.expect_at_host("forward_flow", tcp(client, DRAINED, "A"), "a")
    for _ in range(16):
        other = rig.client(client.family)
        rig.expect_at_host("forward_new", tcp(other, DRAINED), "b")


def test_pending(rig, client):
    """Another CPU has the slot and not yet stored the flow: the packet goes
    by the ring, and leaves the slot alone."""
    slot = rig.put_flow(client, "a-tcp", "a")
    slot.flow = abi.Flow()
    rig.expect_at_host("forward_pending", tcp(client, TCP_PORTS["a"]), "a")
    assert slot.flow == abi.Flow()


def test_owner_that_is_gone(rig, client):
    """Its connections begin anew."""
    rig.put_flow(client, "spread", "vlan")
    with rig.changed(rig.owner("vlan"), state=abi.C["OWNER_NONE"], host=0):
        label, _ = rig.send(rig.from_client(tcp(client, SPREAD, "A")))
        assert label == "forward_new"
    assert rig.flow(client, "spread").owner in (rig.owners["a"],
                                                rig.owners["b"])


def test_service_without_owner(rig, client):
    rows = rig.ring_rows(f"spread{client.family}")
    full = bytes(rows)
    ctypes.memset(rows, 0, len(full))
    rig.expect("drop_no_owner", rig.from_client(tcp(client, SPREAD)))
    ctypes.memmove(rows, full, len(full))
    assert rig.flow(client, "spread") is None


def test_owner_without_host(rig, client):
    with rig.moved("a", None):
        rig.expect("drop_no_host", rig.from_client(udp(client)))
    rig.expect_at_host("forward_flow", udp(client), "a")


def test_host_whose_link_address_is_unknown(rig, client):
    rig.expect("drop_unresolved",
               rig.from_client(tcp(client, TCP_PORTS["dark"])))
    hop = rig.memory["hosts"].view(abi.Hop, rig.hosts["dark"])
    with rig.changed(hop, mac=(abi.u8 * 6)(2, 0, 0, 0, 0, 0x77)):
        run = rig.expect("forward_flow",
                         rig.from_client(tcp(client, TCP_PORTS["dark"])))
        assert Ether(run.data).dst == "02:00:00:00:00:77"


# --- which service -----------------------------------------------------------

def test_wildcard_port(rig, client):
    vip = ANY[client.family]
    for port in (1, 443, 65535):
        other = rig.client(client.family)
        rig.expect_at_host("forward_new", tcp(other, port, vip=vip), "a")


def test_exact_port_before_wildcard(rig, client):
    rig.expect_at_host("forward_new", tcp(client, 80, vip=ANY[client.family]),
                       "b")


def test_wildcard_is_of_one_protocol(rig, client):
    rig.expect("pass_not_service",
               rig.from_client(udp(client, vip=ANY[client.family])))


def not_service(client):
    vip, ip = VIPS[client.family], client.ip
    here = ip(src=client.address, dst=vip)
    yield "other port", tcp(client, 9)
    yield "other protocol's port", udp(client, dport=TCP_PORTS["a"])
    yield "other address", tcp(client, TCP_PORTS["a"], vip="192.0.2.250"
                               if client.family == 4 else "2001:db8:2::2")
    yield "to a client", ip(dst=client.address) / TCP(
        sport=TCP_PORTS["a"], dport=TCP_PORTS["a"])
    yield "echo request to a VIP", here / (
        ICMP() if client.family == 4 else ICMPv6EchoRequest())
    yield "protocol without ports", ip(
        src=client.address, dst=vip,
        **{"proto" if client.family == 4 else "nh": 132}) / Raw(b"s" * 40)


@pytest.mark.parametrize("family, what", [
    (family, what) for family in FAMILIES for what in
    ("other port", "other protocol's port", "other address", "to a client",
     "echo request to a VIP", "protocol without ports")])
def test_not_a_service(rig, family, what):
    packet = dict(not_service(rig.client(family)))[what]
    for tags in (), (Dot1Q(vlan=5),):
        rig.expect("pass_not_service", rig.from_client(packet, tags))


@pytest.mark.parametrize("payload", (
    ARP(psrc="198.51.100.9", pdst=VIPS[4]),
    Raw(b"unknown" * 9)), ids=("arp", "unknown ethertype"))
@pytest.mark.parametrize("tags", ((), (Dot1Q(vlan=5),)),
                         ids=("plain", "tagged"))
def test_not_ip(rig, payload, tags):
    frame = rig.from_client(payload, tags)
    if isinstance(payload, Raw):
        frame.lastlayer().underlayer.type = 0x88b5  # local experiments
    rig.expect("pass_not_ip", frame)


def test_traffic_is_counted_for_service_and_host(rig, client):
    packet = udp(client, b"x" * 100)
    service = rig.services[f"a-udp{client.family}"]

    def counted():
        return (rig.maps["service_stats"].sum64(service),
                rig.maps["host_stats"].sum64(rig.hosts["a"]))

    before = counted()
    rig.expect_at_host("forward_new", packet, "a")
    for was, now in zip(before, counted()):
        assert now == (was[0] + 1, was[1] + len(packet), *was[2:])


def test_services_do_not_share_connections(rig, client):
    """One client port, two services: two flows."""
    rig.expect_at_host("forward_new", tcp(client, TCP_PORTS["a"]), "a")
    rig.expect_at_host("forward_new", tcp(client, TCP_PORTS["b"]), "b")
    rig.expect_at_host("forward_new", udp(client, dport=UDP_PORT), "a")
    rig.expect_at_host("forward_flow", tcp(client, TCP_PORTS["a"]), "a")


def test_large_packet_in_several_buffers(rig):
    """Larger than the linear part of a buffer; the host's path is wide."""
    for family, host in ((4, "a"), (6, "a"), (4, "ipip6"), (6, "gue4")):
        client = rig.client(family)
        record = rig.memory["hosts"].view(abi.Host, rig.hosts[host])
        packet = tcp(client, TCP_PORTS[host], "PA", bytes(range(250)) * 35)
        assert len(packet) > 2 * 4096
        with rig.changed(record, mtu=9000):
            rig.expect_at_host("forward_new", packet, host)
