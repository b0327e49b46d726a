# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts of tests on several kernels, as tables. Pure: no files, no clock."""

import re
from collections import Counter, namedtuple

#: outcome: "passed", "failed", "skipped"; figures: {name: number}
Verdict = namedtuple("Verdict", "test outcome reason seconds figures",
                     defaults=("", 0.0, {}))

UNFINISHED = "the machine died, or stood still, during this test"


def read(lines):
    """(verdicts, test that has begun and not ended or None, how many tests
    there are) from what vm/guest/verdicts.py has written. The last line may
    be cut short."""
    verdicts, running, collected = {}, None, 0
    for line in lines:
        if "collected" in line:
            collected = line["collected"]
        elif "outcome" in line:
            verdicts[line["test"]] = Verdict(
                line["test"], line["outcome"], line.get("reason", ""),
                line.get("seconds", 0.0), line.get("figures", {}))
            if line["test"] == running:
                running = None
        else:
            running = line["test"]
    return list(verdicts.values()), running, collected


def function(test):
    """A test without its parameters."""
    return test.partition("[")[0]


def module(test):
    return test.partition("::")[0]


def cell(verdicts):
    """What several verdicts of one row and kernel say."""
    count = Counter(v.outcome for v in verdicts)
    if not count:
        return "-"
    return ", ".join(f"{count[o]} {o}" for o in ("failed", "passed", "skipped")
                     if count[o])


def group(results, key):
    """{row: {kernel: verdicts}}, rows in the order of the tests."""
    rows = {}
    for kernel, verdicts in results.items():
        for verdict in verdicts:
            rows.setdefault(key(verdict.test), {}).setdefault(
                kernel, []).append(verdict)
    return rows


def text(results, key=function):
    """For a terminal: {kernel: verdicts}, a row for each test function."""
    kernels = list(results)
    rows = [("test", *kernels)]
    rows += [(row, *(cell(cells.get(k, [])) for k in kernels))
             for row, cells in group(results, key).items()]
    rows.append(("all", *(cell(results[k]) for k in kernels)))
    widths = [max(len(r[i]) for r in rows) for i in range(len(kernels) + 1)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip()
                     for row in rows)


def reasons(results, outcome):
    """[(function, reason, kernels, how many)] of what failed or was skipped.
    Reasons that differ in numbers alone are one."""
    found = {}
    for kernel, verdicts in results.items():
        for v in verdicts:
            if v.outcome == outcome:
                key = function(v.test), re.sub(r"\d+", "N", v.reason)
                _, where = found.setdefault(key, (v.reason, Counter()))
                where[kernel] += 1
    return [(row, reason, list(where), sum(where.values()))
            for (row, _), (reason, where) in found.items()]


def markdown(header, rows):
    lines = ["| " + " | ".join(header) + " |",
             "| " + " | ".join("---" for _ in header) + " |"]
    lines += ["| " + " | ".join(str(c).replace("|", "\\|") for c in row) + " |"
              for row in rows]
    return "\n".join(lines)


def figures(results):
    """(header, rows) of the figures that tests have left, by kernel."""
    kernels = list(results)
    named = {k: {} for k in kernels}
    for kernel, verdicts in results.items():
        for v in verdicts:
            named[kernel].update(v.figures)
    names = sorted({n for found in named.values() for n in found})
    return (("", *kernels),
            [(n, *(named[k].get(n, "-") for k in kernels)) for n in names])
