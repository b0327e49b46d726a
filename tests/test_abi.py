# SPDX-License-Identifier: GPL-2.0-only
"""What the tests believe of the contract is what the compilers make of it."""

import ctypes
import subprocess

import pytest

from harness import abi

# asm/types.h lies where only the compiler of the machine looks by itself.
ASM = "/usr/include/" + subprocess.run(
    ["gcc", "-print-multiarch"], capture_output=True, text=True,
    check=True).stdout.strip()

COMPILERS = {"host": ["gcc"], "bpf": ["clang", "-target", "bpf", "-I", ASM]}


def assertions(record):
    name = record.c_name
    yield f"sizeof({name}) == {ctypes.sizeof(record)}"
    end = 0
    for field, *_ in record._fields_:
        at = getattr(record, field)
        assert at.offset == end, f"a hole before {field}"
        end += at.size
        yield f"__builtin_offsetof({name}, {field}) == {at.offset}"
        yield f"sizeof((({name} *)0)->{field}) == {at.size}"
    assert end == ctypes.sizeof(record)


def compile_assertions(compiler, conditions):
    text = abi.HEADERS + "".join(f'_Static_assert({c}, "differs");\n'
                                 for c in conditions)
    done = subprocess.run(
        [*COMPILERS[compiler], "-x", "c", "-fsyntax-only", "-I", abi.INCLUDE, "-"], input=text,
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("record", abi.RECORDS,
                         ids=lambda r: r.c_name.split()[-1])
def test_layout(record, compiler):
    compile_assertions(compiler, assertions(record))


@pytest.mark.parametrize("compiler", COMPILERS)
def test_constants(compiler):
    compile_assertions(compiler, (f"BATON_{name} == {value}"
                                  for name, value in abi.C.items()))


def test_reasons():
    assert len(abi.REASONS) == abi.C["NR_REASONS"]
    assert len(abi.REASON) == len(abi.REASONS), "two have the same label"
    for reason in abi.REASONS:
        assert reason.label == reason.name.lower()
        assert f"VERDICT_{reason.verdict}" in abi.C


def test_maps():
    known = {m.name for m in abi.MAPS}
    assert set(abi.MAP_TYPES) | {"programs"} == known
