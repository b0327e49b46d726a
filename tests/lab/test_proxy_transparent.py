# SPDX-License-Identifier: GPL-2.0-only
"""Row P1: the server sees its client's own address and port, before and after a
takeover. The server is a machine of its own here, as a client cannot speak to
itself by way of a switch:

    client c0 --- s0 switch s1 --- h0 host a, baton-proxy
    server v1 --- v0        s2 --- h0 host b, baton-proxy
"""

import json
import socket

import pytest

from harness.lab import BUILD, PATIENCE, Lab, wait_until

from crowd import acked, assert_went_on, both_families
from network import FAMILY, near
from proxies import (FAULTS, ORIGIN, OWNER, PORT, Proxies, Stream, killed,
                     stop)

SERVER = {4: "203.0.113.2", 6: "2001:db8:300::2"}
GATEWAY = {4: "203.0.113.1", 6: "2001:db8:300::1"}
SERVERS = {4: "203.0.113.0/24", 6: "2001:db8:300::/64"}
KILLS = 10

families = pytest.mark.parametrize("family", [4, 6])


class Transparent(Proxies):
    """back: the switch knows of the server."""

    def __init__(self, lab, back=True, fence=True, **options):
        super().__init__(lab, **options)
        self.back, self.fence = back, fence
        self.server, self.server_address = lab.netns("server"), SERVER
        self.connect(self.switch, "v0", GATEWAY, self.server, "v1", SERVER)
        self.server.ip("\n".join(f"route add default via {GATEWAY[f]}"
                                 for f in (4, 6)))
        for host in self.hosts.values():
            host.ns.ip("\n".join(
                f"route add {SERVERS[f]} via {near(f, host.number, 1)}"
                for f in (4, 6)))
            if host.forward != "l2":
                host.agent.stop()
                host.start_agent(servers=list(SERVER.values()))

    def config(self, owners=None, services=None, **sections):
        if self.back:
            services = services + [
                {"name": f"server{f}", "vip": SERVER[f], "protocol": "tcp",
                 "port": ORIGIN, "back-of": f"web{f}", "recorder": True}
                for f in (4, 6)]
        config = super().config(owners, services, **sections)
        config["ports"].append({"interface": "v0"})
        config["switch"]["fence"] = self.fence
        return config

    def proxy_config(self, name, **more):
        config = super().proxy_config(name, transparent=True, **more)
        for service in config["services"]:
            del service["source"]
        return config


@pytest.fixture
def network():
    with Lab("transparent") as lab:
        network = Transparent(lab)
        network.start()
        yield network


def is_seen(stream):
    return stream.who() == stream.socket.getsockname()[:2]


# --- relaying -------------------------------------------------------------------

@families
@pytest.mark.parametrize("policy", ["none", "stored", "relayed"])
def test_p1_the_server_sees_its_client(network, family, policy):
    if policy == "none":
        network.start_proxy("a", policy=policy)
    else:
        network.start_proxies(policy=policy)
    streams = [Stream(network, family) for _ in range(3)]
    assert all(is_seen(s) for s in streams)
    streams[0].download(20 << 20)
    streams[1].upload(20 << 20)
    for i in range(100):
        streams[2].echo(i)


def test_p1_port_that_is_used_again(network):
    """The client ends and comes back from the same port."""
    network.start_proxies()
    port = None
    for _ in range(3):
        with network.socket(4, socket.SOCK_STREAM) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("", port or 0))
            s.connect((network.vips[0], PORT))
            assert is_seen(Stream(network, connection=s))
            port = s.getsockname()[1]
            # by a reset: nobody has to wait for the port
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                         b"\1\0\0\0\0\0\0\0")
        wait_until(lambda: not network.show_proxy("a", "connection", "show"),
                   "its connection is over")


# --- taking over ----------------------------------------------------------------

