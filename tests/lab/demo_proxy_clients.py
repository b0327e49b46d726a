# SPDX-License-Identifier: GPL-2.0-only
"""Ordinary clients that know nothing of the proxies: curl and ssh. Each has
one connection, and is told apart by its port (demo_progress.py)."""

import hashlib
import subprocess
import threading
from collections import namedtuple

from demo_proxy_lab import SSH, WEB
from demo_proxy_servers import at
from demo_udp import now
from harness.lab import Failed
from network import vip

FIRST_PORT = 40000  # of the clients that can be told which to use
LINE = 0.02  # s between two lines of a session, two requests

#: what a client had: bytes, their SHA-256, whether that is what it should be,
#: and in words why it is not well
Outcome = namedtuple("Outcome", "bytes sha256 right error")


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def numbers(count):
    """What Requests should be answered."""
    return "".join(f"{n + 1}\n" for n in range(count)).encode()


class Curl:
    """One curl, with one connection to the VIP."""

    port = WEB

    def __init__(self, network, family, number, *words):
        self.network = network
        self.family = family
        self.name = f"{self.what} v{family}"
        self.local = FIRST_PORT + number
        self.process = network.lab.start(
            network.client, "curl", "-sS", "--fail", "--local-port",
            self.local, *words, f"http://{at(vip(family))}{self.path}")

    def is_mine(self, family, local, remote):
        return (family, local, remote) == (self.family, self.local, self.port)

    def alive(self):
        return self.process.alive()

    def finish(self, patience):
        """Wait for its end. What it said, and what is wrong, or ""."""
        try:
            status = self.process.popen.wait(patience)
        except subprocess.TimeoutExpired:
            return self.process.output, "did not end"
        said = self.process.output
        return said, said.strip().split("\n")[-1] if status else ""


class Download(Curl):
    what = "download"
    path = "/download/file"

    def __init__(self, network, family, number, source, _rate):
        self.file = network.lab.dir / "data" / f"downloaded{family}"
        self.source = source
        super().__init__(network, family, number, "-o", self.file)

    def outcome(self, patience):
        _, error = self.finish(patience)
        if not self.file.exists():
            return Outcome(0, "", False, error or "there is no file")
        got = digest(self.file)
        return Outcome(self.file.stat().st_size, got,
                       got == digest(self.source), error)


class Upload(Download):
    what = "upload"

    def __init__(self, network, family, number, source, rate):
        self.path = f"/upload/{family}"
        self.file = network.lab.dir / "data" / "upload" / str(family)
        self.source = source
        Curl.__init__(self, network, family, number, "-T", source,
                      "--limit-rate", rate, "-o", "/dev/null")


class Requests(Curl):
    """Request after request on the same connection; each is answered by its
    own number."""

    what = "requests"

    def __init__(self, network, family, number, count):
        self.count = count
        self.path = f"/echo?n=[1-{count}]"
        super().__init__(network, family, number, "--rate",
                         f"{round(1 / LINE)}/s", "-w",
                         "%{num_connects} %{http_code}\n")

    def outcome(self, patience):
        said, error = self.finish(patience)
        lines = said.split("\n")
        answers = "".join(f"{a}\n" for a in lines[0:-1:2]).encode()
        connects = sum(int(note.split()[0]) for note in lines[1::2]
                       if note[:1].isdigit())
        if not error and connects != 1:
            error = f"{connects} connections"
        return Outcome(len(answers), hashlib.sha256(answers).hexdigest(),
                       answers == numbers(self.count), error)


class Session:
    """ssh, line after line: each comes back before the next one goes."""

    what = "ssh"

    def __init__(self, network, family):
        self.family = family
        self.name = f"ssh v{family}"
        directory = network.lab.dir / "ssh"
        with open(network.lab.dir / f"ssh{family}.log", "wb") as log:
            self.popen = subprocess.Popen(
                network.client.argv("ssh", "-F", directory / "ssh_config",
                                    vip(family)),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                bufsize=0)
        self.log = network.lab.dir / f"ssh{family}.log"
        self.bytes = 0
        self.sent, self.got = hashlib.sha256(), hashlib.sha256()
        self.wrong = ""
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._talk, daemon=True)
        network.lab.defer(self.stop)
        self.thread.start()

    def is_mine(self, family, _local, remote):
        return (family, remote) == (self.family, SSH)

    def _talk(self):
        number = 0
        due = now()
        while not self.ending.is_set():
            number += 1
            line = b"line %d\n" % number
            try:
                self.popen.stdin.write(line)
                got = self._line(len(line))
            except OSError as e:
                self.wrong = str(e)
                return
            self.bytes += len(got)
            self.sent.update(line)
            self.got.update(got)
            if got != line:
                self.wrong = f"{got!r} came back for {line!r}"
                return
            due = max(due + int(LINE * 1e9), now())
            self.ending.wait((due - now()) / 1e9)

    def _line(self, length):
        got = b""
        while len(got) < length and (piece := self.popen.stdout.read(length)):
            got += piece
        return got

    def alive(self):
        return self.thread.is_alive() and self.popen.poll() is None

    def outcome(self, patience):
        """The session ends as if its user had ended it."""
        self.ending.set()
        self.thread.join(patience)
        error = self.wrong
        if self.thread.is_alive():
            error = "a line did not come back"
        else:
            self.popen.stdin.close()
            try:
                status = self.popen.wait(patience)
                error = error or (status and self.log.read_text().strip())
            except subprocess.TimeoutExpired:
                error = error or "did not end"
        return Outcome(self.bytes, self.got.hexdigest(),
                       self.got.digest() == self.sent.digest(), error or "")

    def stop(self):
        self.ending.set()
        self.popen.kill()
        self.popen.wait()
        self.thread.join()
        for pipe in self.popen.stdin, self.popen.stdout:
            pipe.close()


def start_clients(network, size, rate, seconds):
    """All of them; transfers of `size` bytes at `rate` bytes a second."""
    data = network.lab.dir / "data"
    (data / "download").mkdir()
    source = data / "download" / "file"
    with open("/dev/urandom", "rb") as random, open(source, "wb") as out:
        for _ in range(0, size, 1 << 20):
            out.write(random.read(1 << 20))
    clients = [kind(network, family, 10 * family + i, source, rate)
               for i, kind in enumerate((Download, Upload))
               for family in (4, 6)]
    clients += [Requests(network, family, 10 * family + 2,
                         round(seconds / LINE)) for family in (4, 6)]
    return clients + [Session(network, family) for family in (4, 6)]


def resets(ns):
    """Connections that were reset, as the kernel of a namespace counts them:
    tcpEStabResets of RFC 4022."""
    with ns.entered(), open("/proc/thread-self/net/snmp",
                            encoding="ascii") as f:
        heads, values = [line.split()[1:] for line in f
                         if line.startswith("Tcp:")]
    try:
        return int(dict(zip(heads, values))["EstabResets"])
    except KeyError:
        raise Failed("no EstabResets in /proc/net/snmp") from None
