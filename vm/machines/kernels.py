# SPDX-License-Identifier: GPL-2.0-only
"""The kernels of vm/kernels, as vm/fetch has left them in the cache."""

import os
import subprocess
from pathlib import Path

VM = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("BATON_VM_CACHE") or Path(
    os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "baton-vm")
VIRTME = CACHE / "virtme-ng/usr"


def names():
    """As KERNEL= knows them."""
    lines = (VM / "kernels").read_text().splitlines()
    return [line.split()[0] for line in lines
            if line.strip() and not line.startswith("#")]


class Kernel:
    def __init__(self, name):
        self.name = name
        self.dir = CACHE / "kernels" / name

    @property
    def release(self):
        return (self.dir / "release").read_text().strip()

    @property
    def version(self):
        """Of Debian's package."""
        return (self.dir / "version").read_text().strip()

    @property
    def image(self):
        """Below `dir`, where virtme-ng looks for the modules."""
        for path in (self.dir / f"boot/vmlinuz-{self.release}",
                     self.dir / f"usr/lib/modules/{self.release}/vmlinuz"):
            if path.exists():
                return path
        raise FileNotFoundError(f"no kernel image below {self.dir}")


def fetch(wanted, update=False):
    """Have these kernels, and virtme-ng, in the cache."""
    subprocess.run([VM / "fetch", *(["--update"] if update else []), *wanted],
                   check=True)
    return [Kernel(name) for name in wanted]
