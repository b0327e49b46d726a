# SPDX-License-Identifier: GPL-2.0-only
"""What the verifier has to do for each program: instructions that it looks at,
which may be a million. A small change of a program, or another kernel, can
multiply them; tests/bpf_budget.txt says how many are all right."""

import pytest

from harness import bpf
from harness.lab import BPFTOOL, BUILD, ROOT, Lab, run

OBJECTS = sorted(p.name.removesuffix(".bpf.c")
                 for p in (ROOT / "bpf").glob("*.bpf.c"))
BUDGET = ROOT / "tests/bpf_budget.txt"


def budgets():
    """{object/program: instructions}"""
    rows = [line.split() for line in BUDGET.read_text().splitlines()
            if line and not line.startswith("#")]
    return {name: int(count) for name, count in rows}


def costs(name):
    """{object/program: instructions} of an object, as it is built."""
    with Lab("budget") as lab:
        pins = lab.bpffs() / "programs"
        run(BPFTOOL, "prog", "loadall", BUILD / f"bpf/{name}.bpf.o", pins)
        found = {}
        for path in pins.iterdir():
            with bpf.Program.pinned(path) as program:
                found[f"{name}/{path.name}"] = program.info.verified_insns
    assert found
    return found


def over(found, allowed):
    """What has no budget, or passes it."""
    return {name: count for name, count in found.items()
            if count > allowed.get(name, 0)}


@pytest.mark.parametrize("name", OBJECTS)
def test_programs_stay_within_their_budget(name, record_property):
    found = costs(name)
    for program, count in found.items():
        assert count, "the kernel does not say"
        record_property(program, count)
    assert not over(found, budgets())


def test_a_program_that_costs_more_is_noticed():
    found = costs("switch")
    for name in found:
        assert over(found, {**found, name: found[name] - 1}) == {
            name: found[name]}
    assert not over(found, found)


def test_budgets_are_of_programs_that_exist():
    assert {name.partition("/")[0] for name in budgets()} == set(OBJECTS)
