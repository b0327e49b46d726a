# SPDX-License-Identifier: GPL-2.0-only
"""baton-host in a namespace, probed from another: rows K6 and X4 end to end."""

import itertools
import json
import os
import signal
import socket
import struct
import time

import pytest
from scapy.all import ARP, IP, UDP, Ether, IPv6, Raw

from harness import abi, bpf, probe
from harness.lab import BPFTOOL, BUILD, Lab, run

KEY = bytes.fromhex("00112233445566778899aabbccddeeff")
OTHER_KEY = bytes(reversed(KEY))
SWITCH = {4: "10.0.1.1", 6: "2001:db8:1::1"}
HOST = {4: "10.0.1.2", 6: "2001:db8:1::2"}
VIP = {4: "192.0.2.10", 6: "2001:db8:a::10"}
CLIENT = {4: "198.51.100.7", 6: "2001:db8:c::7"}
LENGTH = {4: 24, 6: 64}
AF = {4: socket.AF_INET, 6: socket.AF_INET6}
BOTH = [pytest.param(f, id=f"ipv{f}") for f in (4, 6)]
UDP_NO_CHECK6_RX = 102  # linux/udp.h
SO_PATIENCE = 10
CAP_NET_ADMIN, CAP_BPF = 12, 39


class Prober:
    """Probes a host as the switch does, one probe at a time. It hears answers
    and errors only, or else also words, which come from another port."""

    def __init__(self, ns, family, key=KEY, words=False):
        with ns.entered():
            self.socket = socket.socket(AF[family], socket.SOCK_DGRAM)
        if family == 6:
            self.socket.setsockopt(socket.IPPROTO_UDP, UDP_NO_CHECK6_RX, 1)
        self.socket.settimeout(SO_PATIENCE)
        self.to = HOST[family], abi.C["PROBE_PORT"]
        if not words:
            self.socket.connect(self.to)
        self.key = key
        self.session = int.from_bytes(os.urandom(8), "big")
        self.sequence = itertools.count(1)

    def send(self, **fields):
        asked = probe.ask(self.key, self.session, next(self.sequence), host=3,
                          **fields)
        self.socket.sendto(bytes(asked), self.to)
        return asked

    def ask(self, word="UP"):
        """Ask, and see that the next thing heard is the right answer."""
        asked = self.send()
        heard = self.socket.recv(2048)
        stamp = probe.read(heard).stamp
        assert stamp <= time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        assert heard == bytes(probe.answer(self.key, asked, word, stamp))


class Net:
    """A switch and a host with one cable, and the agent's files."""

    def __init__(self, lab):
        self.lab = lab
        self.switch, self.host = lab.netns("switch"), lab.netns("host")
        lab.veth(self.switch, "h0", self.host, "eth0")
        for family in (4, 6):
            self.switch.address("h0", f"{SWITCH[family]}/{LENGTH[family]}")
            self.host.address("eth0", f"{HOST[family]}/{LENGTH[family]}")
            self.switch.neighbour(HOST[family], self.host.mac("eth0"), "h0")
            self.host.neighbour(SWITCH[family], self.switch.mac("h0"), "eth0")
        # bpftool mounts over the parent of a directory unless it is a bpffs.
        self.others = lab.bpffs("others") / "programs"
        run(BPFTOOL, "prog", "loadall", BUILD / "tests/lab/other.bpf.o",
            self.others)
        # As on a switch; without it veth does not wake the receiver of what
        # XDP sends back, which then waits for the next packet.
        self.attach_other(self.switch, "h0", "somebodys")
        self.pins = lab.bpffs() / "host"
        self.key = lab.file("key", KEY.hex() + "\n")
        self.key.chmod(0o600)

    def attach_other(self, ns, device, name):
        """Attach a program of tests/lab/other.bpf.c."""
        ns.run(BPFTOOL, "net", "attach", "xdpdrv", "pinned",
               self.others / name, "dev", device)

    def config(self, **changes):
        config = {"interface": "eth0", "bpffs": str(self.pins),
                  "probe-key": str(self.key),
                  "switches": list(SWITCH.values()),
                  "vips": list(VIP.values()), "manage-vips": True, **changes}
        return json.dumps({k: v for k, v in config.items() if v is not None},
                          indent=1)

    def agent(self, **changes):
        return self.lab.baton_host(self.host, self.config(**changes))

    def ready(self, **changes):
        agent = self.agent(**changes)
        agent.wait_output("ready")
        return agent

    def once(self, *argv, **changes):
        """Run it to its end, with a configuration of its own."""
        path = self.lab.file("once.yaml", self.config(**changes))
        return self.host.run(BUILD / "baton-host", "--config", path, *argv,
                             check=False)

    def refused(self, **changes):
        """Start it, see that it ends at once, and what it says."""
        done = self.once(**changes)
        assert done.returncode == 1
        return done.stderr

    def link(self, device="eth0"):
        link, = json.loads(self.host.ip("-j", "-d", "link", "show",
                                        device).stdout)
        return link

    def program(self):
        """The id of the attached program, or None."""
        return self.link().get("xdp", {}).get("prog", {}).get("id")

    def on_lo(self):
        shown, = json.loads(self.host.ip("-j", "address", "show", "dev",
                                         "lo").stdout)
        return {a["local"] for a in shown["addr_info"]}

    def sysctl(self, name):
        return int(self.host.run("sysctl", "-n",
                                 f"net.ipv4.conf.all.{name}").stdout)

    def counter(self, label):
        index, = (i for i, r in enumerate(abi.HOST_REASONS)
                  if r.label == label)
        with bpf.Map.pinned(self.pins / "counters") as counters:
            return counters.sum64(index)[0]


