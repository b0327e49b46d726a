# SPDX-License-Identifier: GPL-2.0-only
"""What is run, and in which pieces. A module is a file of tests, or a single
test that DEFAULT names, where the rest of its file has nothing to do with
kernels."""

from .kernels import VM

TREE = VM.parent

#: what a run consists of unless tests are named: what depends on the kernel
DEFAULT = (
    "tests/test_bpf_budget.py", "tests/packet",
    "tests/test_unit.py::test_unit[tests/unit/baton-proxy/test_repair]",
    *(f"tests/lab/test_{name}.py" for name in (
        "failover", "fence", "forwarding", "host_agent", "lease", "controller",
        "prober", "recorder", "takeover", "proxy", "netem")),
    "vm/tests")

#: tests that are modules
APART = tuple(t for t in DEFAULT if "::" in t)


def expand(tests):
    """Directories become their files; each module is there once."""
    found = []
    for test in tests:
        path = TREE / test
        found += [str(p.relative_to(TREE)) for p in
                  sorted(path.rglob("test_*.py"))] if path.is_dir() else [test]
    return list(dict.fromkeys(found))


def outside(test):
    """Whether it boots machines itself."""
    return test.startswith("vm/")


def exists(module):
    return (TREE / module.partition("::")[0]).exists()
