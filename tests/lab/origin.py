# SPDX-License-Identifier: GPL-2.0-only
"""A server behind the proxy, which knows nothing of it:

    origin.py ADDRESS PORT [RATE]    RATE: bytes a second of each connection

    get N SEED     N bytes made from the seed
    put N          takes N bytes, answers with their SHA-256
    echo           answers every line with the same line
    reset          ends at once, by RST
    who            the address and the port of its client
    (until)        half-closed: it answers what it was asked, then ends, too
"""

import asyncio
import functools
import hashlib
import random
import socket
import struct
import sys

SO_MAX_PACING_RATE = 47


def stream(seed, n):
    """n bytes that are the seed's, in pieces."""
    pieces = random.Random(seed)
    while n > 0:
        piece = pieces.randbytes(min(n, 1 << 16))
        n -= len(piece)
        yield piece


@functools.lru_cache(16)
def kept(seed, n):
    return list(stream(seed, n))


def pieces(seed, n):
    return kept(seed, n) if n <= 4 << 20 else stream(seed, n)


def digest_of(seed, n):
    digest = hashlib.sha256()
    for piece in stream(seed, n):
        digest.update(piece)
    return digest.hexdigest()


def reset_at_close(s):
    """What a close() says is RST."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def serve(reader, writer):
    try:
        while True:
            words = (await reader.readline()).split()
            if not words:
                break
            if words[0] == b"get":
                for piece in pieces(int(words[2]), int(words[1])):
                    writer.write(piece)
                    await writer.drain()
            elif words[0] == b"put":
                digest, left = hashlib.sha256(), int(words[1])
                while left:
                    piece = await reader.read(min(left, 1 << 18))
                    if not piece:
                        return
                    digest.update(piece)
                    left -= len(piece)
                writer.write(digest.hexdigest().encode() + b"\n")
            elif words[0] == b"reset":
                reset_at_close(writer.get_extra_info("socket"))
                writer.transport.abort()
                return
            elif words[0] == b"echo":
                writer.write(b" ".join(words) + b"\n")
            elif words[0] == b"who":
                peer = writer.get_extra_info("peername")
                writer.write(b"%s %d\n" % (peer[0].encode(), peer[1]))
            await writer.drain()
        writer.write_eof()
    except ConnectionError as e:
        print("reset", e, flush=True)
    finally:
        writer.close()


async def main(address, port, rate=None):
    server = await asyncio.start_server(serve, address, port, backlog=4096)
    for listener in server.sockets if rate else ():
        listener.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, int(rate))
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
