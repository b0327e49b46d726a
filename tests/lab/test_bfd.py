# SPDX-License-Identifier: GPL-2.0-only
"""Rows K6 and X3 for hosts without our agent: BFD with the daemons that hosts
run anyway."""

import os
import signal
import socket

import pytest

from harness.lab import Lab, wait_until

from bfd_peers import KINDS
from network import FAMILY, Network, near
from test_failover import SLACK_MS

BFD_PORT = 3784
INTERVAL = {"min-tx": "100ms", "min-rx": "100ms", "multiplier": 3}
DETECT_MS = 300

#: {name: (daemon, family)}
ALL = {"frr4": ("frr", 4), "frr6": ("frr", 6), "bird4": ("bird", 4),
       "bird6": ("bird", 6)}
ONE_EACH = {"frr4": ALL["frr4"], "bird6": ALL["bird6"]}


class Bfd(Network):
    """A network whose hosts run others' daemons, but for `agents`."""

    def __init__(self, lab, hosts, agents=(), **settings):
        super().__init__(lab, {**{n: ("l2", f) for n, (_, f) in hosts.items()},
                               **{n: ("l2", 4) for n in agents}})
        self.peers = {}
        for name, (kind, _) in hosts.items():
            self.hosts[name].agent.stop()
            self.peers[name] = KINDS[kind](self.hosts[name],
                                           **settings.get(name, {}))

    def begin(self, bfd=None, up=True, peers=True, **of_host):
        """Daemons, batond; `of_host`: {name: BFD settings of this host}."""
        if peers:
            for peer in self.peers.values():
                peer.start()
        config = self.config()
        config["hosts"] = [
            h.entry(**({"detect": "bfd", **of_host.get(h.name, {})}
                       if h.name in self.peers else {}))
            for h in self.hosts.values()]
        config["detection"] = {**config["detection"], "bfd": bfd or INTERVAL}
        self.start(config, up=up)

    def session(self, name):
        return self.show("host")[name]["bfd"]

    def wait_session(self, name, state, **fields):
        def holds():
            s = self.session(name)
            return s["local"]["state"] == state and \
                all(s[k] == v for k, v in fields.items())
        wait_until(holds, lambda: f"session {name} {state} {fields}: "
                   f"{self.session(name)}")
        return self.session(name)


@pytest.fixture
def lab():
    with Lab("bfd") as made:
        yield made


def host_down(network, name, after):
    down = network.wait_event("host_down", after, host=name)
    network.wait_event("move", after, owner=f"role-{name}")
    return down["detect_ms"]


def moved(network, name, after=0):
    return [e for e in network.events("move", after) if e["from"] == name]


def test_k6_sessions_with_others(lab):
    """FRR's bfdd and BIRD, IPv4 and IPv6, at the least interval that both
    take; intervals and discriminators are what both ends say."""
    network = Bfd(lab, ALL, **{n: {"tx": 10, "rx": 10} for n in ALL})
    network.begin({"min-tx": "10ms", "min-rx": "10ms", "multiplier": 3})
    for name, peer in network.peers.items():
        s = network.wait_session(name, "up", polling=False, detect_ms=30)
        assert s["local"]["interval_ms"] == s["remote"]["interval_ms"] == 10
        wait_until(lambda p=peer: p.state() == "up", f"{name} says up")
    frr = network.peers["frr4"].session()
    ours = network.session("frr4")
    assert frr["remote-id"] == ours["local"]["discriminator"]
    assert frr["id"] == ours["remote"]["discriminator"]
    assert frr["remote-transmit-interval"] == 10
    assert network.ask("status")["bfd"]["sessions"] == len(ALL)


def test_k6_intervals_change_while_up(lab):
    """From either end, and no session is lost."""
    network = Bfd(lab, ONE_EACH)
    network.begin()
    for name, peer in network.peers.items():
        up = network.wait_session(name, "up")
        network.ask("host.set", object={
            "name": name, "bfd": {"min-tx": "200ms", "min-rx": "50ms"}})
        peer.change(rx=400, tx=60)
        s = network.wait_session(name, "up", polling=False, detect_ms=180)
        wait_until(lambda n=name: network.session(n)["local"]["interval_ms"]
                   == 400, "packets are sent every 400 ms")
        wait_until(lambda n=name: network.session(n)["remote"]["interval_ms"]
                   == 60, "and come every 60 ms")
        assert s["downs"] == up["downs"] and peer.state() == "up"


