# SPDX-License-Identifier: GPL-2.0-only
"""A server behind the proxy that reads when the test says so: it is the test."""

import array
import contextlib
import fcntl
import socket
import termios

from network import CLIENT
from proxies import PORT, Proxies

SLOW = 8090  # its port
ROOM = 1 << 16  # bytes that its kernel has room for


class Slow(Proxies):
    """The server is the test itself."""

    def protected_services(self):
        return [*super().protected_services(), "slowweb4", "slowweb6"]

    def __init__(self, lab):
        super().__init__(lab)
        self.listeners = {}
        for family in (4, 6):
            s = self.socket(family, socket.SOCK_STREAM)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((CLIENT[family], SLOW))
            s.listen()
            self.listeners[family] = s

    def proxy_config(self, name, **more):
        config = super().proxy_config(name, **more)
        for service in list(config["services"]):
            config["services"].append(
                {**service, "name": "slow" + service["name"],
                 "port": PORT + 1, "server-port": SLOW})
        return config

    def pair(self, family):
        """A client's connection, and the server's end of it."""
        with contextlib.ExitStack() as stack:
            s = stack.enter_context(self.connection(family, 10, PORT + 1))
            server = stack.enter_context(self.listeners[family].accept()[0])
            server.settimeout(10)
            stack.pop_all()
        return s, server


def waiting(s):
    """Bytes in a socket's receive queue."""
    n = array.array("i", [0])
    fcntl.ioctl(s, termios.FIONREAD, n)
    return n[0]
