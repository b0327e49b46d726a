# SPDX-License-Identifier: GPL-2.0-only
"""What baton-host does for the applications of its host, seen from a prober:
rows K6 and X5 without a switch."""

import ctypes
import json
import os
import signal
import socket
import struct
import sys
import time

import pytest

from harness import abi, bpf, probe
from harness.lab import BUILD, Lab, wait_until

from network import HERE
from test_host_agent import (CLIENT, KEY, LENGTH, SO_PATIENCE, SWITCH, VIP,
                             Net, Prober)

UP, FAILED = abi.C["APP_UP"], abi.C["APP_FAILED"]


class Host(Net):
    """A host with an agent, whose applications talk to a client."""

    def __init__(self, lab):
        super().__init__(lab)
        self.heartbeats = lab.dir / "run" / "heartbeats"
        self.switch.address("lo", f"{CLIENT[4]}/{LENGTH[4]}")
        self.switch.ip("route", "add", VIP[4], "via", "10.0.1.2")
        self.host.ip("route", "add", CLIENT[4], "via", SWITCH[4])

    def config(self, **changes):
        return super().config(heartbeats=str(self.heartbeats), **changes)

    def status(self):
        return json.loads(self.once("--status", "--json").stdout)

    def state(self, name="web"):
        return {a["name"]: a["state"]
                for a in self.status()["applications"]}[name]

    def wait_state(self, state, name="web"):
        wait_until(lambda: self.state(name) == state, f"{name}: {state}")

    def wait_checked(self, index=0):
        """Until it has been found alive since this call. (A new one counts
        as up for as long as its limit.)"""
        def alive():
            with bpf.Map.pinned(self.pins / "applications") as apps:
                return abi.HostApp.from_buffer_copy(apps.lookup(index)).alive

        called = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        wait_until(lambda: alive() > called, "a good check")

    def work(self, name="web"):
        """A worker that beats."""
        worker = self.lab.start(self.host, sys.executable, HERE / "worker.py",
                                BUILD / "libbaton.so", self.heartbeats, name)
        worker.wait_output("beats")
        return worker


def listener(net, family, **more):
    return Prober(net.switch, family, words=True, **more)


@pytest.fixture
def net():
    with Lab("host-applications") as lab:
        yield Host(lab)


@pytest.fixture
def sleeper(net):
    """A process, and a file that names it."""
    process = net.lab.start(None, "sleep", "1000")
    process.pidfile = net.lab.file("sleeper.pid", f"{process.pid}\n")
    return process


def heartbeat(name="web", limit="300ms", **more):
    return {"name": name, "limit": limit, **more}


def by_process(sleeper, **more):
    return {"name": "web", "check": "process", "limit": "5s",
            "interval": "20ms", "pidfile": str(sleeper.pidfile), **more}


def by_command(*command, **more):
    return {"name": "web", "check": "command", "limit": "5s",
            "interval": "20ms", "timeout": "2s", "rise": 1, "fall": 1,
            "command": list(map(str, command)), **more}


def word(prober, what):
    """The datagram that came without being asked for."""
    got = abi.Probe.from_buffer_copy(prober.socket.recv(2048))
    assert got.type == abi.C["PROBE_WORD"], what
    assert got.mac == probe.sign(KEY, abi.Probe.from_buffer_copy(got)).mac
    assert (got.session, got.host) == (prober.session, 3)
    assert got.sent <= time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return got


# --- words -------------------------------------------------------------------

@pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])
def test_k6_the_end_of_a_process_is_said_at_once(net, sleeper, family):
    net.ready(applications=[by_process(sleeper, fall=100)])
    net.wait_checked()
    prober = listener(net, family)
    asked = prober.send()
    prober.socket.recv(2048)
    sleeper.kill()
    got = word(prober, "the process has ended")
    assert got.sequence == asked.sequence
    assert (got.app[0].tag, got.app[0].state) == (probe.tag("web"), FAILED)
    # The limit is far: it is not age that told.
    assert got.app[0].age < 1000


def test_k6_the_end_of_who_beats_is_said_at_once(net):
    net.ready(applications=[heartbeat(limit="60s"), heartbeat("db", "60s")])
    workers = {name: net.work(name) for name in ("web", "db")}
    net.wait_state("up")
    net.wait_state("up", "db")
    prober = listener(net, 4)
    prober.send()
    prober.socket.recv(2048)
    workers["web"].kill()
    states = [a.state for a in word(prober, "web has ended").app[:2]]
    assert states == [FAILED, UP], "db as well"


