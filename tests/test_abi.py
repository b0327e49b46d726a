# SPDX-License-Identifier: GPL-2.0-only
"""What the tests believe of the contract is what the compilers make of it."""

import pytest

from harness import abi, layout


@pytest.mark.parametrize("compiler", layout.COMPILERS)
@pytest.mark.parametrize("record", abi.RECORDS,
                         ids=lambda r: r.c_name.split()[-1])
def test_layout(record, compiler):
    layout.check(compiler, abi.HEADERS, layout.assertions(record))


@pytest.mark.parametrize("compiler", layout.COMPILERS)
def test_constants(compiler):
    layout.check(compiler, abi.HEADERS,
                 (f"BATON_{name} == {value}" for name, value in abi.C.items()))


def test_reasons():
    assert len(abi.REASONS) == abi.C["NR_REASONS"]
    assert len(abi.REASON) == len(abi.REASONS), "two have the same label"
    for reason in abi.REASONS:
        assert reason.label == reason.name.lower()
        assert f"VERDICT_{reason.verdict}" in abi.C


def test_maps():
    known = {m.name for m in abi.MAPS}
    assert set(abi.MAP_TYPES) | {"programs"} == known
