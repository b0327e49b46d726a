# SPDX-License-Identifier: GPL-2.0-only
"""What is known of each kernel, from many runs. Pure: no files, no clock.

    {"6.1": {"release": "6.1.0-56-amd64", "version": "6.1.192-2",
             "modules": {"tests/packet/test_host.py": {
                 "release": "6.1.0-56-amd64", "date": "2026-11-21",
                 "cpu": "emulated", "seconds": 312,
                 "counts": {"passed": 215, "failed": 1}, "of": 224,
                 "reasons": [{"test": "tests/...::test_x", "count": 1,
                              "outcome": "failed", "reason": "..."}],
                 "figures": {...}}}}}

A kernel's `release` is the newest one that anything was run on, a module's is the
one that it was run on. `of` is there when only a part of the module was run: how
many tests it has, or null where that is not known. `seconds` is not there if nobody
took the time.
"""

import itertools
from collections import Counter

from . import table


def of_module(verdicts, tests, about):
    """`tests`: how many the module has, None if that is not known."""
    found = {"release": about["kernel"], "date": about["date"],
             "cpu": about["cpu"],
             "seconds": round(sum(v.seconds for v in verdicts)),
             "counts": dict(Counter(v.outcome for v in verdicts))}
    if tests is None or len(verdicts) < tests:
        found["of"] = tests
    reasons = [{"test": test, "outcome": outcome, "reason": reason,
                "count": count}
               for outcome in ("failed", "skipped")
               for test, reason, _, count in table.reasons({"": verdicts},
                                                           outcome)]
    if reasons:
        found["reasons"] = reasons
    figures = {n: f for v in verdicts for n, f in v.figures.items()}
    if figures:
        found["figures"] = figures
    return found


def of_run(about, verdicts, collected, apart=()):
    """A kernel, as one run has found it. `collected`: how many tests each file
    has; `apart`: tests that are modules, and not counted with their file."""
    modules = {}
    for v in verdicts:
        name = v.test if v.test in apart else table.module(v.test)
        modules.setdefault(name, []).append(v)

    def tests(name):
        if name in apart:
            return 1
        if name not in collected:
            return None
        return collected[name] - sum(table.module(t) == name for t in apart)
    return {"release": about["kernel"], "version": about["version"],
            "modules": {name: of_module(found, tests(name), about)
                        for name, found in modules.items()}}


def whole(result):
    return result is not None and "of" not in result


def replaces(new, old):
    """Whether one result of a module takes the place of another. What is
    older never does. A part does not make a whole forgotten, unless it has
    failed, which must not be hidden."""
    if old is None:
        return True
    if new["date"] < old["date"]:
        return False
    return whole(new) or not whole(old) or "failed" in new["counts"]


def newest(kernel):
    return max((m["date"] for m in kernel["modules"].values()), default="")


def merge(old, new):
    """A kernel, as it is known once a run is over."""
    if not new["modules"]:
        return old
    if old is None:
        return new
    modules = dict(old["modules"])
    for name, result in new["modules"].items():
        if replaces(result, modules.get(name)):
            modules[name] = result
    latest = old if newest(new) < newest(old) else new
    return {"release": latest["release"], "version": latest["version"],
            "modules": modules}


def known(results, name):
    """{module: result} of a kernel."""
    return results.get(name, {"modules": {}})["modules"]


UNKNOWN = False, ""


def since(test, modules, release):
    """How well a module is known: whether of this release, and from which date on;
    UNKNOWN if it is not, or only in part, or if it failed."""
    result = modules.get(test) or modules.get(table.module(test))
    if not whole(result) or "failed" in result["counts"]:
        return UNKNOWN
    return result["release"] == release, result["date"]


def order(tests, modules, release):
    """What is least known first, then what is of another release, then what is
    oldest."""
    return sorted(tests, key=lambda t: since(t, modules, release))


def need(tests, modules, release):
    """A key that sorts kernels like order() sorts modules."""
    dates = [since(t, modules, release) for t in tests]
    return min(dates, default=UNKNOWN), -dates.count(UNKNOWN)


def steps(tests, outside):
    """In the same order: [(whether they boot machines themselves, tests)]."""
    return [(out, list(some)) for out, some in itertools.groupby(tests,
                                                                 outside)]


def share(minutes, passed, kernels):
    """s that a kernel gets, when so many s have passed, and so many kernels
    are to come: None without a limit, 0 if time is over."""
    if minutes is None:
        return None
    return max(0.0, (60 * minutes - passed) / kernels)


def plan(tests, modules, release):
    """Lines: what will be run, and what is known of it."""
    width = max(map(len, tests), default=0)
    lines, took = [], []
    for test in tests:
        result = modules.get(test) or modules.get(table.module(test))
        if result is None:
            said = "no result"
        else:
            said = f"{result['date']}: {outcome(result)}"
            if result["release"] != release:
                said += f", {result['release']}"
            if "seconds" in result:
                took.append(result["seconds"])
                said += f", {took[-1]} s"
        lines.append(f"  {test:{width}}  {said}")
    if took:
        lines.append(f"  {len(took)} of {len(tests)} took "
                     f"{sum(took) / 60:.1f} minutes last time")
    return lines


def outcome(result):
    """In a few words; a part says so."""
    text = table.counted(result["counts"])
    if whole(result):
        return text
    return text + (f" of {result['of']}" if result["of"] else ", in part")
