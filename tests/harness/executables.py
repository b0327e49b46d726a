# SPDX-License-Identifier: GPL-2.0-only
"""C test programs as test items: one for each source file."""

import subprocess

from harness.lab import BUILD, ROOT, SLOW


def sources(pattern):
    """Sources below tests/, relative to the root, without their suffix."""
    return sorted(str(p.relative_to(ROOT).with_suffix(""))
                  for p in (ROOT / "tests").glob(pattern))


def check(variant, source, *argv, timeout):
    """Run the program that was built from a source; it must end with 0, within
    `timeout` seconds on a machine of ordinary speed."""
    program = BUILD / variant / source
    assert program.exists(), f"{program} is not there: run `make test-build`"
    done = subprocess.run([program, *map(str, argv)], timeout=timeout * SLOW,
                          cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False)
    print(done.stdout)
    assert done.returncode == 0, f"exit status {done.returncode}"
