# SPDX-License-Identifier: GPL-2.0-only
"""The switch's parser and scapy's must read the same in the same bytes."""

import collections
import multiprocessing
import random

import pytest

import frames
import readings
from harness import bpf, layout
from harness.lab import BPFTOOL, BUILD, SLOW, run

CHUNK = 10_000
PACKETS = CHUNK * max(1, int(100 / SLOW))
SEED = 20260101
WORKERS = 2

#: Each kind must turn up so often, or the test would not test much.
LEAST = PACKETS // 500


def test_layout():
    layout.check("bpf", '#include "parse.h"\n',
                 layout.assertions(readings.Packet))
    layout.check("bpf", '#include "parse.h"\n',
                 (f"PACKET_{name} == {i}"
                  for i, name in enumerate(readings.KINDS)))
    layout.check("bpf", '#include "parse.h"\n',
                 (f"{name} == {getattr(readings, name)}"
                  for name in ("MAX_VLANS", "MAX_EXTENSIONS",
                               "MAX_EXTENSION_BYTES")))


class Parser:
    """parser.bpf.c, loaded. Workers have one each, as they share no memory
    but its map's."""

    def __init__(self, pins):
        run(BPFTOOL, "prog", "load", BUILD / "tests/packet/parser.bpf.o",
            pins / "parse_frame", "pinmaps", pins)
        self.program = bpf.Program.pinned(pins / "parse_frame")
        self.mapping = bpf.Map.pinned(pins / "parsed").mapping()
        self.packet = self.mapping.view(readings.Packet, 0)

    def read(self, frame):
        action = self.program.run(frame).action
        assert action == bpf.XDP_PASS
        return readings.switch_reading(self.packet)


def chunk(number):
    """Frames of a chunk, the same in every run."""
    source = random.Random(SEED + number)
    for _ in range(CHUNK):
        yield frames.spoil(source.choice(templates), source)


def differences(frame):
    """What the two say differently: {field: (switch, scapy)}."""
    switch, scapy = parser.read(frame), readings.scapy_reading(frame)
    if switch == scapy:
        return {}
    return {name: (switch.get(name), scapy.get(name))
            for name in switch.keys() | scapy.keys()
            if switch.get(name) != scapy.get(name)}


def compare(number):
    """Compare the frames of a chunk: how many of each kind, and the first
    few that are read differently."""
    kinds, wrong = collections.Counter(), []
    for i, frame in enumerate(chunk(number)):
        found = differences(frame)
        kinds[readings.KINDS[parser.packet.kind]] += 1
        if found and len(wrong) < 3:
            wrong.append((number, i, frame, found))
    return kinds, wrong


def describe(wrong):
    number, i, frame, found = wrong
    lines = [f"seed {SEED + number}, frame {i}, {len(frame)} bytes:",
             f"  {frame.hex()}"]
    lines += [f"  {name}: the switch reads {ours!r}, scapy {theirs!r}"
              for name, (ours, theirs) in sorted(found.items())]
    return "\n".join(lines)


templates = None
parser = None


def start(pins, serials):
    global templates, parser
    with serials.get_lock():
        serial = serials.value
        serials.value += 1
    templates = list(frames.templates())
    parser = Parser(pins[serial])


@pytest.fixture(scope="module")
def workers(lab):
    pins = [lab.bpffs(f"worker{i}") for i in range(WORKERS)]
    context = multiprocessing.get_context("fork")
    with context.Pool(WORKERS, start,
                      (pins, context.Value("i", 0))) as pool:
        yield pool
        pool.close()
        pool.join()


def test_differential(workers):
    kinds = collections.Counter()
    for found, wrong in workers.imap_unordered(compare,
                                               range(PACKETS // CHUNK)):
        kinds += found
        assert not wrong, "\n".join(map(describe, wrong))
    print(dict(kinds))
    assert kinds.total() == PACKETS
    assert {kind: kinds[kind] for kind in readings.KINDS
            if kinds[kind] < LEAST} == {}
