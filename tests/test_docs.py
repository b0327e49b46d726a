# SPDX-License-Identifier: GPL-2.0-only
"""The documentation and the code say the same."""

import re
import subprocess

import pytest

from harness import abi
from harness.lab import BUILD, ROOT

MAN = {"batond": "batond.8", "baton": "baton.8", "baton-host": "baton-host.8",
       "baton-proxy": "baton-proxy.8"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def read(path):
    return (ROOT / path).read_text()


def quoted(text):
    """What stands between backticks."""
    return set(re.findall(r"`([^`\n]+)`", text))


def output(program, *argv):
    done = subprocess.run([BUILD / program, *argv], capture_output=True,
                          text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def xmacro(header, macro, column):
    """One argument of each X(...) in a list of a header."""
    body = re.search(rf"#define {macro}\(X\)(.*?[^\\])\n", read(header),
                     re.DOTALL)[1]
    entries = re.findall(r"\bX\(([^()]*(?:\([^()]*\)[^()]*)*)\)",
                         body.replace("\\\n", " "))
    assert entries
    return {e.split(",")[column].strip().strip('"') for e in entries}


MAPS = xmacro("include/baton/abi.h", "BATON_MAPS", 0)
HOST_MAPS = xmacro("include/baton/host.h", "BATON_HOST_MAPS", 0)


def test_every_counter_of_the_proxy_is_explained():
    counters = xmacro("user/baton-proxy/proxy.h", "PROXY_COUNTERS", 0)
    page = read("docs/man/baton-proxy.8").partition(".Sh COUNTERS")[2]
    lines = re.findall(r"^\.It Cm (.*)", page.partition(".Sh ")[0], re.M)
    assert {w for line in lines for w in line.split(" , ")} == counters


# --- docs/p4.md, docs/maps.md ------------------------------------------------

def test_every_reason_has_its_place_in_p4():
    reasons = xmacro("include/baton/reasons.h", "BATON_REASONS", 2)
    table = read("docs/p4.md").partition("### Reasons")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.M)) == reasons


def test_every_kind_of_packet_has_its_place_in_p4():
    body = re.search(r"enum packet_kind {(.*?)}", read("bpf/parse.h"),
                     re.DOTALL)[1]
    kinds = set(re.findall(r"PACKET_\w+", body))
    section = read("docs/p4.md").partition("### Kinds")[2]
    table = section.partition("###")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.M)) == kinds


def test_every_map_has_its_place_in_p4():
    section = read("docs/p4.md").partition("## Correspondence")[2]
    table = section.partition("###")[0]
    first = "".join(re.findall(r"^\| (`[^|]*) \|", table, re.M))
    assert quoted(first) == MAPS


def test_every_map_is_described():
    switch, _, host = read("docs/maps.md").partition("## The host's maps")
    assert MAPS <= quoted(switch)
    headings = set(re.findall(r"\w+", " ".join(re.findall(r"^## (.*)$", switch,
                                                         re.M))))
    assert MAPS <= headings
    assert HOST_MAPS <= quoted(host)


@pytest.mark.parametrize("record", [
    r for r in abi.RECORDS if r not in (abi.Probe, abi.ProbeApp)], ids=lambda r: r.c_name)
def test_every_field_is_described(record):
    text = quoted(read("docs/maps.md"))
    fields = {name for name, *_ in record._fields_} - {"pad"}
    assert fields <= text, fields - text


# --- docs/wire.md ------------------------------------------------------------

def test_every_frame_is_described():
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| \d", read("docs/wire.md"), re.M)
    header = "include/baton/link.h"
    assert {label for label, _ in rows} == xmacro(header, "BATON_LINK_TYPES",
                                                  2)
    assert {number for _, number in rows} == xmacro(header,
                                                    "BATON_LINK_TYPES", 1)


def test_every_reason_of_the_link_is_described():
    table = read("docs/wire.md").partition("## Reasons")[2]
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (\w+) \|", table, re.M)
    header = read("include/baton/link.h")
    macro = header.partition("#define BATON_LINK_REASONS")[2]
    listed = re.findall(r'X\(\w+, (\w+), "(\w+)"', macro)
    assert [(label, str(number), effect) for number, (effect, label)
            in enumerate(listed)] == [
        (label, number, "REFUSE" if then == "refused" else "CLOSE")
        for label, number, then in rows]


# --- docs/ownership.md -------------------------------------------------------

def test_every_record_of_ownership_is_described():
    table = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \| (\w+) \| (.*) \|$",
                       read("docs/ownership.md"), re.M)
    header = read("include/baton/ownership.h")
    body = header.partition("#define BATON_OWNERSHIP_KINDS")[2]
    kinds = re.findall(r'X\((\w+), (\d+), "(\w+)", (\w+), (\w+)\)',
                       body.partition("\n\n")[0])
    assert [(label, number, author.lower())
            for _, number, label, _, author in kinds] == [
        (label, number, author) for label, number, _, author, _ in table]
    for (name, *_, slots, _), row in zip(kinds, table):
        if slots.isdigit():
            assert row[2] == slots
        assert quoted(row[4]) == xmacro(
            "include/baton/ownership.h", f"BATON_OWNERSHIP_{name}_FIELDS", 1)


