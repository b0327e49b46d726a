# SPDX-License-Identifier: GPL-2.0-only
"""server.py NAME ADDRESS...: what hosts of the lab offer at each address.

Port 7 (TCP and UDP): says every line, or datagram, back after its name.
Port 9 (TCP): reads to the end, then says its name and the SHA-256 of it all.
"""

import asyncio
import hashlib
import sys

NAME = sys.argv[1].encode()


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(NAME + b" " + data, addr)


async def echo(reader, writer):
    try:
        while line := await reader.readline():
            writer.write(NAME + b" " + line)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


async def sink(reader, writer):
    total = hashlib.sha256()
    while piece := await reader.read(1 << 16):
        total.update(piece)
    writer.write(NAME + b" " + total.hexdigest().encode() + b"\n")
    writer.close()


async def main():
    loop = asyncio.get_running_loop()
    for address in sys.argv[2:]:
        await asyncio.start_server(echo, address, 7)
        await asyncio.start_server(sink, address, 9)
        await loop.create_datagram_endpoint(Echo, (address, 7))
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
