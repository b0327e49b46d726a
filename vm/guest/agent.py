#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""In a virtual machine: does what the test outside says, by a serial port.

    agent.py PORT          the port's name below /dev/virtio-ports

A line of JSON for each request, and one for each answer; requests do not wait
for each other.

    {"id": 1, "do": "run", "argv": [...], "input": "", "timeout": 60}
        -> {"id": 1, "status": 0, "stdout": "", "stderr": ""}
    {"id": 2, "do": "start", "argv": [...], "log": PATH}   -> {"pid": N}
    {"id": 3, "do": "poll", "pid": N}        -> {"status": null while it runs}
    {"id": 4, "do": "kill", "pid": N, "signal": 9, "group": false}
    {"id": 5, "do": "ask", "path": SOCKET, "text": LINE}   -> {"text": LINE}

Whatever goes wrong is answered with {"id": ..., "error": TEXT}.
"""

import json
import os
import socket
import subprocess
import sys
import threading


class Agent:
    def __init__(self, port):
        self.port = open(port, "r+b", buffering=0)
        self.lock = threading.Lock()
        self.children = {}

    def serve(self):
        """Until the test hangs up, which ends this machine."""
        self.answer({"ready": True})
        pending = b""
        while piece := self.port.read(65536):
            *lines, pending = (pending + piece).split(b"\n")
            for line in lines:
                threading.Thread(target=self.handle, daemon=True,
                                 args=(json.loads(line),)).start()

    def handle(self, request):
        try:
            result = getattr(self, "do_" + request["do"])(**{
                k: v for k, v in request.items() if k not in ("id", "do")})
        except (OSError, ValueError, KeyError, subprocess.SubprocessError) as e:
            result = {"error": f"{type(e).__name__}: {e}"}
        self.answer({"id": request["id"], **(result or {})})

    def answer(self, message):
        data = json.dumps(message).encode() + b"\n"
        with self.lock:
            while data:
                data = data[self.port.write(data):]

    @staticmethod
    def do_run(argv, input=None, timeout=60):
        done = subprocess.run(argv, capture_output=True, text=True,
                              errors="replace", input=input, timeout=timeout,
                              check=False)
        return {"status": done.returncode, "stdout": done.stdout,
                "stderr": done.stderr}

    def do_start(self, argv, log):
        with open(log, "ab") as out:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                     stdout=out, stderr=subprocess.STDOUT,
                                     start_new_session=True)
        self.children[child.pid] = child
        return {"pid": child.pid}

    def do_poll(self, pid):
        return {"status": self.children[pid].poll()}

    def do_kill(self, pid, signal, group=False):
        if self.children[pid].poll() is None:
            (os.killpg if group else os.kill)(pid, signal)

    @staticmethod
    def do_ask(path, text):
        with socket.socket(socket.AF_UNIX) as s, s.makefile("rw") as f:
            s.settimeout(60)
            s.connect(path)
            f.write(text + "\n")
            f.flush()
            return {"text": f.readline()}


if __name__ == "__main__":
    Agent(f"/dev/virtio-ports/{sys.argv[1]}").serve()
