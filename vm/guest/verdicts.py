# SPDX-License-Identifier: GPL-2.0-only
"""A plugin of pytest: every verdict goes to a file at once, a line of JSON for
each, so that what is known survives the machine. Tests that the file has a
verdict of already are left out.

    {"collected": 312}
    {"test": "tests/...::test_x[a]", "begins": true}
    {"test": "tests/...::test_x[a]", "outcome": "failed", "reason": "...",
     "seconds": 1.2, "figures": {...}}
"""

import json
import os
from pathlib import Path

import pytest


def pytest_addoption(parser):
    parser.addoption("--verdicts", required=True,
                     help="file that verdicts are appended to")


def pytest_configure(config):
    config.pluginmanager.register(Verdicts(config.getoption("verdicts")))


def reason_of(report):
    """In a line: why it was skipped, or what failed."""
    if report.skipped:
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr)
    return (text.strip().splitlines() or ["?"])[0]


class Verdicts:
    def __init__(self, path):
        self.path = path
        self.stop = Path(path).with_name("stop")
        self.files = {}
        self.seconds = 0
        self.told = False

    def write(self, **line):
        with open(self.path, "a", encoding="utf-8") as f:
            f.write(json.dumps(line) + "\n")
            f.flush()
            os.fsync(f.fileno())

    def done(self):
        """Tests with verdicts. A line may have been cut short by a death."""
        done = set()
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as f:
                for text in f:
                    try:
                        line = json.loads(text)
                    except ValueError:
                        continue
                    if "outcome" in line:
                        done.add(line["test"])
        return done

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector):
        """Before anything is selected."""
        report = (yield).get_result()
        if report.passed and isinstance(collector, pytest.Module):
            self.files[collector.nodeid] = len(report.result)

    def pytest_collection_modifyitems(self, config, items):
        self.write(files=self.files)
        done = self.done()
        over = self.stop.exists()
        left_out = [i for i in items if over or i.nodeid in done]
        items[:] = [i for i in items if not over and i.nodeid not in done]
        config.hook.pytest_deselected(items=left_out)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item, nextitem):
        yield
        if nextitem and nextitem.path != item.path and self.stop.exists():
            item.session.shouldstop = "time is over"

    def pytest_runtest_logstart(self, nodeid, location):
        self.seconds, self.told = 0, False
        self.write(test=nodeid, begins=True)

    def pytest_runtest_logreport(self, report):
        """One for each of set-up, call and tear-down."""
        self.seconds += report.duration
        if report.failed and not self.told:
            self.told = True
            self.verdict(report, "failed")
            with open(f"{self.path}.failures", "a", encoding="utf-8") as f:
                f.write(f"=== {report.nodeid}\n{report.longreprtext}\n"
                        f"{report.capstdout}\n")
        elif report.skipped:
            self.told = True
            self.verdict(report, "skipped")
        elif report.when == "teardown" and not self.told:
            self.verdict(report, "passed")

    def verdict(self, report, outcome):
        line = {"test": report.nodeid, "outcome": outcome,
                "seconds": round(self.seconds, 2)}
        if outcome != "passed":
            line["reason"] = reason_of(report)
        if report.user_properties:
            line["figures"] = dict(report.user_properties)
        self.write(**line)

    def pytest_collectreport(self, report):
        if report.failed:
            self.write(test=report.nodeid, outcome="failed", seconds=0,
                       reason="cannot be collected: " + reason_of(report))
