# SPDX-License-Identifier: GPL-2.0-only
"""Many clients of origin.py in one process, each busy all the time, who check
every byte and note every pause. A process of its own, so that nothing that the
test does disturbs what is measured."""

import contextlib
import functools
import hashlib
import json
import multiprocessing
import os
import random
import select
import socket
import struct
import time

from harness.lab import SLOW

from origin import digest_of

KINDS = "upload", "download", "rr"
SIZE = 2 << 20  # bytes of a transfer
PAUSE = 1e-3  # s: what is shorter is not noted
PIECE = 1 << 16
SEEDS = 8
HUNG = 15 * SLOW  # s without any progress
THINK = 2e-3  # s between an answer and the next question, of paced clients
SO_MAX_PACING_RATE = 47
PRIORITY = 2  # above a takeover's
TOTAL_RETRANS, BYTES_ACKED = 100, 120  # offsets in struct tcp_info


def acked(s):
    """Bytes of a socket that the other end has acknowledged."""
    info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return struct.unpack_from("=Q", info, BYTES_ACKED)[0]


def retransmitted(s):
    """Segments that a socket has sent again."""
    info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return struct.unpack_from("=I", info, TOTAL_RETRANS)[0]


class Connection:
    """Transfers of one kind, one after the other."""

    def __init__(self, sock, kind, number, paced, size):
        self.socket, self.kind, self.number = sock, kind, number
        self.size = size
        self.paced = paced
        self.acked = 0
        self.next = 0  # not before this time
        self.last = time.monotonic()
        self.pauses = []  # (from, until)
        self.done = 0
        self.wrong = None
        self.out = b""
        self.begin()

    def begin(self):
        """Another transfer; whether there is one."""
        self.seed = (self.number + self.done) % SEEDS
        self.got = b""
        self.at = 0
        if self.kind == "upload":
            self.out = b"put %d\n" % self.size + DATA[self.seed][:self.size]
            self.sent = 0
        elif self.kind == "download":
            self.out = b"get %d %d\n" % (self.size, self.seed)
            self.sent = 0
        else:
            self.out = b"echo %d\n" % self.done
            self.sent = 0

    def progress(self):
        now = time.monotonic()
        if now - self.last > PAUSE:
            self.pauses.append((self.last, now))
        self.last = now

    def write(self):
        while self.sent < len(self.out):
            n = self.socket.send(
                memoryview(self.out)[self.sent:self.sent + PIECE])
            self.sent += n
            if self.kind != "upload":
                self.progress()

    def look(self):
        """What is written is not there yet."""
        n = acked(self.socket) if self.kind == "upload" else 0
        if n > self.acked:
            self.acked = n
            self.progress()

    def read(self):
        piece = self.socket.recv(PIECE)
        self.progress()
        if not piece:
            raise EOFError("the end of the stream")
        if self.kind == "download":
            expected = DATA[self.seed][self.at:self.at + len(piece)]
            if piece != expected:
                raise ValueError(f"bytes {self.at}.. are not the server's")
            self.at += len(piece)
            return self.at == self.size
        self.got += piece
        if not self.got.endswith(b"\n"):
            return False
        right = self.out if self.kind == "rr" else digest(self.seed, self.size)
        if self.got != right:
            raise ValueError(f"answer {self.got!r}")
        return True

    def step(self, stopping):
        """Do what can be done; whether it has ended."""
        try:
            while time.monotonic() >= self.next:
                with contextlib.suppress(BlockingIOError):
                    self.write()  # an end may come all the same
                if self.read():
                    self.done += 1
                    if stopping:
                        return True
                    self.begin()
                    if self.kind == "rr" and self.paced:
                        self.next = time.monotonic() + THINK
            return False
        except BlockingIOError:
            return False
        except ConnectionError as e:
            self.wrong = "reset", str(e)
        except (EOFError, ValueError) as e:
            self.wrong = "corrupt", str(e)
        return True


DATA = []


@functools.cache
def digest(seed, size):
    """What the server answers to an upload."""
    assert hashlib.sha256(DATA[seed][:size]).hexdigest() == \
        digest_of(seed, size)
    return digest_of(seed, size).encode() + b"\n"


def prepare(size):
    for seed in range(SEEDS):
        source = random.Random(seed)
        DATA.append(b"".join(source.randbytes(1 << 16)
                             for _ in range(SIZE >> 16)))
        digest(seed, size)


def work(sockets, paced, size, pipe):
    poll = select.epoll()
    connections = {}
    for number, (sock, kind) in enumerate(sockets):
        sock.setblocking(False)
        connections[sock.fileno()] = Connection(sock, kind, number, paced,
                                                size)
        poll.register(sock, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
    poll.register(pipe, select.EPOLLIN)
    live = dict(connections)
    stopping = False
    pipe.send("ready")
    while live:
        for fd, _ in poll.poll(1e-3):
            if fd == pipe.fileno():
                pipe.recv()
                stopping = True
                poll.unregister(fd)
            elif fd in live and live[fd].step(stopping):
                poll.unregister(fd)
                del live[fd]
        now = time.monotonic()
        for fd, c in list(live.items()):
            if c.next and c.next <= now:
                c.next = 0
                if c.step(stopping):
                    poll.unregister(fd)
                    del live[fd]
                    continue
            with contextlib.suppress(OSError):
                c.look()
            if now - c.last > HUNG:
                c.wrong = "hung", f"{c.kind} {c.number} at {c.at} {c.sent}"
                poll.unregister(fd)
                del live[fd]
    pipe.send(json.dumps([{"kind": c.kind, "done": c.done, "wrong": c.wrong,
                           "pauses": c.pauses, "last": c.last}
                          for c in connections.values()]))


class Crowd:
    def __init__(self, connect, kinds, rate=None, size=SIZE, urgent=False):
        """connect(): a new connection; kinds: what each one does; rate: of
        those that send, bytes a second (None: as fast as they can); size: of
        each transfer, bytes, a multiple of 64 KiB; urgent: they stand for machines
        of their own, which do not wait for a CPU of this one (they must leave most
        of it to others)."""
        if not DATA:
            prepare(size)
        sockets = []
        for kind in kinds:
            s = connect()
            # small, so that what is written is soon what is acknowledged
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 17)
            if rate:
                s.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, rate)
            sockets.append((s, kind))
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(sockets, bool(rate), size,
                                             theirs),
                                       daemon=True)
        self.process.start()
        for s, _ in sockets:
            s.close()
        assert self.pipe.recv() == "ready"
        if urgent:
            os.sched_setscheduler(self.process.pid, os.SCHED_RR,
                                  os.sched_param(PRIORITY))

    def stop(self):
        """Let every transfer end; what each connection has to tell."""
        with contextlib.suppress(BrokenPipeError):  # all have failed
            self.pipe.send("stop")
        assert self.pipe.poll(120 * SLOW), "the clients do not end"
        told = json.loads(self.pipe.recv())
        self.process.join()
        return told


def both_families(network, **options):
    """A crowd that does all there is by IPv4, and one by IPv6."""
    return [Crowd(functools.partial(network.client_socket, family), KINDS,
                  **options) for family in (4, 6)]


def assert_went_on(*crowds):
    """Let every transfer end: none was reset, wrong or hung, each was done."""
    told = [c for crowd in crowds for c in crowd.stop()]
    wrong = [c["wrong"] for c in told if c["wrong"]]
    assert not wrong, wrong
    assert all(c["done"] for c in told), told


def stall(connection, at):
    """How long after this moment the connection made no progress, in s."""
    for begin, end in connection["pauses"]:
        if begin <= at < end:
            return end - at
    return 0.0
