# SPDX-License-Identifier: GPL-2.0-only
"""IPsec gateways: ESP and IKE go where their SPI belongs (row I4)."""

import itertools

import pytest
from scapy.layers.inet import UDP
from scapy.layers.ipsec import ESP
from scapy.packet import Raw

from harness import abi
from rig import GATEWAY, HOSTS

IKE, NAT = 500, 4500
MARKER = bytes(4)  # RFC 3948: what follows is IKE
_spis = itertools.count(0x1000)


def header(client, from_host):
    vip = GATEWAY[client.family]
    ends = (vip, client.address) if from_host else (client.address, vip)
    return client.ip(src=ends[0], dst=ends[1])


def esp(client, spi, from_host=False):
    return header(client, from_host) / ESP(spi=spi, seq=1) / Raw(b"e" * 48)


def datagram(client, port, data, from_host=False):
    ports = ({"sport": port, "dport": client.port} if from_host else
             {"sport": client.port, "dport": port})
    return header(client, from_host) / UDP(**ports) / Raw(data)


def ike(client, spi, port=IKE, from_host=False):
    data = spi.to_bytes(8, "big") + bytes(20)
    return datagram(client, port, (MARKER if port == NAT else b"") + data,
                    from_host)


def esp_in_udp(client, spi, from_host=False):
    return datagram(client, NAT, spi.to_bytes(4, "big") + b"u" * 40,
                    from_host)


def new_spi():
    return next(_spis)


KINDS = {"ESP": esp, "ESP in UDP": esp_in_udp, "IKE": ike,
         "IKE behind NAT": lambda c, spi, from_host=False:
         ike(c, spi, NAT, from_host)}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def ring_host(rig, client):
    return rig.host_of(rig.ring_owner("ipsec", client, port=0))


def another(host):
    return "a" if host == "b" else "b"


def client_of(rig, family, host):
    """A client whom the ring gives to a host."""
    while True:
        client = rig.client(family)
        if ring_host(rig, client) == host:
            return client


def spi_key(client, spi, is_ike):
    words = (spi >> 32, spi & 0xffffffff) if is_ike else (spi, 0)
    return abi.SpiKey(vip=abi.address(GATEWAY[client.family]),
                      spi=(abi.be32 * 2)(*words))


def announce(rig, client, spi, owner, is_ike=False):
    rig.maps["spis"].update(spi_key(client, spi, is_ike),
                            abi.Spi(owner=rig.owners[owner]))


def test_first_packet_goes_by_the_ring_and_is_learned(rig, client, kind):
    host, spi = ring_host(rig, client), new_spi()
    rig.expect_at_host("forward_new", kind(client, spi), host)
    (key, value), = rig.maps["spis_learned"].items()
    assert key == bytes(spi_key(client, spi, kind not in (esp, esp_in_udp)))
    assert abi.Spi.from_buffer_copy(value).owner == rig.owners[host]
    rig.expect_at_host("forward_spi", kind(client, spi), host)
    assert rig.flow(client, "ipsec", port=0).owner == rig.owners[host]


def test_learned_spi_leads_a_new_address(rig, family, kind):
    """A client that moved, or whose NAT forgot it, keeps its gateway, and
    the gateway's answers pass the fence."""
    before, after = (client_of(rig, family, h) for h in ("a", "b"))
    spi = new_spi()
    rig.expect_at_host("forward_new", kind(before, spi), "a")
    rig.expect_at_host("forward_spi", kind(after, spi), "a")
    rig.expect_at_client("return_flow", kind(after, new_spi(),
                                             from_host=True), "a")


def test_announced_spi_comes_first(rig, family, kind):
    """What an agent says beats what was learned, and the ring."""
    client, spi = client_of(rig, family, "a"), new_spi()
    is_ike = kind not in (esp, esp_in_udp)
    rig.expect_at_host("forward_new", kind(client, spi), "a")
    announce(rig, client, spi, "b", is_ike)
    rig.expect_at_host("forward_spi", kind(client, spi), "b")
    rig.maps["spis"].delete(spi_key(client, spi, is_ike))
    rig.expect_at_host("forward_spi", kind(client, spi), "a")


