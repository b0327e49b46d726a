# SPDX-License-Identifier: GPL-2.0-only
"""Have the C compilers check what ctypes structures say of C's."""

import ctypes
import subprocess

from harness.abi import INCLUDE

# asm/types.h lies where only the compiler of the machine looks by itself.
_ASM = "/usr/include/" + subprocess.run(
    ["gcc", "-print-multiarch"], capture_output=True, text=True,
    check=True).stdout.strip()

COMPILERS = {"host": ["gcc"], "bpf": ["clang", "-target", "bpf", "-I", _ASM]}


def assertions(record):
    """Conditions in C that hold if the class, which has a `c_name` and no
    holes, is laid out as the type of that name."""
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


def check(compiler, headers, conditions):
    """Compile the conditions as static assertions after some C text."""
    text = headers + "".join(f'_Static_assert({c}, "differs");\n'
                             for c in conditions)
    done = subprocess.run(
        [*COMPILERS[compiler], "-x", "c", "-fsyntax-only", "-I", INCLUDE,
         "-I", INCLUDE.parent / "bpf", "-"], input=text, capture_output=True,
        text=True, check=False)
    assert done.returncode == 0, done.stderr
