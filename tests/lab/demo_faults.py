# SPDX-License-Identifier: GPL-2.0-only
"""Ways for a host to die, and to come back.

strike() returns the time just before the step that keeps the host from
answering probes. repair() gives back a host that can be used.
"""

import errno
import os
import socket
import struct
from pathlib import Path

from demo_udp import now
from harness.lab import wait_until

NLMSG_ERROR, RTM_SETLINK = 2, 19
NLM_F_REQUEST, NLM_F_ACK, NLA_F_NESTED = 1, 4, 1 << 15
IFF_UP = 1
IFLA_XDP, IFLA_XDP_FD, IFLA_XDP_FLAGS = 43, 1, 3
XDP_FLAGS_DRV_MODE = 1 << 2


def attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data


def set_link(ns, device, flags=0, change=0, attributes=b""):
    """rtnetlink(7), without starting a program: done in microseconds. Returns
    the time just before it."""
    with ns.entered(), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                     socket.NETLINK_ROUTE) as s:
        index = socket.if_nametoindex(device)
        body = struct.pack("=BxHiII", 0, 0, index, flags, change) + attributes
        request = struct.pack("=IHHII", 16 + len(body), RTM_SETLINK,
                              NLM_F_REQUEST | NLM_F_ACK, 1, 0) + body
        before = now()
        s.send(request)
        answer = s.recv(4096)
    if (struct.unpack_from("=H", answer, 4)[0] != NLMSG_ERROR or
            (code := -struct.unpack_from("=i", answer, 16)[0])):
        raise OSError(code, os.strerror(code), f"{ns.name} {device}")
    return before


def set_up(ns, device, up):
    return set_link(ns, device, IFF_UP if up else 0, IFF_UP)


def set_xdp(ns, device, fd):
    """Put a program in the place of whatever is there; -1: none."""
    return set_link(ns, device, attributes=attribute(
        IFLA_XDP | NLA_F_NESTED,
        attribute(IFLA_XDP_FD, struct.pack("=i", fd)) +
        attribute(IFLA_XDP_FLAGS, struct.pack("=I", XDP_FLAGS_DRV_MODE))))


class Freezer:
    """A control group whose processes can be stopped at once."""

    V1 = Path("/sys/fs/cgroup/freezer")
    V2 = Path("/sys/fs/cgroup")

    def __init__(self, name):
        self.v1 = self.V1.is_dir()
        self.path = (self.V1 if self.v1 else self.V2) / name
        self.path.mkdir()

    def add(self, process):
        (self.path / "cgroup.procs").write_text(str(process.pid))

    def _frozen(self):
        if self.v1:
            return (self.path / "freezer.state").read_text() == "FROZEN\n"
        return "frozen 1" in (self.path / "cgroup.events").read_text()

    def freeze(self):
        if self.v1:
            (self.path / "freezer.state").write_text("FROZEN")
        else:
            (self.path / "cgroup.freeze").write_text("1")
        wait_until(self._frozen, "processes frozen", interval=0.0002)

    def thaw(self):
        if self.v1:
            (self.path / "freezer.state").write_text("THAWED")
        else:
            (self.path / "cgroup.freeze").write_text("0")

    def remove(self):
        """The processes go back to where they would be without it."""
        if not self.path.exists():
            return
        self.thaw()
        for pid in (self.path / "cgroup.procs").read_text().split():
            try:
                (self.path.parent / "cgroup.procs").write_text(pid)
            except OSError as e:
                if e.errno != errno.ESRCH:
                    raise
        self.path.rmdir()


class Fault:
    #: does the host, once it is back, answer what it got before?
    answers_late = False

    def __init__(self, host):
        self.host = host

    def strike(self, stream):
        raise NotImplementedError

    def repair(self):
        raise NotImplementedError


class ProcessKill(Fault):
    name = "process_kill"
    text = "nginx, echo server, baton-host killed, XDP program taken off"

    def strike(self, stream):
        for process in self.host.processes():
            process.kill()
        return set_xdp(self.host.ns, self.host.DEVICE, -1)

    def repair(self):
        if not self.host.agent.alive():
            self.host.start_agent()


class LinkCut(Fault):
    name = "link_cut"
    text = "cable cut (its veth set down)"

    def strike(self, stream):
        return set_up(self.host.ns, self.host.DEVICE, False)

    def repair(self):
        set_up(self.host.ns, self.host.DEVICE, True)
        self.host.configure_network()
        # Its first question for its router may be lost, as the port at the
        # other end is not awake yet; the next one comes a second later.
        self.host.wait_gateways()


class HostFreeze(Fault):
    """The kernel of the lab is everybody's, so that the host's cannot freeze.
    Its processes do, and an XDP program in the place of the agent's, and one
    on the way out, keep its kernel from hearing and from answering."""

    name = "host_freeze"
    text = ("processes frozen; its kernel, shared with the lab, kept from "
            "hearing and answering by XDP and tc")
    answers_late = True

    def strike(self, stream):
        host = self.host
        self.freezer = Freezer(host.ns.name)
        # Before the lab ends its processes: frozen ones do not even die.
        host.demo.lab.defer(self.freezer.remove)
        for process in host.processes():
            self.freezer.add(process)
        self.freezer.freeze()
        self._wait_for_work(stream)
        host.instrument.mute(True)
        return set_xdp(host.ns, host.DEVICE, host.instrument.frozen_in.fd)

    def _wait_for_work(self, stream):
        """Something comes that the host will only answer when it thaws."""
        first = stream.position() + 1
        arrivals = self.host.instrument.arrivals
        wait_until(lambda: any(arrivals[first:stream.position() + 1]),
                   "a packet for the frozen host", interval=0.0002)

    def repair(self):
        host = self.host
        host.instrument.mute(False)
        self.freezer.remove()
        # What was there before, put back as the agent does it.
        set_xdp(host.ns, host.DEVICE, -1)
        host.agent.stop()
        host.start_agent()


FAULTS = (ProcessKill, LinkCut, HostFreeze)
