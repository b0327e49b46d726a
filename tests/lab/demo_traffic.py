# SPDX-License-Identifier: GPL-2.0-only
"""What clients do meanwhile: requests by curl, a numbered UDP stream, and
connections that are held open."""

import contextlib
import selectors
import socket
import subprocess
import sys
import threading
from collections import Counter, namedtuple

import demo_udp
from demo_lab import CLIENT4, CLIENT6, VIP4, VIP6
from demo_udp import now
from harness.lab import PATIENCE, Failed, wait_until

TCP_CLOSE = 7

#: start, end: CLOCK_BOOTTIME in ns. status: of HTTP, 0 without an answer.
#: host: the one that answered, or "". error: what curl says, or "".
Request = namedtuple("Request", "start end status host error")


class Curl:
    """One curl that makes request after request, each by a connection of its
    own. Its times are good to a millisecond or so: what it reports is stamped
    here, so `start` is never too early."""

    FORMAT = ("%{stderr}%{http_code} %{time_total} %header{x-host}|"
              "%{errormsg}\n")

    def __init__(self, demo, address, per_minute):
        self.requests = []
        self.popen = subprocess.Popen(
            demo.client.argv("curl", "-s", "-o", "/dev/null", "-m", 3, "-H",
                             "Connection: close", "--rate",
                             f"{per_minute}/m",
                             "-w", self.FORMAT,
                             f"http://{address}/[1-10000000]"),
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        demo.lab.defer(self.stop)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.popen.stderr:
            end = now()
            if not line.endswith("\n"):
                break  # cut off as curl was ended
            result, _, error = line.rstrip("\n").partition("|")
            status, took, *host = result.split()
            self.requests.append(Request(end - int(float(took) * 1e9), end,
                                         int(status), "".join(host), error))

    def stop(self):
        self.popen.kill()
        self.popen.wait()
        self.thread.join()
        self.popen.stderr.close()


class Stream:
    """The UDP stream, as the client's program records it."""

    def __init__(self, demo, rate):
        path = demo.lab.dir / "stream"
        demo_udp.Record.create(path, demo.hosts[0].instrument.slots)
        self.record = demo_udp.Record(path)
        self.rate = rate
        self.process = demo.lab.start(
            demo.client, sys.executable, demo_udp.__file__, "send", VIP4,
            rate, path)
        self.last = 0

    def position(self):
        """Sequence number of the last packet sent."""
        while self.record.sent[self.last + 1]:
            self.last += 1
        return self.last

    def since(self, first):
        """Numbers from `first` to the last that was answered."""
        last = self.position()
        while last >= first and not self.record.answered[last]:
            last -= 1
        return range(first, last + 1)

    def wait_answers(self, count):
        """Until `count` of the packets sent from now on were answered."""
        first = self.position() + 1
        self.process.wait_for(
            lambda: sum(map(bool, self.record.answered[
                first:self.position() + 1])) >= count,
            f"{count} answers from now on")


class Idle:
    """Connections that are opened and then left alone. Each round has client
    addresses of its own: what a dead host still remembers of an earlier round
    does not meet it."""

    AT_ONCE = 100  # what a veth's queue holds, and then some
    REQUEST = b"GET / HTTP/1.1\r\nHost: demo\r\n\r\n"

    def __init__(self, demo, count, number):
        self.addresses = [CLIENT4.format(number), CLIENT6.format(number)]
        demo.client.address("eth0", self.addresses[0] + "/24",
                            self.addresses[1] + "/64")
        self.sockets = []
        demo.lab.defer(self.close)
        with demo.client.entered():
            for start in range(0, count, self.AT_ONCE):
                self._open(start, min(start + self.AT_ONCE, count))

    def _open(self, first, end):
        kinds = ((socket.AF_INET, VIP4), (socket.AF_INET6, VIP6))
        batch = []
        for i in range(first, end):
            family, vip = kinds[i % 2]
            s = socket.socket(family, socket.SOCK_STREAM)
            self.sockets.append(s)
            batch.append(s)
            s.setblocking(False)
            s.bind((self.addresses[i % 2], 0))
            s.connect_ex((vip, 80))
        for s, ready in self._wait(batch, selectors.EVENT_WRITE, PATIENCE):
            error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not ready or error:
                raise Failed(f"idle connection {s.getsockname()}: "
                             f"{error or 'no answer'}")

    @staticmethod
    def _wait(sockets, event, patience):
        """Each socket, once it is ready; what is left at the end, with
        False."""
        end = now() + patience * 1_000_000_000
        with selectors.DefaultSelector() as selector:
            for s in sockets:
                selector.register(s, event)
            while selector.get_map() and now() < end:
                for key, _ in selector.select(0.1):
                    selector.unregister(key.fileobj)
                    yield key.fileobj, True
            yield from [(k.fileobj, False)
                        for k in selector.get_map().values()]

    @staticmethod
    def name(s):
        """(address, port) of the client."""
        return s.getsockname()[:2]

    def ask(self, patience=5):
        """A request on every connection: {(address, port): name of the host
        that answered, "reset", "closed" (but not reset) or "silent"}."""
        result = {}
        for i in range(0, len(self.sockets), self.AT_ONCE):
            batch = self.sockets[i:i + self.AT_ONCE]
            for s in batch:
                self._send(s)
            for s, ready in self._wait(batch, selectors.EVENT_READ, patience):
                result[self.name(s)] = self._answer(s) if ready else "silent"
        return result

    def _send(self, s):
        with contextlib.suppress(ConnectionError):  # the answer tells it
            s.send(self.REQUEST)

    @staticmethod
    def _answer(s):
        """Of a socket with something to read. One that its host has closed
        is reset in answer to our request, by whoever has it now."""
        try:
            data = s.recv(4096)
            if data:
                return data.decode().split()[-1]
            wait_until(lambda: s.getsockopt(
                socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_CLOSE,
                       "the reset of a connection", timeout=1)
        except Failed:
            return "closed"
        except OSError:
            pass
        return "reset"

    def close(self):
        for s in self.sockets:
            s.close()
        self.sockets = []


class Traffic:
    """All of it. `requests`: per second, over IPv4 and over IPv6 each, by
    several curls, since one that waits for a dead host makes no others."""

    CURLS = 8

    def __init__(self, demo, rate, requests):
        self.demo = demo
        self.stream = Stream(demo, rate)
        self.curls = [Curl(demo, address, -(-60 * requests // self.CURLS))
                      for address in (VIP4, f"[{VIP6}]")
                      for _ in range(self.CURLS)]
        self.round = 10
        self.idle = None

    def new_round(self, flows):
        if self.idle:
            self.idle.close()
        self.round += 1
        self.idle = Idle(self.demo, flows, self.round)

    def idle_owners(self):
        """{(address, port): owner} of the idle connections, as the flow table
        has it."""
        return {(row["client"], row["port"]): row["owner"]
                for length, address in zip((32, 128), self.idle.addresses)
                for row in self.demo.flow_rows(
                    "client", f"{address}/{length}", "state", "established")}

    def wait_requests(self, since, count=3):
        """Until every curl has made `count` requests begun after `since`."""
        for curl in self.curls:
            wait_until(lambda c=curl: sum(r.start > since
                                          for r in c.requests) >= count,
                       "requests after the failover")

    def requests(self, since):
        """All that ended after `since`, in order of their start."""
        return sorted(r for c in self.curls for r in list(c.requests)
                      if r.end > since)


def summary(answers):
    """{"a": 2510, "reset": 2490} as text."""
    return ", ".join(f"{n} {what}" for what, n in
                     sorted(Counter(answers.values()).items()))
