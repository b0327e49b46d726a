# SPDX-License-Identifier: GPL-2.0-only
"""The commands that README.md and docs/maps.md show, run on the switch that
README.md describes."""

import json
import re
import shlex

import pytest

from harness.lab import BPFTOOL, BUILD, ROOT, run

README = (ROOT / "README.md").read_text()
MAPS = (ROOT / "docs/maps.md").read_text()

BATON = re.findall(r"^    baton (\w.*?) *(?:#.*)?$", README, re.M)
COMMAND = r"^    # bpftool (.*?)(?: \| .*)?$"
# not those of the host's agent, and not what changes something
OF_SWITCH = [w for w in re.findall(COMMAND, MAPS.partition("## The host")[0],
                                   re.M) if "update" not in w]


@pytest.fixture(scope="module")
def network(lab):
    switch, wire = lab.netns("switch"), lab.netns("wire")
    lab.veth(switch, "eth0", wire, "up1")
    lab.veth(switch, "eth1", wire, "down1")
    switch.address("eth1", "10.0.1.1/24")
    return switch


@pytest.fixture(scope="module")
def config(lab):
    """The README's, with paths of the lab. Nobody answers probes there."""
    key = lab.file("probe.key", "00112233445566778899aabbccddeeff\n")
    key.chmod(0o600)
    text = re.search(r"```yaml\n(switch:.*?)```", README, re.DOTALL)[1]
    text, count = re.subn(
        r"probe-key: [^\n]*", f"probe-key: {key}\n  bpffs: {lab.dir}/bpf/baton"
        f"\n  control: {lab.dir}/batond.sock\n  state: {lab.dir}/state", text)
    assert count == 1
    return re.sub(r"(address: 10[\d.]+)", r"\1, probe: no", text)


@pytest.fixture(scope="module")
def batond(lab, network, config):
    return lab.batond(network, config, pins=lab.bpffs("bpf") / "baton")


def bpftool(batond, words):
    """Its output as data, run where maps are pinned."""
    return json.loads(run(BPFTOOL, "-j", *words, cwd=batond.pins).stdout)


@pytest.mark.parametrize("words", [w for w in BATON if "watch" not in w])
def test_readme(batond, words):
    """Each is understood and done, or run() fails."""
    run(BUILD / "baton", "--socket", batond.control.path, "--bpffs",
        batond.pins, *shlex.split(words))


def test_readme_shows_the_objects():
    assert {"status", "owner", "flow", "host", "event", "stats"} == {
        words.split()[0] for words in BATON}


@pytest.mark.parametrize("words", OF_SWITCH)
def test_maps_are_read_as_shown(batond, words):
    """bpftool runs; where a whole element is printed, it has the fields that
    the page shows, in their order."""
    argv = [w for w in words.split() if w != "-j"]
    data = bpftool(batond, argv)
    after = MAPS.partition(f"# bpftool {words}\n")[2].partition("\n\n")[0]
    if "lookup" in argv and after.lstrip().startswith("{"):
        def fields(value):
            return [name for k, v in value.items()
                    for name in [k, *(fields(v) if isinstance(v, dict)
                                      else [])]]
        assert fields(data["formatted"]) == re.findall(r'"(\w*)": ', after)


def test_types_and_sizes(batond):
    """The table of the switch's maps."""
    table = MAPS.partition("| map | type |")[2].partition("\n\n")[0]
    kinds = {"array": "array", "program array": "prog_array",
             "devmap hash": "devmap_hash", "hash": "hash",
             "LRU hash": "lru_hash", "per-CPU array": "percpu_array"}
    rows = re.findall(r"^\| (`[^|]*) \| ([^|]*) \|", table, re.M)
    assert len(rows) > 10
    for names, text in rows:
        kind, *rest = text.split(", ")
        for name in re.findall(r"`(\w+)`", names):
            shown = bpftool(batond, ["map", "show", "pinned", name])
            assert shown["type"] == kinds[kind], name
            for size in rest:
                if size.isdigit():
                    assert shown["max_entries"] == int(size), name
            assert ("mapped" in rest) == bool(shown["flags"] & 0x400), name


def epoch_bytes(epoch):
    """As bpftool is given them."""
    return [f"0x{byte:02x}" for byte in epoch.to_bytes(4, "little")]


def test_an_owner_moved_by_hand(lab, network, batond, config):
    """The page's command, while no batond runs; the next one goes on with
    it. It writes an epoch one higher than the one that the page shows."""
    words, = [w.split() for w in re.findall(COMMAND, MAPS, re.M)
              if "update" in w]
    shown = re.search(r'"epoch": (\d+)\n', MAPS.partition("## owners\n")[2])
    assert words[-4:] == epoch_bytes(int(shown[1]) + 1)
    ids = {o["name"]: o["id"] for o in batond.control("owner.show")}
    hosts = {h["name"]: h["id"] for h in batond.control("host.show")}
    assert (ids["web-a"], hosts["b"]) == (1, 2)
    # the README's commands may have moved it; refused if it is at home
    batond.control.request("owner.failback", name="web-a", force=True)
    assert batond.control("owner.show", name="web-a")[0]["host"] == "a"
    epoch = batond.control("owner.show", name="web-a")[0]["epoch"] + 1
    batond.stop()
    run(BPFTOOL, *words[:-4], *epoch_bytes(epoch), cwd=batond.pins)
    word = bpftool(batond, "map lookup pinned owners key 1 0 0 0".split())
    assert word["formatted"]["value"][""] == {
        "host": 2, "state": 1, "pad": 0, "epoch": epoch}
    again = lab.batond(network, config, pins=batond.pins)
    owner, = again.control("owner.show", name="web-a")
    assert (owner["host"], owner["epoch"]) == ("b", epoch)
    again.stop()