@pytest.fixture
def net():
    with Lab("host-agent") as lab:
        yield Net(lab)


# --- probes ------------------------------------------------------------------

@pytest.mark.parametrize("mode", ["auto", "native", "generic"])
@pytest.mark.parametrize("family", BOTH)
def test_answers(net, family, mode):
    net.ready(mode=mode)
    prober = Prober(net.switch, family)
    for _ in range(20):
        prober.ask()
    assert net.counter("answer_probe") == 20
    mode_number = net.link()["xdp"]["mode"]
    assert mode_number == (2 if mode == "generic" else 1)


@pytest.mark.parametrize("family", BOTH)
def test_forgeries_are_not_answered(net, family):
    net.ready()
    forger = Prober(net.switch, family, key=OTHER_KEY)
    honest = Prober(net.switch, family)
    forger.send()
    honest.ask()  # whatever the forgery caused would have come before
    forger.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        forger.socket.recv(1)
    assert net.counter("drop_probe_forged") == 1


def test_killed_and_started_again_without_a_gap(net):
    agent = net.ready()
    probers = [Prober(net.switch, family) for family in (4, 6)]
    program = net.program()

    def ask():
        for prober in probers:
            prober.ask()

    ask()
    agent.kill(signal.SIGKILL)
    agent.popen.wait()
    ask()
    agent = net.agent()
    while "ready" not in agent.output:
        assert agent.alive(), agent.output
        ask()
    ask()
    assert net.program() == program, "attached anew"
    assert f"XDP program {program} found" in agent.output
    assert net.counter("drop_probe_replay") == 0


def test_ended_it_leaves_the_program(net):
    agent = net.ready()
    assert agent.stop() == 0
    Prober(net.switch, 4).ask()


def test_says_what_it_is_told(net):
    agent = net.ready()
    prober = Prober(net.switch, 4)
    for word in abi.HOST_WORDS:
        assert net.once("--say", word.label).returncode == 0
        prober.ask(word.name)
    # The word is the operator's: a new start does not take it back.
    net.once("--say", "draining")
    agent.stop()
    net.ready()
    prober.ask("DRAINING")
    assert net.once("--say", "gone").returncode == 2


def test_say_without_an_agent(net):
    done = net.once("--say", "up")
    assert done.returncode == 1
    assert "start baton-host first" in done.stderr


# --- reload ------------------------------------------------------------------

def reload(net, agent, text, said):
    net.lab.file("baton-host.yaml", text)
    before = agent.output.count(said)
    agent.kill(signal.SIGHUP)
    agent.wait_for(lambda: agent.output.count(said) > before, said)


