# SPDX-License-Identifier: GPL-2.0-only
"""Rows K1 and X1: floods from forged addresses against the flow table, and a
table that is full."""

import contextlib
import ctypes
import ipaddress
import struct
from collections import namedtuple

import pytest
from scapy.all import IP, TCP, Ether

from harness import abi, bpf
from harness.lab import BPFTOOL, BUILD, Lab, run

from network import ECHO, Network, say, vip

FLOWS = 100_000
SOME_MORE = 1000  # a few find no room in a table that is half full
SLOTS = 2 * FLOWS // 3  # for `flows:`, which means three times as many slots
FLOOD = 2_000_000
NEW = 20  # connections during a flood
SEQUENCE = {"client": 1000, "host": 2000}


Flow = namedtuple("Flow", "owner confirmed")


class Flood(ctypes.Structure):
    """struct flood of flood.bpf.c"""
    _fields_ = [("next", ctypes.c_uint32), ("random", ctypes.c_uint8),
                ("from_host", ctypes.c_uint8), ("frame", ctypes.c_uint8 * 54)]


class Flooder:
    """Sends segments of many clients into the switch's program, as if they
    had come by its ports."""

    def __init__(self, network):
        self.network = network
        pins = network.lab.bpffs("flooder")
        run(BPFTOOL, "prog", "load", BUILD / "tests/lab/flood.bpf.o",
            pins / "flooder", "type", "xdp", "map", "name", "programs",
            "pinned", network.batond.pins / "programs", "pinmaps", pins)
        self.program = bpf.Program.pinned(pins / "flooder")
        self.map = bpf.Map.pinned(pins / "flood")

    def send(self, flags, count, first=0, random=False, ack=0):
        """From clients to the VIP; SA: from host a to clients."""
        network = self.network
        from_host = flags == "SA"
        port = "s1" if from_host else "s0"
        sender = ((network.hosts["a"].ns, "h0") if from_host
                  else (network.client, "c0"))
        ip = IP(src=vip(4)) if from_host else IP(dst=vip(4))
        tcp = TCP(sport=ECHO, dport=1) if from_host else TCP(sport=1,
                                                             dport=ECHO)
        tcp.flags = flags
        tcp.seq = SEQUENCE["host" if from_host else "client"]
        tcp.ack = ack
        frame = bytes(Ether(src=sender[0].mac(sender[1]),
                            dst=network.switch.mac(port)) / ip / tcp)
        record = Flood(next=first, random=random, from_host=from_host)
        record.frame[:] = frame
        self.map.update(0, record)
        with network.switch.entered():
            self.program.run(frame, network.switch.ifindex(port),
                             repeat=count)

    def establish(self, count):
        """Whole handshakes, all through the data plane."""
        self.send("S", count)
        self.send("SA", count, ack=SEQUENCE["client"] + 1)
        self.send("A", count, ack=SEQUENCE["host"] + 1)


def recorded(network):
    """{(client, port): Flow} of the clients in order."""
    with bpf.Map.pinned(network.batond.pins / "flows4") as flows:
        memory = flows.mapping()
        table = memory.memory[:]
        memory.close()
    return {(client, port): Flow(owner,
                                 bool(flags & abi.C["FLOW_CONFIRMED"]))
            for client, port, service, owner, _, flags, _, _
            in struct.iter_unpack("=4sHHHBBHH", table)
            if client[0] == 10 and service}


@pytest.fixture
def network():
    with Lab("flood") as lab:
        n = Network(lab)
        for host in n.hosts.values():
            host.start_server()
        yield n


def start(network, flows):
    """Two owners, which one host plays: all answers come from there."""
    config = network.config(
        owners=[{"name": "one", "host": "a", "standbys": ["b"]},
                {"name": "two", "host": "a", "standbys": ["b"]}],
        switch={"flows": flows}, timeouts={"tcp-opening": "1h"})
    network.start(config)


