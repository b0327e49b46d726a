# SPDX-License-Identifier: GPL-2.0-only
"""The formal model of the ownership protocol (tests/model/ownership.pml): spin
explores it whole, and finds a promise broken when a mechanism is taken out."""

import re
import subprocess

import pytest

from harness.lab import ROOT

MODEL = ROOT / "tests/model/ownership.pml"

#: limits within which all that can happen is explored
LIMITS = [
    "EPOCHS=3 REQUESTS=1 CRASHES=0 CLAIMS=2",
    "EPOCHS=2 REQUESTS=2 CRASHES=1 CLAIMS=2",
    "EPOCHS=2 REQUESTS=1 CRASHES=0 CLAIMS=3",
    "EPOCHS=1 REQUESTS=2 CRASHES=1 CLAIMS=3",
]

#: what is taken out, and limits within which that does harm
WITHOUT = {
    "NO_FENCE": LIMITS[0],
    "NO_EPOCH": LIMITS[0],
    "NO_COMPLETE": LIMITS[0],
    "NO_RELEASE": LIMITS[0],
    "NO_FRESH": LIMITS[3],
    "NO_DURABLE": "EPOCHS=2 REQUESTS=1 CRASHES=1 CLAIMS=2",
    "NO_MEMORY": "EPOCHS=2 REQUESTS=1 CRASHES=1 CLAIMS=2",
}


def run(argv, cwd):
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True,
                          timeout=300, check=False)
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout


def explore(directory, limits, *defines):
    """How many errors, and whether nothing was left out."""
    options = [f"-D{d}" for d in (*limits.split(), *defines)]
    run(["spin", "-a", *options, MODEL], directory)
    run(["gcc", "-O1", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=2048", "-o",
         "pan", "pan.c"], directory)
    text = run(["./pan", "-m10000", "-w24"], directory)
    print(text)
    whole = not re.search(r"not completed|too small|limit reached|truncated",
                          text)
    return int(re.search(r"errors: (\d+)", text)[1]), whole


@pytest.mark.parametrize("limits", LIMITS)
def test_promises_hold(tmp_path, limits):
    assert explore(tmp_path, limits) == (0, True)


@pytest.mark.parametrize("mechanism", WITHOUT)
def test_a_promise_needs_the_mechanism(tmp_path, mechanism):
    errors, _ = explore(tmp_path, WITHOUT[mechanism], mechanism)
    assert errors


def test_an_owner_returns_home(tmp_path):
    errors, _ = explore(tmp_path, LIMITS[0], "REACH_FAILBACK")
    assert errors
