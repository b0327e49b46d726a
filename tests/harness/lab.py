# SPDX-License-Identifier: GPL-2.0-only
"""A network of namespaces, and programs that run in it, for one test module.

    with Lab("fence") as lab:
        switch, client = lab.netns("switch"), lab.netns("client")
        lab.veth(switch, "c0", client, "eth0")
        client.address("eth0", "198.51.100.7/24")
        batond = lab.batond(switch, config)
        client.run("ping", "-c1", "198.51.100.1")

Whatever a Lab makes, it removes when it is left, in the opposite order and
whether or not something failed: processes (by the pid that it started),
mounts, namespaces, files. What it makes has the test process's pid in its
name, so that several can run side by side.

Namespaces are entered by `nsenter --net`: `ip netns exec` would mount a fresh
/sys, in which pinned objects cannot be seen.
"""

import contextlib
import ctypes
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BATON_BUILD", ROOT / "build")).resolve()
BPFTOOL = shutil.which("bpftool") or "/usr/sbin/bpftool"

#: by how much this machine is slower than an idle one of today; a virtual
#: machine with emulated CPUs says so (vm/)
SLOW = float(os.environ.get("BATON_SLOW", 1))
PATIENCE = 10 * SLOW  # seconds for what takes none on an idle machine

LAST_WORDS = 15  # lines of a program's output, where a test has failed
SOCKETS_MAX = 4000  # characters of what ss(8) says, there

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Failed(AssertionError):
    """Something that the lab did not do or did not get."""


def run(*argv, check=True, **options):
    """Run a command to its end; its output is in the exception if it fails."""
    options.setdefault("timeout", 60 * SLOW)
    done = subprocess.run([str(a) for a in argv], capture_output=True,
                          text=True, **options)
    if check and done.returncode:
        raise Failed(f"{' '.join(map(str, argv))}: exit status "
                     f"{done.returncode}\n{done.stdout}{done.stderr}")
    return done


def wait_until(condition, what, timeout=PATIENCE, interval=0.005):
    """Call `condition` until it is true; its value. `what` says, in the error,
    what was waited for: text, or a function that makes it."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            text = what() if callable(what) else what
            raise Failed(f"not within {timeout} s: {text}")
        time.sleep(interval)


class Netns:
    """A network namespace. The tests' own process enters it with entered()."""

    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"
        run("ip", "netns", "add", name)

    def remove(self):
        run("ip", "netns", "del", self.name)

    def argv(self, *argv):
        """The command that runs `argv` in here."""
        return ["nsenter", f"--net={self.path}", "--", *map(str, argv)]

    def run(self, *argv, **options):
        return run(*self.argv(*argv), **options)

    def ip(self, *argv, **options):
        """ip(8): ns.ip("route", "add", ...); text with several commands, one
        a line, goes through one process."""
        if len(argv) == 1:
            return run("ip", "-n", self.name, "-batch", "-",
                       input=argv[0] + "\n", **options)
        return run("ip", "-n", self.name, *argv, **options)

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is in this namespace: for sockets, test runs."""
        with open("/proc/thread-self/ns/net", "rb") as home, \
                open(self.path, "rb") as there:
            _setns(there.fileno())
            try:
                yield self
            finally:
                _setns(home.fileno())

    def address(self, device, *addresses):
        self.ip("\n".join(
            f"address replace {a} dev {device}{' nodad' if ':' in a else ''}"
            for a in addresses))

    def ifindex(self, device):
        with self.entered():
            return socket.if_nametoindex(device)

    def mac(self, device):
        link, = json.loads(self.ip("-j", "link", "show", device).stdout)
        return link["address"]

    def neighbour(self, address, mac, device):
        """Known for good: nothing is to be resolved."""
        self.ip("neigh", "replace", address, "lladdr", mac, "dev", device,
                "nud", "permanent")

    def sysctl(self, **settings):
        """ns.sysctl(net__ipv4__ip_forward=1); two underscores are a dot."""
        self.run("sysctl", "-q", "-w", *(f"{k.replace('__', '.')}={v}"
                                         for k, v in settings.items()))


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Process:
    """A program in the background; its output goes to a file. It leads a
    process group, so that what it starts can be ended with it."""

    def __init__(self, argv, log, **options):
        self.name = " ".join(map(str, argv))
        self.log = Path(log)
        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(
                [str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True, **options)
        self.pid = self.popen.pid

    @property
    def output(self):
        return self.log.read_text(errors="replace")

    def alive(self):
        return self.popen.poll() is None

    def wait_for(self, condition, what, timeout=PATIENCE):
        """Wait until the condition is true, or fail as soon as the process
        has ended."""
        def settled():
            if not self.alive():
                raise Failed(f"{self.name}: ended with status "
                             f"{self.popen.returncode}, before {what}\n"
                             f"{self.output}")
            return condition()
        return wait_until(settled, lambda: f"{what}\n{self.output}", timeout)

    def wait_output(self, text, timeout=PATIENCE):
        return self.wait_for(lambda: text in self.output,
                             f"the output {text!r}", timeout)

    def kill(self, sig=signal.SIGKILL):
        """Send it a signal."""
        if self.alive():
            self.popen.send_signal(sig)

    def destroy(self):
        """End it at once, and what is left of its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait()

    def stop(self, timeout=PATIENCE):
        """End it by SIGTERM, if that is not enough by SIGKILL. The status."""
        self.kill(signal.SIGTERM)
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.destroy()
            raise Failed(f"{self.name}: SIGTERM did not end it within "
                         f"{timeout} s\n{self.output}") from None


