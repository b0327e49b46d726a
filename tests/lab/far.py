# SPDX-License-Identifier: GPL-2.0-only
"""A standby that is far away: the proxies' links go through somebody on the way
who passes on what he gets, later."""

import asyncio
import contextlib
import socket
import threading
import time

from proxies import Proxies, beside

HUB = "10.2.0.254"  # where both proxies look for each other


class Wire:
    """What connects to one place comes out at another, each byte after a time
    (s)."""

    def __init__(self, listener, target, connect, delay):
        self.listener, self.target = listener, target
        self.connect, self.delay = connect, delay
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self.serve())

    async def serve(self):
        self.loop, self.task = asyncio.get_running_loop(), \
            asyncio.current_task()
        self.ready.set()
        server = await asyncio.start_server(self.join, sock=self.listener)
        async with server:
            await server.serve_forever()

    async def join(self, reader, writer):
        far = self.connect()
        far.setblocking(False)
        try:
            await self.loop.sock_connect(far, self.target)
        except OSError:
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection(sock=far)
        for end in writer, far_writer:  # or small pieces wait for their like
            end.get_extra_info("socket").setsockopt(
                socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(self.pass_on(reader, far_writer),
                             self.pass_on(far_reader, writer))

    async def pass_on(self, reader, writer):
        """What is read during the wait of what came before waits by itself."""
        pieces = asyncio.Queue()

        async def read():
            with contextlib.suppress(OSError):
                while piece := await reader.read(1 << 18):
                    pieces.put_nowait((time.monotonic() + self.delay, piece))
            pieces.put_nowait((0, b""))
        reading = self.loop.create_task(read())
        with contextlib.suppress(OSError):
            while True:
                due, piece = await pieces.get()
                if not piece:
                    break
                await asyncio.sleep(due - time.monotonic())
                writer.write(piece)
        writer.close()
        await reading

    def stop(self):
        self.ready.wait()
        self.loop.call_soon_threadsafe(self.task.cancel)
        self.thread.join()


class Far(Proxies):
    """`delay`: s, each way."""

    def __init__(self, lab, delay, **options):
        self.delay, self.wires = delay, []
        super().__init__(lab, **options)

    def connect_hosts(self):
        super().connect_hosts()
        self.hub.address("br0", f"{HUB}/24")
        for host in self.hosts.values():
            with self.hub.entered():
                listener = socket.create_server((HUB, self.port_of(host)))
            self.wires.append(Wire(
                listener, (beside(host), 7792), self.hub_socket, self.delay))

    @staticmethod
    def port_of(host):
        return 7000 + host.number

    def hub_socket(self):
        with self.hub.entered():
            return socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    def proxy_config(self, name, **more):
        config = super().proxy_config(name, **more)
        for peer in config["peers"]:
            peer["address"] = HUB
            peer["port"] = self.port_of(self.hosts[peer["name"]])
        return config

    def stop(self):
        for wire in self.wires:
            wire.stop()
