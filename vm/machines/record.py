# SPDX-License-Identifier: GPL-2.0-only
"""docs/kernels.json, which keeps what runs have found, and docs/kernels.md,
which is written from it. Runs may end at the same time."""

import contextlib
import fcntl
import json
import os

from . import kernels, modules, page, results

DOCS = modules.TREE / "docs"


@contextlib.contextmanager
def locked(directory):
    """Nobody else records meanwhile."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def load(docs=DOCS):
    path = docs / "kernels.json"
    return json.loads(path.read_text()) if path.exists() else {}


def replace(path, text):
    """Readers see the old text, or the new one."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.replace(path)


def write(known, docs=DOCS):
    shown = {name: known[name] for name in kernels.names()
             if name in known and known[name]["modules"]}
    replace(docs / "kernels.json",
            json.dumps(known, indent=1, sort_keys=True) + "\n")
    replace(docs / "kernels.md",
            page.text(shown, modules.expand(modules.DEFAULT)))


def update(found, docs=DOCS):
    """Merge what runs have found, {kernel: see results.py}, into what is
    known. Modules that the tree has no longer are forgotten."""
    with locked(docs):
        known = load(docs)
        for name, kernel in found.items():
            merged = results.merge(known.get(name), kernel)
            if merged:
                known[name] = {**merged, "modules": {
                    m: r for m, r in merged["modules"].items()
                    if modules.exists(m)}}
        write(known, docs)
