# SPDX-License-Identifier: GPL-2.0-only
"""`baton flow` on pinned maps, with no daemon (X2, X6)."""

import json

import pytest

from harness import abi, bpf
from harness.lab import BPFTOOL, BUILD, Lab, run

OK, REFUSED, USAGE, UNREACHABLE = range(4)

MMAPABLE = 1 << 10
BUCKETS = 512
RING = 251
SEED = (0x1111, 0x2222, 0x3333, 0x4444)
RING_ROWS = -(-RING // abi.C["RING_ROW"])

WEB, WEB6, STICKY = 1, 2, 3  # service ids
SERVICES = {
    WEB: ("web", "192.0.2.10", 443, 0),
    WEB6: ("web6", "2001:db8::10", 80, 0),
    STICKY: ("sticky", "192.0.2.11", 80, abi.C["SERVICE_CLIENT_HASH"]),
}
OWNERS = {1: ("web-a", 1), 2: ("web-b", 2), 3: ("spare", 0)}
HOSTS = {1: "a", 2: "b"}
ACTIVE, ORPHAN = 1, 3
ESTABLISHED, OPENING = 2, 0
CONFIRMED = abi.C["FLOW_CONFIRMED"]


def record(ctype, **fields):
    made = ctype()
    for name, value in fields.items():
        if isinstance(value, str):
            value = value.encode()
        setattr(made, name, value)
    return made


class Table:
    """The maps that batond pins, made and filled by hand."""

    def __init__(self, directory):
        self.dir = directory
        self.maps = {}
        for name, value, entries in (
                ("meta", abi.Meta, 1), ("owners", abi.Owner, 8),
                ("service_info", abi.ServiceInfo, 8),
                ("owner_info", abi.OwnerInfo, 8),
                ("host_info", abi.HostInfo, 8),
                ("rings", abi.RingRow, 8 * RING_ROWS)):
            self.create(name, "array", 4, bpf.ctypes.sizeof(value), entries)
        for name, slot in ("flows4", abi.Flow4Slot), ("flows6", abi.Flow6Slot):
            self.create(name, "array", 4, 4 * bpf.ctypes.sizeof(slot), BUCKETS,
                        MMAPABLE)
        for name, key in (("services4", abi.Service4Key),
                          ("services6", abi.Service6Key)):
            self.create(name, "hash", bpf.ctypes.sizeof(key),
                        bpf.ctypes.sizeof(abi.Service), 8)
        run(BPFTOOL, "prog", "load", BUILD / "bpf/clock.bpf.o",
            directory / "clock")
        self.clock = bpf.Program.pinned(directory / "clock")
        self.describe()

    def create(self, name, kind, key, value, entries, flags=0):
        path = self.dir / name
        run(BPFTOOL, "map", "create", path, "type", kind, "key", key, "value",
            value, "entries", entries, "name", name, "flags", flags)
        self.maps[name] = bpf.Map.pinned(path)

    def describe(self):
        self.meta = abi.Meta(
            magic=abi.C["MAGIC"], abi=abi.C["ABI"], flow4_buckets=BUCKETS,
            flow6_buckets=BUCKETS, seed=SEED, ring_size=RING, stamp_shift=8,
            hz=250)
        self.maps["meta"].update(0, self.meta)
        for number, (name, host) in OWNERS.items():
            self.maps["owner_info"].update(
                number, record(abi.OwnerInfo, name=name))
            self.maps["owners"].update(
                number, abi.Owner(host=host, epoch=1,
                                  state=ACTIVE if host else ORPHAN))
        for number, name in HOSTS.items():
            self.maps["host_info"].update(number,
                                          record(abi.HostInfo, name=name))
        for number, (name, vip, port, flags) in SERVICES.items():
            self.describe_service(number, name, vip, port, flags)

    def describe_service(self, number, name, vip, port, flags):
        family = 6 if ":" in vip else 4
        key = record(abi.Service6Key if family == 6 else abi.Service4Key,
                     port=port, protocol=6)
        bpf.ctypes.memmove(key.vip, abi.address(vip), len(key.vip))
        info = record(abi.ServiceInfo, name=name, vip=abi.address(vip),
                      family=family, protocol=6, port=port, flags=flags)
        self.maps["service_info"].update(number, info)
        self.maps[f"services{family}"].update(
            key, abi.Service(id=number, flags=flags, ring=number * RING_ROWS))
        # Owners 1 and 2 take turns on each ring.
        for row in range(RING_ROWS):
            start = row * abi.C["RING_ROW"]
            owners = [1 + (start + i) % 2 for i in range(abi.C["RING_ROW"])]
            self.maps["rings"].update(
                number * RING_ROWS + row,
                abi.RingRow(owner=(abi.u16 * len(owners))(*owners)))

    def flows(self, client):
        return self.maps["flows6" if ":" in client else "flows4"]

    def now(self):
        return (self.clock.run(bytes(64)).action >> 8) & 0xffff

    def put(self, client, port, service, owner, choice=0, slot=0, **flow):
        """Record a connection in a slot of its first or second bucket."""
        key = abi.flow_key(client, port, service)
        flows = self.flows(client)
        bucket = abi.buckets(SEED, key, BUCKETS)[choice]
        ctype = abi.Flow6Slot if ":" in client else abi.Flow4Slot
        made = ctype(key=key, flow=abi.Flow(owner=owner, **flow))
        size = bpf.ctypes.sizeof(made)
        value = bytearray(flows.lookup(bucket))
        value[slot * size:(slot + 1) * size] = bytes(made)
        flows.update(bucket, bytes(value))

    def clear(self):
        for name in "flows4", "flows6":
            flows = self.maps[name]
            for i in range(flows.max_entries):
                flows.update(i, bytes(flows.value_size))

    def hashed(self, client, port, service):
        key = abi.flow_key(client, port, service)
        return OWNERS[1 + abi.ring_index(SEED, key, RING) % 2][0]

    def baton(self, *argv):
        return run(BUILD / "baton", "-b", self.dir, "-s", "/nonexistent",
                   "flow", *argv, check=False)

    def show(self, *argv):
        done = self.baton("-j", "show", *argv)
        assert (done.returncode, done.stderr) == (OK, "")
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def made():
    with Lab("flow-cli") as lab:
        yield Table(lab.bpffs())


@pytest.fixture
def table(made):
    """Three connections; the last in a slot of its second bucket."""
    made.clear()
    now = made.now()
    made.put("10.0.0.1", 1000, WEB, 1, state=ESTABLISHED, flags=CONFIRMED,
             seen=(now - 60) & 0xffff)
    made.put("2001:db8:1::7", 2000, WEB6, 2, slot=3, state=OPENING,
             seen=now)
    made.put("10.0.9.9", 3000, STICKY, 3, choice=1, slot=2,
             state=ESTABLISHED, seen=now)
    return made


def clients(rows):
    return sorted(row["client"] for row in rows)


ALL = ["10.0.0.1", "10.0.9.9", "2001:db8:1::7"]


@pytest.mark.parametrize("words, expected", [
    ("", ALL),
    ("client 10.0.0.0/16", ["10.0.0.1", "10.0.9.9"]),
    ("client 10.0.0.0/24", ["10.0.0.1"]),
    ("client ::/0", ["2001:db8:1::7"]),
    ("port 3000", ["10.0.9.9"]),
    ("service web", ["10.0.0.1"]),
    ("owner spare", ["10.0.9.9"]),
    ("host b", ["2001:db8:1::7"]),
    ("state established", ["10.0.0.1", "10.0.9.9"]),
    ("confirmed", ["10.0.0.1"]),
    ("unconfirmed", ["10.0.9.9", "2001:db8:1::7"]),
    ("unconfirmed state established", ["10.0.9.9"]),
    ("limit 0", []),
    # with the whole key: no walk
    ("client 10.0.0.1 port 1000 service web", ["10.0.0.1"]),
    ("client 10.0.9.9 port 3000 service sticky", ["10.0.9.9"]),
    ("client 2001:db8:1::7 port 2000 service web6", ["2001:db8:1::7"]),
    ("client 10.0.0.1 port 1000 service web owner web-b", []),
])
def test_show(table, words, expected):
    rows = table.show(*words.split())
    assert clients(rows) == expected
    assert all(row["recorded"] for row in rows)


def test_row(table):
    row, = table.show("client", "10.0.0.1")
    idle = row.pop("idle_s")
    assert row == {"client": "10.0.0.1", "port": 1000, "service": "web",
                   "vip": "192.0.2.10", "vip_port": 443, "owner": "web-a",
                   "host": "a", "recorded": True, "state": "established",
                   "confirmed": True}
    # 60 stamps of 256 jiffies, 250 to a second; and what passed since.
    assert 60 * 256 / 250 <= idle < 60 * 256 / 250 + 60


def test_table(table):
    lines = table.baton("show").stdout.splitlines()
    assert lines[0].split() == ["CLIENT", "SERVICE", "VIP", "OWNER", "HOST",
                                "STATE", "CONFIRMED", "IDLE"]
    assert any("[2001:db8:1::7]:2000" in line and "[2001:db8::10]:80" in line
               for line in lines)
    assert len(lines) == 4


def test_count_and_limit(table):
    assert table.baton("show", "count").stdout == "3\n"
    assert table.show("count", "state", "opening") == {"flows": 1}
    assert len(table.show("limit", "2")) == 2


@pytest.mark.parametrize("client, service", [
    ("10.0.0.1", WEB), ("2001:db8::99", WEB6)])
def test_not_recorded(table, client, service):
    """It is said where consistent hashing sends it."""
    seen = set()
    for port in range(5000, 5020):
        row, = table.show("client", client, "port", str(port), "service",
                          SERVICES[service][0])
        assert not row["recorded"] and row["state"] is None
        assert row["owner"] == table.hashed(client, port, service)
        seen.add(row["owner"])
    assert seen == {"web-a", "web-b"}


def test_not_recorded_affinity(table):
    """All connections of a client go together."""
    for port in range(5000, 5010):
        row, = table.show("client", "10.0.0.1", "port", str(port), "service",
                          "sticky")
        assert row["owner"] == table.hashed("10.0.0.1", 0, STICKY)


KEY = ("client", "10.0.0.1", "port", "1000", "service", "web")


def test_set_moves_one(table):
    assert table.baton("set", *KEY, "owner", "web-b").returncode == OK
    row, = table.show(*KEY)
    assert (row["owner"], row["host"]) == ("web-b", "b")
    # nothing else of it changed, and nothing of the others
    assert row["confirmed"] and row["state"] == "established"
    assert clients(table.show("host", "b")) == ["10.0.0.1", "2001:db8:1::7"]


def test_set_records(table):
    key = ("client", "2001:db8::5", "port", "9", "service", "web6")
    assert table.baton("set", *key, "owner", "spare").returncode == OK
    row, = table.show(*key)
    assert row["recorded"] and row["owner"] == "spare" and row["confirmed"]
    assert clients(table.show()) == sorted(ALL + ["2001:db8::5"])


def test_set_without_room(table):
    """A bucket full of confirmed connections takes no other."""
    key = abi.flow_key("10.7.7.7", 7, WEB)
    for bucket in abi.buckets(SEED, key, BUCKETS):
        full = b"".join(
            bytes(abi.Flow4Slot(key=abi.flow_key("10.1.1.1", 100 + i, WEB),
                                flow=abi.Flow(owner=1, flags=CONFIRMED)))
            for i in range(4))
        table.maps["flows4"].update(bucket, full)
    done = table.baton("set", "client", "10.7.7.7", "port", "7", "service",
                       "web", "owner", "web-a")
    assert done.returncode == REFUSED and "no room" in done.stderr


def test_del(table):
    assert table.baton("del", *KEY).returncode == OK
    assert clients(table.show()) == ALL[1:]
    done = table.baton("del", *KEY)
    assert done.returncode == REFUSED and "no such" in done.stderr


@pytest.mark.parametrize("words, status, says", [
    ("show client 10.0.0", USAGE, "no IP address"),
    ("show state open", USAGE, "opening"),
    ("show owner nobody", REFUSED, "no owner 'nobody'"),
    ("set client 10.0.0.1 port 1000 service web", USAGE, "owner NAME"),
    ("set client 10.0.0.0/8 port 1000 service web owner web-a", USAGE,
     "one connection"),
    ("del client 10.0.0.1 service web", USAGE, "one connection"),
])
def test_refused(table, words, status, says):
    done = table.baton(*words.split())
    assert (done.returncode, done.stdout) == (status, "")
    assert says in done.stderr
    assert clients(table.show()) == ALL


@pytest.mark.parametrize("field, value, says", [
    ("abi", abi.C["ABI"] + 1, f"follow ABI {abi.C['ABI'] + 1}"),
    ("magic", 7, "not written by batond"),
    ("flow6_buckets", BUCKETS * 2, "flows6"),
    ("hz", 0, "geometry"),
])
def test_other_contract(table, field, value, says):
    """Maps of another release are not touched."""
    other = abi.Meta.from_buffer_copy(table.meta)
    setattr(other, field, value)
    table.maps["meta"].update(0, other)
    try:
        done = table.baton("del", *KEY)
    finally:
        table.maps["meta"].update(0, table.meta)
    assert done.returncode == UNREACHABLE and says in done.stderr
    assert clients(table.show()) == ALL


def test_without_clock(table):
    """Idle times are unknown, the rest is not."""
    (table.dir / "clock").unlink()
    try:
        rows = table.show()
        refused = table.baton("set", "client", "10.3.3.3", "port", "1",
                              "service", "web", "owner", "web-a")
    finally:
        table.clock.pin(table.dir / "clock")
    assert clients(rows) == ALL
    assert all(row["idle_s"] is None for row in rows)
    assert refused.returncode == REFUSED and "clock" in refused.stderr


def test_nothing_pinned(tmp_path):
    done = run(BUILD / "baton", "-b", tmp_path, "flow", "show", check=False)
    assert done.returncode == UNREACHABLE
    assert str(tmp_path) in done.stderr and "batond" in done.stderr
