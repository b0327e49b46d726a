# SPDX-License-Identifier: GPL-2.0-only
"""Row X5: a host that is declared dead, and is not, goes on talking. What comes
by the switch the fence stops; what comes past it, as direct server return
does, only the host's own lease. With both switched off it is heard."""

import socket
import threading
import time

import pytest

from harness.lab import PATIENCE, Lab

from network import Network, vip

PORT = 6000
SO_RCVBUFFORCE = 33
BUFFER = 64 << 20
AFTER = 0.3  # seconds for which the client still listens after the move


def boot_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Talker:
    """Says something from the VIP all the time, whoever is the owner."""

    def __init__(self, host, family):
        self.socket = host.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((vip(family), PORT))
        self.socket.settimeout(PATIENCE)
        self.talks = threading.Event()
        self.ends = threading.Event()
        self.said = 0
        self.thread = threading.Thread(target=self.run)

    def start(self):
        _, self.to = self.socket.recvfrom(100)
        self.talks.set()
        self.thread.start()

    def run(self):
        while not self.ends.is_set():
            self.talks.wait()
            try:
                self.socket.sendto(boot_ns().to_bytes(8, "big"), self.to)
                self.said += 1
            except OSError:  # what the lease drops may be told to us
                pass
            time.sleep(0.0005)

    def end(self):
        self.ends.set()
        self.talks.set()
        self.thread.join()


@pytest.mark.timing
@pytest.mark.parametrize("paused", [False, True], ids=["talking", "thawed"])
@pytest.mark.parametrize("lease", [True, False], ids=["lease", "no-lease"])
@pytest.mark.parametrize("fence", [True, False], ids=["fence", "no-fence"])
@pytest.mark.parametrize("direct", [True, False], ids=["direct", "switch"])
def test_x5_a_host_that_is_not_as_dead_as_it_seems(direct, fence, lease,
                                                   paused):
    """It hears nothing any more, so it is declared dead; but it goes on
    talking, or was paused and goes on once its owner has moved."""
    with Lab("lease") as lab:
        network = Network(lab, ["a", "b"], direct_return=direct)
        for host in network.hosts.values():
            host.agent.stop()
            host.start_agent(lease=lease,
                             **{"lease-interfaces": ["d0"] if direct else []})
        network.start({**network.config(switch={"fence": fence}), "hosts": [
            h.entry(lease=lease) for h in network.hosts.values()]})
        with network.socket(4) as client:
            client.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
            client.bind(("0.0.0.0", 0))
            client.sendto(b"begin", (vip(4), PORT))
            port = client.getsockname()[1]
            key, = (k for k in network.flows() if k[1] == port)
            old = network.hosts[network.flows()[key]["host"]]
            talker = Talker(old, 4)
            client.sendto(b"begin", (vip(4), PORT))
            talker.start()
            try:
                client.recv(100)
                if paused:
                    talker.talks.clear()
                old.deafen()
                move = network.wait_event("move")
                if paused:
                    talker.talks.set()
                said = talker.said
                late = listen(client, move["mono_ns"])
                assert talker.said > said, "it has nothing to say"
            finally:
                talker.end()
    silent = lease or (fence and not direct)
    assert (late == 0) == silent, f"{late} after the move"


def listen(client, since):
    """How many datagrams come that were said later than `since`."""
    client.settimeout(AFTER)
    late = 0
    while boot_ns() < since + AFTER * 1e9:
        try:
            said = int.from_bytes(client.recv(100), "big")
        except socket.timeout:
            break
        late += said > since
    return late
