# SPDX-License-Identifier: GPL-2.0-only
"""baton against a daemon that is played here: good answers and bad ones."""

import json
import os
import pty
import socket
import subprocess
import threading
import time

import pytest

from harness.lab import BUILD

BATON = str(BUILD / "baton")

OK, REFUSED, USAGE, UNREACHABLE = range(4)


class Daemon:
    """A control socket. `reply(request)` returns the bytes to send, None to
    close the connection, or an iterable of bytes, each sent as one piece."""

    def __init__(self, path):
        self.path = str(path)
        self.requests = []
        self.reply = lambda request: answer(None)
        self.done = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            with connection:
                if self.done.is_set():
                    return
                try:
                    self.talk(connection)
                except (BrokenPipeError, ConnectionResetError):
                    pass

    def talk(self, connection):
        with connection.makefile("rb") as lines:
            for line in lines:
                request = json.loads(line)
                self.requests.append(request)
                reply = self.reply(request)
                if reply is None:
                    return
                if isinstance(reply, bytes):
                    reply = [reply]
                for piece in reply:
                    connection.sendall(piece)

    def close(self):
        self.done.set()
        with socket.socket(socket.AF_UNIX) as waker:
            waker.connect(self.path)
        self.thread.join()
        self.listener.close()


def answer(data):
    return json.dumps({"ok": True, "data": data}).encode() + b"\n"


@pytest.fixture
def daemon(tmp_path):
    played = Daemon(tmp_path / "socket")
    yield played
    played.close()


def command(daemon, *words):
    return [BATON, "-s", daemon.path, *words]


def baton(daemon, *words, env=None):
    return subprocess.run(command(daemon, *words), capture_output=True,
                          text=True, timeout=60,
                          env={**os.environ, **(env or {})})


OWNERS = [
    {"name": "web-a", "id": 1, "host": "a", "home": "a", "state": "active",
     "epoch": 1, "policy": "ordered", "standbys": ["b", "c"], "next": "b",
     "drain": False, "flows": 12345678, "moved_ms": None},
    {"name": "web-b", "id": 2, "host": None, "home": "b", "state": "orphan",
     "epoch": 7, "policy": "spread", "standbys": [], "next": None,
     "drain": False, "flows": 0, "moved_ms": 185000},
]


# --- what is asked ----------------------------------------------------------

@pytest.mark.parametrize("words, request_", [
    ("ow sh", {"do": "owner.show"}),
    ("service add web vip 192.0.2.10 port 80 owners web-a,web-b:2",
     {"do": "service.add", "object": {
         "name": "web", "vip": "192.0.2.10", "port": 80,
         "owners": ["web-a", {"name": "web-b", "weight": 2}]}}),
    ("owner failover web-a to b force",
     {"do": "owner.failover", "name": "web-a", "to": "b", "force": True}),
    ("host drain a off", {"do": "host.drain", "name": "a", "on": False}),
    ("reload", {"do": "reload"}),
])
def test_request(daemon, words, request_):
    baton(daemon, *words.split())
    assert daemon.requests == [request_]


# --- what is printed --------------------------------------------------------

def test_table(daemon):
    daemon.reply = lambda request: answer(OWNERS)
    run = baton(daemon, "owner", "show")
    assert (run.returncode, run.stderr) == (OK, "")
    rows = [line.split() for line in run.stdout.splitlines()]
    assert rows[0][:4] == ["OWNER", "STATE", "HOST", "NEXT"]
    assert rows[1][:4] == ["web-a", "active", "a", "b"]
    assert rows[2][:4] == ["web-b", "orphan", "-", "-"]
    assert "12.3M" in rows[1] and "3m ago" in run.stdout
    assert "\033" not in run.stdout


def test_colours_when_asked(daemon):
    daemon.reply = lambda request: answer(OWNERS)
    shown = baton(daemon, "--color", "always", "owner").stdout
    assert "\033[32mactive\033[0m" in shown
    assert "\033[31morphan\033[0m" in shown


