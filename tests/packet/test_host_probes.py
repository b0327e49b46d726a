# SPDX-License-Identifier: GPL-2.0-only
"""What probes carry beside themselves: how the host's applications are (row
K6), its lease (X5), and which owners it plays (K4)."""

import random
import struct

import pytest
from scapy.all import (IP, TCP, UDP, Dot1Q, Ether, IPOption_RR, IPv6, Raw)

from harness import abi, bpf, probe
from harness.lab import BPFTOOL, BUILD, run

from test_host import (BOTH_WAYS, CLIENT, KEY, SWITCH, VIP, HOST, Host,
                       boot_ns, probe_frame)

MS = 1000000
S = 1000 * MS
TC_ACT_UNSPEC, TC_ACT_SHOT = 0xffffffff, 2


@pytest.fixture(scope="module")
def pins(lab):
    path = lab.bpffs()
    programs = path / "programs"
    run(BPFTOOL, "prog", "loadall", BUILD / "bpf/host.bpf.o", programs,
        "pinmaps", path)
    (programs / "baton_host").rename(path / "program")
    (programs / "baton_lease").rename(path / "baton_lease")
    return path


@pytest.fixture
def host(pins):
    made = Host(pins)
    made.configure()
    made.egress = bpf.Program.pinned(pins / "baton_lease")
    return made


class Prober:
    """A session, from whose probes only what they carry matters."""

    def __init__(self, host, session=1, **fields):
        self.host = host
        self.fields = {"session": session, **fields}
        self.sequence = 0

    def ask(self, **fields):
        """The answer to a probe with these fields."""
        self.sequence += 1
        got = self.host.run(probe_frame(4, probe.ask(
            KEY, sequence=self.sequence, **self.fields, **fields)))
        assert got.reason == "answer_probe"
        return probe.read(got.data)


# --- applications ------------------------------------------------------------

UP, FAILED = abi.C["APP_UP"], abi.C["APP_FAILED"]
NONE = abi.ProbeApp()


def watch(host, index, name="web", limit=100 * MS, alive=None, flags=0,
          **speech):
    host.maps["applications"].update(index, abi.HostApp(
        tag=probe.tag(name), flags=flags, limit=limit,
        alive=boot_ns() if alive is None else alive, name=name.encode(),
        **speech))


def test_nothing_is_watched(host):
    assert list(Prober(host).ask().app) == [NONE] * abi.C["PROBE_APPS"]


@pytest.mark.parametrize("index", range(abi.C["PROBE_APPS"]))
def test_every_place(host, index):
    watch(host, index, "db", limit=S, alive=boot_ns() - 50 * MS)
    apps = list(Prober(host).ask().app)
    mine = apps.pop(index)
    assert apps == [NONE] * (abi.C["PROBE_APPS"] - 1)
    assert (mine.tag, mine.state) == (probe.tag("db"), UP)
    assert 50 <= mine.age < 1000


@pytest.mark.parametrize("age_ms,state", [
    (0, UP), (6000, UP), (11000, UP), (12001, FAILED), (13000, FAILED)])
def test_limit(host, age_ms, state):
    watch(host, 0, limit=12 * S, alive=boot_ns() - age_ms * MS)
    app = Prober(host).ask().app[0]
    assert app.state == state
    assert min(age_ms, 65535) <= app.age <= min(age_ms + 900, 65535)


def test_a_stamp_of_the_future_is_young(host):
    """Another CPU's clock may have been read a moment later."""
    watch(host, 0, alive=boot_ns() + S)
    app = Prober(host).ask().app[0]
    assert (app.state, app.age) == (UP, 0)


def test_never_alive(host):
    watch(host, 0, limit=1, alive=0)
    assert Prober(host).ask().app[0].state == FAILED


def test_process_ended(host):
    """The agent knows better than the age."""
    watch(host, 0, limit=S, flags=abi.C["HOST_APP_DOWN"])
    assert Prober(host).ask().app[0].state == FAILED


def test_heartbeat_page(host, pins):
    """The application's own page counts, not what the agent last wrote."""
    beat = abi.C["HOST_APP_HEARTBEAT"]
    watch(host, 3, limit=10 * S, flags=beat)
    assert Prober(host).ask().app[3].state == FAILED, "there is no page"
    run(BPFTOOL, "map", "create", pins / "page", "type", "array", "key", 4,
        "value", abi.size(abi.HeartbeatPage), "entries", 1, "name", "page",
        "flags", "0x400")
    with bpf.Map.pinned(pins / "page") as page:
        host.maps["heartbeats"].update(3, struct.pack("=I", page.fd))
        try:
            p = Prober(host, session=2)
            assert p.ask().app[3].state == FAILED, "it has not begun"
            page.update(0, abi.HeartbeatPage(beat=boot_ns()))
            assert p.ask().app[3].state == UP
            page.update(0, abi.HeartbeatPage(beat=boot_ns() - 11 * S))
            assert p.ask().app[3].state == FAILED
        finally:
            host.maps["heartbeats"].delete(3)


