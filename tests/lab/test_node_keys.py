# SPDX-License-Identifier: GPL-2.0-only
"""`baton key`: files that hold a node's key, and its public part."""

import base64
import json
import stat
import subprocess

import pytest

from harness.lab import BUILD


def baton(*argv):
    return subprocess.run([BUILD / "baton", *argv], capture_output=True,
                          text=True, timeout=20, check=False)


def good(*argv):
    done = baton(*argv)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout


@pytest.fixture
def key(tmp_path):
    return tmp_path / "node.key"


def test_a_new_key_is_the_owners_alone(key):
    line = good("key", "new", key)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert line.endswith("\n") and len(base64.b64decode(line)) == 32
    assert good("key", "show", key) == line
    assert json.loads(good("-j", "key", "show", key))["public"] == line.strip()
    # the secret is shown nowhere
    secret = key.read_text().splitlines()[1]
    assert secret not in line


def test_openssl_understands_it(key):
    line = good("key", "new", key)
    der = subprocess.run(
        ["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"],
        capture_output=True, check=True, timeout=20).stdout
    assert der[-32:] == base64.b64decode(line)


def test_every_key_is_another(tmp_path):
    assert len({good("key", "new", tmp_path / str(i))
                for i in range(10)}) == 10


def test_a_key_is_never_overwritten(key):
    good("key", "new", key)
    before = key.read_bytes()
    done = baton("key", "new", key)
    assert done.returncode == 1 and "never overwritten" in done.stderr
    assert key.read_bytes() == before


def test_a_link_is_not_followed(key, tmp_path):
    key.symlink_to(tmp_path / "elsewhere")
    assert baton("key", "new", key).returncode == 1
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_that_others_may_read_is_refused(key, mode):
    line = good("key", "new", key)
    key.chmod(mode)
    done = baton("key", "show", key)
    assert done.returncode == 1 and f"chmod 600 {key}" in done.stderr
    assert line.strip() not in done.stdout
    key.chmod(0o600)
    assert good("key", "show", key) == line


def test_what_is_no_key_is_named(key):
    key.touch(mode=0o600)
    done = baton("key", "show", key)
    assert done.returncode == 1 and str(key) in done.stderr
    assert baton("key", "show", key / "none").returncode == 1
    assert baton("key", "new").returncode == 2