def on_terminal(daemon, *words, env=None):
    """Output of baton when its standard output is a terminal."""
    leader, follower = pty.openpty()
    with subprocess.Popen(command(daemon, *words), stdout=follower,
                          env={**os.environ, **(env or {})}) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                shown += os.read(leader, 4096)
            except OSError:  # how a pseudo-terminal says end of file
                break
        os.close(leader)
        assert process.wait(60) == OK
    return shown


def test_colours_on_terminal(daemon):
    daemon.reply = lambda request: answer(OWNERS)
    plain = {"NO_COLOR": ""}
    assert b"\033[32mactive" in on_terminal(daemon, "owner", env=plain)
    assert b"\033" not in on_terminal(daemon, "owner", env={"NO_COLOR": "1"})
    assert b"\033" not in on_terminal(daemon, "--color=never", "owner",
                                      env=plain)


def test_json_is_the_data(daemon):
    daemon.reply = lambda request: answer(OWNERS)
    run = baton(daemon, "-j", "owner", "show")
    assert json.loads(run.stdout) == OWNERS
    assert run.stdout.count("\n") == 1
    pretty = baton(daemon, "-p", "owner", "show").stdout
    assert json.loads(pretty) == OWNERS
    assert pretty.count("\n") > 10


def test_what_changes_prints_nothing(daemon):
    run = baton(daemon, "owner", "del", "web-a")
    assert (run.returncode, run.stdout, run.stderr) == (OK, "", "")


def test_moves(daemon):
    daemon.reply = lambda request: answer([{
        "owner": "web-a", "from": "a", "to": "b", "epoch": 2,
        "cause": "failover by hand", "flip_ns": 840}])
    shown = baton(daemon, "owner", "failover", "web-a").stdout
    assert "840 ns" in shown and "failover by hand" in shown


def test_text_cannot_command_the_terminal(daemon):
    daemon.reply = lambda request: answer({"text": "a: 1\n\033]0;gotcha\007"})
    shown = baton(daemon, "config").stdout
    assert "a: 1\n" in shown and "\033" not in shown and "\007" not in shown


# --- refusals ---------------------------------------------------------------

def test_refused(daemon):
    daemon.reply = lambda request: (
        b'{"ok": false, "error": "owner web-a: host b is down"}\n')
    run = baton(daemon, "owner", "failover", "web-a")
    assert run.returncode == REFUSED
    assert run.stdout == ""
    assert run.stderr == "baton: owner web-a: host b is down\n"


def test_refused_and_closed_at_once(daemon):
    def reply(request):
        yield b'{"ok": false, "error": "too long"}\n'
        raise BrokenPipeError
    daemon.reply = reply
    run = baton(daemon, "status")
    assert (run.returncode, run.stderr) == (REFUSED, "baton: too long\n")


@pytest.mark.parametrize("words", [
    "", "wombat", "s", "owner fail x", "owner add", "owner add x host",
    "reload now", "--wombat", "-t 0 status", "--color=often status",
    "flow show client 10.0.0",
])
def test_usage(daemon, tmp_path, words):
    run = baton(daemon, *words.split())
    # Without maps the flow's address is not looked at.
    expected = UNREACHABLE if words.startswith("flow") else USAGE
    assert run.returncode == expected
    assert run.stdout == "" and "baton" in run.stderr
    assert daemon.requests == []


@pytest.mark.parametrize("words", ["help", "--help", "owner help",
                                   "owner --help", "owner add help",
                                   "owner add --help", "--version"])
def test_help(daemon, words):
    run = baton(daemon, *words.split())
    assert (run.returncode, run.stderr) == (OK, "")
    assert "baton" in run.stdout


# --- a daemon that is not there, or not right -------------------------------

def test_no_daemon(tmp_path):
    path = str(tmp_path / "nothing")
    run = subprocess.run([BATON, "-s", path, "status"], capture_output=True,
                         text=True, timeout=60)
    assert run.returncode == UNREACHABLE
    assert path in run.stderr and "start" in run.stderr


def test_dead_daemon(tmp_path):
    path = str(tmp_path / "left")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
    run = subprocess.run([BATON, "-s", path, "status"], capture_output=True,
                         text=True, timeout=60)
    assert run.returncode == UNREACHABLE and path in run.stderr


