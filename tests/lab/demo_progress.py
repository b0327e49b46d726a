# SPDX-License-Identifier: GPL-2.0-only
"""How far the TCP connections of a namespace have come, as its kernel has it:
the programs that have them are not asked and notice nothing.

    demo_progress.py RECORD

Until it is ended, RECORD grows by a line for each connection that has moved
since the last look, some milliseconds ago: time (CLOCK_BOOTTIME, ns), address
family (4, 6), local port, remote port, and the bytes that it has received plus
those that were acknowledged to it.
"""

import socket
import struct
import sys
import time

from demo_udp import now

PERIOD = 4_000_000  # ns between two looks

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
INET_DIAG_INFO = 2
#: those in which bytes are on their way: tcp_states.h
STATES = sum(1 << state for state in (1, 4, 5, 8, 9, 11))

HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
PORTS = struct.Struct("!HH")  # at 4 in struct inet_diag_msg
MESSAGE = 72  # sizeof(struct inet_diag_msg)
BYTES = struct.Struct("=QQ")  # at 120 in struct tcp_info: acked, received
FAMILY = {socket.AF_INET: 4, socket.AF_INET6: 6}


def question(family):
    """sock_diag(7): struct inet_diag_req_v2, of any address and port."""
    body = struct.pack("=BBBxI48x", family, socket.IPPROTO_TCP,
                       1 << (INET_DIAG_INFO - 1), STATES)
    return HEADER.pack(HEADER.size + len(body), SOCK_DIAG_BY_FAMILY,
                       NLM_F_REQUEST | NLM_F_DUMP, 0, 0) + body


def attribute(data, kind):
    """The value of a netlink attribute, or None."""
    while len(data) >= 4:
        length, found = struct.unpack_from("=HH", data)
        if length < 4:
            break
        if found == kind:
            return data[4:length]
        data = data[(length + 3) & ~3:]
    return None


def connections(data):
    """Of one datagram of answers: (local port, remote port, bytes) of each
    connection, then None if it is the last."""
    while len(data) >= HEADER.size:
        length, kind, *_ = HEADER.unpack_from(data)
        if kind == NLMSG_ERROR:
            raise OSError(-struct.unpack_from("=i", data, HEADER.size)[0],
                          "sock_diag")
        if kind == NLMSG_DONE:
            yield None
            return
        body = data[HEADER.size:length]
        info = attribute(body[MESSAGE:], INET_DIAG_INFO)
        if info and len(info) >= 120 + BYTES.size:
            yield *PORTS.unpack_from(body, 4), sum(BYTES.unpack_from(info, 120))
        data = data[(length + 3) & ~3:]


def look(s, family):
    s.send(question(family))
    while True:
        for found in connections(s.recv(1 << 16)):
            if found is None:
                return
            yield found


def main(path):
    known = {}
    due = now()
    with open(path, "a", encoding="ascii", buffering=1 << 12) as out, \
            socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                          NETLINK_SOCK_DIAG) as s:
        while True:
            for family, number in FAMILY.items():
                at = now()
                for local, remote, count in look(s, family):
                    if known.get((number, local, remote)) != count:
                        known[number, local, remote] = count
                        out.write(f"{at} {number} {local} {remote} {count}\n")
            out.flush()
            due = max(due + PERIOD, now())
            time.sleep(max(0, due - now()) / 1e9)


if __name__ == "__main__":
    main(sys.argv[1])
