# SPDX-License-Identifier: GPL-2.0-only
"""docs/kernels.md: what the last run on each kernel came to."""

from . import kernels, table
from .suite import Suite

TEXT = """\
# Kernels

Written by `make vm-matrix`: what the tests that depend on the kernel came to when they were last run,
in virtual machines ([vm.md](vm.md)). Where CPUs were emulated, tests that assert times are skipped;
`make test` has them on real ones. A `-` is a test that was not run on that kernel.

{kernels}

## What the verifier looks at

Instructions processed while a program is loaded, by kernel; a million are the kernel's limit, and
`tests/bpf_budget.txt` has ours.

{costs}

## Verdicts

{verdicts}

{reasons}
"""


def about(suites):
    rows = []
    for suite in suites:
        told = suite.about()
        cpu = "KVM" if told["cpu"] == "kvm" else "emulated"
        verdicts = table.cell(suite.verdicts())
        if not told["whole"]:
            verdicts += " (not all were run)"
        rows.append((suite.kernel.name, told["kernel"], told["version"],
                     told["date"], cpu, verdicts))
    return table.markdown(("kernel", "release", "Debian's version", "date",
                           "CPUs", "tests"), rows)


def listed(results):
    """Which tests were skipped or failed, and why."""
    parts = []
    for outcome in "skipped", "failed":
        rows = [(test.removeprefix("tests/"), n, ", ".join(where), reason)
                for test, reason, where, n in table.reasons(results, outcome)]
        if rows:
            parts.append(f"### {outcome.capitalize()}\n\n" + table.markdown(
                ("test", "times", "on", "reason"), rows))
    return "\n\n".join(parts) or "None was skipped, and none failed."


def write(path, build):
    suites = [Suite(kernels.Kernel(name), build, False)
              for name in kernels.names()]
    suites = [s for s in suites if s.about()]
    if not suites:
        raise SystemExit("nothing was run on any kernel yet")
    results = {s.kernel.name: s.verdicts() for s in suites}
    header, rows = table.figures(results)
    verdicts = [(row.removeprefix("tests/"),
                 *(table.cell(cells.get(k, [])) for k in results))
                for row, cells in table.group(results, table.module).items()]
    path.write_text(TEXT.format(
        kernels=about(suites),
        costs=table.markdown(("program", *header[1:]), rows),
        verdicts=table.markdown(("tests", *results), verdicts),
        reasons=listed(results)))
