# SPDX-License-Identifier: GPL-2.0-only
"""Load on a network while something is done to its switch: a stream of
datagrams of which none may be lost, and clients that fetch pages."""

import json
import signal
import socket
import sys
import threading

from harness.lab import SLOW

from network import HERE, STREAM, vip
from stream import last

#: datagrams a second: what all of this slows down is slowed down by more than waiting is
RATE = int(20000 / SLOW ** 2)
FETCHERS = 2


class Load:
    """with Load(network) as load: ...; load.result() ends it."""

    def __init__(self, network, family=4):
        self.network = network
        self.family = family
        self.fetched = 0
        self.failures = []
        self.over = threading.Event()

    def __enter__(self):
        network = self.network
        # Nobody knows to which host the stream will go.
        self.receivers = {
            h.name: network.lab.start(h.ns, sys.executable,
                                      HERE / "stream.py", "receive",
                                      vip(self.family), STREAM)
            for h in network.hosts.values()}
        for receiver in self.receivers.values():
            receiver.wait_output("ready")
        self.sender = network.lab.start(
            network.client, sys.executable, HERE / "stream.py", "send",
            vip(self.family), STREAM, RATE)
        self.fetchers = [threading.Thread(target=self.fetch)
                         for _ in range(FETCHERS)]
        for thread in self.fetchers:
            thread.start()
        self.sender.wait_output("sending")
        self.more()
        flow, = self.network.flows("service", f"udp{self.family}").values()
        self.host = flow["host"]
        return self

    def __exit__(self, *exception):
        self.over.set()
        for thread in self.fetchers:
            thread.join()

    def fetch(self):
        while not self.over.is_set():
            got = self.network.curl("host", self.family, check=False,
                                    connect_timeout=3)
            if got.returncode or got.stdout.strip() not in self.network.hosts:
                self.failures.append(got)
            self.fetched += 1

    def more(self, pages=5):
        """Wait until some more pages have been fetched: time passes, and is
        filled with packets."""
        enough = self.fetched + pages
        self.sender.wait_for(lambda: self.fetched >= enough, "more pages")

    def result(self):
        """End it: {"sent", "received", "twice"} of the stream."""
        self.over.set()
        self.sender.kill(signal.SIGTERM)
        self.sender.popen.wait()
        sent = json.loads(self.sender.output.splitlines()[-1])["sent"]
        receiver = self.receivers[self.host]
        # By no way on which it could be lost.
        with self.network.hosts[self.host].socket(
                self.family, socket.SOCK_DGRAM) as s:
            s.sendto(last(sent), (vip(self.family), STREAM))
        receiver.popen.wait()
        return json.loads(receiver.output.splitlines()[-1])

    def check(self):
        """End it; nothing may have been lost."""
        done = self.result()
        assert done["received"] == done["sent"] and not done["twice"], done
        assert done["sent"] > 0 and self.fetched > 0
        assert not self.failures, self.failures[0]