@pytest.mark.parametrize("kind", ["frr4", "bird6"])
def test_k6_a_daemon_dies(lab, kind):
    """Killed, it says nothing more: its host is dead in the detection time,
    and its owner moves. Started again, the host is up."""
    network = Bfd(lab, {kind: ALL[kind]}, agents=["b"])
    network.begin()
    network.wait_session(kind, "up", detect_ms=DETECT_MS)
    mark = network.last_event()
    peer = network.peers[kind]
    peer.process.destroy()
    took = host_down(network, kind, mark)
    assert DETECT_MS <= took <= DETECT_MS + SLACK_MS
    assert network.session(kind)["local"]["diag"] == "detection time expired"
    peer.start()
    network.wait_event("host_up", mark, host=kind)
    network.wait_session(kind, "up")


def test_k6_not_watched_is_not_moved(lab):
    """The ablation of the test above: nobody looks, so nothing moves, while
    another that dies later is found."""
    network = Bfd(lab, {"frr4": ALL["frr4"], "bird4": ALL["bird4"]}, ["c"])
    network.begin(frr4={"detect": "none"})
    network.wait_session("bird4", "up")
    mark = network.last_event()
    network.peers["frr4"].process.destroy()
    network.peers["bird4"].process.destroy()
    host_down(network, "bird4", mark)
    assert not moved(network, "frr4")
    assert network.show("host")["frr4"]["bfd"] is None


def test_k6_a_cable_is_pulled(lab):
    network = Bfd(lab, ONE_EACH, agents=["b"])
    network.begin()
    for name in ONE_EACH:
        network.wait_session(name, "up", detect_ms=DETECT_MS)
    mark = network.last_event()
    network.hosts["frr4"].ns.ip("link", "set", "h0", "down")
    took = host_down(network, "frr4", mark)
    assert DETECT_MS <= took <= DETECT_MS + SLACK_MS
    # The other one notices nothing.
    assert network.session("bird6")["downs"] == 0


def test_x3_the_prober_dies_and_nobody_else(lab):
    """Both ends lose the session, for the switch was silent. That is no
    failure of the hosts: their owners stay."""
    network = Bfd(lab, ONE_EACH)
    network.begin()
    for name in ONE_EACH:
        network.wait_session(name, "up", detect_ms=DETECT_MS)
    mark = network.last_event()
    prober = network.ask("status")["prober"]["pid"]
    # Stopped until the daemons have noticed, then killed.
    os.kill(prober, signal.SIGSTOP)
    for peer in network.peers.values():
        wait_until(lambda p=peer: p.state() == "down", "the daemon notices")
    os.kill(prober, signal.SIGKILL)
    network.wait_event("prober", mark, state="started")
    for name in ONE_EACH:
        network.wait_event("bfd", mark, host=name, state="up")
        network.wait_session(name, "up", ups=2)
    assert not network.events("host_down", mark)
    assert not network.events("move", mark)


def test_x3_without_batond(lab):
    """Detection by BFD goes on, and so do the sessions, in which the next
    batond finds nothing changed."""
    network = Bfd(lab, ONE_EACH, agents=["b"])
    network.begin()
    for name in ONE_EACH:
        network.wait_session(name, "up", detect_ms=DETECT_MS)
    last = network.last_event()
    before = network.session("bird6")
    network.batond.kill()
    network.batond.popen.wait()
    network.peers["frr4"].process.destroy()
    network.restart()
    took = host_down(network, "frr4", last)
    assert took <= DETECT_MS + SLACK_MS
    after = network.session("bird6")
    assert after["local"]["discriminator"] == before["local"]["discriminator"]
    assert after["downs"] == before["downs"]


def test_k6_admin_down(lab):
    """A daemon whose operator ends the session says so. The host is no less
    alive; another, which says nothing, is dead meanwhile."""
    network = Bfd(lab, {"frr4": ALL["frr4"], "bird4": ALL["bird4"]}, ["c"])
    network.begin()
    for name in network.peers:
        network.wait_session(name, "up")
    mark = network.last_event()
    peer = network.peers["frr4"]
    peer.configure("shutdown")
    network.wait_event("bfd", mark, host="frr4", state="down",
                       remote_state="admin-down")
    network.peers["bird4"].process.destroy()
    host_down(network, "bird4", mark)
    assert network.show("host")["frr4"]["state"] == "up"
    peer.configure("no shutdown")
    network.wait_session("frr4", "up", detect_ms=DETECT_MS)
    assert not moved(network, "frr4", mark)
    # It is watched again.
    peer.process.destroy()
    host_down(network, "frr4", mark)


