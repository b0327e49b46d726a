# SPDX-License-Identifier: GPL-2.0-only
"""A switch on the test bench: packets go in through BPF_PROG_TEST_RUN, and
what comes out is compared byte by byte.

batond loads the programs and fills the maps from CONFIG; then it is killed,
which leaves the data plane as it is: nothing ages, nothing is resolved.

    clients -- router -- c0 [switch] h0 -- a, tunnels, vlan, dark
                                     h1 -- b
"""

import contextlib
import ctypes
import ipaddress
import itertools
from collections import namedtuple

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPv6)
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from harness import abi, bpf

Host = namedtuple("Host", "port, mac, address, forward, vlan",
                  defaults=("l2", 0))

ROUTER = "02:00:00:00:00:fe"  # whom clients are behind
PORTS = {
    "c0": ("198.51.100.1/24", "2001:db8:c0::1/64"),
    "h0": ("10.0.0.1/24", "2001:db8:a0::1/64"),
    "h1": ("10.0.1.1/24", "2001:db8:a1::1/64"),
}
HOSTS = {
    "a": Host("h0", "02:00:00:00:00:0a", "10.0.0.11"),
    "b": Host("h1", "02:00:00:00:00:0b", "10.0.1.12"),
    "ipip4": Host("h0", "02:00:00:00:00:0c", "10.0.0.13", "ipip"),
    "ipip6": Host("h0", "02:00:00:00:00:0d", "2001:db8:a0::14", "ipip"),
    "gue4": Host("h0", "02:00:00:00:00:0e", "10.0.0.15", "gue"),
    "gue6": Host("h1", "02:00:00:00:00:0f", "2001:db8:a1::16", "gue"),
    "vlan": Host("h0", "02:00:00:00:00:10", "10.0.0.17", vlan=42),
    "tagged": Host("h0", "02:00:00:00:00:11", "10.0.0.18", "ipip", vlan=43),
    "dark": Host("h0", None, "10.0.0.99"),
}
CLIENTS = {4: ipaddress.ip_network("198.18.0.0/15"),
           6: ipaddress.ip_network("2001:db8:1::/48")}
MTU = 1500
GUE_PORT = 6080

VIPS = {4: "203.0.113.1", 6: "2001:db8:f::1"}
ANY = {4: "203.0.113.2", 6: "2001:db8:f::2"}  # every TCP port
SERVERS = {4: "198.19.255.9", 6: "2001:db8:1:ffff::9"}  # behind services
GATEWAY = {4: "203.0.113.3", 6: "2001:db8:f::3"}  # IPsec
TCP_PORTS = {host: 8000 + i for i, host in enumerate(HOSTS)}
UDP_PORT = 5300
SPREAD, AFFINE, DRAINED, RECORDED = 8100, 8200, 8300, 8400
BACK = 1000  # a server's port is its service's and so much

FAMILIES = (4, 6)


def _services():
    for family in FAMILIES:
        vip = VIPS[family]
        for host, port in TCP_PORTS.items():
            yield f"{host}-tcp", vip, "tcp", port, [host]
        yield "a-udp", vip, "udp", UDP_PORT, ["a"]
        yield "gue4-udp", vip, "udp", UDP_PORT + 1, ["gue4"]
        yield "spread", vip, "tcp", SPREAD, ["a", "b"]
        yield "spread-udp", vip, "udp", SPREAD, ["a", "b"]
        yield "affine", vip, "tcp", AFFINE, ["a", "b"]
        yield "drained", vip, "tcp", DRAINED, ["leaving", "b"]
        yield "recorded", vip, "tcp", RECORDED, ["a"]
        yield "any", ANY[family], "tcp", "any", ["a"]
        yield "exact", ANY[family], "tcp", 80, ["b"]
        yield "lone-udp", ANY[family], "udp", SPREAD, ["a", "b"]
        yield "ipsec", GATEWAY[family], "ipsec", None, ["a", "b"]
        for front, port in (("spread", SPREAD), ("recorded", RECORDED),
                            *((f"{h}-tcp", p) for h, p in TCP_PORTS.items())):
            yield f"{front}-back", SERVERS[family], "tcp", port + BACK, []


