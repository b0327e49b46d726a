# SPDX-License-Identifier: GPL-2.0-only
"""tests/harness/lab.py with machines in the place of namespaces: what builds
its network from a Lab (tests/lab/network.py) gets machines that can die.

    with MachineLab(kernel, kvm, WIRES) as lab:
        switch = lab.netns("switch")        # a virtual machine
        batond = lab.batond(switch, config)

The lab's directory is the same one here and in all machines. What is told of
processes holds there as well, but files are not to be waited for in it.
"""

import contextlib
import json
from pathlib import Path

from harness.lab import BUILD, PATIENCE, Control, Failed, Lab, Netns, wait_until

from .machine import Gone, Machine, Wire

class Station(Netns):
    """A machine as a namespace: its only one."""

    def __init__(self, machine):
        self.name = machine.name
        self.machine = machine
        self.run = machine.run

    def remove(self):
        self.machine.destroy()

    def argv(self, *argv):
        return [str(a) for a in argv]

    def ip(self, *argv, **options):
        if len(argv) == 1:
            return self.run("ip", "-batch", "-", input=argv[0] + "\n",
                            **options)
        return self.run("ip", *argv, **options)

    def entered(self):
        raise NotImplementedError("nobody here is in another machine")

    def link(self, device):
        link, = json.loads(self.ip("-j", "link", "show", device).stdout)
        return link

    def mac(self, device):
        return self.link(device)["address"]

    def ifindex(self, device):
        return self.link(device)["ifindex"]


class Remote:
    """harness.lab.Process, but on a machine."""

    def __init__(self, station, argv, log):
        self.machine = station.machine
        self.name = f"{station.name}: {' '.join(map(str, argv))}"
        self.log = Path(log)
        self.pid = self.machine.ask("start", argv=[str(a) for a in argv],
                                    log=str(log))["pid"]

    @property
    def output(self):
        return self.machine.run("cat", self.log).stdout

    def status(self):
        """None while it runs."""
        return self.machine.ask("poll", pid=self.pid)["status"]

    def alive(self):
        return self.status() is None

    def wait_for(self, condition, what, timeout=PATIENCE):
        def settled():
            if not self.alive():
                raise Failed(f"{self.name}: ended with status {self.status()}"
                             f", before {what}\n{self.output}")
            return condition()
        return wait_until(settled, lambda: f"{what}\n{self.output}", timeout,
                          0.2)

    def wait_output(self, text, timeout=PATIENCE):
        return self.wait_for(lambda: text in self.output,
                             f"the output {text!r}", timeout)

    def kill(self, sig=9):
        self.machine.ask("kill", pid=self.pid, signal=int(sig))

    def wait(self, timeout=PATIENCE):
        """Until it has ended; its status."""
        wait_until(lambda: not self.alive(),
                   lambda: f"{self.name} ends\n{self.output}", timeout, 0.2)
        return self.status()

    def destroy(self):
        with contextlib.suppress(Gone, OSError):
            self.machine.ask("kill", patience=5, pid=self.pid, signal=9,
                             group=True)


class RemoteControl(Control):
    """batond's control socket on a machine."""

    def __init__(self, machine, path):
        super().__init__(path)
        self.machine = machine

    def request(self, do, **fields):
        answer = self.machine.ask("ask", path=self.path,
                                  text=json.dumps({"do": do, **fields}))
        return json.loads(answer["text"])


class RemoteBatond(Remote):
    def __init__(self, station, argv, log, pins, control):
        super().__init__(station, argv, log)
        self.pins = Path(pins)
        self.control = RemoteControl(self.machine, control)

    def ready(self):
        self.wait_for(self.control.answers, "the control socket answers")
        return self


class MachineLab(Lab):
    """`wires`: the two ends of each, as (machine, interface) pairs."""
    private = Path("/run/baton-lab")  # of each machine

    def __init__(self, kernel, kvm, wires, name="machines"):
        super().__init__(name)
        self.kernel, self.kvm = kernel, kvm
        self.wires = wires
        self.machines = {}
        self.cards = {}
        self.mounts = []  # of all machines

    def __enter__(self):
        super().__enter__()
        try:
            for ends in self.wires:
                wire = Wire(self.dir)
                for number, (machine, device) in enumerate(ends):
                    self.cards.setdefault(machine, {})[device] = wire, number
            for name in self.cards:
                self.machines[name] = self.boot(name)
            for name in self.machines:
                self.connect(name)
        except BaseException:
            self._stack.close()
            raise
        return self

    def boot(self, name):
        machine = Machine(self.kernel, self.kvm, name, self.dir,
                          self.cards[name])
        self.defer(machine.destroy)
        return machine

    def connect(self, name):
        self.machines[name].connect(wait_until)
        self.machines[name].run("mkdir", "-p", self.private)

    def again(self, name):
        """A machine that has died, switched on again: a station that knows
        nothing."""
        self.machines[name].destroy()
        self.machines[name] = self.boot(name)
        self.connect(name)
        for path in self.mounts:
            self.mount_bpffs(self.machines[name], path)
        return self.netns(name)

    # --- what a network is made of ---

    def netns(self, name):
        station = Station(self.machines[name])
        station.sysctl(net__ipv6__conf__default__accept_dad=0,
                       net__ipv6__conf__default__dad_transmits=0,
                       net__ipv6__conf__all__accept_dad=0)
        return station

    def veth(self, a, a_device, b, b_device, mtu=1500):
        """The wire is there; its ends come up."""
        wire, end = self.cards[a.name][a_device]
        assert self.cards[b.name][b_device] == (wire, 1 - end)
        for station, device in (a, a_device), (b, b_device):
            station.ip("link", "set", device, "up", "mtu", mtu)

    # --- files, mounts, programs ---

    def bpffs(self, name="bpf"):
        path = self.private / name
        self.mounts.append(path)
        for machine in self.machines.values():
            self.mount_bpffs(machine, path)
        return path

    @staticmethod
    def mount_bpffs(machine, path):
        machine.run("mkdir", "-p", path)
        machine.run("mount", "-t", "bpf", "bpf", path)

    def start(self, ns, *argv, kind=None, **options):
        log = (self.private /
               f"{next(self._logs)}-{Path(str(argv[0])).name}.log")
        process = (kind or Remote)(ns, argv, log, **options)
        self.defer(process.destroy)
        return process

    def batond(self, ns, config, name="batond", pins=None, ready=True):
        pins = Path(pins) if pins else self.private / f"{name}-bpf"
        self.mount_bpffs(ns.machine, pins)
        switch = {"bpffs": str(pins / "baton"),
                  "control": str(self.private / f"{name}.sock"),
                  "state": str(self.private / f"{name}-state"),
                  **config.get("switch", {})}
        path = self.file(f"{name}.yaml", json.dumps(
            {**config, "switch": switch}, indent=1))
        batond = self.start(ns, BUILD / "batond", "--config", path,
                            kind=RemoteBatond, pins=switch["bpffs"],
                            control=switch["control"])
        return batond.ready() if ready else batond

    def baton(self, batond, *argv, **options):
        return batond.machine.run(BUILD / "baton", "--socket",
                                  batond.control.path, "--bpffs", batond.pins,
                                  *argv, **options)