def test_words_go_to_those_who_have_asked(net, sleeper):
    """And to nobody else, nor to the one whose probe was forged."""
    net.ready(applications=[by_process(sleeper, fall=100)])
    net.wait_checked()
    asking = [listener(net, family) for family in (4, 6, 4)]
    forger = listener(net, 4, key=bytes(16))
    forger.send()
    for prober in asking:
        prober.send()
        prober.socket.recv(2048)
    sleeper.kill()
    for prober in asking:
        assert word(prober, "it has ended").app[0].state == FAILED
    forger.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        forger.socket.recv(1)


def test_leave_on_exit(net):
    agent = net.ready(**{"leave-on-exit": True})
    prober = listener(net, 4)
    net.once("--say", "draining")
    prober.ask("DRAINING")
    assert agent.stop() == 0
    assert word(prober, "it ends").word == abi.C["WORD_LEAVING"]
    prober.ask("LEAVING")
    net.ready(**{"leave-on-exit": True})
    prober.ask("DRAINING")  # as it was
    assert net.status()["word"] == "draining"


def test_an_agent_that_is_killed_does_not_leave(net):
    agent = net.ready(**{"leave-on-exit": True})
    agent.kill(signal.SIGKILL)
    agent.popen.wait()
    listener(net, 4).ask("UP")


# --- checks ------------------------------------------------------------------

def running(text):
    """Processes with this in their command line."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if text.encode() in f.read():
                    found.append(int(pid))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def zombies_of(agent):
    """Its agent runs by nsenter, which executes it in place."""
    with open(f"/proc/{agent.pid}/task/{agent.pid}/children",
              encoding="ascii") as f:
        children = f.read().split()
    states = []
    for child in children:
        try:
            with open(f"/proc/{child}/stat", encoding="ascii") as f:
                states.append(f.read().rpartition(")")[2].split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return states.count("Z")


def test_commands_are_killed_with_what_they_start(net):
    """One that hangs, in a child of its own."""
    marker = f"hang-{os.getpid()}"
    script = net.lab.file("hang", "#!/bin/bash\n(exec -a " + marker +
                          " sleep 20) & wait\n")
    script.chmod(0o755)
    agent = net.ready(applications=[by_command(script, fall=5, timeout="100ms")])
    wait_until(lambda: running(marker), "it has started")
    net.wait_state("failed")  # after five of them
    agent.stop()
    wait_until(lambda: not running(marker), "all of them are gone")


def test_commands_leave_no_zombies(net):
    agent = net.ready(applications=[
        by_command("/bin/sleep", "5", name="hangs", timeout="100ms"),
        by_command("/bin/false", name="fails"),
        by_command("/bin/true", name="works")])
    net.wait_checked(2)
    net.wait_state("failed", "hangs")
    net.wait_state("failed", "fails")
    # Commands of the next attempts run meanwhile; the dead do not pile up.
    for _ in range(10):
        wait_until(lambda: not zombies_of(agent), "no zombies")


def test_no_shell_reads_a_command(net):
    """Its arguments arrive as they are."""
    odd = "$(touch nothing); `x` * \"y\" 'z'"
    script = net.lab.file("args", "#!/bin/sh\n[ \"$1\" = \"$2\" ] || exit 1\n"
                                  "[ $# -eq 2 ] || exit 1\n")
    script.chmod(0o755)
    net.ready(applications=[by_command(script, odd, odd)])
    net.wait_checked()


def test_commands_have_no_capabilities(net):
    out = net.lab.dir / "caps"
    script = net.lab.file(
        "caps.sh", f"#!/bin/sh\ngrep ^Cap /proc/self/status > {out}.new\n"
                   f"mv {out}.new {out}\n")
    script.chmod(0o755)
    net.ready(applications=[by_command(script)])
    net.wait_checked()
    sets = dict(line.split(":\t") for line in out.read_text().splitlines())
    assert {int(value, 16) for value in sets.values()} == {0}


def test_failures_are_counted_both_ways(net):
    """It fails with the third in a row, and lives with the second."""
    log, flag = net.lab.dir / "log", net.lab.file("flag", "")
    script = net.lab.file(
        "check", f"#!/bin/sh\ntest -e {flag}; s=$?\necho $s >> {log}\n"
                 f"exit $s\n")
    script.chmod(0o755)
    net.ready(applications=[by_command(script, rise=2, fall=3)])
    net.wait_checked()
    prober = listener(net, 4)
    for failed in True, False:
        prober.send()
        prober.socket.recv(2048)
        flag.unlink() if failed else flag.touch()
        got = word(prober, f"failed: {failed}")
        results = log.read_text().split()
        last = "1" if failed else "0"
        # Others may have been made since.
        streak = len(results) - len("".join(results).rstrip(last))
        assert streak >= (3 if failed else 2), results
        assert got.app[0].state == (FAILED if failed else UP)


def test_http_status_that_is_expected(net):
    """A server of one status, for two that expect different ones."""
    server = net.lab.start(net.host, sys.executable, "-c", """
