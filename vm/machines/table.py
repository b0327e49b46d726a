# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts of tests on several kernels, as tables. Pure: no files, no clock."""

import re
from collections import Counter, namedtuple

#: outcome: "passed", "failed", "skipped"; figures: {name: number}
Verdict = namedtuple("Verdict", "test outcome reason seconds figures",
                     defaults=("", 0.0, {}))

UNFINISHED = "the machine died, or stood still, during this test"


def read(lines):
    """(verdicts, test that has begun and not ended or None, {file: how many
    tests it has}) from what vm/guest/verdicts.py has written."""
    verdicts, running, collected = {}, None, {}
    for line in lines:
        if "files" in line:
            collected.update(line["files"])
        elif "outcome" in line:
            verdicts[line["test"]] = Verdict(
                line["test"], line["outcome"], line.get("reason", ""),
                line.get("seconds", 0.0), line.get("figures", {}))
            if line["test"] == running:
                running = None
        elif "test" in line:
            running = line["test"]
    return list(verdicts.values()), running, collected


def function(test):
    """A test without its parameters."""
    return test.partition("[")[0]


def module(test):
    return test.partition("::")[0]


def counted(count):
    """What {outcome: number} says."""
    return ", ".join(f"{count[o]} {o}" for o in ("failed", "passed", "skipped")
                     if count.get(o)) or "-"


def cell(verdicts):
    """What several verdicts of one row and kernel say."""
    return counted(Counter(v.outcome for v in verdicts))


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


def alike(test, reason):
    """A key: reasons that differ in numbers alone are one."""
    return function(test), re.sub(r"\d+", "N", reason)


def reasons(results, outcome):
    """[(function, reason, kernels, how many)] of what failed or was
    skipped."""
    found = {}
    for kernel, verdicts in results.items():
        for v in verdicts:
            if v.outcome == outcome:
                _, where = found.setdefault(alike(v.test, v.reason),
                                            (v.reason, Counter()))
                where[kernel] += 1
    return [(row, reason, list(where), sum(where.values()))
            for (row, _), (reason, where) in found.items()]


def markdown(header, rows):
    lines = ["| " + " | ".join(header) + " |",
             "| " + " | ".join("---" for _ in header) + " |"]
    lines += ["| " + " | ".join(str(c).replace("|", "\\|") for c in row) + " |"
              for row in rows]
    return "\n".join(lines)
