# SPDX-License-Identifier: GPL-2.0-only
"""libbaton, for a test that is the application: include/baton/protect.h; and the
network in which there are such."""

import ctypes
import os
import select
import socket

from harness.lab import BUILD, PATIENCE, wait_until

from network import vip
from proxies import Proxies

SERVED = 8002  # port of the service


class _Connection(ctypes.Structure):
    _fields_ = [("fd", ctypes.c_int), ("resumed", ctypes.c_bool),
                ("id", ctypes.c_uint64), ("input", ctypes.c_uint64),
                ("output", ctypes.c_uint64), ("epoch", ctypes.c_uint32),
                ("client", ctypes.c_uint64 * 16),  # sockaddr_storage
                ("vip", ctypes.c_uint64 * 16)]


def _address(storage):
    raw = bytes(storage)
    family = int.from_bytes(raw[:2], "little")
    port = int.from_bytes(raw[2:4], "big")
    at = raw[4:8] if family == socket.AF_INET else raw[8:24]
    return socket.inet_ntop(family, at), port


class Connection:
    def __init__(self, library, pointer):
        self.library, self.pointer = library, pointer
        c = pointer.contents
        self.fd, self.resumed, self.id = c.fd, c.resumed, c.id
        self.input, self.output, self.epoch = c.input, c.output, c.epoch
        self.client, self.vip = _address(c.client), _address(c.vip)

    def readable(self, seconds=PATIENCE):
        return bool(select.select([self.fd], [], [], seconds)[0])

    def read(self, n):
        """Exactly so much."""
        got = b""
        while len(got) < n:
            assert self.readable(), f"{len(got)} of {n} bytes"
            piece = os.read(self.fd, n - len(got))
            assert piece, f"the end, after {len(got)} of {n} bytes"
            got += piece
        return got

    def at_end(self):
        """Has the client sent all?"""
        return self.readable() and not os.read(self.fd, 1) and not self.gone()

    def gone(self):
        return self.library.baton_gone(self.pointer)

    def write(self, data):
        while data:
            data = data[os.write(self.fd, data):]

    def committed(self, given, made):
        return self.library.baton_committed(self.pointer, given, made)

    def end(self):
        self.library.baton_end(self.pointer)

    def abort(self):
        self.library.baton_abort(self.pointer)


class Refused(Exception):
    pass


class Application:
    def __init__(self, path):
        self.library = ctypes.CDLL(str(BUILD / "libbaton.so"))
        self.library.baton_committed.argtypes = [
            ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64]
        self.library.baton_gone.restype = ctypes.c_bool
        self.listener = ctypes.c_void_p()
        err = self.library.baton_listen(ctypes.byref(self.listener),
                                        str(path).encode())
        if err:
            raise Refused(os.strerror(-err))
        self.fd = self.library.baton_listener_fd(self.listener)

    def waiting(self, seconds):
        return bool(select.select([self.fd], [], [], seconds)[0])

    def accept(self):
        assert self.waiting(PATIENCE), "no connection comes"
        to = ctypes.POINTER(_Connection)()
        err = self.library.baton_accept(self.listener, ctypes.byref(to))
        if err:
            raise Refused(os.strerror(-err))
        return Connection(self.library, to)

    def close(self):
        self.library.baton_listener_close(self.listener)


def patient(path):
    """The application of a proxy that may not listen yet."""
    def there():
        try:
            return Application(path)
        except Refused:
            return None
    return wait_until(there, f"a proxy at {path}")


class Applications(Proxies):
    """Proxies with an application each: the test itself, or ledger.c."""

    def protected_services(self):
        return [*super().protected_services(), "app4", "app6"]

    def path(self, name, family=4):
        return self.lab.dir / f"{name}-{family}.sock"

    def proxy_config(self, name, **more):
        config = super().proxy_config(name)
        for family in (4, 6):
            config["services"].append(
                {"name": f"app{family}", "vip": vip(family),
                 "port": SERVED, "owner": "role-a", "policy": "committed",
                 "application": str(self.path(name, family)), **more})
        return config

    def connect_to(self, family=4):
        return self.connection(family, 10, SERVED)