import http.server
class Teapot(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(418 if self.path == "/tea?a=b" else 500)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8080), Teapot).serve_forever()
""")
    check = {"check": "http", "address": "127.0.0.1", "port": 8080,
             "path": "/tea?a=b", "limit": "5s", "interval": "20ms",
             "timeout": "1s", "fall": 1}
    agent = net.ready(applications=[
        {"name": "tea", "status": 418, **check}, {"name": "any", **check}])
    net.wait_checked(0)
    net.wait_state("failed", "any")
    # It is stopped: the kernel still takes connections, but nobody answers.
    server.kill(signal.SIGSTOP)
    net.wait_state("failed", "tea")
    server.kill(signal.SIGCONT)
    net.wait_state("up", "tea")
    assert agent.alive()


def test_pidfile_that_names_another_process(net, sleeper):
    net.ready(applications=[by_process(sleeper, rise=1)])
    net.wait_checked()
    other = net.lab.start(None, "sleep", "1001")
    sleeper.pidfile.write_text(f"{other.pid}\n")
    sleeper.kill()
    net.wait_checked()
    net.wait_state("up")  # at the latest with the next look
    other.kill()
    net.wait_state("failed")


# --- who asks for pages ------------------------------------------------------

def connect(net):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(str(net.heartbeats))  # waits while the queue is full
    s.settimeout(SO_PATIENCE)
    return s


def refused(net, request):
    with connect(net) as s:
        s.send(request)
        status, = struct.unpack("=i", s.recv(16))
        assert s.recv(1) == b"", "the connection goes on"
        return status


def test_requests_that_make_no_sense(net):
    agent = net.ready(applications=[heartbeat()])
    for request in (b"w", b"webb", b"WEB", b"a" * 31):
        assert refused(net, request) == -3  # ESRCH
    for request in (b"web\0", b"web ", b"\xff" * 3, b"../web", b"a" * 32,
                    b"a" * 4096, b"\0"):
        assert refused(net, request) == -22  # EINVAL
    connect(net).close()
    net.work()  # one that does
    net.wait_state("up")
    assert agent.alive()


def test_those_who_say_nothing_keep_nobody_out(net):
    """More than a process may open, if it kept them."""
    agent = net.ready(applications=[heartbeat()])
    silent = []
    for _ in range(400):
        silent.append(connect(net))
    net.work()
    net.wait_state("up")
    assert len(os.listdir(f"/proc/{agent.pid}/fd")) < 100
    for s in silent:
        s.close()


def test_the_next_process_takes_the_page(net):
    """And the one before it counts no more."""
    net.ready(applications=[heartbeat()])
    before = net.work()
    net.wait_state("up")
    now = net.work()
    before.kill()
    before.popen.wait()
    prober = listener(net, 4)
    prober.send()
    assert probe.read(prober.socket.recv(2048)).app[0].state == UP
    now.kill()
    net.wait_state("failed")
    net.work()
    net.wait_state("up")


def test_pages_outlive_the_agent(net):
    """A new agent, an old worker: the page still counts."""
    agent = net.ready(applications=[heartbeat()])
    worker = net.work()
    net.wait_state("up")
    agent.kill(signal.SIGKILL)
    agent.popen.wait()
    net.wait_state("up")
    agent = net.ready(applications=[heartbeat()])
    net.wait_state("up")
    # Its words know the page, too, without the privilege to look it up.
    prober = listener(net, 4)
    prober.send()
    prober.socket.recv(2048)
    net.once("--say", "draining")
    assert word(prober, "draining").app[0].state == UP
    worker.kill(signal.SIGSTOP)
    net.wait_state("failed")
    assert agent.alive()


def test_closed_heartbeat_has_failed(net):
    net.ready(applications=[heartbeat(limit="60s")])
    baton = ctypes.CDLL(BUILD / "libbaton.so")
    h = ctypes.c_void_p()
    assert baton.baton_heartbeat_open(ctypes.byref(h), b"web",
                                      str(net.heartbeats).encode()) == 0
    assert net.state() == "failed", "it has not beaten yet"
    baton.baton_heartbeat_beat(h)
    assert net.state() == "up"
    baton.baton_heartbeat_close(h)
    assert net.state() == "failed"
    assert baton.baton_heartbeat_open(ctypes.byref(h), b"web",
                                      b"/nonexistent") == -2


# --- silence -----------------------------------------------------------------

class Stream:
    """Datagrams from the VIP to the client, one every few milliseconds, by a
    process of its own."""

    CODE = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 5000))
n = 0
while True:
    n += 1
    s.sendto(n.to_bytes(8, "big"), (sys.argv[2], 4000))
    time.sleep(0.002)
"""

    def __init__(self, net):
        with net.switch.entered():
            self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.bind((CLIENT[4], 4000))
        self.client.settimeout(SO_PATIENCE)
        self.process = net.lab.start(net.host, sys.executable, "-c",
                                     self.CODE, VIP[4], CLIENT[4])
        net.lab.defer(self.client.close)

    def next(self):
        return int.from_bytes(self.client.recv(64), "big")

    def drain(self):
        """What had come before."""
        self.client.setblocking(False)
        try:
            while True:
                self.client.recv(64)
        except BlockingIOError:
            pass
        self.client.settimeout(SO_PATIENCE)