def _service(name, vip, protocol, port, owners):
    family = ipaddress.ip_address(vip).version
    service = {"name": f"{name}{family}", "vip": vip, "protocol": protocol,
               "owners": owners}
    if port:
        service["port"] = port
    if name == "affine":
        service["affinity"] = "client"
    if name.startswith("recorded"):
        service["recorder"] = True
    if name.endswith("-back"):
        service["back-of"] = f"{name.removesuffix('-back')}{family}"
        del service["owners"]
    return service


def _host(name, host):
    config = {"name": name, "address": host.address, "probe": False,
              "forward": host.forward, "interface": host.port}
    if host.mac:
        config["mac"] = host.mac
    if host.vlan:
        config["vlan"] = host.vlan
    return config


CONFIG = {
    # A small table, so that buckets can be filled.
    "switch": {"flows": 1024, "flows6": 1024, "ring": 4093,
               "recorder-packets": 256, "icmp-rate": 1000000},
    "ports": [{"interface": port} for port in PORTS],
    "hosts": [_host(name, host) for name, host in HOSTS.items()],
    # Owners are named as their homes are; "leaving" is one of a's.
    "owners": [{"name": name, "host": name} for name in HOSTS] +
              [{"name": "leaving", "host": "a", "drain": True}],
    "services": [_service(*s) for s in _services()],
}


def _network(lab):
    switch, world = lab.netns("switch"), lab.netns("world")
    # Nobody but the test shall send anything into the switch.
    world.sysctl(net__ipv6__conf__default__disable_ipv6=1)
    for port, addresses in PORTS.items():
        lab.veth(switch, port, world, port, mtu=MTU)
        switch.address(port, *addresses)
    lab.veth(switch, "other", world, "other")  # no port of the switch
    switch.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)
    # Clients are anywhere behind a router whose link address is known.
    switch.neighbour("198.51.100.254", ROUTER, "c0")
    switch.neighbour("2001:db8:c0::fe", ROUTER, "c0")
    switch.ip("route", "add", CLIENTS[4], "via", "198.51.100.254")
    switch.ip("-6", "route", "add", CLIENTS[6], "via", "2001:db8:c0::fe")
    return switch


class Client(namedtuple("Client", "address, port, family")):
    """Somebody who sends; each one is another."""

    @property
    def ip(self):
        return IP if self.family == 4 else IPv6


