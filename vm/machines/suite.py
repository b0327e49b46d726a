# SPDX-License-Identifier: GPL-2.0-only
"""The tests on one kernel: one machine for all of them, and another one
whenever it dies or stands still; then those that have machines of their own."""

import datetime
import json
import os
import shlex
import subprocess
import threading
import time

from . import boot, modules, results, table
from .kernels import VM

#: s without a verdict, after which a machine stands still
STILL = {"kvm": 300, "emulated": 1200}
#: by how much tests wait longer than on an idle machine, unless BATON_SLOW says
#: (where others are at work as well)
SLOW = {"kvm": 2, "emulated": 8}
DEATHS = 5  # after so many the kernel is given up
FINISHED = 0, 1, 5  # of pytest: good, failures, nothing left to do
STOPPED = 2


class Suite:
    """`options`: more arguments for pytest."""

    def __init__(self, kernel, build, kvm=False, cpus=2, memory="2G",
                 options=()):
        self.kernel = kernel
        self.build = build
        self.cpu = "kvm" if kvm else "emulated"
        self.slow = float(os.environ.get("BATON_SLOW") or SLOW[self.cpu])
        self.cpus, self.memory = cpus, memory
        self.options = list(options)
        self.dir = build / "vm" / kernel.name
        self.file = self.dir / "verdicts"
        #: once it is there, vm/guest/verdicts.py begins no further module
        self.stop = self.dir / "stop"

    def begin(self, resume=False):
        """Forget what an earlier run has left, or go on with it: then the date
        remains that of its beginning."""
        self.dir.mkdir(parents=True, exist_ok=True)
        self.stop.unlink(missing_ok=True)
        about = {"kernel": self.kernel.release, "cpu": self.cpu,
                 "version": self.kernel.version}
        left = self.about()
        if resume and left and {**left, **about} == left:
            return
        for path in (self.file, self.dir / "verdicts.failures",
                     self.dir / "log"):
            path.unlink(missing_ok=True)
        about["date"] = datetime.date.today().isoformat()
        (self.dir / "about").write_text(json.dumps(about))

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

    def found(self):
        """What the run has come to until now, for results.merge()."""
        verdicts, _, collected = table.read(self.lines())
        return results.of_run(self.about(), verdicts, collected,
                              modules.APART)

    def run(self, tests, seconds=None, verbose=False, say=print):
        """In this order, until every test has a verdict, or a module has come
        to its end once so many seconds are over."""
        timer = threading.Timer(seconds or 0, self.stop.touch)
        timer.daemon = True
        if seconds is not None:
            timer.start()
        try:
            for outside, some in results.steps(tests, modules.outside):
                if self.stop.exists():
                    break
                run = self.run_outside if outside else self.run_inside
                run(some, verbose, say)
        finally:
            timer.cancel()
        if self.stop.exists():
            say(f"{self.kernel.name}: time is over")

    def over(self, status):
        """Whether pytest has ended as it should."""
        return status in FINISHED or (status == STOPPED and self.stop.exists())

    def run_outside(self, tests, verbose, say):
        """Tests that boot machines themselves."""
        environment = {**os.environ, "BATON_KERNEL": self.kernel.name,
                       "BATON_BUILD": str(self.build),
                       "BATON_SLOW": str(self.slow),
                       "PYTHONDONTWRITEBYTECODE": "1",
                       "PYTHONPATH": str(VM / "guest")}
        progress = Progress(self.kernel.name, say, self.verdicts())
        with open(self.dir / "log", "a", encoding="utf-8") as log:
            status = finish(subprocess.Popen(
                ["/usr/bin/python3", "-m", "pytest", "-q", "-p",
                 "no:cacheprovider", "-p", "verdicts", "--verdicts", self.file,
                 "--tb=short", *self.options, *tests], cwd=modules.TREE,
                env=environment, stdout=None if verbose else log,
                stderr=subprocess.STDOUT))
        progress.tell(self.verdicts(), True)
        if not self.over(status):
            raise SystemExit(f"{self.kernel.name}: pytest ended with {status}; "
                             f"see {self.dir / 'log'}")

    def run_inside(self, tests, verbose, say):
        # a kernel's command line would be too short for them
        (self.dir / "arguments").write_text(
            "".join(f"{a}\n" for a in (*self.options, *tests)))
        for _ in range(DEATHS):
            status = self.boot(verbose, say)
            if self.over(status):
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
            if self.stop.exists():
                return
        raise SystemExit(f"{self.kernel.name}: the machine died or stood "
                         f"still {DEATHS} times")

    def boot(self, verbose, say):
        script = shlex.join(map(str, [
            VM / "guest/suite", modules.TREE, self.build, self.file, self.cpu,
            self.slow, self.dir / "arguments"]))
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


def finish(process):
    """Its status; if we are interrupted, it cleans up first, too."""
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise


class Progress:
    """Says what each file of tests has come to, once the next one is begun."""

    def __init__(self, name, say, known=()):
        self.name, self.say = name, say
        self.told = {table.module(v.test) for v in known}

    def tell(self, verdicts, ended=False):
        files = {}
        for v in verdicts:
            files.setdefault(table.module(v.test), []).append(v)
        names = list(files) if ended else list(files)[:-1]
        for name in names:
            if name not in self.told:
                self.told.add(name)
                took = sum(v.seconds for v in files[name])
                self.say(f"{self.name}  {name}: {table.cell(files[name])} "
                         f"({took:.0f} s)")
