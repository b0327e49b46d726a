# SPDX-License-Identifier: GPL-2.0-only
"""A node of the link (docs/wire.md) that says whatever a test wants: it has a
key that is known, and no manners. Written without regard to the C."""

import contextlib
import select
import socket
import ssl
import struct
import threading
from collections import namedtuple

from harness.lab import PATIENCE, run, wait_until
from harness.probe import tag

PORT = 7792
MAGIC, VERSION = 0x626c, 2
(HELLO, SNAPSHOT_BEGIN, SNAPSHOT, SNAPSHOT_END, STREAM, ACK, REFUSED, PING,
 PONG, CLOSE) = range(1, 11)
DATA = SNAPSHOT_BEGIN, SNAPSHOT, SNAPSHOT_END, STREAM
NONE, OWNER, STANDBY = range(3)  # roles
REASON = {"epoch_old": 13, "epoch_ahead": 14, "conflict": 15}
CHANNEL = 1
HEADER = struct.Struct(">HBBBBHIIIIQ")

(IN, OUT, PAIR, GONE, CONN, CONN_PART, RECOVER, RECOVERED, LACKS,
 PROVE, PROOF) = range(11)

Frame = namedtuple("Frame", "type role channel owner epoch sequence payload")


def message(kind, service, body=b"", begins=0):
    """What a frame carries to a proxy."""
    return struct.pack(">BBHI", kind, begins, 0, tag(service)) + body


class LinkPeer:
    def __init__(self, lab, ns, name, key, address, hello=True,
                 version=VERSION, hear=None):
        """Connect to the node at `address`, as the node `name`. hear(peer,
        frame) is called for every DATA frame; by default all is confirmed."""
        certificate = lab.dir / f"{name}-{key.name}.crt"
        run("openssl", "req", "-x509", "-new", "-key", key, "-subj",
            f"/CN={name}", "-days", "1", "-out", certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(certificate, key)
        self.name, self.version = name, version
        self.hear = hear or LinkPeer.confirm
        self.frames, self.over = [], threading.Event()
        self.sequence = 0
        self.lock = threading.Lock()
        with ns.entered():
            plain = socket.create_connection((address, PORT), PATIENCE)
        self.socket = context.wrap_socket(plain)
        self.socket.setblocking(False)
        if hello:
            self.hello()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.over.set()
        self.thread.join()
        self.socket.close()

    # --- speaking ---

    def hello(self):
        self.put(HELLO, struct.pack(">64sII", self.name.encode(), 0, 0))

    def raw(self, data):
        """Bytes, whatever they are."""
        with self.lock:
            while data:
                try:
                    data = data[self.socket.send(data):]
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    select.select([], [self.socket], [], PATIENCE)

    def put(self, kind, payload=b"", sequence=0, owner=0, epoch=0, role=NONE,
            channel=0):
        self.raw(HEADER.pack(MAGIC, self.version, kind, 0, role, channel,
                             owner, epoch, len(payload), 0, sequence)
                 + payload)

    def data(self, kind, payload, owner, epoch, role, step=1):
        """A DATA frame; `step`: what its sequence is ahead of the last."""
        self.sequence += step
        self.put(kind, payload, self.sequence, tag(owner), epoch, role,
                 CHANNEL)

    def confirm(self, frame):
        """It is stored, this node says."""
        self.put(ACK, sequence=frame.sequence)

    def refuse(self, frame, reason=REASON["conflict"]):
        self.put(REFUSED, struct.pack(">I", reason), frame.sequence,
                 frame.owner, frame.epoch)

    # --- hearing ---

    def read(self):
        data = b""
        with contextlib.suppress(OSError):
            while not self.over.is_set():
                select.select([self.socket], [], [], 0.05)
                try:
                    with self.lock:
                        piece = self.socket.recv(1 << 16)
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    continue
                if not piece:
                    break
                data = self.split(data + piece)
        self.over.set()

    def split(self, data):
        while len(data) >= HEADER.size:
            (_, _, kind, _, role, channel, owner, epoch, length, _,
             sequence) = HEADER.unpack_from(data)
            end = HEADER.size + length
            if len(data) < end:
                break
            self.take(Frame(kind, role, channel, owner, epoch, sequence,
                            data[HEADER.size:end]))
            data = data[end:]
        return data

    def take(self, frame):
        self.frames.append(frame)
        if frame.type == PING:
            self.put(PONG, sequence=frame.sequence)
        elif frame.type in DATA:
            self.hear(self, frame)

    def heard(self, condition, what):
        """The first frame of which this is true."""
        return wait_until(lambda: next(filter(condition, list(self.frames)),
                                       None), what)

    def wait_over(self):
        """The other end has ended the connection; for which reason, if it
        said one."""
        wait_until(self.over.is_set, "the end of the connection")
        said = [struct.unpack(">I", f.payload)[0] for f in self.frames
                if f.type == CLOSE]
        return said[0] if said else None
