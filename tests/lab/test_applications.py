# SPDX-License-Identifier: GPL-2.0-only
"""Row K6: an application dies, or stops, or waits for ever, on a machine that
lives. The owners that need it move, and no others; on a host that does not
watch it nothing is noticed."""

import os
import signal
import sys

import pytest

from harness.lab import BUILD, Lab, wait_until

from network import HERE, Network, vip

LIMIT_MS = 300  # of a runtime like Python's, on a machine that is shared


def heartbeat(name, **more):
    return {"name": name, "check": "heartbeat", "limit": f"{LIMIT_MS}ms",
            **more}


@pytest.fixture
def network():
    with Lab("applications") as lab:
        yield Network(lab, ["a", "b"])


def config(network):
    """Two owners at home on each host: one needs web, the other needs db."""
    owners = [{"name": f"{app}-{host}", "host": host}
              for app in ("web", "db") for host in ("a", "b")]
    services = [{"name": app, "vip": vip(4), "protocol": "tcp", "port": port,
                 "application": app, "owners": [f"{app}-a", f"{app}-b"]}
                for app, port in (("web", 80), ("db", 5432))]
    return network.config(owners=owners, services=services)


def start(network, applications):
    """Hosts whose agents watch these, and the switch."""
    for host in network.hosts.values():
        host.agent.stop()
        host.start_agent(applications=applications)
    network.start(config(network))


def states(network, host):
    return {a["name"]: a["state"]
            for a in network.show("host")[host].get("applications", ())}


def wait_state(network, host, **wanted):
    wait_until(lambda: wanted.items() <= states(network, host).items(),
               lambda: f"{host}: {wanted}, not {states(network, host)}")


def work(host, name):
    """A worker on the host, that beats."""
    worker = host.network.lab.start(
        host.ns, sys.executable, HERE / "worker.py", BUILD / "libbaton.so",
        host.heartbeats, name)
    worker.wait_output("beats")
    return worker


def players(network):
    return {name: owner["host"] for name, owner in
            network.show("owner").items()}


AT_HOME = {"web-a": "a", "web-b": "b", "db-a": "a", "db-b": "b"}
WEB_MOVED = {**AT_HOME, "web-a": "b"}


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP,
                                   signal.SIGUSR1],
                         ids=["killed", "stopped", "deadlocked"])
def test_k6_heartbeats(network, fault):
    start(network, [heartbeat("web"), heartbeat("db")])
    workers = {(h, app): work(host, app)
               for h, host in network.hosts.items() for app in ("web", "db")}
    for host in network.hosts:
        wait_state(network, host, web="up", db="up")
    # Before anybody beat, the owners may have been here or there.
    for name, host in AT_HOME.items():
        if players(network)[name] != host:
            network.baton("owner", "failback", name)
    assert players(network) == AT_HOME

    last = network.last_event()
    workers["a", "web"].kill(fault)
    event = network.wait_event("application", last, host="a",
                               application="web", failed=True)
    network.wait_event("move", last, owner="web-a", to="b")
    assert players(network) == WEB_MOVED
    assert network.show("host")["a"]["state"] == "up"
    assert states(network, "a") == {"web": "failed", "db": "up"}
    if fault != signal.SIGKILL:
        assert event["age_ms"] >= LIMIT_MS

    # Another one takes its place: the host may play the owner again.
    last = network.last_event()
    work(network.hosts["a"], "web")
    network.wait_event("application", last, host="a", application="web",
                       failed=False)
    network.baton("owner", "failback", "web-a")
    assert players(network) == AT_HOME


def test_k6_without_a_heartbeat_nothing_is_noticed(network):
    """The ablation: the same death, and nobody watches."""
    start(network, [])
    sleeper = network.lab.start(network.hosts["a"].ns, "sleep", "1000")
    sleeper.kill()
    sleeper.popen.wait()
    probes = network.show("host")["a"]["probes"]
    wait_until(lambda: network.show("host")["a"]["probes"] > probes + 20,
               "probes go on")
    assert players(network) == AT_HOME
    assert not network.events("application")