def lease(prober, us):
    """Renew it, as the switch does: the answer's stamp comes back."""
    for _ in range(2):
        prober.send(stamp=getattr(prober, "stamp", 0), lease=us)
        prober.stamp = probe.read(prober.socket.recv(2048)).stamp


@pytest.mark.parametrize("obeys", [True, False], ids=["lease", "ablation"])
def test_x5_a_host_that_was_frozen_is_silent(net, obeys):
    """Frozen, given up by the switch, and thawed: not a word from the VIP
    until it is asked again. If it obeys no lease, it goes on where it was."""
    net.ready(lease=obeys)
    stream, prober = Stream(net), listener(net, 4)
    lease(prober, 200000)
    stream.next()
    stream.process.kill(signal.SIGSTOP)
    # The switch has stopped asking; what has been heard of ends here.
    wait_until(lambda: net.status()["lease_left_ms"] < 0, "the lease lapses")
    stream.drain()
    dropped = net.counter("drop_lease")
    stream.process.kill(signal.SIGCONT)
    if not obeys:
        stream.next()
        assert net.counter("drop_lease") == 0
        return
    wait_until(lambda: net.counter("drop_lease") > dropped + 20,
               "it speaks, and is not heard")
    stream.client.setblocking(False)
    with pytest.raises(BlockingIOError):
        stream.client.recv(1)
    # Asked again, it is heard again.
    stream.client.settimeout(SO_PATIENCE)
    lease(prober, 60000000)
    stream.next()


def test_x5_the_lease_holds_without_the_agent(net):
    """Killed, its programs are what they were; a new one adopts them."""
    agent = net.ready()
    stream, prober = Stream(net), listener(net, 4)
    agent.kill(signal.SIGKILL)
    agent.popen.wait()
    lease(prober, 100000)
    wait_until(lambda: net.counter("drop_lease") > 5, "the lease lapses")
    net.ready()
    dropped = net.counter("drop_lease")
    wait_until(lambda: net.counter("drop_lease") > dropped + 5, "still so")
    # No lease is in force any more.
    lease(prober, 0)
    stream.drain()
    stream.next()


def egress(net, device="eth0"):
    return net.host.run("tc", "filter", "show", "dev", device,
                        "egress").stdout


def test_the_egress_program_comes_and_goes(net):
    net.lab.veth(net.switch, "h1", net.host, "eth1")
    agent = net.ready(**{"lease-interfaces": ["eth1"]})
    assert "baton_lease" in egress(net)
    assert "baton_lease" in egress(net, "eth1")
    agent.stop()
    agent = net.ready()
    assert egress(net).count("handle") == 1, "twice"
    assert "baton_lease" not in egress(net, "eth1")
    agent.stop()
    assert net.once("--detach").returncode == 0
    assert "baton_lease" not in egress(net)


