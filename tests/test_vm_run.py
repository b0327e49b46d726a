# SPDX-License-Identifier: GPL-2.0-only
"""How vm/run records, is stopped, and goes on. No machine is booted."""

import json
import os
import subprocess
import sys
import threading

import pytest

from harness.lab import ROOT

sys.path.append(str(ROOT / "vm"))

from machines import record, results, table  # noqa: E402
from machines.suite import Suite, finish  # noqa: E402


def kernel(*modules):
    return {"release": "6.1.0-56", "version": "1", "modules": {
        m: {"release": "6.1.0-56", "date": "2026-11-21", "cpu": "kvm",
            "counts": {"passed": 1}}
        for m in modules}}


# --- recording ---------------------------------------------------------------

def test_runs_that_end_together_lose_nothing(tmp_path):
    names = [str(p.relative_to(ROOT))
             for p in sorted((ROOT / "tests").glob("test_*.py"))]
    threads = [threading.Thread(target=record.update, args=(
        {k: kernel(n)}, tmp_path))
        for k in ("6.1", "sid") for n in names]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    kept = record.load(tmp_path)
    assert {k: sorted(v["modules"]) for k, v in kept.items()} == {
        "6.1": names, "sid": names}
    assert (tmp_path / "kernels.md").exists()


def test_modules_that_are_gone_are_forgotten(tmp_path):
    record.update({"6.1": kernel("tests/test_gone.py", "tests/test_vm.py")},
                  tmp_path)
    assert list(record.load(tmp_path)["6.1"]["modules"]) == [
        "tests/test_vm.py"]


# --- the plugin, and what is left of a run -------------------------------------

@pytest.fixture
def pytest_inside(tmp_path):
    """Runs two modules like vm/guest/suite; (status, verdicts, {file: how many
    tests})."""
    for name in "ab":
        (tmp_path / f"test_{name}.py").write_text(
            "import pathlib, pytest\n"
            "@pytest.mark.parametrize('i', range(3))\n"
            "def test_x(i): pathlib.Path('ran').touch()\n"
            "def test_stop():\n"
            "    if pathlib.Path('late').exists():\n"
            "        pathlib.Path('stop').touch()\n"
            "def test_after_stop(): pass\n")

    def run(*argv):
        done = subprocess.run(
            ["/usr/bin/python3", "-m", "pytest", "-q", "-p",
             "no:cacheprovider", "-p", "verdicts", "--verdicts",
             tmp_path / "verdicts", "--rootdir", tmp_path, *argv],
            cwd=tmp_path, capture_output=True, check=False,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1",
                 "PYTHONPATH": str(ROOT / "vm/guest")})
        lines = (tmp_path / "verdicts").read_text().splitlines()
        verdicts, running, files = table.read(
            json.loads(line) for line in lines if line.endswith("}"))
        assert running is None
        return done.returncode, [v.test for v in verdicts], files
    return run


def test_the_order_is_that_of_the_list(pytest_inside):
    status, tests, files = pytest_inside("test_b.py", "test_a.py")
    assert status == 0 and len(tests) == 10
    assert tests[0].startswith("test_b") and tests[-1].startswith("test_a")
    assert files == {"test_a.py": 5, "test_b.py": 5}


@pytest.mark.parametrize("selection", [
    ["test_a.py::test_stop", "test_b.py::test_stop"],
    ["-k", "test_stop", "test_a.py", "test_b.py"]], ids=["test", "expression"])
def test_what_is_selected_is_known_as_a_part(pytest_inside, selection):
    _, tests, files = pytest_inside(*selection)
    assert tests == ["test_a.py::test_stop", "test_b.py::test_stop"]
    assert files == {"test_a.py": 5, "test_b.py": 5}


def test_once_time_is_over_a_module_ends_and_none_begins(pytest_inside,
                                                         tmp_path):
    (tmp_path / "late").touch()
    status, tests, _ = pytest_inside("test_b.py", "test_a.py")
    assert status == 2
    assert len(tests) == 5 and all(t.startswith("test_b") for t in tests)


def test_when_time_is_over_already_nothing_runs(pytest_inside, tmp_path):
    (tmp_path / "stop").touch()
    status, tests, _ = pytest_inside("test_b.py", "test_a.py")
    assert status == 5 and not tests
    assert not (tmp_path / "ran").exists()


def test_a_run_goes_on_after_a_death(pytest_inside, tmp_path):
    """The file ends in the middle of a line, and vm/run has added one."""
    (tmp_path / "verdicts").write_text(
        '{"test": "test_a.py::test_stop", "begi\n'
        '{"test": "test_a.py::test_stop", "outcome": "failed"}\n\n')
    status, tests, _ = pytest_inside("test_a.py")
    assert status == 0 and len(tests) == 5


class Kernel:
    name, release, version = "6.1", "6.1.0-56", "6.1.192-2"


def test_a_run_is_resumed_on_the_same_kernel_only(tmp_path):
    suite = Suite(Kernel(), tmp_path)
    suite.begin()
    suite.file.write_text('{"files": {"f": 2}}\n{"test": "f::a", "outcome": '
                          '"passed", "seconds": 1}\n{"test": "f::b", "beg')
    suite.stop.touch()
    (suite.dir / "about").write_text(json.dumps(
        {**suite.about(), "date": "2026-11-21"}))
    suite.begin(resume=True)
    assert not suite.stop.exists()
    found = suite.found()["modules"]["f"]
    assert found["date"] == "2026-11-21" and results.outcome(found) == \
        "1 passed of 2"
    suite.kernel.release = "6.1.0-57"
    suite.begin(resume=True)
    assert not suite.verdicts() and suite.about()["kernel"] == "6.1.0-57"


class Recorded(Suite):
    """One whose steps only say what they would run."""

    def __init__(self, build, late=()):
        super().__init__(Kernel(), build)
        self.late, self.steps = late, []
        self.begin()

    def run_inside(self, tests, verbose, say):
        self.steps.append(tests)
        if set(self.late) & set(tests):
            self.stop.touch()

    run_outside = run_inside


def test_no_step_begins_once_time_is_over(tmp_path):
    tests = ["tests/a", "vm/tests/b", "tests/c"]
    for late, steps in ((), 3), (["tests/a"], 1), (["vm/tests/b"], 2):
        suite = Recorded(tmp_path, late)
        suite.run(tests, say=lambda text: None)
        assert len(suite.steps) == steps


class Interrupted:
    """A process that we are interrupted while waiting for."""

    def __init__(self):
        self.calls = []

    def wait(self):
        self.calls.append("wait")
        if len(self.calls) == 1:
            raise KeyboardInterrupt

    def terminate(self):
        self.calls.append("terminate")


def test_tests_with_machines_of_their_own_may_clean_up():
    process = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        finish(process)
    assert process.calls == ["wait", "terminate", "wait"]
