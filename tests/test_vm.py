# SPDX-License-Identifier: GPL-2.0-only
"""What vm/ makes of verdicts. The machines themselves are run by
`make vm-test`."""

import subprocess
import sys

import pytest

from harness.lab import ROOT

sys.path.append(str(ROOT / "vm"))

from machines import kernels, table  # noqa: E402
from machines.table import Verdict  # noqa: E402

RESULTS = {
    "old": [Verdict("tests/a.py::test_x[1]", "passed"),
            Verdict("tests/a.py::test_x[2]", "failed", "assert 1 == 2"),
            Verdict("tests/b.py::test_y", "skipped", "no netem")],
    "new": [Verdict("tests/a.py::test_x[1]", "passed", figures={"p": 7}),
            Verdict("tests/a.py::test_x[2]", "failed", "assert 3 == 4")],
}


def test_verdicts_are_read():
    lines = [{"files": {"f": 3}}, {"test": "a", "begins": True},
             {"test": "a", "outcome": "passed", "seconds": 1.5},
             {"test": "b", "begins": True},
             {"test": "b", "outcome": "skipped", "reason": "why"}]
    verdicts, running, collected = table.read(lines)
    assert [v.outcome for v in verdicts] == ["passed", "skipped"]
    assert verdicts[0].seconds == 1.5 and verdicts[1].reason == "why"
    assert running is None
    assert collected == {"f": 3}


def test_who_was_running_when_the_machine_died():
    _, running, _ = table.read([
        {"test": "a", "begins": True}, {"test": "a", "outcome": "passed"},
        {"test": "b", "begins": True}])
    assert running == "b"


def test_table_of_functions():
    lines = table.text(RESULTS).splitlines()
    assert lines[0].split() == ["test", "old", "new"]
    assert lines[1].split("  ")[0] == "tests/a.py::test_x"
    assert "1 failed, 1 passed" in lines[1]
    assert lines[2].endswith("-"), "the new kernel had no such verdict"
    assert lines[-1].startswith("all")
    assert "1 failed, 1 passed, 1 skipped" in lines[-1]


def test_reasons_that_differ_in_numbers_are_one():
    (test, reason, where, count), = table.reasons(RESULTS, "failed")
    assert (test, reason) == ("tests/a.py::test_x", "assert 1 == 2")
    assert (where, count) == (["old", "new"], 2)
    assert table.reasons(RESULTS, "skipped") == [
        ("tests/b.py::test_y", "no netem", ["old"], 1)]


def test_markdown_keeps_its_columns():
    assert table.markdown(("a",), [("x|y",)]).splitlines()[-1] == "| x\\|y |"


def test_kernels():
    assert kernels.names() == ["6.1", "6.12", "sid"]


@pytest.mark.parametrize("program", ["fetch", "run", "shell"])
def test_help(program):
    text = subprocess.run([ROOT / "vm" / program, "--help"], check=True,
                          capture_output=True, text=True).stdout
    assert text.lower().startswith(f"usage: vm/{program}")