def test_socket_name_too_long(tmp_path):
    run = subprocess.run([BATON, "-s", "x" * 200, "status"],
                         capture_output=True, text=True, timeout=60)
    assert run.returncode == UNREACHABLE and "too long" in run.stderr


@pytest.mark.parametrize("bytes_, says", [
    (b"wombat\n", "not a JSON object"),
    (b"[]\n", "not a JSON object"),
    (b"\n", "not a JSON object"),
    (b"\xff\xfe\n", "not a JSON object"),
    (b'{"ok": true, "ok"\n', "not a JSON object"),
    (b"[" * 100000 + b"\n", "not a JSON object"),
    (b"{}\n", "neither data nor error"),
    (b'{"ok": 1}\n', "neither data nor error"),
    (b'{"ok": false}\n', "neither data nor error"),
    (b'{"ok": false, "error": 7}\n', "neither data nor error"),
])
def test_garbage(daemon, bytes_, says):
    daemon.reply = lambda request: bytes_
    run = baton(daemon, "owner", "show")
    assert run.returncode == UNREACHABLE
    assert run.stdout == "" and says in run.stderr


@pytest.mark.parametrize("bytes_", [b"", b'{"ok": tr', answer(OWNERS)[:-1]])
def test_closed_early(daemon, bytes_):
    def reply(request):
        yield bytes_
        raise BrokenPipeError
    daemon.reply = reply
    run = baton(daemon, "owner", "show")
    assert run.returncode == UNREACHABLE
    assert run.stdout == "" and "closed before" in run.stderr


def test_closed_without_a_word(daemon):
    daemon.reply = lambda request: None
    run = baton(daemon, "owner", "show")
    assert run.returncode == UNREACHABLE and "closed before" in run.stderr


@pytest.mark.parametrize("bytes_", [b"", b'{"ok": true, "data'])
def test_never_answers(daemon, bytes_):
    daemon.reply = lambda request: bytes_
    before = time.monotonic()
    run = baton(daemon, "-t", "0.3", "owner", "show")
    assert time.monotonic() - before >= 0.3
    assert run.returncode == UNREACHABLE
    assert "within 0.3 s" in run.stderr and daemon.path in run.stderr


