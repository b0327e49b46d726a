# SPDX-License-Identifier: GPL-2.0-only
"""Row K6: a link that goes down, or an ICMP error, is a hint, and the host is
asked quickly."""

import pytest

from harness.lab import Lab

from network import Network

DETECT_MS = 3000  # so slow that a burst cannot be taken for anything else


@pytest.mark.parametrize("lease", [False, True], ids=["burst", "lease"])
@pytest.mark.parametrize("hint", ["link", "icmp", None])
def test_k6_hints(hint, lease):
    """Without a hint, or where the host has a lease that must end first, it
    takes as long as the profile says."""
    with Lab("hints") as lab:
        network = Network(lab, ["a", "b"])
        network.start({**network.config(detection={
            "profile": "slow", "profiles": [
                {"name": "slow", "interval": f"{DETECT_MS // 3}ms",
                 "multiplier": 3, "up-after": 1}]}),
            "hosts": [h.entry(lease=lease) for h in network.hosts.values()]})
        host = network.hosts["a"]
        if hint == "link":
            host.ns.ip("link", "set", "h0", "down")
        elif hint == "icmp":
            # nothing answers probes but the kernel: that the port is closed
            host.ns.ip("link", "set", "dev", "h0", "xdpdrv", "off")
        else:
            host.deafen()
        event = network.wait_event("host_down", host="a")
        network.wait_event("move", owner="role-a", to="b")
        assert network.show("host")["b"]["state"] == "up"
    if hint and not lease:
        assert event["detect_ms"] < DETECT_MS
    else:
        assert event["detect_ms"] >= DETECT_MS