def test_reload(net):
    agent = net.ready()
    prober = Prober(net.switch, 4)
    prober.ask()
    net.key.write_text(OTHER_KEY.hex())
    reload(net, agent, net.config(vips=[VIP[6], "192.0.2.11"]),
           "configuration read again")
    prober.key = OTHER_KEY
    prober.ask()
    assert {VIP[6], "192.0.2.11"} <= net.on_lo()
    assert VIP[4] not in net.on_lo()
    reload(net, agent, net.config(switches=[SWITCH[6]]),
           "configuration read again")
    prober.socket.setblocking(True)
    prober.send()
    with pytest.raises(ConnectionRefusedError):  # the kernel's answer
        prober.socket.recv(1)
    assert net.counter("pass_stranger") == 1


@pytest.mark.parametrize("text,said", [
    ("interface: eth0\nswitches: [nobody]\n", "nobody"),
    ("interface: eth0\nswitches: [10.0.1.1]\n", "bpffs: has changed"),
], ids=["wrong", "needs a new start"])
def test_reload_that_cannot_be(net, text, said):
    agent = net.ready()
    reload(net, agent, text, said)
    assert "left as it was" in agent.output
    Prober(net.switch, 4).ask()
    assert set(VIP.values()) <= net.on_lo()


# --- traces on the system ----------------------------------------------------

def test_detach_removes_everything(net):
    net.host.address("lo", f"{VIP[6]}/128")  # the operator's own
    before = net.on_lo()
    net.host.sysctl(net__ipv4__conf__all__arp_announce=1)
    agent = net.ready()
    assert set(VIP.values()) <= net.on_lo()
    assert (net.sysctl("arp_ignore"), net.sysctl("arp_announce")) == (1, 2)

    done = net.once("--detach")
    assert done.returncode == 1
    assert "stop it first" in done.stderr
    assert net.program() is not None

    agent.stop()
    done = net.once("--detach")
    assert done.returncode == 0, done.stderr
    assert net.program() is None
    assert not net.pins.exists()
    assert net.on_lo() == before
    assert (net.sysctl("arp_ignore"), net.sysctl("arp_announce")) == (0, 1)
    assert net.once("--detach").returncode == 0, "twice is no error"


def test_interfaces_that_are_not_named_any_more(net):
    net.lab.veth(net.switch, "h1", net.host, "eth1")
    agent = net.ready(interface=None, interfaces=["eth0", "eth1"])
    assert "xdp" in net.link("eth1")
    agent.stop()
    net.ready()
    assert "xdp" not in net.link("eth1")
    assert net.program() is not None


def test_vips_are_silent_in_arp(net):
    net.ready()
    with net.switch.entered(), socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)) as raw:
        raw.settimeout(SO_PATIENCE)
        raw.bind(("h0", 0x0806))
        mac = net.switch.mac("h0")
        for target in VIP[4], HOST[4]:
            raw.send(bytes(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") /
                           ARP(hwsrc=mac, psrc=SWITCH[4], pdst=target)))
        while True:  # they are answered in the order in which they came
            heard = Ether(raw.recv(2048))[ARP]
            assert heard.psrc != VIP[4]
            if (heard.op, heard.psrc) == (2, HOST[4]):
                return


def test_keeps_few_privileges(net):
    agent = net.ready()
    status = dict(line.split(":\t", 1) for line in open(
        f"/proc/{agent.pid}/status", encoding="ascii").read().splitlines())
    few = 1 << CAP_NET_ADMIN | 1 << CAP_BPF
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == few
    assert int(status["CapBnd"], 16) == int(status["CapInh"], 16) == 0
    assert status["NoNewPrivs"] == "1"


# --- tunnels -----------------------------------------------------------------