def test_a_filter_of_somebody_else_is_left_alone(net):
    """In our place, of all places."""
    net.host.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
    net.host.run("tc", "filter", "add", "dev", "eth0", "egress", "prio", 7790,
                 "handle", 1, "bpf", "direct-action", "obj",
                 BUILD / "tests/lab/egress.bpf.o", "sec", "tc")
    assert "another filter" in net.refused()
    assert "somebodys" in egress(net)
    net.once("--detach")
    assert "somebodys" in egress(net)


SILENCE = {"vip": VIP[4], "protocol": "tcp", "port": 5000}


@pytest.mark.parametrize("silenced", [True, False], ids=["silence",
                                                         "ablation"])
def test_k6_nobody_speaks_for_the_dead(net, silenced):
    """Once the server has been seen dead, what its kernel answers to segments
    of its connections, RST, does not get out."""
    pidfile = net.lab.dir / "server.pid"
    app = {"name": "web", "check": "process", "limit": "5s",
           "interval": "20ms", "pidfile": str(pidfile)}
    net.ready(lease=False, applications=[
        {**app, "silence": SILENCE} if silenced else app])
    net.wait_state("failed")  # it is not there yet
    server = net.lab.start(net.host, sys.executable, "-c", """
import os, socket, sys
s = socket.create_server((sys.argv[1], 5000))
with open(sys.argv[2], "w") as f:
    f.write(str(os.getpid()))
c, _ = s.accept()
c.sendall(b"hello")
c.recv(1)
""", VIP[4], pidfile)
    net.wait_state("up")
    with net.switch.entered():
        client = socket.socket()
    with client:
        client.settimeout(SO_PATIENCE)
        client.bind((CLIENT[4], 0))
        client.connect((VIP[4], 5000))
        assert client.recv(5) == b"hello"
        server.kill()
        net.wait_state("failed")
        client.sendall(b"is anybody there?")

        def reset():
            return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

        if silenced:
            wait_until(lambda: net.counter("drop_failed"), "RST is dropped")
            assert not reset()
        else:
            wait_until(reset, "RST comes")
            assert net.counter("drop_failed") == 0


# --- what it shows -----------------------------------------------------------

def test_status(net, sleeper):
    net.ready(applications=[by_process(sleeper), heartbeat("db", "30ms")])
    net.wait_checked()
    prober = listener(net, 6)
    lease(prober, 50000000)
    asked = prober.send(stamp=prober.stamp, lease=50000000,
                        owner=probe.tag("role"), epoch=7, plays=1)
    prober.socket.recv(2048)
    s = net.status()
    assert (s["word"], s["lease_obeyed"]) == ("up", True)
    assert 0 < s["lease_left_ms"] <= 50000
    apps = {a["name"]: a for a in s["applications"]}
    assert (apps["web"]["state"], apps["web"]["limit_ms"]) == ("up", 5000)
    assert apps["web"]["age_ms"] < 5000
    assert (apps["db"]["state"], apps["db"]["limit_ms"]) == ("failed", 30)
    owner, = s["owners"]
    assert (owner["tag"], owner["epoch"], owner["plays"]) == \
        (probe.tag("role"), 7, True)
    asker, = s["probers"]
    assert (asker["address"], asker["port"], asker["host"]) == \
        (SWITCH[6], prober.socket.getsockname()[1], 3)
    assert asker["sequence"] == asked.sequence

    text = net.once("--status").stdout
    for line in ("says: up", "lease: ", "application web: up",
                 "application db: failed",
                 f"owner {probe.tag('role'):08x}: this host, epoch 7",
                 f"prober {SWITCH[6]} port"):
        assert f"\n{line}" in "\n" + text, text
    assert net.once("--json").returncode == 2
    assert net.once("--status", "--say", "up").returncode == 2


def test_status_without_an_agent(net):
    done = net.once("--status")
    assert done.returncode == 1
    assert "start baton-host first" in done.stderr


@pytest.mark.parametrize("application,said", [
    (heartbeat(user="nobody-has-this-name"), "there is no"),
    (heartbeat(silence={"vip": "192.0.2.99"}), "in vips:"),
], ids=["user", "silence"])
def test_mistakes_are_explained(net, application, said):
    assert said in net.refused(applications=[application])
