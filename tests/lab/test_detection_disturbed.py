# SPDX-License-Identifier: GPL-2.0-only
"""Row X3: detection while clocks jump, the switch sleeps, or somebody floods
it: nobody is called dead who is not, and who dies is noticed."""

import datetime
import mmap
import multiprocessing
import os
import signal
import socket
import struct
import time

import pytest

from harness.lab import BUILD, Lab, wait_until

from network import Network

HOUR = 3600 * 10**9  # ns
DETECT_MS = 36  # of the profile "default"
PROBE_PORT = 7790
DETECTION = {"profile": "default"}


@pytest.fixture
def network():
    with Lab("disturbed") as lab:
        yield Network(lab, ["a", "b", "c"])


class Clocks:
    """What batond and its prober are told of the time."""

    def __init__(self, lab, monkeypatch):
        path = lab.file("jump", "\0" * 16)
        monkeypatch.setenv("LD_PRELOAD", str(BUILD / "jump.so"))
        monkeypatch.setenv("BATON_JUMP", str(path))
        with open(path, "r+b") as f:
            self.memory = mmap.mmap(f.fileno(), 16)

    def jump(self, realtime=0, boottime=0):
        self.memory[:] = struct.pack("=qq", realtime, boottime)


@pytest.fixture
def clocks(network, monkeypatch):
    clocks = Clocks(network.lab, monkeypatch)
    network.start(network.config(detection=DETECTION))
    monkeypatch.delenv("LD_PRELOAD")
    return clocks


def probes(network):
    return {n: h["probes"] for n, h in network.show("host").items()}


def wait_probed(network, rounds=20):
    """So many more probes have been sent to every host."""
    before = probes(network)
    wait_until(lambda: all(n - before[h] >= rounds
                           for h, n in probes(network).items()), "probes")


def check_death_is_noticed(network, mark):
    network.hosts["a"].deafen()
    event = network.wait_event("host_down", mark, host="a")
    network.wait_event("move", mark, owner="role-a")
    assert {e["host"] for e in network.events("host_down", mark)} == {"a"}
    return event


@pytest.mark.parametrize("jump", [24 * HOUR, -24 * HOUR])
def test_x3_time_of_day_jumps(network, clocks, jump):
    mark = network.last_event()
    clocks.jump(realtime=jump)
    wait_probed(network)
    event = check_death_is_noticed(network, mark)
    told = datetime.datetime.fromisoformat(event["time"])
    now = datetime.datetime.now(datetime.timezone.utc)
    assert round((told - now).total_seconds() / 3600) == jump / HOUR


def test_x3_suspended_switch(network, clocks):
    """For an hour nothing ran here: not what was sent before it, nor how long
    ago, condemns a host."""
    before = network.ask("event.show", last=1)[0]["mono_ns"]
    mark = network.last_event()
    clocks.jump(boottime=HOUR)
    wait_probed(network)
    assert not network.events("host_down", mark)
    event = check_death_is_noticed(network, mark)
    assert event["mono_ns"] - before > HOUR
    assert event["detect_ms"] < 3600e3


@pytest.mark.parametrize("all_of_it", [True, False], ids=["all", "prober"])
def test_x3_stopped_switch(network, all_of_it):
    """Stopped processes, many times as long as hosts may be silent. Stopped
    alone, the prober is replaced."""
    network.start(network.config(detection=DETECTION))
    mark = network.last_event()
    pids = [network.ask("status")["prober"]["pid"]]
    if all_of_it:
        pids.insert(0, network.batond.popen.pid)
        # the namespace's entry became batond itself
        assert os.readlink(f"/proc/{pids[0]}/exe") == str(BUILD / "batond")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + 10 * DETECT_MS / 1000
    wait_until(lambda: time.monotonic() > end, "the hosts' detection times")
    for pid in pids:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            assert not all_of_it
    wait_probed(network)
    assert not network.events("host_down", mark)
    check_death_is_noticed(network, mark)


def answer_of(network, host):
    """A true answer on its way to the switch, and where it goes."""
    with network.switch.entered(), \
            socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                          socket.htons(3)) as s:
        s.bind((network.hosts[host].port, 0))
        s.settimeout(10)
        for _ in range(1000):
            packet = s.recv(2048)
            if packet[9] == socket.IPPROTO_UDP and \
                    packet[20:22] == PROBE_PORT.to_bytes(2, "big") and \
                    packet[12:16] == socket.inet_aton(
                        network.hosts[host].address):
                return packet[28:], int.from_bytes(packet[22:24], "big")
    raise AssertionError("no answer among 1,000 packets")


def flood(out, to, answer):
    """Repeated, cut, and changed answers, for ever."""
    while True:
        forged = bytearray(answer)
        at = int.from_bytes(os.urandom(2), "big") % len(answer)
        forged[at] ^= 1 + os.urandom(1)[0] % 255
        for packet in (answer, forged, answer[:at], os.urandom(len(answer))):
            try:
                out.sendto(packet, to)
            except OSError:  # the neighbour is busy
                pass


def test_x3_probe_storm(network):
    """One host's flood of 100,000 wrong answers, and as many wrong probes to
    another, cost no third host its life, nor do they keep anyone alive."""
    network.start(network.config(detection=DETECTION))
    answer, port = answer_of(network, "b")
    switch = network.hosts["b"].address.rpartition(".")[0] + ".1"
    mark = network.last_event()
    sockets = []
    for ns, to in ((network.hosts["b"].ns, (switch, port)),
                   (network.switch, (network.hosts["c"].address, PROBE_PORT))):
        with ns.entered():
            sockets.append((socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
                            to))
    floods = [multiprocessing.get_context("fork").Process(
        target=flood, args=(s, to, answer), daemon=True) for s, to in sockets]
    for f in floods:
        f.start()
    try:
        def judged():
            hosts = network.show("host")
            return hosts["b"]["forged"] + hosts["b"]["bogus"] + \
                network.hosts["c"].counted("drop_probe_forged")
        wait_until(lambda: judged() > 100000, lambda: f"{judged()} judged", 60)
        assert not network.events("host_down", mark)
        check_death_is_noticed(network, mark)
    finally:
        for f in floods:
            f.kill()
            f.join()
    # what was sent again proved nothing
    assert network.show("host")["b"]["late"] == 0
