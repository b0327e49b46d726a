# SPDX-License-Identifier: GPL-2.0-only
"""Tests with several machines: BATON_KERNEL names their kernel."""

import os
import signal
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TREE / "vm"), str(TREE / "tests"), str(TREE / "tests/lab")]

from machines import boot, kernels  # noqa: E402


def pytest_configure():
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def kernel():
    found, = kernels.fetch([os.environ.get("BATON_KERNEL")
                            or kernels.names()[-1]])
    return found


@pytest.fixture(scope="session")
def kvm(kernel):
    return boot.kvm_works(kernel)