def test_announced_before_any_packet(rig, family, kind):
    client, spi = client_of(rig, family, "a"), new_spi()
    announce(rig, client, spi, "b", kind not in (esp, esp_in_udp))
    rig.expect_at_host("forward_spi", kind(client, spi), "b")
    rig.expect_at_client("return_flow", kind(client, new_spi(),
                                             from_host=True), "b")


def test_owner_of_the_spi_is_gone(rig, family, kind):
    """The client's flow says more than an owner that is no more."""
    client, spi = client_of(rig, family, "a"), new_spi()
    announce(rig, client, spi, "vlan", kind not in (esp, esp_in_udp))
    with rig.changed(rig.owner("vlan"), state=abi.C["OWNER_NONE"], host=0):
        rig.expect_at_host("forward_new", kind(client, spi), "a")


def test_a_clients_packets_go_together(rig, client):
    """The SAs that IKE negotiates are at the host that negotiated."""
    host = another(ring_host(rig, client))
    rig.put_flow(client, "ipsec", host, port=0)
    for send in KINDS.values():
        rig.expect_at_host("forward_flow", send(client, new_spi()), host)


def test_a_move_takes_spis_along(rig, client, kind):
    host, spi = ring_host(rig, client), new_spi()
    rig.expect_at_host("forward_new", kind(client, spi), host)
    with rig.moved(host, another(host)):
        rig.expect_at_host("forward_spi", kind(client, spi), another(host))


def test_spis_of_gateways_are_told_apart(rig, client):
    """An SPI means something only together with its address."""
    spi = new_spi()
    other = abi.SpiKey(vip=abi.address("203.0.113.99"),
                       spi=(abi.be32 * 2)(spi, 0))
    host = ring_host(rig, client)
    rig.maps["spis"].update(other, abi.Spi(owner=rig.owners[another(host)]))
    rig.expect_at_host("forward_new", esp(client, spi), host)


def test_an_esp_spi_is_no_ike_spi(rig, client):
    spi = new_spi()
    host = ring_host(rig, client)
    announce(rig, client, spi << 32 | 1, another(host), is_ike=True)
    rig.expect_at_host("forward_new", esp(client, spi), host)


@pytest.mark.parametrize("port, data", (
    (NAT, b"\xff"),  # keepalive, RFC 3948 section 2.3
    (NAT, b""), (NAT, b"abc"), (NAT, MARKER), (NAT, MARKER + b"1234567"),
    (IKE, b""), (IKE, b"1234567")))
def test_without_spi_by_the_flow(rig, client, port, data):
    packet = datagram(client, port, data)
    rig.expect_at_host("forward_new", packet, ring_host(rig, client))
    host = another(ring_host(rig, client))
    rig.flow(client, "ipsec", port=0).owner = rig.owners[host]
    rig.expect_at_host("forward_flow", packet, host)
    # The link's padding is no SPI.
    rig.expect("forward_flow", bytes(rig.from_client(packet)) + b"\x07" * 20)
    assert not list(rig.maps["spis_learned"].items())


def test_short_esp(rig, client):
    for size in (0, 4, 7):
        packet = header(client, False)
        packet = packet.__class__(bytes(packet / Raw(b"\x01" * size)))
        packet.remove_payload()
        if client.family == 4:
            packet.proto, packet.chksum = 50, None
        else:
            packet.nh = 50
        rig.expect("drop_malformed_l4",
                   rig.from_client(packet / Raw(b"\x01" * size)))


def test_back_to_the_client(rig, client, kind):
    host = ring_host(rig, client)
    rig.expect_at_host("forward_new", kind(client, new_spi()), host)
    rig.expect_at_client("return_flow", kind(client, new_spi(),
                                             from_host=True), host)
    other = another(host)
    rig.expect("drop_fence", rig.from_host(kind(client, new_spi(),
                                                from_host=True), other),
               port=HOSTS[other].port)


def test_the_peers_spi_is_not_the_gateways(rig, client):
    """ESP to a client bears an SPI of the client's choice: it may be one
    that is another gateway's."""
    host, spi = ring_host(rig, client), new_spi()
    rig.expect_at_host("forward_new", esp(client, new_spi()), host)
    announce(rig, client, spi, another(host))
    rig.expect_at_client("return_flow", esp(client, spi, from_host=True),
                         host)


def test_other_ports_of_a_gateway(rig, client):
    rig.expect("pass_not_service", rig.from_client(
        datagram(client, 501, b"12345678")))