def test_the_header_of_ownership_is_described():
    size = {"U8": 1, "U16": 2, "U32": 4, "U64": 8}
    body = read("include/baton/ownership.h").partition(
        "#define BATON_OWNERSHIP_HEADER(X)")[2].partition("\n\n")[0]
    at = 0
    rows = re.findall(r"^\| (\d+) \| (\d+) \| `(\w+)` \|",
                      read("docs/ownership.md"), re.M)
    fields = re.findall(r"X\((\w+), (\w+)\)", body)
    assert len(rows) == len(fields)
    for (kind, name), row in zip(fields, rows):
        assert row == (str(at), str(size[kind]), name)
        at += size[kind]


# --- configurations ----------------------------------------------------------

def check(path):
    assert "good" in output("batond", "--config", path, "--check")


def test_example_is_good():
    check(ROOT / "docs/example.yaml")


def test_configuration_of_the_readme_is_good(tmp_path):
    switch, host = re.findall(r"```yaml\n(.*?)```", read("README.md"),
                              re.DOTALL)
    path = tmp_path / "baton.yaml"
    path.write_text(switch)
    check(path)
    path.write_text(host)
    output("baton-host", "--config", path, "--check")


def config_keys():
    schema = read("user/batond/config_schema.c")
    keys = set(re.findall(r'FIELD\([\w.]+, "(\w+)"', schema))
    keys |= set(re.findall(r'YAML_(?:LIST|SECTION)\([^"]*"(\w+)"', schema))
    assert {"switch", "owners", "probe_key", "bpffs"} <= keys
    keys |= xmacro("user/batond/config.h", "CONFIG_TIMEOUTS", 0)
    return {key.replace("_", "-") for key in keys}


def test_every_key_is_in_the_example():
    text = read("docs/example.yaml")
    missing = {k for k in config_keys()
               if not re.search(rf"[\s{{]{k}:", "\n" + text)}
    assert not missing


def test_every_key_is_in_the_manual():
    text = read("docs/man/baton.yaml.5")
    missing = {k for k in config_keys()
               if not re.search(rf"\b(Ic|Ss) {k}\b", text)}
    assert not missing


def test_every_key_of_a_host_is_in_the_manual():
    schema = read("user/baton-host/config.c")
    keys = set(re.findall(r'FIELD\((?:struct \w+, )?[\w.]+, "(\w+)"', schema))
    keys |= set(re.findall(r'YAML_(?:LIST|SECTION)\([^"]*"(\w+)"', schema))
    keys -= {"word"}  # an item of a list has no name in the text
    assert {"switches", "applications", "silence", "limit", "vip"} <= keys
    text = read("docs/man/baton-host.8")
    missing = {k for k in keys
               if not re.search(rf"\bCm {k.replace('_', '-')}\b", text)}
    assert not missing


def test_every_key_of_a_proxy_is_in_the_manual():
    schema = read("user/baton-proxy/config.c")
    keys = set(re.findall(r'(?:SERVICE|PEER|PROXY)\(\w+, "(\w+)"', schema))
    keys |= set(re.findall(r'YAML_LIST\([^"]*"(\w+)"', schema))
    assert {"node", "services", "on_standby_loss"} <= keys
    text = read("docs/man/baton-proxy.8")
    missing = {k for k in keys
               if not re.search(rf"\bCm {k.replace('_', '-')}\b", text)}
    assert not missing


# --- manual pages, links, targets --------------------------------------------

@pytest.mark.parametrize("program", MAN)
def test_every_option_is_in_the_manual(program):
    text = output(program, "--help")
    page = read(f"docs/man/{MAN[program]}")
    options = set(re.findall(r"(?<![\w-])--([a-z][\w-]*)", text))
    assert {"help", "version"} <= options
    missing = {o for o in options if not re.search(rf"\bFl [^\n]*-{o}\b", page)
               and not re.search(rf"[,|] -{o}\b", page)}
    assert not missing
    short = set(re.findall(r"(?<![\w-])-([a-zA-Z])\b", text))
    assert not {o for o in short if not re.search(rf"\bFl {o}\b", page)}


def anchor(heading):
    """As the usual renderers of Markdown make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", target):
            continue
        path, _, fragment = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if fragment:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.M)
            assert fragment in map(anchor, headings), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_sources_that_are_named_exist(page):
    """`bpf/parse.h` and the like; of architecture.md also `parse.h` alone."""
    here = {p.name for folder in ("bpf", "include/baton", "user/lib",
                                  "user/lib/link", "user/lib/ownership",
                                  "user/lib/speak",
                                  "user/batond",
                                  "user/baton-host", "user/baton-proxy",
                                  "user/baton")
            for p in (ROOT / folder).iterdir()}
    for name in quoted(page.read_text()):
        if re.fullmatch(r"(bpf|user|include|tests|docs)/[\w/.-]+", name):
            assert (ROOT / name).exists(), name
        elif re.fullmatch(r"[\w.-]+\.[ch]", name):
            assert name in here, name


def test_make_help_lists_the_targets():
    text = subprocess.run(["make", "-s", "-C", ROOT, "help"], check=True,
                          capture_output=True, text=True).stdout
    listed = {line.split()[0] for line in text.splitlines() if line.strip()}
    assert {"deps", "all", "demo", "test", "bench", "lint", "fmt", "install",
            "uninstall", "clean"} <= listed
