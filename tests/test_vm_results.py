# SPDX-License-Identifier: GPL-2.0-only
"""What vm/ keeps of many runs: nothing that is still true is forgotten, and no
part passes for a whole."""

import sys

import pytest

from harness.lab import ROOT

sys.path.append(str(ROOT / "vm"))

from machines import modules, page, record, results  # noqa: E402
from machines.table import Verdict  # noqa: E402

ABOUT = {"kernel": "6.1.0-56", "version": "6.1.192-2", "date": "2026-11-24",
         "cpu": "emulated"}
APART = "tests/u.py::test_u[good]",


def module(date="2026-11-21", of=0, release="6.1.0-56", **counts):
    """`of`: for a part."""
    found = {"release": release, "date": date, "cpu": "emulated",
             "counts": counts}
    return {**found, "of": of} if of != 0 else found


def kernel(release="6.1.0-56", version="1", **found):
    return {"release": release, "version": version, "modules": found}


def passed(file, number):
    return [Verdict(f"{file}::test[{i}]", "passed", "", 2.0)
            for i in range(number)]


# --- one run -----------------------------------------------------------------

def test_a_run_becomes_results():
    verdicts = passed("tests/a.py", 2) + [
        Verdict("tests/b.py::test_y[1]", "failed", "1 != 2", figures={"p": 7}),
        Verdict("tests/b.py::test_y[2]", "failed", "1 != 3"),
        Verdict("tests/b.py::test_z", "skipped", "no netem")]
    found = results.of_run(ABOUT, verdicts,
                           {"tests/a.py": 2, "tests/b.py": 3})
    assert (found["release"], found["version"]) == ("6.1.0-56", "6.1.192-2")
    assert found["modules"]["tests/a.py"] == {
        "release": "6.1.0-56", "date": "2026-11-24", "cpu": "emulated",
        "seconds": 4,
        "counts": {"passed": 2}}
    b = found["modules"]["tests/b.py"]
    assert results.whole(b) and b["counts"] == {"failed": 2, "skipped": 1}
    assert b["figures"] == {"p": 7}
    assert b["reasons"] == [
        {"test": "tests/b.py::test_y", "outcome": "failed",
         "reason": "1 != 2", "count": 2},
        {"test": "tests/b.py::test_z", "outcome": "skipped",
         "reason": "no netem", "count": 1}]


@pytest.mark.parametrize("collected,says", [
    ({"tests/a.py": 30}, "12 passed of 30"), ({}, "12 passed, in part")])
def test_a_part_says_so(collected, says):
    found = results.of_run(ABOUT, passed("tests/a.py", 12), collected)
    part = found["modules"]["tests/a.py"]
    assert not results.whole(part)
    assert results.outcome(part) == says


def test_a_test_that_is_a_module():
    only = [Verdict(APART[0], "passed")]
    found = results.of_run(ABOUT, only, {"tests/u.py": 3}, APART)["modules"]
    assert list(found) == [*APART] and results.whole(found[APART[0]])
    more = only + passed("tests/u.py", 2)
    found = results.of_run(ABOUT, more, {"tests/u.py": 3}, APART)["modules"]
    assert results.whole(found["tests/u.py"])
    found = results.of_run(ABOUT, more[:2], {"tests/u.py": 3}, APART)
    assert not results.whole(found["modules"]["tests/u.py"])


# --- merging -----------------------------------------------------------------

def test_what_was_not_run_is_kept_with_its_date():
    old = kernel(a=module(passed=1), b=module(failed=1))
    merged = results.merge(old, kernel(
        version="2", b=module("2026-11-24", passed=1)))
    assert merged == kernel(version="2", a=module(passed=1),
                            b=module("2026-11-24", passed=1))
    assert old["modules"]["b"] == module(failed=1), "it was changed in place"


OLD, NEW = "2026-11-21", "2026-11-24"
NEXT = "6.1.0-57"


def test_another_release_does_not_forget():
    old = kernel(a=module(passed=1), b=module(failed=1))
    new = kernel(NEXT, "2", b=module(NEW, release=NEXT, passed=1))
    both = kernel(NEXT, "2", a=module(passed=1),
                  b=module(NEW, release=NEXT, passed=1))
    assert results.merge(old, new) == both
    assert results.merge(new, old) == both, "an older run is recorded later"
    assert results.merge(old, kernel(NEXT, "2")) == old
    assert results.merge(None, new) == new


@pytest.mark.parametrize("new,old,takes", [
    (module(NEW, passed=3), module(OLD, failed=1, passed=2), True),
    (module(OLD, passed=3), module(NEW, failed=1, passed=2), False),
    (module(NEW, passed=3), module(OLD, of=3, passed=1), True),
    # a part
    (module(NEW, of=3, passed=1), None, True),
    (module(NEW, of=3, passed=1), module(OLD, passed=3), False),
    (module(NEW, of=3, passed=1), module(OLD, failed=1, passed=2), False),
    (module(NEW, of=3, failed=1), module(OLD, passed=3), True),
    (module(NEW, of=3, passed=1), module(OLD, of=3, failed=1), True),
    (module(NEW, of=None, passed=1), module(NEW, passed=3), False),
])
def test_what_replaces_what(new, old, takes):
    assert results.replaces(new, old) is takes


# --- order -------------------------------------------------------------------

