# SPDX-License-Identifier: GPL-2.0-only
"""`make demo`, with less of everything; and that it notices what it should."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from harness.lab import BUILD

DEMO = Path(__file__).with_name("demo.py")
SCENARIOS = ["process_kill", "link_cut", "host_freeze"]
STRIKES = ["proxy_kill", "proxy_cut", "proxy_freeze"]
STREAMS = [f"{what} v{f}" for what in ("download", "upload", "requests", "ssh")
           for f in (4, 6)]


def start(out, *options):
    return subprocess.Popen(
        [sys.executable, DEMO, "--out", out, "--profile", "vm", "--flows",
         "200", "--rate", "1000", "--requests", "40", "--seconds", "20",
         *options],
        env={**os.environ, "BATON_BUILD": str(BUILD)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def demo(out, *options):
    """Run it to its end: exit status, output, errors."""
    with start(out, *options) as process:
        shown, errors = process.communicate(timeout=240)
    print(shown, errors)
    assert not leftovers(process.pid)
    return process.returncode, shown, errors


def results(out, part="scenarios"):
    return json.loads((out / "demo.json").read_text())[part]


def leftovers(pid):
    """What a demo that has ended must not leave: namespaces, mounts and
    files, control groups, processes."""
    name = f"baton-{pid}-"
    left = [p for top in ("/run/netns", "/sys/fs/cgroup/freezer",
                          "/sys/fs/cgroup", tempfile.gettempdir())
            for p in Path(top).glob(name + "*")]
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if name.encode() in command.read_bytes():
                left.append(command)
    return left


def test_demo(tmp_path):
    status, shown, errors = demo(tmp_path, "--keep", tmp_path / "kept")
    assert (status, errors) == (0, "")
    assert [r["name"] for r in results(tmp_path)] == SCENARIOS
    for r in results(tmp_path):
        assert r["ok"] and all(c["ok"] for c in r["checks"])
        assert r["client_errors"] == 0 and r["new_requests"] > 0
        assert 0 < r["detect_ms"] <= r["store_ms"]
        assert r["flip_ns"] > 0
        assert r["packets_lost"] > 0  # the dead host answered none of them
        assert 0 < r["in_flight"]["idle_connections"] <= r["flows_moved"]
        assert r["name"] in shown
    assert "\033" not in shown
    for name in "demo", "demo-proxy":
        for kind, magic in ("svg", b"<?xml"), ("png", b"\x89PNG"):
            picture = tmp_path / f"{name}.{kind}"
            assert picture.read_bytes().startswith(magic)
    check_proxies(results(tmp_path, "proxy"))
    check_kept(tmp_path / "kept")


def check_proxies(proxy):
    """Every connection went on, each time."""
    assert proxy["ok"] and all(c["ok"] for c in proxy["checks"])
    assert [s["name"] for s in proxy["strikes"]] == STRIKES
    hosts = [(s["host"], s["standby"]) for s in proxy["strikes"]]
    assert hosts == [("a", "b"), ("b", "a"), ("a", "b")]
    assert [s["name"] for s in proxy["streams"]] == STREAMS
    for s in proxy["streams"]:
        assert s["ok"] and s["bytes"] > 0
        assert all(s[name] > 0 for name in STRIKES)
    transfers = [s for s in proxy["streams"] if "load" in s["name"]]
    assert {s["bytes"] for s in transfers} == {20 << 20}
    assert len({s["sha256"] for s in transfers}) == 1


def check_kept(directory):
    """What an operator would look at; no transferred files."""
    for name in ("hosts/batond.yaml", "proxy/batond.yaml",
                 "proxy/a-agent.yaml", "proxy/b-proxy.yaml",
                 "proxy/nginx.conf", "proxy/ssh/sshd_config"):
        assert (directory / name).read_text()
    assert list(directory.glob("proxy/*baton-proxy.log"))
    assert not (directory / "proxy" / "data").exists()


@pytest.mark.parametrize("scenario", ["host_freeze", "proxy_freeze"])
def test_interrupted(tmp_path, scenario):
    """Even while processes are frozen."""
    with start(tmp_path, "--scenario", scenario) as process:
        assert any("processes frozen" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        shown, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")
    assert shown.endswith("interrupted\n")
    assert not leftovers(process.pid)


@pytest.mark.parametrize("ablation, scenario, failed", [
    ("no-detection", "link_cut", "detection"),
    ("no-fence", "host_freeze", "fence"),
])
def test_ablation(tmp_path, ablation, scenario, failed):
    """Without the mechanism the demo fails, and says at what."""
    status, shown, _ = demo(tmp_path, "--ablation", ablation, "--scenario",
                            scenario)
    assert status == 1
    result, = results(tmp_path)
    assert [c["name"] for c in result["checks"] if not c["ok"]] == [failed]
    assert f"FAILED  {failed}: " in shown


def test_ablation_of_the_gate(tmp_path):
    """What the kernel of a dead proxy says ends every connection, if it is let
    out."""
    status, shown, _ = demo(tmp_path, "--ablation", "no-gate", "--scenario",
                            "proxy_kill", "--seconds", "10")
    assert status == 1
    proxy = results(tmp_path, "proxy")
    assert not proxy["ok"]
    assert [s["name"] for s in proxy["streams"] if not s["ok"]] == STREAMS
    assert "ok  takeover: " in shown  # which did not help them
