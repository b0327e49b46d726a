# SPDX-License-Identifier: GPL-2.0-only
"""A stream of numbered datagrams, and who counts them at the other end.

stream.py receive ADDRESS PORT      until last() has come, and all before it
stream.py send ADDRESS PORT RATE    until SIGTERM; RATE per second

Both print what they did as JSON.
"""

import json
import signal
import socket
import struct
import sys
import time

LAST = 1 << 63  # in the number of what comes after all the others
QUIET = 1  # seconds without a datagram after which no late one comes
NUMBER = struct.Struct("!Q")
SO_RCVBUFFORCE = 33


def last(sent):
    """The datagram that tells the receiver how many there were."""
    return NUMBER.pack(LAST | sent)


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def receive(address, port):
    with socket.socket(family(address), socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
        s.bind((address, int(port)))
        print("ready", flush=True)
        numbers, total = [], None
        while total is None or len(numbers) < total:
            try:
                number, = NUMBER.unpack(s.recv(100))
            except socket.timeout:
                break
            if number & LAST:
                total = number ^ LAST
                s.settimeout(QUIET)
            else:
                numbers.append(number)
        distinct = len(set(numbers))
        print(json.dumps({"received": distinct, "sent": total,
                          "twice": len(numbers) - distinct}))


def send(address, port, rate):
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    with socket.socket(family(address), socket.SOCK_DGRAM) as s:
        s.connect((address, int(port)))

        def put(number):
            try:
                s.send(NUMBER.pack(number))
            except OSError:  # an ICMP error that came; this one did not go
                pass

        begun = time.monotonic()
        sent = 0
        while not ended:
            while sent < (time.monotonic() - begun) * float(rate):
                put(sent)
                sent += 1
                if sent == 1:
                    print("sending", flush=True)
            time.sleep(0.001)
        print(json.dumps({"sent": sent, "seconds":
                          round(time.monotonic() - begun, 3)}))


if __name__ == "__main__":
    {"receive": receive, "send": send}[sys.argv[1]](*sys.argv[2:])
