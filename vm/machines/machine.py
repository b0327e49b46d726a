# SPDX-License-Identifier: GPL-2.0-only
"""A virtual machine that a test drives, and can end in the ways in which
machines end."""

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import threading

from . import boot
from .kernels import VM

CONTROL = "baton.control"
#: checksums are whole and segments small, as XDP needs them in every guest
PLAIN = ",".join(f"{offload}=off" for offload in (
    "csum", "gso", "guest_csum", "guest_tso4", "guest_tso6", "guest_ecn",
    "guest_ufo"))
BOOT = 240  # s


class Gone(Exception):
    """The machine does not answer (any more)."""


class Wire:
    """Two sockets of QEMU's own networking, joined: what one machine sends to
    one, the other gets. If nobody is at the other end, it is lost."""
    _serial = itertools.count(1)

    def __init__(self, directory):
        number = next(Wire._serial)
        self.ends = [directory / f"wire{number}.{end}" for end in (0, 1)]
        self.number = number

    def netdev(self, end, name):
        """Arguments for the machine at this end."""
        ours, theirs = self.ends[end], self.ends[1 - end]
        ours.unlink(missing_ok=True)  # of a machine that died
        return ["-netdev", f"dgram,id={name},local.type=unix,"
                f"local.path={ours},remote.type=unix,remote.path={theirs}",
                "-device", f"virtio-net-pci,netdev={name},id={name}-card,"
                f"mac={self.mac(end)},{PLAIN}"]

    def mac(self, end):
        return f"52:54:00:00:{self.number:02x}:{end:02x}"


class Machine:
    """`cards`: {name of the interface: (wire, end)}; `share`: a directory that
    it has in common with this machine."""

    def __init__(self, kernel, kvm, name, share, cards, memory="384M"):
        self.name = name
        self.share = share
        self.path = share / name  # of its sockets and of its console
        self.cards = cards
        self.answers = {}
        self.changed = threading.Condition()
        self.serial = itertools.count(1)
        self.over = False
        for suffix in "control", "qmp", "pid":
            self.file(suffix).unlink(missing_ok=True)
        qemu = ["-pidfile", self.file("pid"), "-qmp",
                f"unix:{self.file('qmp')},server=on,wait=off",
                "-device", "virtio-serial", "-chardev",
                f"socket,id=control,path={self.file('control')},server=on,"
                "wait=off",
                "-device", f"virtserialport,name={CONTROL},chardev=control"]
        for device, (wire, end) in cards.items():
            qemu += wire.netdev(end, device)
        script = f"exec /usr/bin/python3 {VM}/guest/agent.py {CONTROL}"
        argv = boot.command(kernel, kvm, 1, memory, script, [share], name,
                            qemu, console=True)
        # a kernel that crashes stays where it is, with its link up
        at = argv.index("--kimg")
        argv[at:at] = ["--kopt", "panic=0"]
        self.log = open(self.file("console"), "ab")
        self.process = subprocess.Popen(
            argv, env=boot.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)
        threading.Thread(target=self._keep_log, daemon=True).start()

    def file(self, suffix):
        return self.path.with_name(f"{self.name}.{suffix}")

    def _keep_log(self):
        # QEMU would truncate a file each time that it opens it
        for piece in iter(lambda: self.process.stdout.read1(65536), b""):
            self.log.write(piece)
            self.log.flush()
        self.over = True
        with self.changed:
            self.changed.notify_all()

    def console(self):
        return self.file("console").read_text(errors="replace")

    # --- talking to it ---

    def connect(self, wait):
        """Wait until it is up. wait(condition, what, seconds): as
        harness.lab.wait_until."""
        wait(lambda: self.over or self.file("control").exists(),
             f"{self.name} exists", BOOT)
        self.control = socket.socket(socket.AF_UNIX)
        self.control.connect(str(self.file("control")))
        threading.Thread(target=self._listen, daemon=True).start()
        wait(lambda: self.over or None in self.answers,
             lambda: f"{self.name} is up\n{self.console()[-3000:]}", BOOT)
        if self.over:
            raise Gone(f"{self.name} did not come up\n{self.console()}")
        for device, (wire, end) in self.cards.items():
            self._name_card(device, wire.mac(end))

    def _name_card(self, device, mac):
        links = json.loads(self.run("ip", "-j", "link").stdout)
        now, = (li["ifname"] for li in links if li.get("address") == mac)
        if now != device:
            self.run("ip", "link", "set", now, "down")
            self.run("ip", "link", "set", now, "name", device)

    def _listen(self):
        with contextlib.suppress(OSError), \
                self.control.makefile("r", encoding="utf-8") as lines:
            for line in lines:
                message = json.loads(line)
                with self.changed:
                    self.answers[message.get("id")] = message
                    self.changed.notify_all()

    def tell(self, do, **fields):
        """A request of which no answer is awaited; its id."""
        number = next(self.serial)
        line = json.dumps({"id": number, "do": do, **fields}) + "\n"
        try:
            self.control.sendall(line.encode())
        except ConnectionError as e:
            raise Gone(f"{self.name}: {e}") from None
        return number

    def ask(self, do, patience=60, **fields):
        number = self.tell(do, **fields)
        with self.changed:
            self.changed.wait_for(
                lambda: number in self.answers or self.over, patience)
            answer = self.answers.pop(number, None)
        if answer is None:
            raise Gone(f"{self.name} does not answer: {do} {fields}")
        if "error" in answer:
            raise OSError(f"{self.name}: {do} {fields}: {answer['error']}")
        return answer

    def run(self, *argv, check=True, input=None, timeout=120):
        argv = [str(a) for a in argv]
        answer = self.ask("run", timeout + 30, argv=argv, input=input,
                          timeout=timeout)
        done = subprocess.CompletedProcess(argv, answer["status"],
                                           answer["stdout"], answer["stderr"])
        if check and done.returncode:
            raise AssertionError(f"{self.name}: {' '.join(argv)}: exit status "
                                 f"{done.returncode}\n{done.stdout}"
                                 f"{done.stderr}")
        return done

    # --- how it ends ---

    @property
    def pid(self):
        """Of QEMU."""
        return int(self.file("pid").read_text())

    def kill(self):
        """The machine is gone from one instruction to the next: power."""
        if self.process.poll() is None and self.file("pid").exists():
            os.kill(self.pid, signal.SIGKILL)
        self.process.wait()

    def crash(self):
        """Its kernel panics, and stays so."""
        self.tell("run", argv=["sh", "-c", "echo c > /proc/sysrq-trigger"])

    def freeze(self):
        """It stands still, and knows nothing of it."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)

    def cut(self, device, up=False):
        """The cable of a card: its end here goes down."""
        with socket.socket(socket.AF_UNIX) as s, s.makefile("rw") as f:
            s.connect(str(self.file("qmp")))
            f.readline()  # its greeting
            for command in ({"execute": "qmp_capabilities"},
                            {"execute": "set_link", "arguments": {
                                "name": f"{device}-card", "up": up}}):
                f.write(json.dumps(command) + "\n")
                f.flush()
                answer = {"event": "none"}
                while "event" in answer:
                    answer = json.loads(f.readline())
                assert "return" in answer, answer

    def mend(self, device):
        self.cut(device, up=True)

    def destroy(self):
        """Whatever its state is."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()