def test_k6_no_longer_watched(lab):
    """A session that the operator ends is ended at the other end, too, as
    meant and at once."""
    network = Bfd(lab, {"frr4": ALL["frr4"]})
    network.begin(bfd={**INTERVAL, "multiplier": 50})
    peer = network.peers["frr4"]
    network.wait_session("frr4", "up")
    wait_until(lambda: peer.state() == "up", "the daemon says up")
    mark = network.last_event()
    network.ask("host.set", object={"name": "frr4", "detect": "none"})
    wait_until(lambda: peer.state() == "down", "the daemon notices",
               timeout=2)  # not the 5 s of its detection time
    assert network.show("host")["frr4"]["bfd"] is None
    assert not network.events("host_down", mark)


@pytest.mark.parametrize("kind, theirs", [
    ("sha1", "keyed sha1"), ("meticulous-sha1", "meticulous keyed sha1")])
def test_k6_authentication(lab, kind, theirs):
    """With the same secret there is a session, with another there is none, and
    the reason is counted."""
    secret = {"auth": theirs, "password": "known to both"}
    network = Bfd(lab, {"bird4": ALL["bird4"], "bird6": ALL["bird6"]},
                  bird4=secret, bird6={**secret, "password": "another"})
    key = lab.file("bfd.key", "known to both\n")
    key.chmod(0o600)
    network.begin(bfd={**INTERVAL, "auth": {
        "type": kind, "id": 1, "key-file": str(key)}}, up=False)
    good = network.wait_session("bird4", "up", auth=kind)
    wait_until(lambda: network.session("bird6")["discards"]["auth_digest"] > 1,
               "packets with a wrong digest")
    bad = network.session("bird6")
    assert bad["local"]["state"] == "down" and not bad["received"]
    assert not any(good["discards"].values())
    network.peers["bird6"].change(password="known to both", id=2)
    wait_until(lambda: network.session("bird6")["discards"]["auth_key"],
               "packets with another key's number")
    network.peers["bird6"].change(id=1)
    network.wait_session("bird6", "up")
    text = network.baton("config", "show").stdout + network.batond.output
    assert str(key) in text and "known to both" not in text


def test_x3_forged_packets(lab):
    """A client, and another process of the host, send what they can: the
    session does not notice."""
    secret = {"auth": "meticulous keyed sha1", "password": "known to both"}
    network = Bfd(lab, {"bird4": ALL["bird4"]}, bird4=secret)
    key = lab.file("bfd.key", "known to both")
    key.chmod(0o600)
    network.begin(bfd={**INTERVAL, "auth": {
        "type": "meticulous-sha1", "id": 1, "key-file": str(key)}})
    host = network.hosts["bird4"]
    before = network.wait_session("bird4", "up", polling=False)
    with host.ns.entered():
        replay = captured(near(4, 1, 1))
    down = bytes([0x20, 1 << 6, 3, 24]) + bytes(3) + b"\1" + bytes(16)
    to = near(4, 1, 1), BFD_PORT
    mark = network.last_event()
    with host.socket(4, socket.SOCK_DGRAM) as near_by, \
            network.socket(4, socket.SOCK_DGRAM) as far:
        near_by.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
        for i in range(5000):
            for packet in (down, replay, replay[:i % 52], os.urandom(52)):
                near_by.sendto(packet, to)
            far.sendto(replay, to)
    wait_until(lambda: network.session("bird4")["discards"]["auth_sequence"],
               "replayed packets are discarded")
    after = network.session("bird4")
    assert after["discards"]["auth_missing"] and after["discards"]["length"]
    status = network.ask("status")["bfd"]
    assert status["discards"]["ttl"] and not after["discards"]["ttl"]
    assert after["downs"] == before["downs"] == 0
    assert not network.events("host_down", mark)


def captured(destination):
    """A BFD packet on its way to an address."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                       socket.htons(3)) as s:
        s.bind(("h0", 0))
        s.settimeout(10)
        while True:
            packet = s.recv(2048)
            if packet[9] == socket.IPPROTO_UDP and \
                    packet[16:20] == socket.inet_aton(destination) and \
                    packet[22:24] == BFD_PORT.to_bytes(2, "big"):
                return packet[28:]


def test_x3_the_port_is_taken(lab):
    """Then nobody can be watched, which is said; and nobody is accused."""
    network = Bfd(lab, {"bird4": ALL["bird4"]})
    with network.switch.entered():
        other = socket.socket(FAMILY[4], socket.SOCK_DGRAM)
    with other:
        other.bind(("", BFD_PORT))
        network.begin(up=False)
        wait_until(lambda: network.ask("status")["bfd"]["error"],
                   "the error is shown")
        network.batond.wait_output("does another BFD daemon run here?")
    network.wait_session("bird4", "up")
    assert network.ask("status")["bfd"]["error"] is None
    assert not network.events("host_down")
