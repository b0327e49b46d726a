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

    def pytest_collection_modifyitems(self, config, items):
        done = self.done()
        left_out = [i for i in items if i.nodeid in done]
        items[:] = [i for i in items if i.nodeid not in done]
        config.hook.pytest_deselected(items=left_out)
        self.write(collected=len(items) + len(left_out))

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