@pytest.mark.parametrize("inner", BOTH)
@pytest.mark.parametrize("outer", BOTH)
@pytest.mark.parametrize("gue", [False, True], ids=["ipip", "gue"])
def test_tunnelled_packet_reaches_the_service(net, gue, outer, inner):
    """The packet comes out of the tunnel, is taken at the VIP, and the answer
    goes to the client directly."""
    net.ready()
    net.switch.address("lo", f"{CLIENT[inner]}/{LENGTH[inner]}")
    net.host.ip(f"-{inner}", "route", "add", CLIENT[inner], "via",
                SWITCH[inner])
    layer = IP if inner == 4 else IPv6
    datagram = bytes(layer(src=CLIENT[inner], dst=VIP[inner]) /
                     UDP(sport=4000, dport=5000) / Raw(b"hello"))
    number = 4 if inner == 4 else 41
    with net.host.entered():
        service = socket.socket(AF[inner], socket.SOCK_DGRAM)
    with net.switch.entered():
        client = socket.socket(AF[inner], socket.SOCK_DGRAM)
        kind = (socket.SOCK_DGRAM, 0) if gue else (socket.SOCK_RAW, number)
        tunnel = socket.socket(AF[outer], *kind)
    with service, client, tunnel:
        service.settimeout(SO_PATIENCE)
        client.settimeout(SO_PATIENCE)
        service.bind((VIP[inner], 5000))
        client.bind((CLIENT[inner], 4000))
        if gue:
            tunnel.sendto(struct.pack("!BBH", 0, number, 0) + datagram,
                          (HOST[outer], abi.C["GUE_PORT"]))
        else:
            tunnel.sendto(datagram, (HOST[outer], 0))
        data, peer = service.recvfrom(2048)
        assert (data, peer[0]) == (b"hello", CLIENT[inner])
        service.sendto(b"there", peer)
        data, peer = client.recvfrom(2048)
        assert (data, peer[0]) == (b"there", VIP[inner])
    assert net.counter("decap_gue" if gue else "decap_ipip") == 1


# --- what it says to the operator --------------------------------------------

def test_earlier_program_of_ours_is_replaced(net):
    net.attach_other(net.host, "eth0", "baton_host")
    earlier = net.program()
    net.ready()
    assert net.program() != earlier
    Prober(net.switch, 4).ask()


def test_foreign_program_is_left_alone(net):
    net.attach_other(net.host, "eth0", "somebodys")
    foreign = net.program()
    said = net.refused()
    assert "somebodys" in said and "left alone" in said
    assert net.program() == foreign
    net.once("--detach")
    assert net.program() == foreign


def test_mode_can_change(net):
    net.ready(mode="generic").stop()
    net.ready(mode="native")
    assert net.link()["xdp"]["mode"] == 1
    Prober(net.switch, 4).ask()


def test_one_agent_for_one_directory(net):
    net.ready()
    assert "another baton-host works here" in net.refused()


def test_program_that_is_taken_off_is_noticed(net):
    agent = net.ready()
    net.host.ip("link", "set", "dev", "eth0", "xdp", "off")
    agent.wait_output("was taken off")


def test_veth_that_would_lose_packets(net):
    net.host.run("ethtool", "-K", "eth0", "tx", "on", "gro", "off")
    agent = net.ready()
    assert "ethtool -K eth0 tx off" in agent.output
    assert "ethtool -K eth0 gro on" in agent.output


@pytest.mark.parametrize("changes,said", [
    ({"interface": "eth9"}, "eth9: there is no such interface"),
    ({"interface": "lo", "mode": "native"}, "lo: cannot attach XDP in native"),
    ({"probe-key": "/nonexistent/key"}, "/nonexistent/key"),
    ({"mode": "fast"}, "auto, native or generic"),
    ({"vips": ["10.0.1.1"]}, "given twice"),
    ({"bpffs": "/proc/here"}, "bpffs: /proc/here"),
], ids=str)
def test_mistakes_are_explained(net, changes, said):
    assert said in net.refused(**changes)
    assert net.program() is None


def test_key_that_others_can_read(net):
    net.key.chmod(0o640)
    assert f"chmod 600 {net.key}" in net.refused()


def test_key_that_is_none(net):
    net.key.write_text("secret\n")
    assert "32 hexadecimal digits" in net.refused()


def test_check(net):
    done = net.once("--check")
    assert (done.returncode, done.stderr) == (0, "")
    done = net.once("--check", vips="x")
    assert done.returncode == 1
    assert "once.yaml:" in done.stderr
    assert net.program() is None
