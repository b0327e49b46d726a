# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures for all tests. They need root, and what `make test-build` builds,
in the directory that BATON_BUILD names."""

import os
import signal

import pytest

from harness import lab as lab_module


def pytest_configure(config):
    if os.geteuid():
        raise pytest.UsageError("the tests need root, for network namespaces "
                                "and BPF")
    config.addinivalue_line(
        "markers", "timing: asserts how soon something happens, which says "
        "nothing where CPUs are emulated")
    # Ended by a signal, the tests still remove what they made.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    if os.environ.get("BATON_CPU") != "emulated":
        return
    for item in items:
        if item.get_closest_marker("timing"):
            item.add_marker(pytest.mark.skip(
                "asserts times, and this machine's CPUs are emulated"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """With a failed test comes what is to be seen of its labs: a failure that
    cannot be made to happen again is to explain itself."""
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        report.sections += lab_module.Lab.all_say()


@pytest.fixture(scope="module")
def lab(request):
    """A lab that the tests of a module share."""
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_")
    with lab_module.Lab(name.replace("_", "-")) as made:
        yield made


@pytest.fixture(scope="session")
def build():
    return lab_module.BUILD