class Rig:
    """Use it inside its namespace: `with rig.namespace.entered():`."""

    def __init__(self, lab):
        self.namespace = _network(lab)
        batond = lab.batond(self.namespace, CONFIG)
        self.pins = batond.pins
        batond.destroy()
        self.program = bpf.Program.pinned(self.pins / "switch")
        self.clock = bpf.Program.pinned(self.pins / "clock")
        self.maps = {m.name: bpf.Map.pinned(self.pins / m.name)
                     for m in abi.MAPS}
        self.memory = {name: self.maps[name].mapping()
                       for name in ("meta", "settings", "flows4", "flows6",
                                    "owners", "hosts", "rings", "records",
                                    "record_rings", "record_frames")}
        self.meta = self.memory["meta"].view(abi.Meta, 0)
        self.settings = self.memory["settings"].view(abi.Settings, 0)
        self.services = self._ids("service_info", abi.ServiceInfo)
        self.owners = self._ids("owner_info", abi.OwnerInfo)
        self.hosts = self._ids("host_info", abi.HostInfo)
        self.ifindex = {p: self.namespace.ifindex(p) for p in PORTS}
        self.mac = {p: self.namespace.mac(p) for p in PORTS}
        self._clients = itertools.count(1)

    def _ids(self, name, record):
        memory = self.maps[name].mapping()
        return {info.name.decode(): i for i in range(len(memory))
                if (info := record.from_buffer_copy(memory[i])).name}

    # --- what packets look like outside ---

    def client(self, family=4):
        n = next(self._clients)
        return Client(str(CLIENTS[family][n]), 20000 + n % 40000, family)

    def from_client(self, packet, tags=(), src=ROUTER):
        """A frame that comes in by c0."""
        frame = Ether(src=src, dst=self.mac["c0"])
        for tag in tags:
            frame = frame / tag
        return frame / packet

    def from_host(self, packet, host="a", tags=()):
        """A frame that a host sends."""
        host = HOSTS[host]
        frame = Ether(src=host.mac, dst=self.mac[host.port])
        for tag in tags:
            frame = frame / tag
        return frame / packet

    def at_host(self, packet, host, out):
        """The frame that brings `packet` to a host: one hop on, and in the
        host's tunnel. What spreads flows over paths, the UDP source port and
        the flow label, is taken from the frame `out`."""
        name, host = host, HOSTS[host]
        frame = Ether(src=self.mac[host.port], dst=host.mac)
        if host.vlan:
            frame = frame / Dot1Q(vlan=host.vlan)
        if host.forward != "l2":
            frame = frame / self._outer(name, packet, out[len(frame):])
        return bytes(frame / one_hop_on(packet))

    def _outer(self, name, packet, out):
        host = HOSTS[name]
        family = ipaddress.ip_address(host.address).version
        source = PORTS[host.port][FAMILIES.index(family)].split("/")[0]
        inner = 4 if packet.version == 4 else 41
        protocol = 17 if host.forward == "gue" else inner
        if family == 4:
            outer = IP(src=source, dst=host.address, id=0, flags="DF", ttl=64,
                       proto=protocol, tos=traffic_class(packet))
        else:
            label = int.from_bytes(out[1:4], "big") & 0xfffff
            outer = IPv6(src=source, dst=host.address, hlim=64, nh=protocol,
                         tc=traffic_class(packet), fl=label)
        if host.forward == "gue":
            size = len(outer)
            port = int.from_bytes(out[size:size + 2], "big")
            assert 0xc000 <= port <= 0xffff
            outer = outer / UDP(sport=port, dport=GUE_PORT, chksum=0) / Raw(
                bytes((0, inner, 0, 0)))
        return outer

    def at_client(self, packet):
        """The frame that takes a host's answer to the clients' router."""
        return bytes(Ether(src=self.mac["c0"], dst=ROUTER) /
                     one_hop_on(packet))

    def icmp_answer(self, frame, what, mtu=0, source=None):
        """The frame with which the switch answers one: `what` is "ttl" or
        "too big"."""
        frame = Ether(bytes(frame))
        answer = Ether(src=frame.dst, dst=frame.src, type=frame.type)
        inner = frame.payload
        while isinstance(inner, Dot1Q):
            answer = answer / Dot1Q(bytes(inner)[:4])
            inner = inner.payload
        quote = Raw(bytes(inner)[:512])
        source = source or inner.dst
        if inner.version == 4:
            icmp = (ICMP(type=11) if what == "ttl"
                    else ICMP(type=3, code=4, nexthopmtu=mtu))
            return bytes(answer / IP(src=source, dst=inner.src, tos=0xc0, id=0,
                                     flags="DF", ttl=64) / icmp / quote)
        icmp = (ICMPv6TimeExceeded() if what == "ttl"
                else ICMPv6PacketTooBig(mtu=mtu))
        return bytes(answer / IPv6(src=source, dst=inner.src, hlim=64) / icmp /
                     quote)

    # --- packets in and out ---

    def counters(self):
        return dict(zip(abi.REASON, self.maps["counters"].sums64()))

    def send(self, frame, port="c0"):
        """Run the switch on a frame. It must count exactly one reason once,
        and take the action of the reason's verdict: (reason, frame)."""
        frame = bytes(frame)
        before = self.counters()
        run = self.program.run(frame, self.ifindex[port])
        counted = {label: (after[0] - before[label][0],
                           after[1] - before[label][1])
                   for label, after in self.counters().items()
                   if after != before[label]}
        assert len(counted) == 1, f"{counted}, {run}"
        (label, (packets, size)), = counted.items()
        assert packets == 1, f"{counted}, {run}"
        assert size == ip_length(frame), f"{counted}, {run}"
        verdict = abi.REASONS[abi.REASON[label]].verdict
        allowed = {
            "PASS": (bpf.XDP_PASS,), "DROP": (bpf.XDP_DROP,),
            "ANSWER": (bpf.XDP_REDIRECT,),
            "FORWARD": (bpf.XDP_REDIRECT, bpf.XDP_TX),
            "RETURN": (bpf.XDP_REDIRECT, bpf.XDP_TX),
        }[verdict]
        assert run.action in allowed, f"{label}: {run}"
        if verdict == "PASS":
            assert run.data == frame, f"{label}: changed to {run}"
        return label, run

    def expect(self, reason, frame, out=None, port="c0"):
        """Send a frame; it must leave for this reason, as `out`."""
        label, run = self.send(frame, port)
        assert label == reason, f"{label}, expected {reason}: {run}"
        if out is not None:
            assert_same(run.data, out)
        return run

    def expect_at_host(self, reason, packet, host, tags=()):
        """A packet of a client must reach this host; the frame that does."""
        run = self.expect(reason, self.from_client(packet, tags))
        assert run.action == bpf.XDP_REDIRECT
        assert_same(run.data, self.at_host(packet, host, run.data))
        return run.data

    def expect_at_client(self, reason, packet, host="a", tags=()):
        """A packet of a host must reach the clients' router."""
        run = self.expect(reason, self.from_host(packet, host, tags),
                          self.at_client(packet), HOSTS[host].port)
        assert run.action == bpf.XDP_REDIRECT

    # --- what is recorded ---

    def record_rings(self):
        return [abi.RecordRing.from_buffer_copy(ring) for ring in
                map(self.memory["record_rings"].__getitem__,
                    range(len(self.memory["record_rings"])))]

    def recorded(self, since):
        """Records and the bytes that are kept, in the order of each CPU,
        after record_rings() was `since`."""
        slots = self.meta.record_slots
        for cpu, ring in enumerate(self.record_rings()):
            for n in range(max(since[cpu].next, ring.next - slots),
                           ring.next):
                at = cpu * slots + n % slots
                record = abi.PacketRecord.from_buffer_copy(
                    self.memory["records"][at])
                assert record.sequence == n + 1
                yield record, self.memory["record_frames"][at][:min(record.length, 1536)]

    # --- the state of the switch ---

    def stamp(self):
        """The time that flows are stamped with, as a program tells it."""
        jiffies = self.clock.run(bytes(14)).action
        return jiffies >> self.meta.stamp_shift & 0xffff

    def service(self, name):
        """The record that packets of a service find."""
        for table in "services4", "services6":
            key_type, _ = abi.MAP_TYPES[table]
            for key, value in self.maps[table].items():
                service = abi.Service.from_buffer_copy(value)
                marker = not key_type.from_buffer_copy(key).port
                if service.id == self.services[name] and not marker:
                    return service
        raise KeyError(name)

    def ring_rows(self, name):
        """The rows of a service's ring, in the map's memory."""
        first = self.service(name).ring
        rows = -(-self.meta.ring_size // abi.C["RING_ROW"])
        return self.memory["rings"].view(abi.RingRow * rows, first)

    def ring_owner(self, name, client, port=None):
        """Which owner new connections of a client go to, by the ring."""
        key = self.flow_key(client, name, port)
        i = abi.ring_index(self.meta.seed, key, self.meta.ring_size)
        rows = self.ring_rows(f"{name}{client.family}")
        return rows[i // abi.C["RING_ROW"]].owner[i % abi.C["RING_ROW"]]

    def host_of(self, owner):
        """The name of an owner and, in CONFIG, its host, by its id."""
        return next(n for n, i in self.owners.items() if i == owner)

    def flow_key(self, client, service, port=None):
        return abi.flow_key(client.address,
                            client.port if port is None else port,
                            self.services[f"{service}{client.family}"])

    def buckets(self, key):
        return abi.buckets(self.meta.seed, key,
                           self.meta.flow4_buckets
                           if isinstance(key, abi.Flow4Key)
                           else self.meta.flow6_buckets)

    def slots(self, key, bucket):
        """The slots of a bucket, in the table's memory."""
        table, slot = (("flows4", abi.Flow4Slot)
                       if isinstance(key, abi.Flow4Key)
                       else ("flows6", abi.Flow6Slot))
        return self.memory[table].view(slot * abi.C["FLOW_SLOTS"], bucket)

    def slot(self, key):
        """The key's slot, where its hash says that it must be, or None."""
        for bucket in self.buckets(key):
            for slot in self.slots(key, bucket):
                if slot.key == key:
                    return slot
        return None

    def flow(self, client, service, port=None):
        slot = self.slot(self.flow_key(client, service, port))
        return slot and slot.flow

    def forget(self):
        for table in "flows4", "flows6":
            self.memory[table].zero()
        for table in "fragments", "spis", "spis_learned":
            self.maps[table].clear()

    def put_flow(self, client, service, owner, state="ESTABLISHED",
                 confirmed=True, port=None):
        """Record a flow, as a controller does; its slot."""
        key = self.flow_key(client, service, port)
        slot = next(s for s in self.slots(key, self.buckets(key)[0])
                    if not any(bytes(s.key)))
        slot.key = key
        slot.flow = abi.Flow(
            owner=self.owners[owner], state=abi.C[f"FLOW_{state}"],
            flags=abi.C["FLOW_CONFIRMED"] if confirmed else 0)
        return slot

    def owner(self, name):
        return self.memory["owners"].view(abi.Owner, self.owners[name])

    @contextlib.contextmanager
    def changed(self, record, **fields):
        """A record in a map's memory is otherwise, for a while."""
        was = bytes(record)
        try:
            for name, value in fields.items():
                setattr(record, name, value)
            yield record
        finally:
            ctypes.memmove(ctypes.addressof(record), was, len(was))

    @contextlib.contextmanager
    def moved(self, owner, host):
        """The owner is another host's, by the one store that moves it."""
        memory, index = self.memory["owners"], self.owners[owner]
        was = memory.read_word(index)
        now = abi.Owner.from_buffer_copy(was.to_bytes(8, "little"))
        now.host = self.hosts[host] if host else 0
        now.epoch += 1
        memory.write_word(index, int.from_bytes(bytes(now), "little"))
        try:
            yield
        finally:
            memory.write_word(index, was)


def ip_length(frame):
    """What is counted: the IP packet's bytes by its own header, the frame's
    bytes if that is none or is wrong."""
    at = 12
    while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8") and at < 20:
        at += 4
    kind, packet = frame[at:at + 2], frame[at + 2:]
    size = 0
    if kind == b"\x08\x00" and len(packet) >= 20 and packet[0] >> 4 == 4:
        size = int.from_bytes(packet[2:4], "big")
        if size < (packet[0] & 15) * 4 or (packet[0] & 15) < 5:
            size = 0
    elif kind == b"\x86\xdd" and len(packet) >= 40 and packet[0] >> 4 == 6:
        size = 40 + int.from_bytes(packet[4:6], "big")
    return size if 0 < size <= len(packet) else len(frame)


def traffic_class(packet):
    return packet.tos if packet.version == 4 else packet.tc


def one_hop_on(packet):
    """The packet with its time to live one less."""
    packet = packet.copy()
    if packet.version == 4:
        packet.ttl -= 1
    else:
        packet.hlim -= 1
    return packet


def assert_same(actual, expected):
    actual, expected = bytes(actual), bytes(expected)
    if actual == expected:
        return
    at = next((i for i, (a, b) in enumerate(zip(actual, expected)) if a != b),
              min(len(actual), len(expected)))
    raise AssertionError(
        f"frames of {len(actual)} and {len(expected)} bytes differ at {at}:\n"
        f"{actual[:at].hex()} {actual[at:at + 99].hex()}, expected\n"
        f"{expected[:at].hex()} {expected[at:at + 99].hex()}\n"
        f"{repr(Ether(actual)):.999}, expected\n{repr(Ether(expected)):.999}")


def udp(client, data=b"hello", dport=UDP_PORT, vip=None, **ip):
    return client.ip(src=client.address, dst=vip or VIPS[client.family],
                     **ip) / UDP(sport=client.port, dport=dport) / Raw(data)


def tcp(client, dport, flags="S", data=b"", seq=1000, ack=0, vip=None, **ip):
    packet = client.ip(src=client.address, dst=vip or VIPS[client.family],
                       **ip) / TCP(sport=client.port, dport=dport,
                                   flags=flags, seq=seq, ack=ack)
    return packet / Raw(data) if data else packet


def answer(client, sport, flags="SA", data=b"", seq=5000, ack=1001, vip=None,
           **ip):
    """A TCP segment of a host."""
    packet = client.ip(src=vip or VIPS[client.family], dst=client.address,
                       **ip) / TCP(sport=sport, dport=client.port,
                                   flags=flags, seq=seq, ack=ack)
    return packet / Raw(data) if data else packet


def udp_answer(client, data=b"hello to you", sport=UDP_PORT, **ip):
    return client.ip(src=VIPS[client.family], dst=client.address,
                     **ip) / UDP(sport=sport, dport=client.port) / Raw(data)