# --- the lease ---------------------------------------------------------------

def said(host, frame, why="drop_lease"):
    """Does the frame get out? Else it must be for this reason."""
    reason = [r.label for r in abi.HOST_REASONS].index(why)
    before, of_it = host.counters(), host.maps["counters"].sum64(reason)[0]
    action = host.egress.run(bytes(frame)).action
    dropped = host.maps["counters"].sum64(reason)[0] - of_it
    assert (action, dropped) in ((TC_ACT_UNSPEC, 0), (TC_ACT_SHOT, 1))
    assert sum(n for n, _ in host.counters()) == \
        sum(n for n, _ in before) + dropped
    return not dropped


def speech(family, source, tag=None, transport=TCP, sport=80, **fields):
    frame = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
    if tag:
        frame /= Dot1Q(vlan=9)
    layer = IP if family == 4 else IPv6
    return frame / layer(src=source[family], dst=CLIENT[family], **fields) / \
        transport(sport=sport, dport=1234) / Raw(b"late words")


def lapse(host):
    host.maps["lease"].update(0, abi.HostLease(until=boot_ns() - 1))


@pytest.mark.parametrize("tag", [None, True], ids=["untagged", "tagged"])
@pytest.mark.parametrize("family", BOTH_WAYS)
def test_a_lapsed_lease_silences_vips(host, family, tag):
    vip, own = speech(family, VIP, tag), speech(family, HOST, tag)
    assert said(host, vip), "without a lease"
    host.maps["lease"].update(0, abi.HostLease(until=boot_ns() + 60 * S))
    assert said(host, vip), "in force"
    lapse(host)
    assert not said(host, vip)
    assert said(host, own), "only VIPs"


def test_other_frames_pass(host):
    lapse(host)
    head = {"src": "02:00:00:00:00:02", "dst": "02:00:00:00:00:01"}
    for kind, size in (0x0806, 28), (0x88cc, 46):
        assert said(host, Ether(type=kind, **head) / Raw(bytes(size)))


def test_lease_runs_from_the_stamp(host):
    """Not from when the probe arrived."""
    p = Prober(host)
    stamp = p.ask().stamp
    p.ask(stamp=stamp, lease=27000)
    lease = abi.HostLease.from_buffer_copy(host.maps["lease"].lookup(0))
    assert lease.until == stamp + 27 * MS
    assert stamp <= lease.renewed <= boot_ns()


def test_lease_is_never_shortened(host):
    p = Prober(host)
    stamp = p.ask().stamp
    p.ask(stamp=stamp, lease=500000)
    p.ask(stamp=stamp, lease=100000)
    p.ask(stamp=stamp - S, lease=500000)
    lease = abi.HostLease.from_buffer_copy(host.maps["lease"].lookup(0))
    assert lease.until == stamp + 500 * MS


def test_a_stamp_that_is_not_ours_earns_no_lease(host):
    """One of an earlier boot, whose clock had gone further; and none."""
    lapse(host)
    before = bytes(host.maps["lease"].lookup(0))
    p = Prober(host)
    p.ask(stamp=boot_ns() + 3600 * S, lease=27000)
    p.ask(stamp=0, lease=0xffffffff)
    assert bytes(host.maps["lease"].lookup(0)) == before
    assert not said(host, speech(4, VIP))


def test_a_lease_that_is_not_obeyed(host):
    """The ablation."""
    lapse(host)
    host.configure(flags=abi.C["HOST_PROBES"])
    lapse(host)
    assert said(host, speech(4, VIP))


def test_no_lease_in_force_any_more(host):
    lapse(host)
    Prober(host).ask(lease=0)
    assert said(host, speech(4, VIP))


def test_forged_probes_renew_nothing(host):
    p = Prober(host)
    stamp = p.ask(stamp=1, lease=1).stamp
    lapse(host)
    asked = probe.ask(bytes(16), sequence=9, stamp=stamp, lease=10000000)
    assert host.run(probe_frame(4, asked)).reason == "drop_probe_forged"
    asked = probe.ask(KEY, sequence=1, stamp=stamp, lease=10000000)
    assert host.run(probe_frame(4, asked)).reason == "drop_probe_replay"
    assert not said(host, speech(4, VIP))


# --- failed applications say nothing -----------------------------------------

TCP_NUMBER, UDP_NUMBER = 6, 17