def test_never_accepts(tmp_path):
    """A stopped daemon: its backlog is full, connecting would block."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.connect(path)
            run = subprocess.run([BATON, "-t", "0.2", "-s", path, "status"],
                                 capture_output=True, text=True, timeout=60)
    assert run.returncode == UNREACHABLE and "did not answer" in run.stderr


def test_answer_in_pieces(daemon):
    whole = answer(OWNERS)
    daemon.reply = lambda request: (whole[i:i + 1] for i in range(len(whole)))
    run = baton(daemon, "-j", "owner", "show")
    assert json.loads(run.stdout) == OWNERS


def test_large_answer(daemon):
    many = [dict(OWNERS[0], name=f"owner-{i}") for i in range(20000)]
    daemon.reply = lambda request: answer(many)
    run = baton(daemon, "owner", "show")
    assert run.returncode == OK
    assert len(run.stdout.splitlines()) == 1 + len(many)


def test_enormous_answer(daemon):
    chunk = b" " * (1 << 20)
    daemon.reply = lambda request: (chunk for _ in range(80))
    run = baton(daemon, "owner", "show")
    assert run.returncode == UNREACHABLE and "longer than" in run.stderr


# --- watching ---------------------------------------------------------------

def event(seq, **more):
    return {"seq": seq, "time": f"2030-01-01T00:00:0{seq}.000000Z",
            "severity": "notice", "text": f"event number {seq}", **more}


def watched(request):
    yield answer([event(1)])
    for seq in (2, 3):
        yield json.dumps({"event": event(seq)}).encode() + b"\n"
    yield b'{"lost": 4}\n'
    raise BrokenPipeError  # closes, so that baton ends


def test_event_watch(daemon):
    daemon.reply = watched
    run = baton(daemon, "event", "watch", "last", "1")
    assert daemon.requests == [{"do": "event.watch", "last": 1}]
    lines = run.stdout.splitlines()
    assert [f"event number {i}" in lines[i - 1] for i in (1, 2, 3)] == [True] * 3
    assert "4 events left out" in lines[3] and len(lines) == 4
    assert run.returncode == UNREACHABLE and "closed" in run.stderr


def test_event_watch_json(daemon):
    daemon.reply = watched
    run = baton(daemon, "-j", "event", "watch")
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert lines == [event(1), event(2), event(3), {"lost": 4}]


def test_events_are_seen_as_they_come(daemon):
    """Each is written out before the next one exists."""
    go_on = threading.Event()

    def reply(request):
        yield answer([])
        yield json.dumps({"event": event(1)}).encode() + b"\n"
        assert go_on.wait(60)
        yield json.dumps({"event": event(2)}).encode() + b"\n"
        raise BrokenPipeError
    daemon.reply = reply
    with subprocess.Popen(command(daemon, "event", "watch"), text=True,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        assert "event number 1" in process.stdout.readline()
        go_on.set()
        assert "event number 2" in process.stdout.readline()
        assert process.wait(60) == UNREACHABLE


def stats(packets):
    return {"reasons": [
        {"reason": "forward_flow", "verdict": "FORWARD", "text": "known",
         "packets": packets, "bytes": packets * 100},
        {"reason": "drop_fence", "verdict": "DROP", "text": "fenced",
         "packets": 0, "bytes": 0}], "services": [], "hosts": []}


def growing(count):
    """Answers to `stats` that grow by a million, then none."""
    seen = []

    def reply(request):
        if request["do"] != "stats":
            return answer({"version": "1"})
        seen.append(request)
        if len(seen) > count:
            return None
        return answer(stats(len(seen) * 1000000))
    return reply


def test_stats(daemon):
    daemon.reply = growing(2)
    assert "drop_fence" not in baton(daemon, "stats").stdout
    assert "drop_fence" in baton(daemon, "stats", "--all").stdout


def test_stats_watch(daemon):
    daemon.reply = growing(2)
    run = baton(daemon, "stats", "watch", "1")
    first, second = run.stdout.strip().split("\n\n")
    assert "PACKETS/S" not in first
    header, row = second.splitlines()
    assert "PACKETS/S" in header and row.startswith("FORWARD")
    assert "\033" not in run.stdout
    assert daemon.requests == [{"do": "stats"}] * 3


def test_stats_watch_json(daemon):
    daemon.reply = growing(2)
    run = baton(daemon, "-j", "stats", "watch", "1")
    before, after = [json.loads(line) for line in run.stdout.splitlines()]
    assert "packets_s" not in before["reasons"][0]
    # A million in at least the second that was waited for.
    assert 0 < after["reasons"][0]["packets_s"] <= 1000000


def test_status_watch(daemon):
    daemon.reply = growing(1)
    run = baton(daemon, "status", "watch")
    assert "batond" in run.stdout and "forward" in run.stdout
    assert daemon.requests[:2] == [{"do": "status"}, {"do": "stats"}]


def test_watch_redraws_on_terminal(daemon):
    daemon.reply = growing(10 ** 6)
    leader, follower = pty.openpty()
    process = subprocess.Popen(command(daemon, "stats", "watch", "1"),
                               stdout=follower)
    os.close(follower)
    try:
        shown = b""
        while shown.count(b"\033[H") < 2:
            shown += os.read(leader, 4096)
        assert shown.startswith(b"\033[2J")
    finally:
        process.terminate()
        process.wait(60)
        os.close(leader)


# --- output that cannot be written ------------------------------------------

def test_full_disk(daemon):
    daemon.reply = lambda request: answer(OWNERS)
    with open("/dev/full", "w", encoding="ascii") as full:
        run = subprocess.run(command(daemon, "owner"), stdout=full,
                             stderr=subprocess.PIPE, text=True, timeout=60)
    assert run.returncode == REFUSED and "standard output" in run.stderr
