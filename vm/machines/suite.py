# SPDX-License-Identifier: GPL-2.0-only
"""The tests on one kernel: one machine for all of them, and another one
whenever it dies or stands still; then those that have machines of their own."""

import datetime
import json
import os
import subprocess
import time

from . import boot, table
from .kernels import VM

TREE = VM.parent
#: s without a verdict, after which a machine stands still
STILL = {"kvm": 300, "emulated": 1200}
#: by how much tests wait longer than on an idle machine, unless BATON_SLOW says
#: (where others are at work as well)
SLOW = {"kvm": 2, "emulated": 8}
DEATHS = 5  # after so many the kernel is given up
FINISHED = 0, 1, 5  # of pytest: good, failures, nothing left to do

#: what a run consists of unless tests are named: what depends on the kernel
DEFAULT = (
    "tests/test_bpf_budget.py", "tests/packet",
    "tests/test_unit.py::test_unit[tests/unit/baton-proxy/test_repair]",
    *(f"tests/lab/test_{name}.py" for name in (
        "failover", "fence", "forwarding", "host_agent", "lease", "controller",
        "prober", "recorder", "takeover", "proxy", "netem")),
    "vm/tests")


class Suite:
    def __init__(self, kernel, build, kvm, tests=DEFAULT, cpus=2,
                 memory="2G"):
        self.kernel = kernel
        self.build = build
        self.cpu = "kvm" if kvm else "emulated"
        self.whole_run = tuple(tests) == DEFAULT
        self.inside = [t for t in tests if not t.startswith("vm/")]
        self.outside = [t for t in tests if t.startswith("vm/")]
        self.slow = float(os.environ.get("BATON_SLOW") or SLOW[self.cpu])
        self.cpus, self.memory = cpus, memory
        self.dir = build / "vm" / kernel.name
        self.file = self.dir / "verdicts"

    def forget(self):
        """What an earlier run has left."""
        for path in (self.file, self.dir / "verdicts.failures",
                     self.dir / "about", self.dir / "log"):
            path.unlink(missing_ok=True)

    def lines(self):
        if not self.file.exists():
            return
        for line in self.file.read_text().splitlines():
            try:
                yield json.loads(line)
            except ValueError:  # cut short by a death
                pass

    def verdicts(self):
        return table.read(self.lines())[0]

    def about(self):
        path = self.dir / "about"
        return json.loads(path.read_text()) if path.exists() else None

    def write_about(self, whole):
        self.dir.mkdir(parents=True, exist_ok=True)
        (self.dir / "about").write_text(json.dumps({
            "kernel": self.kernel.release, "version": self.kernel.version,
            "date": datetime.date.today().isoformat(), "cpu": self.cpu,
            "whole": whole}))

    def run(self, verbose=False, say=print):
        """Until every test has a verdict."""
        self.dir.mkdir(parents=True, exist_ok=True)
        self.write_about(False)
        if self.inside:
            self.run_inside(verbose, say)
        if self.outside:
            self.run_outside(verbose, say)
        self.write_about(self.whole_run)

    def run_outside(self, verbose, say):
        """Tests that boot machines themselves."""
        environment = {**os.environ, "BATON_KERNEL": self.kernel.name,
                       "BATON_BUILD": str(self.build),
                       "BATON_SLOW": str(self.slow),
                       "PYTHONDONTWRITEBYTECODE": "1",
                       "PYTHONPATH": str(VM / "guest")}
        progress = Progress(self.kernel.name, say, self.verdicts())
        with open(self.dir / "log", "a", encoding="utf-8") as log:
            status = subprocess.run(
                ["/usr/bin/python3", "-m", "pytest", "-q", "-p",
                 "no:cacheprovider", "-p", "verdicts", "--verdicts", self.file,
                 "--tb=short", *self.outside], cwd=TREE, env=environment,
                stdout=None if verbose else log, stderr=subprocess.STDOUT,
                check=False).returncode
        progress.tell(self.verdicts(), True)
        if status not in FINISHED:
            raise SystemExit(f"{self.kernel.name}: pytest ended with {status}; "
                             f"see {self.dir / 'log'}")

    def run_inside(self, verbose, say):
        for _ in range(DEATHS):
            status = self.boot(verbose, say)
            if status in FINISHED:
                return
            _, running, _ = table.read(self.lines())
            if running is None:
                tail = (self.dir / "log").read_text()[-2000:]
                raise SystemExit(f"{self.kernel.name}: no tests were run "
                                 f"(status {status})\n{tail}")
            say(f"{self.kernel.name}: {table.UNFINISHED}: {running}")
            with open(self.file, "a", encoding="utf-8") as f:
                f.write("\n" + json.dumps({
                    "test": running, "outcome": "failed",
                    "reason": table.UNFINISHED}) + "\n")
        raise SystemExit(f"{self.kernel.name}: the machine died or stood "
                         f"still {DEATHS} times")

    def boot(self, verbose, say):
        script = " ".join(map(str, [
            TREE / "vm/guest/suite", TREE, self.build, self.file, self.cpu,
            self.slow, *self.inside]))
        argv = boot.command(self.kernel, self.cpu == "kvm", self.cpus,
                            self.memory, script, [self.dir],
                            console=verbose)
        progress = Progress(self.kernel.name, say, self.verdicts())
        with open(self.dir / "log", "a", encoding="utf-8") as log:
            def output(line):
                log.write(line)
                log.flush()
                if verbose:
                    print(line, end="", flush=True)

            def stands_still():
                progress.tell(self.verdicts())
                since = max((os.stat(p).st_mtime for p in
                             (self.file, self.dir / "about") if p.exists()))
                return time.time() - since > STILL[self.cpu]
            (self.dir / "about").touch()
            status = boot.run(argv, output, stands_still)
        progress.tell(self.verdicts(), True)
        return status


class Progress:
    """Says what each file of tests has come to, once the next one is begun."""

    def __init__(self, name, say, known=()):
        self.name, self.say = name, say
        self.told = {table.module(v.test) for v in known}

    def tell(self, verdicts, ended=False):
        modules = {}
        for v in verdicts:
            modules.setdefault(table.module(v.test), []).append(v)
        names = list(modules) if ended else list(modules)[:-1]
        for name in names:
            if name not in self.told:
                self.told.add(name)
                took = sum(v.seconds for v in modules[name])
                self.say(f"{self.name}  {name}: {table.cell(modules[name])} "
                         f"({took:.0f} s)")
