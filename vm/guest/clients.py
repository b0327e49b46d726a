#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""In the client's machine: connections to origin.py at each address that are
always busy, and check every byte.

    clients.py PORT ADDRESS...

Says "ready" when they are open. At SIGTERM each transfer is brought to its
end, and what every connection has to tell is printed, as JSON.
"""

import json
import signal
import socket
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "lab")]

from crowd import KINDS, Crowd  # noqa: E402


def main(port, *addresses):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    crowds = [Crowd(lambda a=a: socket.create_connection((a, int(port)), 60),
                    KINDS) for a in addresses]
    print("ready", flush=True)
    signal.sigwait({signal.SIGTERM})
    print(json.dumps([{key: told[key] for key in ("kind", "done", "wrong")}
                      for crowd in crowds for told in crowd.stop()]),
          flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