def test_k1_floods_displace_no_confirmed_connection(network):
    """100,000 connections, then millions of SYNs and ACKs of forged
    addresses: all of them are still there, with their owners."""
    start(network, SLOTS)
    with network.connection() as kept:
        flooder = Flooder(network)
        flooder.establish(FLOWS + SOME_MORE)
        before = {key: flow for key, flow in recorded(network).items()
                  if flow.confirmed}
        assert len(before) >= FLOWS
        assert len({flow.owner for flow in before.values()}) == 2
        overflows = network.counted("forward_overflow")
        flooder.send("S", FLOOD, random=True)
        flooder.send("A", FLOOD, random=True, ack=7)
        assert before.items() <= recorded(network).items()
        assert network.counted("forward_overflow") > overflows
        assert say(kept) == "a"
        # New clients are served, and nearly all of them find room: the
        # flood's flows make way for them.
        with contextlib.ExitStack() as stack:
            new = [stack.enter_context(network.connection())
                   for _ in range(NEW)]
            assert {say(s) for s in new} == {"a"}
            ports = {s.getsockname()[1] for s in new}
            flows = network.flows("client", "198.51.100.2/32", "confirmed")
            found = ports & {port for _, port, _ in flows}
            assert len(found) > NEW / 2
    network.baton("owner", "failover", "one")
    assert before.items() <= recorded(network).items()


def test_k1_flood_displaces_what_is_not_confirmed(network):
    """Ablation: what the rule about confirmed flows is good for."""
    start(network, SLOTS)
    flooder = Flooder(network)
    flooder.send("S", FLOWS + SOME_MORE)
    before = recorded(network)
    assert len(before) >= FLOWS
    assert not any(flow.confirmed for flow in before.values())
    flooder.send("S", FLOOD, random=True)
    assert len(recorded(network)) < 0.9 * FLOWS


def test_k1_full_table_forwards_consistently(network):
    """Ten thousand connections and a table for a thousand. Those that are
    not recorded are counted, and go to the same host every time."""
    network.start(network.config(switch={"flows": 1024}))
    macs = {h.ns.mac("h0"): h for h in network.hosts.values()}
    client = network.client.mac("c0")
    ifindex = {p: network.switch.ifindex(p) for p in ("s0", "s1", "s2")}
    vip_bytes = ipaddress.ip_address(vip(4)).packed

    frames = {}
    for flags in ("S", "SA", "A"):
        ack = {"S": 0, "SA": 1001, "A": 2001}[flags]
        seq = {"S": 1000, "SA": 2000, "A": 1001}[flags]
        frames[flags] = bytes(IP(dst=vip(4)) / TCP(
            dport=ECHO, flags=flags, seq=seq, ack=ack))

    def segment(n, flags, host=None):
        packet = bytearray(frames[flags])
        address = (0x0a400000 | n >> 8).to_bytes(4, "big")
        port = (1024 + (n & 0xff)).to_bytes(2, "big")
        echo = ECHO.to_bytes(2, "big")
        if host:
            packet[12:24] = vip_bytes + address + echo + port
        else:
            packet[12:24] = address + vip_bytes + port + echo
        source = host.ns.mac("h0") if host else client
        return bytes(6) + bytes.fromhex(source.replace(":", "")) + \
            b"\x08\x00" + bytes(packet)

    # mac() asks the kernel each time.
    known = {h.name: mac for mac, h in macs.items()}
    for host in network.hosts.values():
        host.ns.mac = lambda device, mac=known[host.name]: mac

    with bpf.Program.pinned(network.batond.pins / "switch") as program, \
            network.switch.entered():
        def to_host(n, flags):
            done = program.run(segment(n, flags), ifindex["s0"])
            assert done.action == bpf.XDP_REDIRECT, done
            return macs[done.data[:6].hex(":")]

        went = []
        for n in range(10_000):
            host = to_host(n, "S")
            program.run(segment(n, "SA", host), ifindex[host.port])
            assert to_host(n, "A") is host
            went.append(host)
        overflows = network.counted("forward_overflow")
        assert overflows > 0
        again = [to_host(n, "A") for n in range(10_000)]
    assert again == went
    assert set(went) == set(network.hosts.values())
    flows = recorded(network)
    assert 1024 <= len(flows) < 10_000
    assert network.counted("forward_overflow") > overflows
    assert network.who() in network.hosts
