# SPDX-License-Identifier: GPL-2.0-only
"""A short run of each fuzzer, from the inputs that are kept for it in
tests/fuzz/COMPONENT/corpus/NAME/ (of fuzz_NAME.c).

What a run discovers is not kept; `fuzz_NAME -max_total_time=3600 CORPUS` by
hand adds to a corpus.
"""

import pytest

from harness import executables
from harness.lab import ROOT

RUNS = 20000
SECONDS = 10


@pytest.mark.parametrize("source", executables.sources("fuzz/*/fuzz_*.c"))
def test_fuzz(source, tmp_path):
    path = ROOT / source
    corpus = path.parent / "corpus" / path.name.removeprefix("fuzz_")
    found = tmp_path / "found"
    found.mkdir()
    executables.check(
        "fuzz", source, f"-runs={RUNS}", f"-max_total_time={SECONDS}",
        "-timeout=5", f"-artifact_prefix={tmp_path}/", found,
        *([corpus] if corpus.is_dir() else []), timeout=SECONDS + 60)
