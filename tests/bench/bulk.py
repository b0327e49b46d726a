# SPDX-License-Identifier: GPL-2.0-only
"""A server that costs little: bulk.py ADDRESS PORT

The first byte of a connection says what follows: 'd' and it sends without end,
'u' and it reads all there is and then says one byte, 'e' and it echoes.
"""

import socket
import sys
import threading

BLOCK = 1 << 20


def serve(s):
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = bytearray(BLOCK)
    try:
        what = s.recv(1)
        while what == b"d":
            s.sendall(buffer)
        while what == b"e":
            n = s.recv_into(buffer)
            if not n:
                break
            s.sendall(memoryview(buffer)[:n])
        if what == b"u":
            while s.recv_into(buffer):
                pass
            s.sendall(b".")
    except OSError:
        pass
    s.close()


def main(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, port), family=family,
                                    backlog=4096)
    print("ready", flush=True)
    while True:
        s, _ = listener.accept()
        threading.Thread(target=serve, args=(s,), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
