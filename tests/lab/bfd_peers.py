# SPDX-License-Identifier: GPL-2.0-only
"""BFD daemons of others, which run on hosts in place of our agent: FRR's bfdd
and BIRD. Each has one session, with the switch."""

import json
import os
import shutil
from pathlib import Path

from harness.lab import run

from network import near

RUN = Path("/run/frr")
SETTINGS = {"tx": 100, "rx": 100, "multiplier": 3}  # ms


class Peer:
    """A daemon on a host; `settings`: see SETTINGS, and what each knows."""

    def __init__(self, host, **settings):
        self.host = host
        self.settings = {**SETTINGS, **settings}
        self.local = near(host.outer, host.number, 2)
        self.switch = near(host.outer, host.number, 1)
        lab = host.network.lab
        lab.dir.chmod(0o755)  # they give up being root
        self.dir = lab.dir / f"{host.name}-{type(self).__name__}"
        self.dir.mkdir()
        self.dir.chmod(0o777)
        self.process = None

    def start(self):
        self.process = self.host.network.lab.start(self.host.ns, *self.argv())
        self.process.wait_for(self.answers, "it answers")
        return self

    def answers(self):
        raise NotImplementedError


class Frr(Peer):
    """Knows no authentication, and no interval under 10 ms."""

    def argv(self):
        # It makes this directory, whatever it is told of others.
        lab = self.host.network.lab
        place = f"{lab.name}-{self.host.name}"
        if not RUN.exists():
            RUN.mkdir()
            shutil.chown(RUN, "frr", "frr")
            lab.defer(RUN.rmdir)
        lab.defer(shutil.rmtree, RUN / place, True)
        config = self.dir / "bfdd.conf"
        config.write_text("bfd\n " + "\n  ".join(
            [self.peer(), *self.lines()]) + "\n")
        return ["/usr/lib/frr/bfdd", "-f", config, "-N", place,
                "--vty_socket", self.dir, "--bfdctl", self.dir / "ctl",
                "-i", self.dir / "pid", "-P", "0"]

    def peer(self):
        local = f" local-address {self.local}" if self.host.outer == 6 else ""
        return f"peer {self.switch}{local}"

    def lines(self):
        s = self.settings
        return [f"receive-interval {s['rx']}", f"transmit-interval {s['tx']}",
                f"detect-multiplier {s['multiplier']}"]

    def answers(self):
        return (self.dir / "bfdd.vty").exists()

    def shell(self, *commands, **options):
        argv = ["vtysh", "--vty_socket", self.dir, "-d", "bfdd"]
        for command in commands:
            argv += ["-c", command]
        return run(*argv, **options).stdout

    def configure(self, *lines):
        self.shell("configure", "bfd", self.peer(), *lines)

    def change(self, **settings):
        self.settings.update(settings)
        self.configure(*self.lines())

    def session(self):
        found, = json.loads(self.shell("show bfd peers json"))
        return found

    def state(self):
        return self.session()["status"]


class Bird(Peer):
    """Knows: auth, a line of its configuration's such as "keyed sha1", and
    `password`."""

    def argv(self):
        self.write()
        return ["/usr/sbin/bird", "-f", "-c", self.dir / "bird.conf", "-s",
                self.dir / "ctl", "-P", self.dir / "pid"]

    def write(self):
        s = self.settings
        auth = ""
        if "auth" in s:
            auth = (f"authentication {s['auth']}; password "
                    f"\"{s['password']}\" {{ id {s.get('id', 1)}; }};")
        (self.dir / "bird.conf").write_text(f"""
            router id 10.0.0.1;
            protocol device {{ }}
            protocol bfd {{
                interface "h0" {{
                    min rx interval {s['rx']} ms; min tx interval {s['tx']} ms;
                    multiplier {s['multiplier']}; {auth}
                }};
                neighbor {self.switch} dev "h0" local {self.local};
            }}""")

    def answers(self):
        return self.shell("show status", check=False)

    def shell(self, command, **options):
        return run("/usr/sbin/birdc", "-s", self.dir / "ctl", command,
                   **options).stdout

    def change(self, **settings):
        self.settings.update(settings)
        self.write()
        self.shell("configure")

    def state(self):
        row = self.shell("show bfd sessions").splitlines()[-1].split()
        return row[2].lower() if row and row[0] == self.switch else None


KINDS = {"frr": Frr, "bird": Bird}

for program in ("/usr/lib/frr/bfdd", "/usr/sbin/bird"):
    assert os.access(program, os.X_OK), f"{program} is missing: make deps"
