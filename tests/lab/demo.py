# SPDX-License-Identifier: GPL-2.0-only
"""Kill hosts under live traffic, and show what clients see.

    demo.py --out build                     (as root; `make demo` runs it)

Writes demo.json, demo.svg and demo.png. The exit status is 0 only if every
failover went as it should.
"""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from demo_faults import FAULTS  # noqa: E402
from demo_lab import DemoLab  # noqa: E402
from demo_picture import draw  # noqa: E402
from demo_scenario import Scenario  # noqa: E402
from demo_traffic import Traffic  # noqa: E402
from harness.lab import Failed  # noqa: E402

COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


class Screen:
    """Where progress is told; in colour on a terminal only."""

    def __init__(self, out):
        self.out = out
        self.colour = out.isatty() and not os.environ.get("NO_COLOR")

    def paint(self, text, colour):
        if not self.colour:
            return text
        return f"\033[{COLOURS[colour]}m{text}\033[0m"

    def line(self, text=""):
        print(text, file=self.out, flush=True)

    def say(self, text, at=None):
        """Something that happened, `at` ms after the failure."""
        when = "" if at is None else f"{at:+.1f} ms"
        self.line(f"  {self.paint(f'{when:>11}', 'yellow')}  {text}")

    def verdict(self, ok):
        return self.paint("ok" if ok else "FAILED", "green" if ok else "red")

    def checks(self, checks):
        for c in checks:
            self.line(f"  {'':>11}  {self.verdict(c.ok)}  {c.name}: {c.text}")

    def table(self, results):
        columns = (("scenario", "name", "{}"),
                   ("detected", "detect_ms", "{:.1f} ms"),
                   ("store", "flip_ns", "{} ns"),
                   ("1st packet", "first_after_store_ms", "+{:.3f} ms"),
                   ("packets lost", "packets_lost", "{}"),
                   ("flows moved", "flows_moved", "{}"),
                   ("in flight lost", "in_flight_lost", "{}"),
                   ("client errors", "client_errors", "{}"))
        rows = [[head for head, _, _ in columns]]
        rows += [["-" if r[key] is None else form.format(r[key])
                  for _, key, form in columns] for r in results]
        widths = [max(map(len, column)) for column in zip(*rows)]
        for i, row in enumerate(rows):
            text = "  ".join(cell.rjust(w) if n else cell.ljust(w) for
                             n, (cell, w) in enumerate(zip(row, widths)))
            self.line("  " + (self.paint(text + "  result", "bold") if not i
                              else f"{text}  "
                                   f"{self.verdict(results[i - 1]['ok'])}"))


def number(low, high):
    def parse(text):
        n = int(text)
        if not low <= n <= high:
            raise argparse.ArgumentTypeError(f"{low} to {high} is expected")
        return n
    return parse


def arguments(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--out", type=Path, default=Path("build"),
                   help="directory for demo.json, demo.svg, demo.png")
    p.add_argument("--profile", default="default",
                   help="of detection: default, fast or vm")
    p.add_argument("--hosts", type=number(2, 8), default=2)
    p.add_argument("--flows", type=number(2, 20000), default=5000,
                   help="idle TCP connections")
    p.add_argument("--rate", type=number(100, 10000), default=5000,
                   help="UDP packets per second")
    p.add_argument("--requests", type=number(1, 400), default=100,
                   help="HTTP requests per second, over IPv4 and IPv6 each")
    p.add_argument("--allowance", type=float, default=50, metavar="MS",
                   help="what pauses of the machine may add to detection")
    p.add_argument("--ablation", choices=("no-detection", "no-fence"),
                   help="leave a mechanism out: the demo must then fail")
    p.add_argument("--scenario", action="append", metavar="NAME",
                   choices=[f.name for f in FAULTS],
                   help="only this one; may be given several times")
    return p.parse_args(argv)


def play(options, screen):
    """The scenarios, as far as they went before something broke down."""
    played = []
    faults = [f for f in FAULTS
              if not options.scenario or f.name in options.scenario]
    with DemoLab(options.hosts, options.flows, options.profile,
                 options.ablation) as demo:
        traffic = Traffic(demo, options.rate, options.requests)
        screen.line(f"{options.hosts} hosts, detection {options.profile} "
                    f"({demo.detect_ms:g} ms), {options.rate} UDP packets/s, "
                    f"{options.flows} idle TCP connections, "
                    f"2 x {options.requests} HTTP requests/s")
        for i, fault in enumerate(faults, 1):
            title = f"[{i}/{len(faults)}] {fault.name}"
            screen.line(screen.paint(title, "bold"))
            scenario = Scenario(fault(demo.hosts[0]), traffic, screen.say,
                                options.allowance)
            try:
                scenario.run(options.flows)
            except Failed as e:
                scenario.give_up(e)
            screen.checks(scenario.checks)
            played.append(scenario)
            if scenario.broken:
                break
    return played


def main(argv):
    options = arguments(argv)
    if os.geteuid():
        sys.exit("demo.py: needs root, for network namespaces and BPF")
    # However it ends, what it made is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options.out.mkdir(parents=True, exist_ok=True)
    screen = Screen(sys.stdout)
    start = time.monotonic()
    try:
        played = play(options, screen)
    except KeyboardInterrupt:
        screen.line("interrupted")
        return 130
    except Failed as e:
        sys.exit(f"demo.py: {e}")
    results = [s.result() for s in played]
    (options.out / "demo.json").write_text(
        json.dumps({"profile": options.profile, "scenarios": results},
                   indent=1) + "\n")
    draw(played, options.out)
    screen.line()
    screen.table(results)
    screen.line(f"""
  In flight lost: requests under way and idle connections that the dead host's
  kernel held. Their packets reach the standby, which does not know them and
  resets them: taking live TCP connections over is not part of this version.
  See docs/demo.md. {time.monotonic() - start:.0f} s; {options.out}/demo.svg \
shows it.""")
    return 0 if all(r["ok"] for r in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
