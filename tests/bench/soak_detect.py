#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""False alarms of all profiles at once, idle and with all CPUs busy in turn,
hour after hour: soak_detect.py [--hours N]. Status 1 if the profiles default or
vm raised any."""

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from detection import false_alarms  # noqa: E402

SLICE = 300  # seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24)
    end = time.monotonic() + parser.parse_args().hours * 3600
    total = {}
    load = 0
    while time.monotonic() < end:
        seconds = min(SLICE, max(1, end - time.monotonic()))
        for profile, n in false_alarms(seconds, load).items():
            key = profile, "busy" if load else "idle"
            total[key] = total.get(key, 0) + n
        load = 0 if load else os.cpu_count()
        print(time.strftime("%H:%M:%S"), *(
            f"{profile} {what}: {n}" for (profile, what), n in total.items()),
            sep="  ", flush=True)
    return int(any(n for (profile, _), n in total.items()
                   if profile != "fast"))


if __name__ == "__main__":
    sys.exit(main())