def test_least_known_first_then_oldest():
    known = {"a": module(NEW, passed=1), "b": module(OLD, passed=1),
             "c": module(NEW, of=9, passed=1), "d": module(OLD, failed=1)}
    assert results.order("abcde", known, "6.1.0-56") == [
        "c", "d", "e", "b", "a"], "what failed may be mended"


def test_another_release_before_what_is_old():
    known = {"a": module(OLD, release=NEXT, passed=1),
             "b": module(NEW, passed=1), "c": module(OLD, passed=1)}
    assert results.order("abcd", known, NEXT) == ["d", "c", "b", "a"]


def test_a_kernel_that_is_not_known():
    kept = {"6.1": kernel(a=module(passed=1))}
    assert results.known(kept, "6.1") == {"a": module(passed=1)}
    assert results.known(kept, "sid") == {}


def test_the_neediest_kernel_first():
    new = {"a": module(NEW, passed=1), "b": module(NEW, passed=1)}
    needs = [results.need("ab", known, release) for known, release in (
        ({}, "6.1.0-56"), ({"a": module(passed=1)}, "6.1.0-56"), (new, NEXT),
        ({"a": module(passed=1), "b": module(NEW, passed=1)}, "6.1.0-56"),
        (new, "6.1.0-56"))]
    assert needs == sorted(needs) and len(set(needs)) == 5


def test_machines_of_their_own_are_steps_in_the_same_order():
    tests = ["tests/a", "vm/tests/b", "vm/tests/c", "tests/d", "tests/e"]
    assert results.steps(tests, modules.outside) == [
        (False, ["tests/a"]), (True, ["vm/tests/b", "vm/tests/c"]),
        (False, ["tests/d", "tests/e"])]


def test_kernels_share_the_time():
    assert results.share(None, 99, 3) is None
    assert results.share(60, 0, 3) == 20 * 60
    assert results.share(60, 10 * 60, 2) == 25 * 60, "what one left, others get"
    assert results.share(1, 61, 1) == 0
    assert results.share(0, 0, 1) == 0


def test_plan():
    known = {"a": {**module(passed=3), "seconds": 90}, "b": module(of=9, passed=1)}
    text = "\n".join(results.plan(["c", "b", "a"], known, "6.1.0-56"))
    assert "c  no result" in text
    assert "b  2026-11-21: 1 passed of 9\n" in text
    assert "a  2026-11-21: 3 passed, 90 s" in text
    assert "1 of 3 took 1.5 minutes" in text
    text = "\n".join(results.plan(["a"], known, NEXT))
    assert "2026-11-21: 3 passed, 6.1.0-56, 90 s" in text


def test_directories_are_their_files():
    found = modules.expand(["tests/packet", "tests/packet/test_host.py",
                            "vm/tests", *APART])
    assert found.count("tests/packet/test_host.py") == 1
    assert "vm/tests/test_deaths.py" in found and found[-1] == APART[0]
    assert "tests/packet" not in found and "vm/tests" not in found
    assert all(map(modules.exists, modules.expand(modules.DEFAULT)))


# --- the page ----------------------------------------------------------------

def rows(text):
    return {line.split(" | ")[0].removeprefix("| "): line
            for line in text.splitlines() if line.startswith("| ")}


def test_page():
    known = {
        "old": kernel(**{
            "tests/a.py": {**module(OLD, passed=2), "figures": {"p": 7}},
            "tests/b.py": module(NEW, of=30, passed=12)}),
        "new": kernel("7", "2", **{
            "tests/a.py": module(NEW, release="6", passed=2),
            "tests/b.py": {**module(NEW, release="7", failed=1), "reasons": [
                {"test": "tests/b.py::test_y", "outcome": "failed",
                 "reason": "1 != 2", "count": 1}]}})}
    text = page.text(known, ["tests/a.py", "tests/b.py"])
    found = rows(text)
    assert found["old"] == (
        f"| old | 6.1.0-56 | 1 | {OLD} to {NEW} | emulated | 1 of 2, 1 more in"
        " part | 14 passed |")
    assert found["new"] == (f"| new | 7 | 2 | {NEW} | emulated | "
                            "whole (2 modules); 1 of earlier releases | 1 failed, 2 passed |")
    assert found["a.py"] == f"| a.py | 2 passed ({OLD}) | 2 passed (6) |"
    assert found["b.py"] == "| b.py | 12 passed of 30 | 1 failed |"
    assert found["p"] == "| p | 7 | - |"
    assert found["b.py::test_y"] == "| b.py::test_y | 1 | new | 1 != 2 |"


def test_nothing_is_whole_when_a_module_has_no_result():
    known = {"k": kernel(**{"tests/a.py": module(passed=2),
                            "tests/more.py": module(passed=1)})}
    found = rows(page.text(known, ["tests/a.py", "tests/b.py"]))
    assert "| 1 of 2 |" in found["k"]
    assert found["b.py"] == "| b.py | - |"
    assert found["more.py"] == "| more.py | 1 passed |"


def test_the_page_is_what_the_results_say():
    """docs/kernels.md and .json belong together."""
    known = record.load()
    assert {r for k in known.values() for r in k} == {
        "release", "version", "modules"}
    said = rows((record.DOCS / "kernels.md").read_text())
    for name, k in known.items():
        assert k["release"] in said[name]
        for m in k["modules"]:
            assert page.short(m) in said
