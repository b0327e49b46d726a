# SPDX-License-Identifier: GPL-2.0-only
"""The server learns who its client is, by the PROXY protocol: nginx as it is
reads what baton-proxy says, before and after a takeover."""

import http.client

import pytest

from harness.lab import Lab, wait_until

from crowd import acked
from network import CLIENT
from proxies import ORIGIN, Proxies

NGINX = """
daemon off; master_process off; user root;
pid {dir}/pid; error_log {dir}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi; uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    server {{
        listen {v4}:{port} proxy_protocol;
        listen [{v6}]:{port} proxy_protocol;
        keepalive_timeout 60;
        location / {{ return 200
            "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr"; }}
    }}
}}
"""


@pytest.fixture
def network():
    with Lab("header") as lab:
        network = Proxies(lab)
        network.start()
        for origin in network.origins.values():
            origin.popen.kill()
            origin.popen.wait()
        scratch = lab.dir / "nginx"
        scratch.mkdir()
        config = lab.file("nginx.conf", NGINX.format(
            dir=scratch, v4=CLIENT[4], v6=CLIENT[6], port=ORIGIN))
        nginx = lab.start(network.client, "nginx", "-c", config, "-e",
                          scratch / "error.log")
        nginx.wait_for(lambda: (scratch / "pid").exists(), "nginx")
        yield network


class Client(http.client.HTTPConnection):
    """By a connection that is there already."""

    def __init__(self, sock):
        super().__init__("server")
        self.sock = sock
        self.expected = (f"{sock.getsockname()[0]} {sock.getsockname()[1]} "
                         f"{sock.getpeername()[0]}")

    def ask(self):
        self.request("GET", "/")

    def answer(self):
        return self.getresponse().read().decode()


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_p1_the_server_knows_its_client(network, version, family):
    network.start_proxies(**{"proxy-protocol": version})
    client = Client(network.client_socket(family))
    client.ask()
    assert client.answer() == client.expected
    network.kill("a")
    network.move("b")
    client.ask()
    assert client.answer() == client.expected


def test_p3_relayed(network):
    """The greeting is not the client's, and shifts nothing that it is told."""
    network.start_proxies(policy="relayed", **{"proxy-protocol": "v1"})
    client = Client(network.client_socket())
    for _ in range(10):
        client.ask()
        assert client.answer() == client.expected


def test_p1_unprotected(network):
    network.start_proxy("a", policy="none", **{"proxy-protocol": "v2"})
    client = Client(network.client_socket())
    client.ask()
    assert client.answer() == client.expected


def test_p5_the_other_proxy_tells_it(network):
    """The server was not reached before the proxy died."""
    network.start_proxies(**{"proxy-protocol": "v2"})
    closed = "INPUT", "-p", "tcp", "--dport", ORIGIN, "-j", "DROP"
    network.client.run("iptables-legacy", "-A", *closed)
    client = Client(network.client_socket())
    client.ask()
    wait_until(lambda: acked(client.sock) > 1, "it is acknowledged")
    network.kill("a")
    network.move("b")
    network.proxies["b"].wait_output("the last of them")
    network.client.run("iptables-legacy", "-D", *closed)
    assert client.answer() == client.expected

def test_p7_nodes_that_disagree(network):
    """They would tell the server different things: neither stores the other's
    connections, and says so."""
    network.start_proxy("a", **{"proxy-protocol": "v2"})
    network.start_proxy("b", **{"proxy-protocol": "v1"})
    network.proxies["a"].wait_output("b does not keep it")
    client = Client(network.client_socket())
    client.ask()
    assert client.answer() == client.expected
