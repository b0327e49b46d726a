# SPDX-License-Identifier: GPL-2.0-only
"""How a kernel is booted: the command line of virtme-ng, and whether KVM
works."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from .kernels import CACHE, VIRTME

#: Written to in the guest's memory; elsewhere the guest's root is read-only.
OVERLAYS = "/etc", "/home", "/lib", "/opt", "/root", "/srv", "/tmp", "/usr", \
    "/var"
PROBE = 40  # s in which a machine under KVM has booted many times over


def environment():
    return {**os.environ,
            "PATH": f"{VIRTME / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(VIRTME / "lib/python3/dist-packages")}


def command(kernel, kvm, cpus=1, memory="1G", script=None, shares=(),
            name=None, qemu=(), console=False):
    """The arguments that boot a kernel. Without a script there is a shell on
    the terminal. `shares`: directories that the guest writes to here, under
    the same path; `qemu`: more arguments for it; `console`: with the kernel's
    messages."""
    argv = ["/usr/bin/python3", VIRTME / "bin/virtme-run", "--kimg",
            kernel.image, "--mods", "auto", "--force-9p", "--force-initramfs",
            "--disable-microvm", "--cpus", cpus, "--memory", memory]
    if not kvm:
        argv += ["--disable-kvm"]
    if name:
        argv += ["--name", name]
    if console:
        argv += ["--show-boot-console", "--verbose"]
    for directory in OVERLAYS:
        argv += ["--overlay-rwdir", directory]
    for share in shares:
        argv += ["--rwdir", f"{share}={share}"]
    if script is not None:
        argv += ["--script-sh", script]
    # virtme-run passes on what comes one by one
    argv += [f"--qemu-opt={word}" for word in qemu]
    return [str(a) for a in argv]


def run(argv, output, enough=None, **options):
    """Run it to its end; each line that it prints goes to output(). enough()
    is asked every second, and ends the machine when it says so. The script's
    exit status, 255 if the machine died, None if it was ended here. QEMU
    truncates the file that its output goes to, so it gets a pipe."""
    process = subprocess.Popen(argv, env=environment(), text=True,
                               stdin=subprocess.DEVNULL, errors="replace",
                               stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT,
                               start_new_session=True, **options)
    over, ended = threading.Event(), threading.Event()

    def kill():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def watch():
        while not over.wait(1):
            if enough():
                ended.set()
                kill()
                return
    watcher = threading.Thread(target=watch, daemon=True)
    if enough:
        watcher.start()
    try:
        for line in process.stdout:
            output(line)
        status = process.wait()
    except BaseException:
        kill()
        process.wait()
        raise
    finally:
        over.set()
        if enough:
            watcher.join()
    return None if ended.is_set() else status


def kvm_works(kernel):
    """That the device is there does not mean that a guest runs. What a boot
    has shown is kept until this machine boots again."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    kept = CACHE / "kvm"
    if kept.exists():
        known, _, verdict = kept.read_text().strip().partition(" ")
        if known == boot:
            return verdict == "works"
    until = time.monotonic() + PROBE
    works = run(command(kernel, True, script="true"), lambda line: None,
                lambda: time.monotonic() > until) == 0
    kept.write_text(f"{boot} {'works' if works else 'does not'}\n")
    return works