class Control:
    """The control socket of batond: docs/control.md."""

    def __init__(self, path):
        self.path = str(path)

    def answers(self):
        try:
            return self.request("status")["ok"]
        except (OSError, ValueError):
            return False

    def connect(self, timeout=PATIENCE):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(timeout)
        try:
            s.connect(self.path)
        except OSError:
            s.close()
            raise
        return s

    def request(self, do, **fields):
        """The whole answer: {"ok": ...}."""
        with self.connect() as s, s.makefile("rw") as f:
            f.write(json.dumps({"do": do, **fields}) + "\n")
            f.flush()
            return json.loads(f.readline())

    def __call__(self, do, **fields):
        """The answer's data. An answer that is not ok is an error."""
        answer = self.request(do, **fields)
        if not answer["ok"]:
            raise Failed(f"{do} {fields}: {answer['error']}")
        return answer["data"]


class Batond(Process):
    """batond with files of its own; `pins` is where its maps are pinned."""

    def __init__(self, argv, log, pins, control):
        super().__init__(argv, log)
        self.pins = Path(pins)
        self.control = Control(control)

    def ready(self):
        self.wait_for(self.control.answers, "the control socket answers")
        return self


class Lab:
    _serial = itertools.count(1)
    _entered = []

    def __init__(self, name="lab"):
        self.name = f"baton-{os.getpid()}-{next(Lab._serial)}-{name}"
        self._stack = contextlib.ExitStack()
        self._logs = itertools.count(1)
        self.dir = None
        self.namespaces, self.processes = [], []

    def __enter__(self):
        self._stack.__enter__()
        self._among(Lab._entered, self)
        try:
            self.dir = Path(tempfile.mkdtemp(prefix=self.name + "-"))
            self._stack.callback(shutil.rmtree, self.dir)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *exception):
        return self._stack.__exit__(*exception)

    @property
    def private(self):
        """For what belongs to one station, and need not be a file here."""
        return self.dir

    def defer(self, function, *args):
        """Call it when the lab is left, before what was made earlier goes."""
        return self._stack.callback(function, *args)

    def keep(self, directory):
        """Copy what the lab writes, configurations and logs, to a directory
        when it is left; but for what is in its own directory `data`. To be
        called before anything is mounted there."""
        def passed_over(where, names):
            return [n for n in names
                    if (Path(where) == self.dir and n == "data") or
                    not ((path := Path(where, n)).is_dir() or path.is_file())]
        self.defer(lambda: shutil.copytree(
            self.dir, directory, ignore=passed_over, dirs_exist_ok=True))

    def _among(self, things, one):
        """It is one of them, until the lab is left."""
        things.append(one)
        self.defer(things.remove, one)

    @staticmethod
    def all_say():
        """(whose, text): what is to be seen of all labs, now."""
        return [said for lab in Lab._entered for said in lab._says()]

    def _says(self):
        """The last words of its programs, and where its connections are."""
        for process in self.processes:
            words = "\n".join(process.output.splitlines()[-LAST_WORDS:])
            if words:
                state = "" if process.alive() else ", ended"
                yield f"{process.log.name}{state}", words
        for ns in self.namespaces:
            sockets = ns.run("ss", "-Htino", check=False).stdout
            if sockets:
                yield f"sockets in {ns.name}", sockets[:SOCKETS_MAX]

    # --- what a network is made of ---

    def netns(self, name):
        """A namespace with its loopback up. IPv6 addresses work as soon as
        they are there: duplicates would be of our own making."""
        ns = Netns(f"{self.name}-{name}")
        self.defer(ns.remove)
        self._among(self.namespaces, ns)
        ns.sysctl(net__ipv6__conf__default__accept_dad=0,
                  net__ipv6__conf__default__dad_transmits=0)
        ns.ip("link", "set", "lo", "up")
        return ns

    def veth(self, a, a_device, b, b_device, mtu=1500):
        """A cable between two namespaces, up at both ends, set up such that
        XDP may redirect into it: GRO, which gives a veth the NAPI context
        that takes redirected frames, and whole checksums, which a redirect
        does not complete. GRO that is switched on before both ends are up
        says "on" and has no effect."""
        a.ip("link", "add", a_device, "mtu", mtu, "type", "veth", "peer",
             "name", b_device, "mtu", mtu, "netns", b.name)
        ends = (a, a_device), (b, b_device)
        for ns, device in ends:
            ns.ip("link", "set", device, "up")
        for ns, device in ends:
            ns.run("ethtool", "-K", device, "gro", "on", "tx", "off")

    # --- files, mounts, programs ---

    def file(self, name, text):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def bpffs(self, name="bpf"):
        """A directory for pinned objects that nobody else uses."""
        path = self.dir / name
        path.mkdir()
        run("mount", "-t", "bpf", "bpf", path)
        # What is pinned goes with the mount.
        self.defer(run, "umount", path)
        return path

    def start(self, ns, *argv, kind=Process, **options):
        """A program in a namespace (None: in this one), until the lab is
        left."""
        log = self.dir / f"{next(self._logs)}-{Path(str(argv[0])).name}.log"
        if ns is not None:
            argv = ns.argv(*argv)
        process = kind(argv, log, **options)
        self.defer(process.destroy)
        self._among(self.processes, process)
        return process

    def batond(self, ns, config, name="batond", pins=None, ready=True):
        """Start batond with a configuration: a dict in the structure of the
        file (JSON is YAML), or its text. What `switch:` does not say of paths
        is set to paths of the lab; text must say all of it."""
        pins = Path(pins) if pins else self.bpffs(f"{name}-bpf")
        control = self.dir / f"{name}.sock"
        if isinstance(config, dict):
            switch = {"bpffs": str(pins / "baton"), "control": str(control),
                      "state": str(self.dir / f"{name}-state"),
                      **config.get("switch", {})}
            pins, control = switch["bpffs"], switch["control"]
            config = json.dumps({**config, "switch": switch}, indent=1)
        path = self.file(f"{name}.yaml", config)
        batond = self.start(ns, BUILD / "batond", "--config", path,
                            kind=Batond, pins=pins, control=control)
        return batond.ready() if ready else batond

    def baton(self, batond, *argv, **options):
        """The command line, told which batond is meant."""
        return run(BUILD / "baton", "--socket", batond.control.path,
                   "--bpffs", batond.pins, *argv, **options)

    def baton_host(self, ns, config, name="baton-host"):
        """Start baton-host with the text of a configuration. The caller waits
        for what it needs: .wait_output(), .wait_for()."""
        path = self.file(f"{name}.yaml", config)
        return self.start(ns, BUILD / "baton-host", "--config", path)