@families
@pytest.mark.parametrize("what", ["download", "upload"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_p5_in_the_middle(network, family, what, fault):
    network.start_proxies()
    s = Stream(network, family)

    def step(i):
        if i == 100:
            fault(network)
    getattr(s, what)(20 << 20, step=step)
    s.echo(1)
    assert is_seen(s)
    assert network.owner(OWNER)["host"] == "b"


@families
@pytest.mark.parametrize("forward", ["ipip", "gue"])
def test_p5_hosts_in_tunnels(forward, family):
    with Lab("transparent") as lab:
        network = Transparent(lab, hosts={n: (forward, 4) for n in ("a", "b")})
        network.start()
        network.start_proxies()
        s = Stream(network, family)

        def step(i):
            if i == 100:
                killed(network)
        s.download(20 << 20, step=step)
        s.upload(4 << 20)
        assert is_seen(s)


def test_p5_server_not_reached_yet(network):
    """The other proxy reaches it as the client, too."""
    network.start_proxies()
    closed = "INPUT", "-p", "tcp", "--dport", ORIGIN, "-j", "DROP"
    network.server.run("iptables-legacy", "-A", *closed)
    s = Stream(network)
    s.socket.sendall(b"who\n")
    wait_until(lambda: acked(s.socket) >= 4, "it is acknowledged")
    killed(network)
    network.proxies["b"].wait_output("the last of them")
    network.server.run("iptables-legacy", "-D", *closed)
    address, port = s.socket.getsockname()
    assert s.socket.recv(100) == b"%s %d\n" % (address.encode(), port)


def test_p5_restarted_in_place(network):
    """What its predecessor left does not stand in the way."""
    network.start_proxies()
    s = Stream(network)
    s.echo(1)
    network.kill("a")
    network.start_proxy("a")
    s.echo(2)
    assert is_seen(s)
    assert network.owner(OWNER)["host"] == "a"


def test_p5_kills(network):
    network.start_proxies()
    crowds = both_families(network)
    network.kill_and_return(KILLS)
    assert_went_on(*crowds)


# --- the fence ------------------------------------------------------------------

def last_words(network, s):
    """The kernel of the old owner's host says FIN to the server, as the client,
    after the owner has moved; nothing keeps it from that but the switch."""
    s.echo(1)
    stop(network.proxies["a"])
    network.move("b")
    network.proxies["b"].wait_output("the last of them")
    host = network.hosts["a"].ns
    host.run("iptables-legacy", "-F", "BATON-PROXY-OUT")
    # to the server alone
    host.run("iptables-legacy", "-A", "OUTPUT", "-p", "tcp", "--sport", PORT,
             "-j", "DROP")
    network.kill("a")


def test_x5_an_old_owner_is_not_heard_by_the_server(network):
    network.start_proxies()
    s = Stream(network)
    before = network.counted("drop_fence")
    last_words(network, s)
    wait_until(lambda: network.counted("drop_fence") > before,
               "the fence stops its last words")
    s.echo(2)
    assert is_seen(s)


def test_x5_without_the_fence():
    """The same, but everybody is heard."""
    with Lab("transparent") as lab:
        network = Transparent(lab, fence=False)
        network.start()
        network.start_proxies()
        s = Stream(network)
        last_words(network, s)
        with pytest.raises((AssertionError, ConnectionError)):
            for i in range(100):
                s.echo(i)


# --- who else speaks to the server ----------------------------------------------

def test_without_the_back_nothing_comes_back():
    """The server's answers go to the client itself, who knows nothing of
    them."""
    with Lab("transparent") as lab:
        network = Transparent(lab, back=False)
        network.start()
        network.start_proxies()
        with network.client_socket() as s:
            s.sendall(b"echo 1\n")
            s.settimeout(1)
            with pytest.raises((TimeoutError, ConnectionError)):
                s.recv(100)


def direct(network, namespace, family):
    """A connection from some machine to the server itself."""
    with namespace.entered():
        s = socket.socket(FAMILY[family], socket.SOCK_STREAM)
    s.settimeout(PATIENCE)
    s.connect((SERVER[family], ORIGIN))
    return Stream(network, connection=s)


@families
def test_others_speak_to_the_server_as_ever(network, family):
    """A client without the proxy, and both hosts for themselves: also while
    nobody reads their queues."""
    network.start_proxies()
    through = Stream(network, family)
    assert is_seen(through)
    hosts = [h.ns for h in network.hosts.values()]
    for namespace in network.client, *hosts:
        s = direct(network, namespace, family)
        assert is_seen(s)
        s.download(1 << 20)
        s.socket.close()
    network.kill("b")
    with direct(network, hosts[1], family).socket as s:
        s.sendall(b"who\n")
        assert s.recv(100).startswith(near(family, 2, 2).encode())


def local_rules(host):
    return [line for option in ("-4", "-6") for line in
            host.ns.run("ip", option, "rule").stdout.splitlines()
            if "7792" in line]


def test_rules_come_and_go(network):
    network.start_proxies()
    host = network.hosts["a"]
    expected = local_rules(host)
    assert len(expected) == 2
    network.kill("a")
    assert local_rules(host) == expected, "a death leaves them"
    network.start_proxy("a")
    assert local_rules(host) == expected, "they are there once"
    network.kill("a")
    host.ns.run(BUILD / "baton-proxy", "--detach")
    assert not local_rules(host)
    for option in "-4", "-6":
        assert not host.ns.run("ip", option, "route", "show", "table", 7792,
                               check=False).stdout


# --- configuration --------------------------------------------------------------

def complaints(network, config):
    path = network.lab.file("wrong.yaml", json.dumps(config))
    done = network.hosts["a"].ns.run(BUILD / "baton-proxy", "--config", path,
                                     "--check", check=False)
    assert done.returncode == 1
    return done.stderr


def test_configuration_that_cannot_be(network):
    config = network.proxy_config("a")
    service = config["services"][0]
    for change, complaint in (
            ({"source": "192.0.2.9"}, "transparent has the client's address"),
            ({"server": SERVER[6]}, "a vip and a server of the same family"),
            ({"transparent": False}, "source")):
        wrong = dict(config, services=[dict(service, **change)])
        assert complaint in complaints(network, wrong)
    twins = [service, dict(service, name="twin", port=PORT + 1)]
    assert "has the same server and server-port" in complaints(
        network, dict(config, services=twins))
