# SPDX-License-Identifier: GPL-2.0-only
"""Kill hosts under live traffic, and show what clients see.

    demo.py --out build                     (as root; `make demo` runs it)

Two parts: hosts whose applications die with them, and hosts with baton-proxy,
whose connections go on. Writes demo.json, and demo and demo-proxy as .svg and
.png. The exit status is 0 only if every failover went as it should.
"""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import demo_picture  # noqa: E402
import demo_proxy  # noqa: E402
import demo_proxy_picture  # noqa: E402
from demo_faults import FAULTS  # noqa: E402
from demo_lab import DemoLab  # noqa: E402
from demo_proxy_faults import PROXY_FAULTS  # noqa: E402
from demo_scenario import Scenario  # noqa: E402
from demo_screen import Screen  # noqa: E402
from demo_traffic import Traffic  # noqa: E402
from harness.lab import Failed  # noqa: E402

#: of the table: (head, key of a result, format)
COLUMNS = (("scenario", "name", "{}"),
           ("detected", "detect_ms", "{:.1f} ms"),
           ("store", "flip_ns", "{} ns"),
           ("1st packet", "first_after_store_ms", "+{:.3f} ms"),
           ("packets lost", "packets_lost", "{}"),
           ("flows moved", "flows_moved", "{}"),
           ("in flight lost", "in_flight_lost", "{}"),
           ("client errors", "client_errors", "{}"))

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
                   help="directory for demo.json and the pictures")
    p.add_argument("--keep", type=Path, metavar="DIR",
                   help="keep the configuration files and logs of all programs "
                        "there")
    p.add_argument("--profile", default="default",
                   help="of detection: default, fast or vm")
    p.add_argument("--hosts", type=number(2, 8), default=2)
    p.add_argument("--flows", type=number(2, 20000), default=5000,
                   help="idle TCP connections")
    p.add_argument("--rate", type=number(100, 10000), default=5000,
                   help="UDP packets per second")
    p.add_argument("--requests", type=number(1, 400), default=100,
                   help="HTTP requests per second, over IPv4 and IPv6 each")
    p.add_argument("--seconds", type=number(10, 600), default=25,
                   help="how long the transfers through the proxies last")
    p.add_argument("--bandwidth", type=number(100000, 10000000),
                   default=1 << 20, help="bytes a second of each of them")
    p.add_argument("--allowance", type=float, default=50, metavar="MS",
                   help="what pauses of the machine may add to detection")
    p.add_argument("--ablation", choices=("no-detection", "no-fence", "no-gate"),
                   help="leave a mechanism out: the demo must then fail")
    p.add_argument("--scenario", action="append", metavar="NAME",
                   choices=[f.name for f in (*FAULTS, *PROXY_FAULTS)],
                   help="only this one; may be given several times")
    return p.parse_args(argv)


def play(options, screen, faults):
    """The scenarios, as far as they went before something broke down."""
    played = []
    with DemoLab(options.hosts, options.flows, options.profile,
                 options.ablation, options.keep) as demo:
        traffic = Traffic(demo, options.rate, options.requests)
        screen.line(f"{options.hosts} hosts, detection {options.profile} "
                    f"({demo.detect_ms:g} ms), {options.rate} UDP packets/s, "
                    f"{options.flows} idle TCP connections, "
                    f"2 x {options.requests} HTTP requests/s")
        for i, fault in enumerate(faults, 1):
            screen.title(f"[{i}/{len(faults)}] {fault.name}")
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


def play_hosts(options, screen, faults):
    """Its part of demo.json, and whether all went well."""
    played = play(options, screen, faults)
    results = [s.result() for s in played]
    demo_picture.draw(played, options.out)
    screen.line()
    screen.table(COLUMNS, results)
    screen.line(f"""
  In flight lost: requests under way and idle connections that the dead host's
  kernel held. Their packets reach the standby, which does not know them and
  resets them. {options.out}/demo.svg shows it.
""")
    return {"scenarios": results}, all(r["ok"] for r in results)


def play_proxies(options, screen, faults):
    """The same of the part with baton-proxy."""
    course = demo_proxy.play(options, screen, faults)
    demo_proxy_picture.draw(course, options.out)
    screen.line()
    course.table()
    if course.ok:
        screen.line("""
  One connection each, all the time: what the dead host's kernel held, its
  standby had, too.""")
    screen.line(f"  {options.out}/demo-proxy.svg shows it.")
    return {"proxy": course.result()}, course.ok


def main(argv):
    options = arguments(argv)
    if os.geteuid():
        sys.exit("demo.py: needs root, for network namespaces and BPF")
    # However it ends, what it made is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options.out.mkdir(parents=True, exist_ok=True)
    screen = Screen(sys.stdout)
    start = time.monotonic()
    results, well = {"profile": options.profile}, True
    try:
        for part, faults in (play_hosts, FAULTS), (play_proxies, PROXY_FAULTS):
            faults = [f for f in faults if not options.scenario or
                      f.name in options.scenario]
            if faults:
                result, ok = part(options, screen, faults)
                results |= result
                well = well and ok
    except KeyboardInterrupt:
        screen.line("interrupted")
        return 130
    except Failed as e:
        sys.exit(f"demo.py: {e}")
    (options.out / "demo.json").write_text(json.dumps(results, indent=1) +
                                           "\n")
    screen.line(f"  {time.monotonic() - start:.0f} s; see docs/demo.md")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
