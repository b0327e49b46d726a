# SPDX-License-Identifier: GPL-2.0-only
"""What is attached to the ports: a jump to the switch, through a slot that
can be exchanged under traffic."""

import json
import struct

import pytest

from harness import abi, bpf, bpf_links
from rig import PORTS, udp


@pytest.fixture(params=PORTS)
def entry(rig, request):
    """The program that a port runs."""
    link, = json.loads(rig.namespace.ip(
        "-j", "link", "show", request.param).stdout)
    with bpf.Program.by_id(link["xdp"]["prog"]["id"]) as program:
        yield program


def test_entry_runs_the_switch(rig, client, entry):
    packet = udp(client)
    frame = bytes(rig.from_client(packet))
    out = entry.run(frame, rig.ifindex["c0"])
    assert out.action == bpf.XDP_REDIRECT
    assert out.data == rig.at_host(packet, "a", out.data)
    assert rig.flow(client, "a-udp") is not None


def test_entry_without_a_switch_passes(rig, client, entry):
    frame = bytes(rig.from_client(udp(client)))
    slot = rig.maps["programs"]
    before = rig.counters()
    slot.delete(abi.C["STAGE_SHORT"])
    try:
        out = entry.run(frame, rig.ifindex["c0"])
    finally:
        slot.update(abi.C["STAGE_SHORT"], struct.pack("=i", rig.program.fd))
    assert (out.action, out.data) == (bpf.XDP_PASS, frame)
    assert rig.counters() == before
    assert entry.run(frame, rig.ifindex["c0"]).action == bpf.XDP_REDIRECT


def test_one_jump_table_for_all_ports(rig, entry):
    own = entry
    if entry.info.name == "xdp_dispatcher":  # which calls ours
        own, = bpf_links.components(entry)
    assert rig.maps["programs"].info.id in own.map_ids()


def test_pins(rig):
    """The pinned maps are what the contract says."""
    for name, (key, value) in abi.MAP_TYPES.items():
        assert rig.maps[name].key_size == abi.size(key), name
        assert rig.maps[name].value_size == abi.size(value), name
    assert rig.meta.magic == abi.C["MAGIC"]
    assert rig.meta.abi == abi.C["ABI"]
