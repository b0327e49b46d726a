# SPDX-License-Identifier: GPL-2.0-only
"""What baton-proxy tells people, and moving its connections on purpose."""

import pytest

from harness.lab import Control, Lab, wait_until

from crowd import KINDS, Crowd, assert_went_on
from proxies import OWNER, Proxies, Stream, stopped
from test_control_doc import compare, described

SECTION = "## The control socket of baton-proxy"
OBJECTS = described(SECTION)


@pytest.fixture
def network():
    with Lab("proxy") as lab:
        network = Proxies(lab)
        network.start()
        yield network


def only_connection(network, name="a"):
    connection, = network.show_proxy(name, "connection", "show")
    return connection


def test_page_is_understood():
    assert set(OBJECTS) == {"proxy", "connection"}


def test_answers_are_as_described(network):
    network.start_proxies()
    s = Stream(network)
    s.echo(1)
    for name in "a", "b":
        proxy = network.show_proxy(name, "proxy", "show")
        compare(OBJECTS["proxy"], proxy, name)
        compare(OBJECTS["connection"], only_connection(network, name), name)
        assert {s["role"] for s in proxy["services"]} == {
            "owner" if name == "a" else "standby"}
        assert all(s["complete"] for s in proxy["services"])
    proxy = network.show_proxy("a", "proxy")
    assert proxy["counters"]["accepted"] == 1
    assert [p["stores"] for p in proxy["peers"]] == [True]
    # who only answers is never behind
    wait_until(lambda: network.report("a")["proven"], "b has proven itself")
    peer, = network.show_proxy("b", "proxy")["peers"]
    assert peer["behind"] == 0


def test_p2_what_would_be_lost(network):
    """Nothing while there is a standby; all without one, and it says why."""
    network.start_proxies()
    s = Stream(network)
    s.echo(1)
    c = only_connection(network)
    assert (c["state"], c["lost_now"], c["lost_bytes"], c["because"]) == (
        "open", "nothing", 0, None)
    assert c["in_bytes"] == c["out_bytes"] == len(b"echo 1\n")
    network.kill("b")
    network.proxies["a"].wait_output("no standby any more")
    c = only_connection(network)
    assert (c["lost_now"], c["lost_bytes"]) == ("all", None)
    assert c["because"] == "there is no standby"
    network.start_proxy("b")
    network.wait_protected()
    assert only_connection(network)["lost_now"] == "nothing"
    # and for people
    table = network.ask_proxy("a", "connection", "show").stdout.splitlines()
    assert "LOST NOW" in table[0] and "nothing" in table[1]


def test_p2_standby_that_is_behind(network):
    """It stops; what is acknowledged without its word is exposed, no more."""
    network.start_proxies(policy="sent")
    s = Stream(network)
    s.echo(1)
    wait_until(lambda: not only_connection(network)["behind_bytes"],
               "the standby has all of it")
    with stopped(network.proxies["b"]):
        s.echo(2)
        c = only_connection(network)
        # the question and its answer
        assert (c["lost_now"], c["lost_bytes"]) == \
            ("some", 2 * len(b"echo 2\n"))
        assert c["behind_bytes"] == c["lost_bytes"]
    wait_until(lambda: only_connection(network)["lost_now"] == "nothing",
               "the standby has caught up")


def test_drain(network):
    """All connections go to the standby, live, and come back the same way."""
    network.start_proxies()
    crowd = Crowd(network.client_socket, KINDS, 2 << 20)
    for active, other in ("a", "b"), ("b", "a"):
        done = network.show_proxy(active, "proxy", "drain")
        assert done["services"] == 2
        assert network.owner(OWNER)["host"] == other
        network.ask_proxy(active, "proxy", "drain", "off")
        wait_until(lambda: network.show("host")[active]["word"] == "up",
                   "the word is taken back")
        network.wait_protected(other, active)
    assert_went_on(crowd)


def test_drain_is_refused_without_a_standby(network):
    network.start_proxies()
    s = Stream(network)
    s.echo(1)
    network.kill("b")
    network.proxies["a"].wait_output("no standby any more")
    refused = network.ask_proxy("a", "proxy", "drain", check=False)
    assert refused.returncode == 1
    assert "there is no standby" in refused.stderr
    assert network.owner(OWNER)["host"] == "a"
    s.echo(2)


def test_bad_requests(network):
    """None of them does anything, and the next one is answered."""
    network.start_proxies()
    control = Control(network.control("a"))
    for do, fields, error in (
            ("proxy.fly", {}, "no such request"),
            ("connection.show", {"name": "nowhere"}, "no service"),
            ("connection.show", {"name": 7}, "expected a text")):
        answer = control.request(do, **fields)
        assert not answer["ok"] and error in answer["error"], answer
    assert control("proxy.show")["node"] == "a"


def test_not_running(network):
    done = network.ask_proxy("a", "proxy", "show", check=False)
    assert done.returncode == 3
    assert "baton-proxy does not listen" in done.stderr