@pytest.fixture
def web(host):
    """Have the application speak as it does, and be as told."""
    host.configure(flags=abi.C["HOST_PROBES"] | abi.C["HOST_APP_VIPS"])

    def be(failed, index=5, family=4, **changes):
        watch(host, index, limit=60 * S, flags=abi.C["HOST_APP_DOWN"]
              if failed else 0, **{"vip": abi.HostAddress.of(VIP[family]),
                                   "port": 80, "protocol": TCP_NUMBER,
                                   **changes})
    return be


def silent(host, frame):
    return not said(host, frame, "drop_failed")


@pytest.mark.parametrize("tag", [None, True], ids=["untagged", "tagged"])
@pytest.mark.parametrize("family", BOTH_WAYS)
def test_a_failed_application_is_silenced(host, web, family, tag):
    frame = speech(family, VIP, tag)
    web(failed=False, family=family)
    assert not silent(host, frame)
    web(failed=True, family=family)
    assert silent(host, frame)
    web(failed=False, family=family)
    assert not silent(host, frame), "it is back"


@pytest.mark.parametrize("family", BOTH_WAYS)
def test_only_that_application_is_silenced(host, web, family):
    web(failed=True, family=family)
    for others in (speech(family, VIP, sport=81), speech(family, HOST),
                   speech(family, VIP, transport=UDP),
                   speech(10 - family, VIP)):
        assert not silent(host, others), others.summary()


def test_an_old_sign_of_life_silences(host, web):
    """The agent need not be there to say so."""
    web(failed=False)
    assert not silent(host, speech(4, VIP))
    watch(host, 5, limit=6 * S, alive=boot_ns() - 7 * S, port=80,
          vip=abi.HostAddress.of(VIP[4]), protocol=TCP_NUMBER)
    assert silent(host, speech(4, VIP))


@pytest.mark.parametrize("changes,frame,expected", [
    ({"port": 0}, speech(4, VIP, sport=81), True),
    ({"port": 0}, speech(4, VIP, transport=UDP), False),
    ({"protocol": 0}, speech(4, VIP, transport=UDP), True),
    ({"protocol": 0, "port": 0}, speech(4, VIP, sport=81), True),
    ({"port": 0}, speech(4, VIP, frag=9, proto=TCP_NUMBER), True),
    ({}, speech(4, VIP, frag=9, proto=TCP_NUMBER), False),
    ({}, speech(4, VIP, options=[IPOption_RR(length=7)]), True),
    ({"tag": 0}, speech(4, VIP), False),
    ({"vip": abi.HostAddress()}, speech(4, VIP), False),
    ({"vip": abi.HostAddress.of(HOST[4])}, speech(4, HOST), False),
], ids=["any port", "another protocol", "any protocol", "all of the VIP",
        "later fragment, any port", "later fragment", "options", "not watched",
        "no VIP", "not in vips"])
def test_what_is_the_applications(host, web, changes, frame, expected):
    tag = changes.pop("tag", None)
    web(failed=True, **changes)
    if tag is not None:
        app = abi.HostApp.from_buffer_copy(
            host.maps["applications"].lookup(5))
        app.tag = tag
        host.maps["applications"].update(5, app)
    assert silent(host, frame) == expected


def test_every_place_can_be_silenced(host, web):
    for index in range(abi.C["PROBE_APPS"]):
        web(failed=True, index=index, port=80 + index)
    for index in range(abi.C["PROBE_APPS"]):
        assert silent(host, speech(4, VIP, sport=80 + index))
    assert not silent(host, speech(4, VIP, sport=90))


def test_without_the_setting_nothing_is_silenced(host, web):
    """The ablation."""
    web(failed=True)
    host.maps["settings"].update(0, abi.HostSettings(abi=abi.C["HOST_ABI"]))
    assert not silent(host, speech(4, VIP))


def test_frames_cut_off_at_egress(host, web):
    web(failed=True)
    whole = bytes(speech(4, VIP))
    for n in range(14 + 20, len(whole) + 1):  # as few as a test run takes
        assert silent(host, whole[:n]) == (n >= 14 + 20 + 2), n


# --- ownership ---------------------------------------------------------------

OWNER = 0x1234


def owned(host):
    return abi.HostOwnership.from_buffer_copy(
        host.maps["ownership"].lookup(OWNER))


def tell(prober, epoch, plays, owner=OWNER):
    """Does the host echo it?"""
    answer = prober.ask(owner=owner, epoch=epoch, plays=plays)
    echo = answer.owner, answer.epoch, answer.plays
    assert echo in ((owner, epoch, plays), (0, 0, 0))
    return echo[0] != 0


def test_ownership_is_noted_and_echoed(host):
    before = boot_ns()
    assert tell(Prober(host, session=77), 5, 1)
    o = owned(host)
    assert (o.epoch, o.plays, o.session) == (5, 1, 77)
    assert before <= o.heard <= boot_ns()


