# SPDX-License-Identifier: GPL-2.0-only
"""Starts that cannot work, or not well: what is said, with which status, and
that nothing is left behind."""

import json
import os
import platform
import shutil

import pytest

from harness.lab import BUILD, Lab

from network import Network, say, vip

BATOND = BUILD / "batond"


@pytest.fixture
def lab():
    with Lab("bad-input") as made:
        yield made


@pytest.fixture
def switch(lab):
    """A namespace with a veth s0, whose other end is in the client's."""
    ns, client = lab.netns("switch"), lab.netns("client")
    lab.veth(ns, "s0", client, "c0")
    ns.client = client
    return ns


def config(lab, **sections):
    """A minimal configuration, as a file."""
    if not (lab.dir / "bpf").exists():
        lab.bpffs()
    base = {"switch": {"bpffs": str(lab.dir / "bpf/baton"),
                       "control": str(lab.dir / "control"),
                       "state": str(lab.dir / "state"),
                       "flows": 1024, "flows6": 1024, "ring": 251}}
    base["switch"].update(sections.pop("switch", {}))
    return lab.file("batond.yaml", json.dumps({**base, **sections},
                                              indent=1))


def refused(ns, path, *options):
    """What batond says before it ends with status 1."""
    done = ns.run(BATOND, "--config", path, *options, check=False)
    assert done.returncode == 1, done
    assert "Sanitizer" not in done.stderr
    return done.stderr


def attached(ns, device):
    link, = json.loads(ns.ip("-j", "link", "show", device).stdout)
    return link.get("xdp", {}).get("prog", {}).get("id")


def ports_of(lab, ns, **sections):
    """Start it: the process, and its ports as the status shows them."""
    batond = lab.batond(ns, {"switch": {"flows": 1024, "flows6": 1024},
                             **sections})
    return batond, batond.control("status")["ports"]


# --- interfaces ---------------------------------------------------------------

def test_interface_that_is_not_there(lab, switch):
    path = config(lab, ports=[{"interface": "s0"}, {"interface": "wombat0"}])
    line = path.read_text().splitlines().index('   "interface": "wombat0"') + 1
    said = refused(switch, path)
    assert "wombat0" in said and "no such interface" in said
    assert f"{path}:{line}:" in said or f"{path}:{line - 1}:" in said


def test_native_mode_refused_without_driver(lab, switch):
    path = config(lab, ports=[{"interface": "lo", "mode": "native"}])
    said = refused(switch, path)
    assert "lo" in said and "native" in said and "generic" in said
    assert not attached(switch, "lo")


def test_auto_mode_falls_back_with_a_notice(lab, switch):
    batond, (port,) = ports_of(lab, switch, ports=[{"interface": "lo"}])
    assert port["mode"] == "generic"
    assert any("slower" in note for note in port["notes"])
    assert "notice: port lo:" in batond.output


def test_checksum_offload_is_noticed(lab, switch):
    switch.run("ethtool", "-K", "s0", "tx", "on")
    batond, (port,) = ports_of(lab, switch, ports=[{"interface": "s0"}])
    command = "ethtool -K s0 tx off"
    assert command in batond.output
    assert any(command in note for note in port["notes"])


def redirect_note(ports):
    return [note for port in ports for note in port["notes"]
            if "drops frames" in note]


@pytest.mark.skipif(
    tuple(map(int, platform.release().split(".")[:2])) < (6, 3),
    reason="the kernel does not tell whether a device takes redirects")
@pytest.mark.parametrize("gro", ["off", "on"])
def test_peer_without_gro_is_noticed(lab, switch, gro):
    """And rightly: answers to such a client do not arrive."""
    with Lab("peer") as other:
        network = Network(other)
        for host in network.hosts.values():
            host.start_server()
        network.client.run("ethtool", "-K", "c0", "gro", gro)
        network.start()
        ports = network.ask("status")["ports"]
        notes = redirect_note(ports)
        assert bool(notes) == (gro == "off")
        with network.socket(4) as s:
            s.connect((vip(4), 7))
            if gro == "on":
                assert say(s) in network.hosts
            else:
                assert notes[0].startswith("s0 ")
                assert "gro on" in network.batond.output
                s.settimeout(0.5)
                with pytest.raises(TimeoutError):
                    say(s)
                assert network.counted("return_flow") == 1
                # The advice helps.
                network.client.run("ethtool", "-K", "c0", "gro", "on")
                assert say(s) in network.hosts


def test_foreign_program_is_left_alone(lab, switch):
    switch.ip("link", "set", "dev", "s0", "xdpdrv", "object",
              BUILD / "tests/lab/deaf.bpf.o", "section", "xdp")
    program = attached(switch, "s0")
    said = refused(switch, config(lab, ports=[{"interface": "s0"}]))
    assert "deaf" in said and "ip link set dev s0" in said
    assert attached(switch, "s0") == program


def test_port_twice(lab, switch):
    path = config(lab, ports=[{"interface": "s0"}, {"interface": "s0"}])
    assert "s0" in refused(switch, path)
    assert not attached(switch, "s0")


