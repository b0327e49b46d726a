# SPDX-License-Identifier: GPL-2.0-only
"""The unit tests in C, with sanitizers, each program as one test."""

import pytest

from harness import executables


@pytest.mark.parametrize("source", executables.sources("unit/*/test_*.c"))
def test_unit(source):
    executables.check("san", source, timeout=120)