def test_epochs_only_grow(host):
    p = Prober(host)
    assert tell(p, 5, 1)
    assert tell(p, 5, 1)
    assert not tell(p, 4, 0)
    assert (owned(host).epoch, owned(host).plays) == (5, 1)
    assert tell(p, 6, 0)
    assert not tell(p, 5, 1)
    assert (owned(host).epoch, owned(host).plays) == (6, 0)


def test_epochs_wrap(host):
    p = Prober(host)
    assert tell(p, 2**32 - 1, 1)
    assert tell(p, 1, 0)
    assert not tell(p, 2**32 - 1, 1)
    assert (owned(host).epoch, owned(host).plays) == (1, 0)


def test_an_older_epoch_of_another_switch(host):
    """While the first is heard, it is not believed; once that is gone, it is:
    its maps may have been made anew, by a clock that was set back."""
    assert tell(Prober(host, session=1), 9, 1)
    other = Prober(host, session=2)
    assert not tell(other, 1, 0)
    assert owned(host).plays == 1
    o = owned(host)
    o.heard -= 6 * S
    host.maps["ownership"].update(OWNER, o)
    assert tell(other, 1, 0)
    assert (owned(host).epoch, owned(host).plays) == (1, 0)


def test_ownership_that_makes_no_sense(host):
    p = Prober(host)
    assert not tell(p, 5, 2)
    assert not tell(p, 5, 255)
    assert not tell(p, 5, 1, owner=0)
    assert not list(host.maps["ownership"].keys())


def test_replayed_news_is_no_news(host):
    old = probe.ask(KEY, sequence=1, owner=OWNER, epoch=5, plays=1)
    assert host.run(probe_frame(4, old)).reason == "answer_probe"
    new = probe.ask(KEY, sequence=2, owner=OWNER, epoch=6, plays=0)
    assert host.run(probe_frame(4, new)).reason == "answer_probe"
    assert host.run(probe_frame(4, old)).reason == "drop_probe_replay"
    assert (owned(host).epoch, owned(host).plays) == (6, 0)


# --- where words go ----------------------------------------------------------

@pytest.mark.parametrize("family", BOTH_WAYS)
def test_the_asker_is_remembered(host, family):
    before = boot_ns()
    for sequence, port in (1, 40000), (2, 41000):
        host.run(probe_frame(family, probe.ask(KEY, sequence=sequence),
                             sport=port))
    (_, value), = host.maps["sessions"].items()
    asker = abi.HostAsker.from_buffer_copy(value)
    assert (asker.sequence, asker.port) == (2, 41000)
    assert getattr(asker, "from") == abi.HostAddress.of(SWITCH[family])
    assert asker.to == abi.HostAddress.of(HOST[family])
    assert before <= asker.heard <= boot_ns()


# --- all at once -------------------------------------------------------------

def snapshot(host):
    return {name: sorted(map(repr, host.maps[name].items())) for name in
            ("settings", "sessions", "lease", "ownership", "applications")}


def test_k6_forged_replayed_and_cut_probes_change_nothing(host):
    """100,000 of them: none is answered, and nothing is remembered."""
    random.seed(20)
    p = Prober(host)
    stamp = p.ask(owner=OWNER, epoch=5, plays=1).stamp
    p.ask(stamp=stamp, lease=10000000)
    before, seen = snapshot(host), sum(n for n, _ in host.counters())
    signed = [bytes(probe.ask(KEY, sequence=s)) for s in range(3, 103)]
    genuine = [bytes(probe.ask(KEY, sequence=s)) for s in (1, 2)]
    whole = probe_frame(4, probe.ask(KEY))
    head = bytes(whole)[:-abi.size(abi.Probe)]
    answered = host.maps["counters"].sum64(ANSWERED)[0]
    for i in range(100000):
        kind = i % 4
        if kind == 0:    # replayed
            body = genuine[i // 4 % 2]
        elif kind == 1:  # one bit of an authentic one is changed
            body = bytearray(signed[i % len(signed)])
            body[random.randrange(len(body))] ^= 1 << random.randrange(8)
        elif kind == 2:  # noise behind the right beginning
            body = genuine[0][:5] + random.randbytes(len(genuine[0]) - 5)
        else:            # cut, with lengths that do not know it
            body = genuine[0][:random.randrange(len(genuine[0]))]
        action = host.program.run(head + bytes(body)).action
        assert action in (bpf.XDP_DROP, bpf.XDP_PASS)
    assert host.maps["counters"].sum64(ANSWERED)[0] == answered
    assert sum(n for n, _ in host.counters()) == seen + 100000
    assert snapshot(host) == before


ANSWERED = [r.label for r in abi.HOST_REASONS].index("answer_probe")
