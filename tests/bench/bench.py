#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measure, say how it compares with the goals, and write the figures down.

    bench.py [--out FILE] [--strict] [--rounds N] [GROUP]...

The file maps names to {"value", "unit", "min", "median", "rounds"}. `value` is
the minimum of all rounds for what a packet costs, since whatever disturbs a
round only adds to it; for everything else it is the median (of packets that
went wrong, the maximum: one is too many). Rounds of what is compared are
interleaved, so that a busy minute of the machine meets all of them.

A cost "net" is that of the generator with a program behind it, less that of
the generator with a program that does nothing but XDP_TX; minimum less
minimum and median less median.

How each figure comes about, and what it was: docs/performance.md.
"""

import argparse
import json
import math
import os
import random
import signal
import socket
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[n]) for n in (0, 1)]

from scapy.layers.inet import IP, TCP  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

import detection  # noqa: E402
import killing  # noqa: E402
import proxying  # noqa: E402
from harness.lab import BUILD, Lab, run, wait_until  # noqa: E402

VIP4, VIP6 = "192.0.2.1", "2001:db8:200::1"
MOVES = {"move_1": "192.0.2.2", "move_100k": "192.0.2.3",
         "move_1m": "192.0.2.4"}
RECORDED = "192.0.2.5"
REPLAYED = 30  # packets, each of another connection
FLOWS = 4000000
DETECT_ROUNDS = 50
ALARM_SECONDS = 600  # idle for one half, busy for the other

#: name: (unit, how `value` comes from the rounds)
FIGURES = {
    **{name: ("ns", min) for name in (
        "xdp_1flow_l2", "xdp_1flow_ipip", "xdp_1flow_l2_v6", "lru_1flow",
        "xdp_1m_l2", "xdp_1m_ipip", "xdp_1m_l2_v6", "lru_1m", "record_1460",
        "record_1460_large", "copy_1460",
        "live_1m", "live_bare_redirect")},
    **{name: ("ns", statistics.median) for name in MOVES},
    **{name: ("packets", max) for name in (
        "move_lost", "move_torn", "move_misdirected")},
    "move_first_packet": ("ms", statistics.median),
    "replay_30": ("ms", statistics.median),
    "detect_p50": ("ms", statistics.median),
    "detect_p99": ("ms", statistics.median),
    "detect_time": ("ms", statistics.median),
    **{f"detect_{load}{kind}_{part}": ("ms", statistics.median)
       for load in ("", "busy_") for kind in detection.KINDS
       for part in ("p50", "p99")},
    "link_1k": ("us/MB", statistics.median),
    "link_64k": ("us/MB", statistics.median),
    "link_trip": ("us", statistics.median),
    **{name: ("", sum) for name in ("kills", "kill_resets", "kill_corrupt",
                                    "kill_hung", "ablation_failures")},
    **{f"stall_{when}_{part}_{kind}": ("ms", statistics.median)
       for when in ("after_detection", "at_rest") for part in ("p50", "p99")
       for kind in (*killing.KINDS, "upload_1", "upload_1000")},
    **{f"stall_{what}_{part}": ("ms", statistics.median)
       for part in ("p50", "p99")
       for what in (f"{what}_{blow}" for blow in killing.BLOWS
                    for what in ("detection", "in_all"))},
    "stall_unrecorded_p50_rr": ("ms", statistics.median),
    "stall_unrecorded_p99_rr": ("ms", statistics.median),
    "takeover_1000": ("ms", statistics.median),
    "idle_connection_bytes": ("bytes", statistics.median),
    **{f"goodput_{what}_{through}": ("MB/s", statistics.median)
       for what in ("upload", "download") for through in proxying.THROUGH},
    **{f"goodput_upload_{through}_{what}": ("MB/s", statistics.median)
       for what in proxying.HARD for through in proxying.OURS},
    **{f"acks_per_message_{what}": ("", statistics.median)
       for what in ("upload", "download")},
    **{f"rr_p50_{through}": ("us", statistics.median)
       for through in proxying.TRIPS_TO},
    "detect_false_positives": ("hosts", max),
    "detect_false_positives_fast": ("hosts", max),
}

#: a name, and what its value must not exceed, given all values
GOALS = [
    ("xdp_1flow_l2", "25 ns net", lambda v: 25),
    ("xdp_1flow_ipip", "30 ns net", lambda v: 30),
    ("xdp_1m_l2", "150 ns net", lambda v: 150),
    ("xdp_1m_l2", "0.6 of lru_1m", lambda v: 0.6 * v["lru_1m"]),
    ("xdp_1m_ipip", "150 ns net", lambda v: 150),
    ("live_1m", "2.4 of live_bare_redirect",
     lambda v: 2.4 * v["live_bare_redirect"]),
    *((name, "1 us", lambda v: 1000) for name in MOVES),
    ("move_1m", "2 of move_1", lambda v: 2 * v["move_1"]),
    ("move_lost", "0", lambda v: 0),
    ("move_torn", "0", lambda v: 0),
    ("move_misdirected", "0", lambda v: 0),
    ("link_64k", "1 s / 700", lambda v: 1e6 / 700),
    ("link_trip", "60 us", lambda v: 60),
    ("rr_p50_protected", "rr_p50_unprotected + rr_p50_standby",
     lambda v: v["rr_p50_unprotected"] + v["rr_p50_standby"]),
    ("record_1460", "60 ns more", lambda v: 60),
    ("replay_30", "0.5 ms", lambda v: 0.5),
    ("detect_p99", "1.2 of detect_time", lambda v: 1.2 * v["detect_time"]),
    *((f"detect_{kind}_p99", "1.2 of detect_time",
       lambda v: 1.2 * v["detect_time"]) for kind in detection.KINDS),
    ("detect_word_p50", "2 ms", lambda v: 2),
    ("detect_killed_p99", "2 ms", lambda v: 2),
    ("detect_false_positives", "0", lambda v: 0),
    *((f"kill_{what}", "0", lambda v: 0)
      for what in ("resets", "corrupt", "hung")),
    *((f"stall_after_detection_p50_{kind}", "5 ms", lambda v: 5)
      for kind in killing.KINDS),
    *((f"stall_after_detection_p99_{kind}", "50 ms", lambda v: 50)
      for kind in killing.KINDS),
    ("takeover_1000", "200 ms", lambda v: 200),
    ("idle_connection_bytes", "4 KiB", lambda v: 4096),
]

#: the same for what must not be less
LEAST = [
    ("ablation_failures", "1", lambda v: 1),
    *((f"goodput_{what}_protected", f"{part} of {than}",
       lambda v, what=what, part=part, than=than:
       part * v[f"goodput_{what}_{than}"])
      for what in ("upload", "download")
      for part, than in ((0.7, "unprotected"), (0.8, "haproxy"))),
    *((f"acks_per_message_{what}", "16", lambda v: 16)
      for what in ("upload", "download")),
    *((f"goodput_upload_protected_{what}", "0.5 of unprotected",
       lambda v, what=what: 0.5 * v[f"goodput_upload_unprotected_{what}"])
      for what in proxying.HARD),
]


class Figures:
    """What was measured, by name."""

    def __init__(self):
        self.table = {}

    def add(self, name, rounds, low=None, median=None):
        """The rounds of a figure, or what came of them."""
        unit, choose = FIGURES[name]
        low = min(rounds) if low is None else low
        median = statistics.median(rounds) if median is None else median
        value = {min: low, statistics.median: median}.get(
            choose, choose(rounds))
        self.table[name] = {
            "value": round(value, 3), "unit": unit, "min": round(low, 3),
            "median": round(median, 3), "rounds": len(rounds)}

    def add_net(self, name, rounds, bare):
        self.add(name, rounds, min(rounds) - min(bare),
                 statistics.median(rounds) - statistics.median(bare))


class Bench:
    """The laboratory of xdpbench.h, with a batond of its own."""

    def __init__(self, lab, probe=False, **switch):
        self.lab = lab
        self.switch_section = switch
        self.client, self.switch = lab.netns("client"), lab.netns("switch")
        self.a, self.b = lab.netns("a"), lab.netns("b")
        lab.veth(self.client, "c0", self.switch, "p0")
        lab.veth(self.switch, "p1", self.a, "h0")
        lab.veth(self.switch, "p2", self.b, "h0")
        lab.veth(self.client, "c1", self.switch, "q0")
        lab.veth(self.switch, "q1", self.a, "h1")
        for number, host in (1, self.a), (2, self.b):
            self.switch.address(f"p{number}", f"10.0.{number}.1/24")
            host.address("h0", f"10.0.{number}.2/24")
        if probe:
            self.start_agents()
        self.batond = lab.batond(self.switch, self.configuration(probe))

    def start_agents(self):
        self.key = self.lab.file("probe.key", random.randbytes(16).hex() + "\n")
        self.key.chmod(0o600)
        pins = self.lab.bpffs("agents")
        for number, host in (1, self.a), (2, self.b):
            agent = self.lab.baton_host(host, json.dumps({
                "interface": "h0", "bpffs": str(pins / str(number)),
                "mode": "native", "probe-key": str(self.key),
                "switches": [f"10.0.{number}.1"], "vips": [VIP4, VIP6],
                "manage-vips": True}), f"agent{number}")
            agent.wait_output("ready;")

    def configuration(self, probe):
        def host(name, number, ns):
            return {"name": name, "address": f"10.0.{number}.2",
                    "interface": f"p{number}", "mac": ns.mac("h0"),
                    "probe": probe}

        def service(name, vip, owner):
            return {"name": name, "vip": vip, "protocol": "tcp", "port": 80,
                    "owners": [owner]}
        hosts = [host("a", 1, self.a), host("b", 2, self.b)]
        services = [service("bench4", VIP4, "bench"),
                    {**service("recorded4", RECORDED, "bench"),
                     "recorder": True},
                    service("bench6", VIP6, "bench"),
                    *(service(n, vip, n) for n, vip in MOVES.items())]
        if not probe:
            # packets to it are made, and never leave
            hosts.append({"name": "ipip", "address": "10.0.1.3",
                          "interface": "p1", "mac": "02:00:00:00:00:03",
                          "probe": False, "forward": "ipip"})
        return {
            "switch": {"flows": FLOWS, **self.switch_section,
                       **({"probe-key": str(self.key)} if probe else {})},
            "ports": [{"interface": p, "mode": "native"}
                      for p in ("p0", "p1", "p2")],
            "hosts": hosts,
            "owners": [{"name": n, "host": "a", "standbys": ["b"]}
                       for n in ("bench", *MOVES)],
            "services": services}

    def xdpbench(self, command, **options):
        """Its results: name to rounds."""
        options = {"objects": BUILD / "tests/bench",
                   "bpffs": self.batond.pins, "client": self.client.name,
                   "switch": self.switch.name, "host-a": self.a.name,
                   "host-b": self.b.name, **options}
        words = [f"--{k}={v}" for k, v in options.items()]
        done = run(BUILD / "xdpbench", *words, command, timeout=1200)
        results = defaultdict(list)
        for line in done.stdout.splitlines():
            name, value = line.split()
            results[name].append(float(value))
        return results


def group_xdp(figures, rounds):
    with Lab("bench") as lab:
        results = Bench(lab).xdpbench("time", rounds=rounds, repeat=100000)
    for name, values in results.items():
        if name.startswith("bare_") or name.endswith("_1460"):
            continue
        way = name.removeprefix("xdp_").removeprefix("lru_")
        bare = "bare_" + way.replace("_l2", "").replace("_ipip", "")
        figures.add_net(name, values, results[bare])


def group_live(figures, rounds):
    with Lab("bench") as lab:
        # Wall time: short rounds, of which some are not interrupted.
        results = Bench(lab).xdpbench("live", rounds=5 * rounds,
                                      repeat=40000)
    for name, values in results.items():
        figures.add(name, values)


def group_move(figures, rounds):
    with Lab("bench") as lab:
        bench = Bench(lab)
        results = bench.xdpbench("store", rounds=rounds, repeat=1000000)
        results |= bench.xdpbench("flip", rounds=rounds, repeat=300000)
    for name, values in results.items():
        if name in FIGURES:
            figures.add(name, values)


def group_record(figures, rounds):
    """A packet that is recorded, less one that is not; with rings that fit
    the cache of a CPU, and with those that batond makes by itself."""
    for name, switch in (("record_1460", {"recorder-packets": 1024}),
                         ("record_1460_large", {})):
        with Lab("bench") as lab:
            results = Bench(lab, **switch).xdpbench(
                "time", rounds=rounds, repeat=100000, only="1460")
        figures.add_net(name, results["record_1460"], results["plain_1460"])
        if not switch:
            continue
        # no more than the copying, into as many slots
        figures.add_net("copy_1460", results["copy_1460"],
                        results["bare_1460"])


def group_replay(figures, rounds):
    """From the decision that an owner moves until the last of its packets
    that nobody acknowledged has left for the new host."""
    times = []
    with Lab("bench") as lab:
        bench = Bench(lab)
        control = bench.batond.control
        frames = [bytes(Ether(dst=bench.switch.mac("p0")) /
                        IP(src=f"10.9.0.{i + 1}", dst=RECORDED) /
                        TCP(sport=40000, dport=80, flags="A", seq=1, ack=1) /
                        Raw(bytes(1460))) for i in range(REPLAYED)]
        with bench.client.entered():
            sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            sender.bind(("c0", 0))
        for i in range(rounds):
            def recorded():
                return control("status")["recorder"]["packets"]
            before = recorded()
            for frame in frames:
                sender.send(frame)
            wait_until(lambda: recorded() >= before + REPLAYED,
                       "all are recorded")
            after = control("event.show", last=1)[-1]["seq"]
            control("owner.failover", name="bench", to="ab"[i % 2 == 0])
            event = wait_until(
                lambda: next((e for e in control("event.show", last=9,
                                                 after=after)
                              if e["kind"] == "move"), None), "event move")
            if event["replayed"]["packets"] != REPLAYED:
                raise RuntimeError(f"not all were replayed: {event}")
            times.append(event["replayed"]["ms"])
        sender.close()
    figures.add("replay_30", times)


def group_detect(figures, rounds):
    with Lab("bench") as lab:
        bench = Bench(lab, probe=True)
        control = bench.batond.control

        def host_is_up():
            a, = control("host.show", name="a")
            return a["state"] == "up"
        times = []
        for _ in range(max(rounds, DETECT_ROUNDS)):
            wait_until(host_is_up, "host a is up")
            owner, = control("owner.show", name="bench")
            if owner["host"] != "a":
                control("owner.failback", name="bench")
            detect, = {h["detect_ms"] for h in control("host.show")}
            # anywhere between two probes
            time.sleep(random.random() * detect / 1000)
            times += bench.xdpbench("cut")["detect"]
    times.sort()
    for name, part in ("detect_p50", 0.5), ("detect_p99", 0.99):
        at = times[math.ceil(part * len(times)) - 1]
        figures.add(name, times, median=at)
    figures.add("detect_time", [detect])
    detect_kinds(figures, rounds, detect)


def detect_kinds(figures, rounds, detect_ms):
    """Each kind of death, on an idle machine and on a busy one; and none."""
    results = {"": detection.measure(rounds),
               "busy_": detection.measure(rounds, os.cpu_count())}
    for load, kinds in results.items():
        for kind, times in kinds.items():
            for name, part in ("p50", 0.5), ("p99", 0.99):
                figures.add(f"detect_{load}{kind}_{name}", times,
                            median=detection.percentile(times, part))
    detection.draw({"busy" if load else "idle": kinds
                    for load, kinds in results.items()},
                   BUILD / "detect.svg", detect_ms)
    alarms = [detection.false_alarms(ALARM_SECONDS / 2, load)
              for load in (0, os.cpu_count())]
    figures.add("detect_false_positives",
                [a["default"] + a["vm"] for a in alarms])
    figures.add("detect_false_positives_fast", [a["fast"] for a in alarms])


def linkbench(what, size):
    """A round of a second, both ends on one processor: what it came to does
    not depend on how many of them are free."""
    cpu = min(os.sched_getaffinity(0))
    return json.loads(run("taskset", "-c", cpu, BUILD / "linkbench", what,
                          size, 1).stdout)


def group_link(figures, rounds):
    """State between machines, TLS included, on loopback."""
    times = defaultdict(list)
    for _ in range(max(7, rounds // 4)):
        for name, size in ("link_1k", 1024), ("link_64k", 65536):
            speed = linkbench("stream", size)["mb_per_s"]
            times[name].append(1e6 / speed)
        times["link_trip"].append(linkbench("trip", 64)["median_us"])
    for name, values in times.items():
        figures.add(name, values)


STALL_KILLS, STORM_KILLS, MANY_KILLS, DETECTED_KILLS = 100, 700, 20, 50
CONNECTIONS = 20


def percentiles(figures, name, times):
    """name: with a place for p50 and p99."""
    for what, part in ("p50", 0.5), ("p99", 0.99):
        figures.add(name.format(what), times,
                    median=detection.percentile(times, part))


def detected_kills(figures, wrong):
    """Nobody moves the owner by hand: what is detection, and all of it."""
    for blow in killing.BLOWS:
        until_moved, until_going, failed = killing.detected(
            blow, CONNECTIONS, DETECTED_KILLS)
        percentiles(figures, f"stall_detection_{blow}_{{}}", until_moved)
        percentiles(figures, f"stall_in_all_{blow}_{{}}", until_going)
        wrong += failed


def group_kill(figures, rounds):
    """More than 1,000 kills: of proxies with paced clients of each kind, for how long
    these stand still, and of one with clients that do what they can."""
    wrong = []
    for kind in killing.KINDS:
        times, rest, failed = killing.stalls(kind, CONNECTIONS, STALL_KILLS)
        wrong += failed
        percentiles(figures, f"stall_after_detection_{{}}_{kind}", times)
        percentiles(figures, f"stall_at_rest_{{}}_{kind}", rest)
    times, _, _ = killing.stalls("rr", CONNECTIONS, rounds, recorder=False)
    percentiles(figures, "stall_unrecorded_{}_rr", times)
    times, rest, failed = killing.stalls("upload", 1, STALL_KILLS)
    percentiles(figures, "stall_after_detection_{}_upload_1", times)
    percentiles(figures, "stall_at_rest_{}_upload_1", rest)
    wrong += failed
    times, rest, failed = killing.stalls_of_many(MANY_KILLS)
    percentiles(figures, "stall_after_detection_{}_upload_1000", times)
    percentiles(figures, "stall_at_rest_{}_upload_1000", rest)
    wrong += failed
    detected_kills(figures, wrong)
    wrong += killing.storm(STORM_KILLS)
    figures.add("kills", [(len(killing.KINDS) + 1) * STALL_KILLS + MANY_KILLS +
                          len(killing.BLOWS) * DETECTED_KILLS + STORM_KILLS])
    for name, what in (("resets", "reset"), ("corrupt", "corrupt"),
                       ("hung", "hung")):
        figures.add(f"kill_{name}", [wrong.count(what)])
    figures.add("ablation_failures", [killing.without_the_gate()])
    took, memory = killing.many(rounds // 4)
    figures.add("takeover_1000", took)
    figures.add("idle_connection_bytes", [memory])


def proxied(figures, rounds, names, measure, through=proxying.THROUGH,
            suffix="", prepare=lambda bench: None, **options):
    """Interleaved, through each kind of proxy."""
    found = defaultdict(list)
    with Lab("proxy") as lab:
        bench = proxying.Bench(lab, "haproxy" in through, **options)
        prepare(bench)
        for _ in range(rounds):
            for way in through:
                for name in names:
                    found[f"{name}_{way}{suffix}"].append(
                        measure(bench, name, way))
    for name, values in found.items():
        figures.add(name, values)


def group_goodput(figures, rounds):
    rounds = max(rounds // 8, 3)

    def goodput(bench, name, through):
        return getattr(bench, name.partition("_")[2])(through)
    proxied(figures, rounds, ("goodput_upload", "goodput_download"), goodput)
    proxied(figures, rounds, ("goodput_upload",), goodput, proxying.OURS,
            "_rcvbuf64k", buffer=64 << 10)
    proxied(figures, rounds, ("goodput_upload",), goodput, proxying.OURS,
            "_loss1000", prepare=proxying.Bench.lose_packets)
    with Lab("proxy") as lab:
        bench = proxying.Bench(lab, haproxy=False)
        for what in ("upload", "download"):
            figures.add(f"acks_per_message_{what}",
                        [bench.acks_per_message(what) for _ in range(rounds)])


def group_rr(figures, rounds):
    proxied(figures, max(rounds // 4, 3), ("rr_p50",),
            lambda bench, name, through: bench.trips(through),
            proxying.TRIPS_TO, apart=True)


GROUPS = {"xdp": group_xdp, "live": group_live, "move": group_move,
          "record": group_record, "replay": group_replay,
          "detect": group_detect, "link": group_link,
          "kill": group_kill, "goodput": group_goodput, "rr": group_rr}


def report(table):
    """Print the table; are all goals met that could be judged?"""
    print(f"{'':20}{'value':>9}{'':9}{'median':>9}{'min':>9}{'rounds':>8}")
    for name, figure in table.items():
        print(f"{name:20}{figure['value']:>9.5g}  {figure['unit']:8}"
              f"{figure['median']:>9.5g}{figure['min']:>9.5g}"
              f"{figure['rounds']:>8}")
    values = {name: figure["value"] for name, figure in table.items()}
    good = True
    print()
    for sign, goals in ("<=", GOALS), (">=", LEAST):
        for name, text, limit in goals:
            try:
                value, bound = values[name], limit(values)
            except KeyError:  # of a group that did not run
                continue
            met = value <= bound if sign == "<=" else value >= bound
            good &= met
            print(f"{'met' if met else 'MISSED':8}{name} {sign} {text}: "
                  f"{value:.5g}, limit {bound:.5g}")
    return good


def main():
    parser = argparse.ArgumentParser(
        description="Measure the switch.",
        epilog="How: docs/performance.md. It needs root, and what `make "
        "test-build` builds, in the directory that BATON_BUILD names.")
    parser.add_argument("groups", nargs="*", metavar="|".join(GROUPS),
                        help="what to measure (all)")
    parser.add_argument("--out", type=Path, default=BUILD / "bench.json")
    parser.add_argument("--strict", action="store_true",
                        help="fail if a goal is missed")
    parser.add_argument("--rounds", type=int, default=40)
    args = parser.parse_args()
    for name in args.groups:
        if name not in GROUPS:
            parser.error(f"no group {name!r}: there are {', '.join(GROUPS)}")
    if args.rounds < 7:
        parser.error("fewer than 7 rounds tell nothing")
    # Ended by a signal, the bench still removes what it made.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    figures = Figures()
    for name in args.groups or GROUPS:
        print(f"measuring: {name}", file=sys.stderr)
        GROUPS[name](figures, args.rounds)
    args.out.write_text(json.dumps(figures.table, indent=1) + "\n")
    met = report(figures.table)
    return 1 if args.strict and not met else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
