# SPDX-License-Identifier: GPL-2.0-only
"""docs/kernels.md, from what docs/kernels.json knows. Pure."""

from collections import Counter

from . import results, table

TEXT = """\
# Kernels

Written by `make vm-matrix`, from [kernels.json](kernels.json): what the tests that depend on the kernel
came to when they were last run, in virtual machines ([vm.md](vm.md)). Where CPUs were emulated, tests
that assert times are skipped; `make test` has them on real ones. A result that is older than the newest
on its kernel has its date, and one of an earlier release has that. A `-` is a module that was not run on
that kernel.

{kernels}

## What the verifier looks at

Instructions processed while a program is loaded, by kernel; a million are the kernel's limit, and
`tests/bpf_budget.txt` has ours.

{costs}

## Verdicts

{verdicts}

{reasons}
"""


def short(test):
    return test.removeprefix("tests/")


def coverage(modules, default, release):
    """How much of the default list has results; "whole" if all of it has."""
    there = [modules[m] for m in default if m in modules]
    whole = sum(map(results.whole, there))
    if whole == len(default):
        text = f"whole ({whole} modules)"
    else:
        text = f"{whole} of {len(default)}"
    parts = len(there) - whole
    old = sum(m["release"] != release for m in there)
    return text + (f", {parts} more in part" if parts else "") + (
        f"; {old} of earlier releases" if old else "")


def about(name, kernel, default):
    modules = kernel["modules"]
    counts = sum((Counter(m["counts"]) for m in modules.values()), Counter())
    dates = sorted({m["date"] for m in modules.values()})
    cpus = sorted({"KVM" if m["cpu"] == "kvm" else m["cpu"]
                   for m in modules.values()})
    return (name, kernel["release"], kernel["version"],
            " to ".join(dict.fromkeys((dates[0], dates[-1]))),
            ", ".join(cpus), coverage(modules, default, kernel["release"]),
            table.counted(counts))


def cell(kernel, module):
    result = kernel["modules"].get(module)
    if result is None:
        return "-"
    notes = [text for text, newest in (
        (result["date"], results.newest(kernel)),
        (result["release"], kernel["release"])) if text != newest]
    return results.outcome(result) + (f" ({', '.join(notes)})" if notes else "")


def costs(known):
    figures = {name: {n: f for m in kernel["modules"].values()
                      for n, f in m.get("figures", {}).items()}
               for name, kernel in known.items()}
    programs = sorted({p for found in figures.values() for p in found})
    return table.markdown(("program", *known), [
        (p, *(found.get(p, "-") for found in figures.values()))
        for p in programs])


def reasons(known):
    """Which tests were skipped or failed, and why."""
    parts = []
    for outcome in "skipped", "failed":
        found = {}
        for name, kernel in known.items():
            for _, module in sorted(kernel["modules"].items()):
                for r in module.get("reasons", ()):
                    if r["outcome"] == outcome:
                        _, where = found.setdefault(
                            table.alike(r["test"], r["reason"]),
                            (r["reason"], Counter()))
                        where[name] += r["count"]
        rows = [(short(test), sum(where.values()), ", ".join(where), reason)
                for (test, _), (reason, where) in found.items()]
        if rows:
            parts.append(f"### {outcome.capitalize()}\n\n" + table.markdown(
                ("test", "times", "on", "reason"), rows))
    return "\n\n".join(parts) or "None was skipped, and none failed."


def text(known, default):
    """`known`: kernels in the order of their columns; `default`: the modules
    of a whole run, in the order of their rows."""
    more = {m for kernel in known.values() for m in kernel["modules"]}
    rows = [*default, *sorted(more - set(default))]
    return TEXT.format(
        kernels=table.markdown(
            ("kernel", "release", "Debian's version", "dates", "CPUs",
             "modules", "tests"),
            [about(name, kernel, default) for name, kernel in known.items()]),
        costs=costs(known),
        verdicts=table.markdown(("tests", *known), [
            (short(m), *(cell(kernel, m) for kernel in known.values()))
            for m in rows]),
        reasons=reasons(known))
