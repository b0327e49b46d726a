# SPDX-License-Identifier: GPL-2.0-only
"""The two ends of the demo's UDP stream, each a program of its own.

    demo_udp.py echo ADDRESS
    demo_udp.py send ADDRESS RATE RECORD

The sender numbers its packets from 1. RECORD is a file of two arrays of 64-bit
words, which others may map while it grows: when packet N was sent, and when
its answer came back (CLOCK_BOOTTIME in ns, 0: never).
"""

import mmap
import select
import socket
import struct
import sys
import time

PORT = 9000  # demo_host.bpf.c
BUFFER = 4 << 20
SO_RCVBUFFORCE = 33
SEQUENCE = struct.Struct("=Q")


def now():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def open_socket():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    return s


class Record:
    """The arrays of a sender."""

    def __init__(self, path):
        with open(path, "r+b") as f:
            words = memoryview(mmap.mmap(f.fileno(), 0)).cast("Q")
        self.slots = len(words) // 2
        self.sent = words[:self.slots]
        self.answered = words[self.slots:]

    @staticmethod
    def create(path, slots):
        with open(path, "wb") as f:
            f.truncate(2 * slots * SEQUENCE.size)


def echo(address):
    s = open_socket()
    s.bind((address, PORT))  # what answers are sent from
    while True:
        s.sendto(*s.recvfrom(64))


class Sender:
    def __init__(self, address, rate, record):
        self.record = record
        self.period = 1_000_000_000 // rate
        self.sequence = 0
        self.socket = open_socket()
        self.socket.setblocking(False)
        self.socket.connect((address, PORT))

    def send(self):
        self.sequence += 1
        self.record.sent[self.sequence] = now()
        while True:
            try:
                return self.socket.send(SEQUENCE.pack(self.sequence))
            except ConnectionRefusedError:
                pass  # what an earlier packet met; this one was not sent

    def receive(self):
        try:
            while True:
                sequence, = SEQUENCE.unpack(self.socket.recv(64))
                self.record.answered[sequence] = now()
        except (BlockingIOError, ConnectionRefusedError):
            pass

    def run(self):
        due = now()
        while self.sequence + 1 < self.record.slots:
            # A sender that was kept from running does not make up for it.
            due = max(due + self.period, now() - 10 * self.period)
            self.send()
            self.receive()
            while (wait := due - now()) > 0:
                if select.select([self.socket], [], [], wait / 1e9)[0]:
                    self.receive()


def main(what, *args):
    if what == "echo":
        echo(*args)
    address, rate, record = args
    Sender(address, int(rate), Record(record)).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