# --- privileges and files -----------------------------------------------------

def as_nobody(lab, *argv):
    """The command that runs batond, a copy that nobody may read, so."""
    os.chmod(lab.dir, 0o755)
    program = shutil.copy(BATOND, lab.dir / "program")
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
            program, *argv]


def test_start_without_privileges(lab, switch):
    path = config(lab, ports=[{"interface": "s0"}])
    done = switch.run(*as_nobody(lab, "--config", path), check=False)
    assert done.returncode == 1
    assert "ermission denied" in done.stderr or "permitted" in done.stderr
    assert "root" in done.stderr
    assert not attached(switch, "s0")


def test_unload_without_privileges(lab, switch):
    path = config(lab, ports=[{"interface": "s0"}])
    batond = lab.start(switch, BATOND, "--config", path)
    batond.wait_output("is ready")
    batond.stop()
    program = attached(switch, "s0")
    done = switch.run(*as_nobody(lab, "--config", path, "--unload"),
                      check=False)
    assert done.returncode == 1
    assert "ermission denied" in done.stderr
    assert attached(switch, "s0") == program


@pytest.mark.parametrize("text, says", [
    ("ports: [", "line"), ("wombat: 1\n", "wombat"),
    ("hosts: [{name: a}]\n", "address"), ("ports: 7\n", "ports"),
    ("", "probe"), ("\0\1\2", ""), ("a: &x 1\nb: *x\n", ""),
    ("hosts: [{name: a, address: 10.0.0.300}]\n", "10.0.0.300"),
    ("hosts: [{name: a, address: 10.0.0.3}]\n", "probe-key"),
    ("switch: {flows: 7}\n", "1024"),
])
def test_wrong_file_at_start(lab, switch, text, says):
    path = lab.file("wrong.yaml", text)
    if not text:  # an empty file is no error, only not of much use
        done = switch.run(BATOND, "--config", path, "--check")
        assert "good" in done.stdout
        return
    checked = refused(switch, path, "--check")
    said = refused(switch, path)
    assert said == checked
    assert f"{path}:" in said
    if says != "line":
        assert says in said


@pytest.mark.parametrize("make, says", [
    (lambda p: None, "No such file"),
    (lambda p: p.mkdir(), "directory"),
])
def test_file_that_cannot_be_read(lab, switch, make, says):
    path = lab.dir / "unreadable.yaml"
    make(path)
    assert says in refused(switch, path)


def test_probe_key_must_be_secret(lab, switch):
    key = lab.file("key", "00" * 16 + "\n")
    key.chmod(0o644)
    path = config(lab, switch={"probe-key": str(key)},
                  hosts=[{"name": "a", "address": "10.0.0.3"}],
                  ports=[{"interface": "s0"}])
    assert str(key) in refused(switch, path)
    assert not attached(switch, "s0")


@pytest.mark.parametrize("argv", [[], ["--wombat"], ["--config"],
                                  ["--config", "x", "y"],
                                  ["--config", "x", "--check", "--unload"]])
def test_wrong_command_line(switch, argv):
    done = switch.run(BATOND, *argv, check=False)
    assert done.returncode == 2 and "--help" in done.stderr


def test_unload_of_nothing(lab, switch):
    said = refused(switch, config(lab), "--unload")
    assert str(lab.dir / "bpf/baton") in said


def test_incomplete_set_of_maps(lab, switch):
    """Something took a map away: refused with the way out, which works."""
    path = config(lab, ports=[{"interface": "s0"}])
    batond = lab.start(switch, BATOND, "--config", path)
    batond.wait_output("is ready")
    batond.stop()
    (lab.dir / "bpf/baton/owners").unlink()
    said = refused(switch, path)
    assert "owners" in said and "--unload" in said
    switch.run(BATOND, "--config", path, "--unload")
    assert not attached(switch, "s0")
    batond = lab.start(switch, BATOND, "--config", path)
    batond.wait_output("is ready")


# --- hosts --------------------------------------------------------------------

def test_host_interface_that_is_not_there(lab, switch):
    path = lab.file("host.yaml", json.dumps({
        "interface": "wombat0", "bpffs": str(lab.bpffs() / "host"),
        "switches": ["10.0.0.1"]}))
    done = switch.run(BUILD / "baton-host", "--config", path, check=False)
    assert done.returncode == 1
    assert "wombat0" in done.stderr and "no such interface" in done.stderr


def test_only_one_agent_at_a_time(lab, switch):
    text = json.dumps({"interface": "s0", "bpffs": str(lab.bpffs() / "host"),
                       "switches": ["10.0.0.1"]})
    first = lab.baton_host(switch, text, "first")
    first.wait_output("ready;")
    program = attached(switch, "s0")
    done = switch.run(BUILD / "baton-host", "--config",
                      lab.dir / "first.yaml", check=False)
    assert done.returncode == 1 and "baton-host" in done.stderr
    assert first.alive() and attached(switch, "s0") == program
