# SPDX-License-Identifier: GPL-2.0-only
"""Row X5: after a move the old host is not heard any more, however much it
sends. The same tests without the fence see what it sends."""

import multiprocessing
import socket
import struct
import threading
import time

import pytest

from harness.lab import PATIENCE, Lab

from network import CLIENT, Network, vip

PORT = 6000
SO_RCVBUFFORCE = 33
BUFFER = 64 << 20
LAST = 1 << 32  # the number of the datagram that nothing comes after
AT_LEAST = 5000  # datagrams before and after a move
MOVES = 1000
STAMP = struct.Struct("!cQ")  # of a datagram: the host, when it was sent

both = pytest.mark.parametrize("fence", [True, False],
                               ids=["fence", "no-fence"])


@pytest.fixture
def network():
    with Lab("fence") as lab:
        yield Network(lab)


class Stream:
    """A host's application that sends datagrams from the VIP to one client,
    numbered, as fast as it can, whoever is the owner."""

    def __init__(self, network, family, host):
        self.out = network.hosts[host].socket(family, socket.SOCK_DGRAM)
        self.out.bind((vip(family), PORT))
        self.out.settimeout(PATIENCE)
        self.sent = 0
        self.stop = threading.Event()
        self.thread = None

    def expect(self):
        """Wait for the client's datagram: where to send."""
        _, self.to = self.out.recvfrom(100)

    def send(self):
        self.out.sendto(self.sent.to_bytes(8, "big"), self.to)
        self.sent += 1

    def run(self):
        while not self.stop.is_set():
            self.send()

    def start(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def end(self):
        self.stop.set()
        self.thread.join()
        return self.sent


def hear(client):
    """The numbers that the client receives, until the new owner's first."""
    heard = []
    while not heard or heard[-1] < LAST:
        heard.append(int.from_bytes(client.recv(100), "big"))
    return heard[:-1]


@both
@pytest.mark.parametrize("family", [4, 6])
def test_x5_stream_ends_with_the_move(network, family, fence):
    """The client hears the old host up to some packet and none after it; the
    switch counts as fenced exactly those that it did not hear."""
    network.start(network.config(switch={"fence": fence}))
    with network.socket(family) as client:
        client.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        client.connect((vip(family), PORT))
        streams = {h: Stream(network, family, h) for h in network.hosts}
        client.send(b"begin")
        owner = network.flows("client", CLIENT[family])[
            (CLIENT[family], client.getsockname()[1], f"udp{family}")]
        old = owner["host"]
        new, = network.hosts.keys() - {old}
        stream = streams[old]
        stream.expect()
        stream.start()
        network.batond.wait_for(lambda: stream.sent > AT_LEAST, "a stream")
        network.baton("owner", "failover", owner["owner"], "to", new)
        at_move = stream.sent
        network.batond.wait_for(
            lambda: stream.sent > at_move + AT_LEAST, "it goes on")
        sent = stream.end()
        # The new host is heard, behind everything that came before.
        client.send(b"and now?")
        streams[new].expect()
        streams[new].sent = LAST
        streams[new].send()
        heard = hear(client)
        fenced = network.counted("drop_fence")
    assert heard == list(range(len(heard))), "a gap before the move"
    assert len(heard) + fenced == sent
    if fence:
        assert AT_LEAST < len(heard) <= at_move + 1
    else:
        assert fenced == 0 and len(heard) > at_move + AT_LEAST


@both
def test_x5_host_that_never_was_owner(network, fence):
    """Nor is a host heard that sends for a connection which is another's,
    even if it knows everything about it."""
    network.start(network.config(switch={"fence": fence}))
    with network.socket(4) as client:
        client.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        client.connect((vip(4), PORT))
        streams = {h: Stream(network, 4, h) for h in network.hosts}
        client.send(b"begin")
        flow, = network.flows("client", CLIENT[4]).values()
        other, = network.hosts.keys() - {flow["host"]}
        streams[flow["host"]].expect()
        streams[other].to = streams[flow["host"]].to
        for _ in range(1000):
            streams[other].send()
        streams[flow["host"]].sent = LAST
        streams[flow["host"]].send()
        assert hear(client) == ([] if fence else list(range(1000)))
        assert network.counted("drop_fence") == (1000 if fence else 0)


def stream_for_ever(out, to, name):
    while True:
        out.sendto(STAMP.pack(name, time.monotonic_ns()), to)


@both
def test_x5_1000_moves(network, fence):
    """Two hosts that never stop sending: once a move is answered, the client
    hears nothing that the old owner sends from then on, until there is another
    move."""
    network.start(network.config(switch={"fence": fence}))
    names = {h: h.encode() for h in network.hosts}
    with network.socket(4) as client:
        client.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        client.connect((vip(4), PORT))
        client.settimeout(PATIENCE)
        streams = {h: Stream(network, 4, h) for h in network.hosts}
        client.send(b"begin")
        flow, = network.flows("client", CLIENT[4]).values()
        owner, host = flow["owner"], flow["host"]
        streams[host].expect()
        senders = [multiprocessing.get_context("fork").Process(
            target=stream_for_ever, daemon=True,
            args=(s.out, streams[host].to, names[h]))
            for h, s in streams.items()]
        for sender in senders:
            sender.start()
        wrong = 0
        try:
            for _ in range(MOVES):
                old, (host,) = host, network.hosts.keys() - {host}
                network.batond.control("owner.failover", name=owner, to=host)
                since, fresh = time.monotonic_ns(), 0
                while fresh < 10:
                    who, sent = STAMP.unpack(client.recv(100))
                    fresh += who == names[host] and sent > since
                    wrong += who == names[old] and sent > since
        finally:
            for sender in senders:
                sender.kill()
                sender.join()
        fenced = network.counted("drop_fence")
    if fence:
        assert wrong == 0 and fenced > MOVES
    else:
        assert wrong > MOVES and fenced == 0
