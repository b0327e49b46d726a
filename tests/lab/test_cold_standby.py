# SPDX-License-Identifier: GPL-2.0-only
"""Row K7: a failure leaves an owner without a standby; a program boots one, it
is told the state, and the next failure is survived, too."""

import json

from harness.lab import Lab, wait_until

from proxies import OWNER, Proxies, Stream


def turn_off(network, name):
    host = network.hosts[name]
    if name in network.proxies and network.proxies[name].alive():
        network.kill(name)
    host.agent.stop()
    network.switch.ip("link", "set", host.port, "down")
    network.wait_event("host_down", host=name)


def turn_on(network, name):
    """What the hook would boot."""
    host = network.hosts[name]
    network.switch.ip("link", "set", host.port, "up")
    host.start_agent(applications=[{"name": "proxy", "limit": "500ms"}])
    network.wait_up(name)
    network.start_proxy(name)


def test_k7_cold_standby():
    with Lab("cold") as lab:
        network = Proxies(lab, ("a", "b", "c"))
        asked = lab.dir / "asked"
        hook = lab.file("boot", f"""#!/bin/sh
echo "$BATON_OWNER/$BATON_HOST/$BATON_STANDBYS" >> {asked}
""")
        hook.chmod(0o755)
        network.start(watched=True)
        network.wait_up("a", "b", "c")
        turn_off(network, "c")
        for name in "ab":
            network.start_proxy(name)
        network.wait_protected("a", "b")
        wait_until(lambda: network.owner(OWNER)["next"] == "b",
                   "b would take over")
        # only now: before the proxies there was no standby, either
        config = json.loads(network.config_path.read_text())
        config["switch"].update({"standby-hook": str(hook),
                                 "standby-hook-after": "300ms"})
        network.config_path.write_text(json.dumps(config))
        network.ask("reload")
        last = network.last_event()
        s = Stream(network)
        s.echo(1)
        turn_off(network, "b")
        wait_until(asked.exists, "a host is asked for")
        event = network.wait_event("standby_hook", last, ended=True)
        assert (event["owner"], event["status"]) == (OWNER, 0)
        assert asked.read_text() == f"{OWNER}/a/b c\n"
        s.echo(2)
        turn_on(network, "c")
        network.wait_protected("a", "c")

        network.kill("a")
        wait_until(lambda: network.owner(OWNER)["host"] == "c", "the move")
        s.echo(3)
        # once, though a is off as well by now: c plays it, b and a are asked
        # for only after a while
        assert len(asked.read_text().splitlines()) <= 2


def test_k7_hook_that_fails():
    """It is told, and does not keep batond from anything."""
    with Lab("cold") as lab:
        network = Proxies(lab, ("a", "b"))
        network.start(watched=True, switch={
            "standby-hook": "/nonexistent/boot", "standby-hook-after": "0s"})
        network.wait_up("a", "b")
        turn_off(network, "b")
        event = network.wait_event("standby_hook")
        assert "no such file" in json.dumps(event)
        assert network.owner(OWNER)["host"] == "a"
