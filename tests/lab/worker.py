# SPDX-License-Identifier: GPL-2.0-only
"""An application whose working loop beats: worker.py LIBRARY SOCKET NAME.
SIGUSR1 makes the loop wait for ever, as for a lock that nobody gives back;
other threads would go on."""

import ctypes
import signal
import sys
import threading
import time

library, socket, name = sys.argv[1:]
baton = ctypes.CDLL(library)
page = ctypes.c_void_p()
error = baton.baton_heartbeat_open(ctypes.byref(page), name.encode(),
                                   socket.encode())
if error:
    sys.exit(f"baton_heartbeat_open: {error}")
lock = threading.Lock()
signal.signal(signal.SIGUSR1, lambda *_: lock.acquire())
print("beats", flush=True)
while True:
    with lock:
        baton.baton_heartbeat_beat(page)
    time.sleep(0.01)