def test_k6_checks(network):
    """What is not made for heartbeats: a port, a page, a command, a process."""
    lab, host = network.lab, network.hosts["a"]
    flag = lab.file("flag", "")
    server = host.start_server()
    web = host.start_web(lab.dir)
    pidfile = lab.file("pid", f"{server.pid}\n")
    common = {"interval": "50ms", "timeout": "200ms",
              "limit": f"{LIMIT_MS}ms"}
    start(network, [
        {"name": "web", "check": "http", "address": "127.0.0.1", "port": 80,
         "path": "/flag", **common},
        {"name": "db", "check": "process", "pidfile": str(pidfile), **common},
        {"name": "echo", "check": "tcp", "address": vip(4), "port": 7,
         **common},
        {"name": "script", "check": "command",
         "command": ["/usr/bin/test", "-e", str(flag)], **common}])
    # Host b serves nothing. What namespaces share it has: files, processes.
    wait_until(lambda: sorted(
        a["state"] for a in network.show("host")["a"]["applications"])
        == ["up"] * 4, "all are up")
    wait_until(lambda: sorted(
        a["state"] for a in network.show("host")["b"]["applications"])
        == ["failed"] * 2 + ["up"] * 2, "b serves nothing")

    flag.unlink()  # 404, and the command fails
    wait_state(network, "a", web="failed", db="up")
    lab.file("flag", "")
    wait_state(network, "a", web="up")
    server.kill()
    event = network.wait_event("application", host="a", application="db",
                               failed=True)
    assert event["age_ms"] < LIMIT_MS, "its end was not seen at once"
    web.kill()
    wait_state(network, "a", web="failed")
    # There is nowhere to go: b serves nothing either.
    network.wait_event("held", held_by="no standby is up", owner="web-a")
    assert players(network)["web-a"] == "a"


def test_k6_agent_dies(network):
    """What nobody checks any more has no signs of life."""
    flag = network.lab.file("flag", "")
    checked = [{"name": "web", "check": "command",
                "command": ["/usr/bin/test", "-e", str(flag)],
                "interval": "50ms", "timeout": "200ms",
                "limit": f"{LIMIT_MS}ms"}]
    start(network, checked)
    for host in network.hosts:
        wait_state(network, host, web="up")
    network.hosts["a"].agent.kill()
    wait_state(network, "a", web="failed")
    network.wait_event("move", owner="web-a", to="b")
    # Started again, it is up, and nothing else was lost.
    network.hosts["a"].start_agent(applications=checked)
    wait_state(network, "a", web="up")


@pytest.mark.parametrize("name,uid,why", [
    ("nobody-knows", 0, "-3"), ("web", 65534, "-1")], ids=["name", "user"])
def test_pages_are_not_for_everybody(network, name, uid, why):
    start(network, [heartbeat("web")])
    host = network.hosts["a"]
    os.chmod(network.lab.dir, 0o755)
    done = host.ns.run("setpriv", f"--reuid={uid}", "--clear-groups",
                       sys.executable, HERE / "worker.py",
                       BUILD / "libbaton.so", host.heartbeats, name,
                       check=False)
    assert done.stderr.strip() == f"baton_heartbeat_open: {why}"


def test_k6_word_comes_at_once(network):
    """`--say leaving` does not wait for the next probe."""
    profiles = {"profile": "slow", "profiles": [
        {"name": "slow", "interval": "5s", "multiplier": 3, "up-after": 1}]}
    network.start({**network.config(), "detection": profiles})
    asked = network.show("host")["a"]["probes"]
    network.hosts["a"].agent_command("--say", "leaving")
    network.wait_event("move", owner="role-a", to="b", timeout=3)
    assert network.show("host")["a"]["probes"] <= asked + 2
