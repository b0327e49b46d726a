# SPDX-License-Identifier: GPL-2.0-only
"""Clients of the control socket that do what they should not; the others are
served all the same."""

import contextlib
import json
import socket

import pytest

from harness.lab import Lab, wait_until

CLIENTS = 300
MANY_EVENTS = 4000  # more than a MiB of them
LINE = 256 << 10  # docs/control.md


@pytest.fixture(scope="module")
def batond():
    """A switch that has no work, and no port."""
    with Lab("control-socket") as lab:
        yield lab.batond(lab.netns("switch"), {})


def served(batond):
    assert batond.control("status")["pid"] == batond.pid


def read_all(s):
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := s.recv(1 << 16):
            data += piece
    return data


@pytest.mark.parametrize("garbage", [
    b"wombat\n", b"\0\0\0\n", b"[]\n", b"[" * 100000 + b"\n", b"\xff\xfe\n",
    b'{"do": "status"\n', b'"do"\n'], ids=lambda g: repr(g[:8]))
def test_garbage_is_answered_and_closed(batond, garbage):
    with batond.control.connect() as s:
        s.sendall(garbage)
        answer = json.loads(read_all(s))
    assert answer["ok"] is False and answer["error"]
    served(batond)


@pytest.mark.parametrize("request_, says", [
    ({}, "do"), ({"do": 7}, "do"), ({"do": "wombat"}, "wombat"),
    ({"do": "owner.failover"}, "name"),
    ({"do": "owner.show", "name": "nobody"}, "nobody"),
    ({"do": "host.add", "object": 7}, "object"),
    ({"do": "event.show", "last": -1}, "last"),
    ({"do": "host.add", "object": {"name": "x" * 1000}}, "name"),
], ids=lambda v: v if isinstance(v, str) else None)
def test_wrong_requests_are_told_why(batond, request_, says):
    with batond.control.connect() as s, s.makefile("rw") as f:
        f.write(json.dumps(request_) + "\n")
        f.flush()
        answer = json.loads(f.readline())
        assert not answer["ok"] and says in answer["error"]
        # It was JSON, so the conversation goes on.
        f.write('{"do": "status"}\n')
        f.flush()
        assert json.loads(f.readline())["ok"]


def test_half_a_line(batond):
    """Who does not finish is waited for, and forgotten when he leaves."""
    with batond.control.connect() as s:
        s.sendall(b'{"do": "sta')
        served(batond)
        s.sendall(b'tus"}\n')
        assert json.loads(s.makefile().readline())["ok"]
        s.sendall(b'{"do": "sta')
    served(batond)


def test_requests_at_once_are_answered_in_order(batond):
    names = [f"nobody-{i}" for i in range(200)]
    with batond.control.connect() as s:
        s.sendall(b"".join(json.dumps({"do": "host.show", "name": n}).encode()
                           + b"\n" for n in names))
        with s.makefile() as f:
            for name in names:
                assert f"{name} " in json.loads(f.readline())["error"]


def test_endless_line(batond):
    with batond.control.connect() as s:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(4):
                s.sendall(b"x" * LINE)
        answer = read_all(s)
    # The error may be lost with the connection; the connection is not kept.
    assert not answer or "longer" in json.loads(answer)["error"]
    served(batond)


def test_longest_line(batond):
    request = b'{"do": "status", "wombat": "'
    request += b"x" * (LINE - len(request) - 3) + b'"}\n'
    with batond.control.connect() as s:
        s.sendall(request)
        assert json.loads(s.makefile().readline())["ok"]


class Watcher:
    """Reads events when told to, and never waits for one."""

    def __init__(self, s):
        s.sendall(b'{"do": "event.watch", "last": 0}\n')
        s.setblocking(False)
        self.socket = s
        self.watches = False
        self.rest = b""
        self.seen = self.lost = self.last = 0

    def read(self):
        with contextlib.suppress(BlockingIOError):
            while piece := self.socket.recv(1 << 20):
                self.rest += piece
        *lines, self.rest = self.rest.split(b"\n")
        for line in map(json.loads, lines):
            if "event" in line:
                self.seen += 1
                self.last = line["event"]["seq"]
            self.watches |= "ok" in line
            self.lost += line.get("lost", 0)


def test_watcher_that_does_not_read(batond):
    """It misses events, and is told how many once it reads again; others are
    served meanwhile."""
    host = {"name": "h" * 31, "address": "2001:db8:1234:5678:9abc::1",
            "mac": "02:00:00:00:00:01", "forward": "gue", "gue-port": 60000,
            "priority": 100000, "capacity": 100000, "vlan": 1000,
            "profile": "default", "probe": False}
    batond.control("host.add", object=host)
    first = batond.control("event.show", last=1)[-1]["seq"]
    with batond.control.connect() as s, batond.control.connect() as t:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        watcher = Watcher(s)
        wait_until(lambda: watcher.read() or watcher.watches, "it watches")
        changes = t.makefile("rw")

        def change():
            host["priority"] ^= 1
            changes.write(json.dumps({"do": "host.set", "object": host})
                          + "\n")
            changes.flush()
            assert json.loads(changes.readline())["ok"]

        for _ in range(MANY_EVENTS):
            change()
        served(batond)

        def caught_up():
            change()
            watcher.read()
            return watcher.lost and watcher.last == batond.control(
                "event.show", last=1)[-1]["seq"]
        wait_until(caught_up, lambda: vars(watcher))
    assert watcher.seen > 1000
    assert watcher.seen + watcher.lost == watcher.last - first
    batond.control("host.del", name=host["name"])


def test_client_that_does_not_read_answers(batond):
    """It is cut off once too much waits for it."""
    with batond.control.connect() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = b'{"do": "stats"}\n' * 1000
        s.setblocking(False)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            wait_until(lambda: send_some(s, request), "it is cut off")
    served(batond)


def send_some(s, data):
    try:
        s.send(data)
    except BlockingIOError:
        pass


def connect(batond):
    """Once there is room in the queue of those who were not accepted yet."""
    def attempt():
        try:
            return batond.control.connect()
        except BlockingIOError:
            return None
    return wait_until(attempt, "room to connect")


def test_many_clients_at_once(batond):
    """Those beyond what batond bears are hung up on; the others are served,
    and afterwards everybody."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(batond))
                   for _ in range(CLIENTS)]
        answered = hung_up = 0
        for s in clients:
            try:
                s.sendall(b'{"do": "status"}\n')
                line = s.makefile().readline()
            except (BrokenPipeError, ConnectionResetError):
                line = ""
            if line:
                assert json.loads(line)["ok"]
                answered += 1
            else:
                hung_up += 1
        assert answered >= 200
        assert answered + hung_up == CLIENTS
    wait_until(batond.control.answers, "others are served again")
