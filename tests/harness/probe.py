# SPDX-License-Identifier: GPL-2.0-only
"""Probes as the switch makes them, and the answers that a host owes it."""

from . import abi

_WORD = (1 << 64) - 1


def _rotl(x, bits):
    return (x << bits | x >> (64 - bits)) & _WORD


def siphash(key, message):
    """SipHash-2-4 of bytes, as a number; written without regard to the C."""
    k0, k1 = (int.from_bytes(key[i:i + 8], "little") for i in (0, 8))
    v = [k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
         k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573]

    def half(a, b, left, c, d, right):
        v[a] = (v[a] + v[b]) & _WORD
        v[b] = _rotl(v[b], left) ^ v[a]
        v[a] = _rotl(v[a], 32)
        v[c] = (v[c] + v[d]) & _WORD
        v[d] = _rotl(v[d], right) ^ v[c]

    def rounds(n):
        for _ in range(n):
            half(0, 1, 13, 2, 3, 16)
            half(2, 1, 17, 0, 3, 21)

    whole = len(message) // 8 * 8
    last = message[whole:].ljust(7, b"\0") + bytes([len(message) & 0xff])
    padded = message[:whole] + last
    for i in range(0, len(padded), 8):
        word = int.from_bytes(padded[i:i + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xff
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def sign(key, probe):
    """Fill in the authenticator; the probe."""
    probe.mac = siphash(key, bytes(probe)[:abi.Probe.mac.offset])
    return probe


def tag(name):
    """FNV-1a of a name; written without regard to the C."""
    h = 2166136261
    for byte in name.encode():
        h = (h ^ byte) * 16777619 & 0xffffffff
    return h or 1


def ask(key, session=1, sequence=1, host=1, sent=0, **more):
    return sign(key, abi.Probe(magic=abi.C["PROBE_MAGIC"],
                               type=abi.C["PROBE_ASK"], host=host,
                               session=session, sequence=sequence, sent=sent,
                               **more))


def answer(key, asked, word="UP", stamp=0, apps=()):
    """What a live host answers to a probe, at `stamp` of its own clock."""
    reply = abi.Probe.from_buffer_copy(bytes(asked))
    reply.type = abi.C["PROBE_ANSWER"]
    reply.word = abi.C[f"WORD_{word}"]
    reply.stamp = stamp
    reply.app[:] = [*apps, *[abi.ProbeApp()] * (8 - len(apps))]
    return sign(key, reply)


def read(datagram):
    """The probe at the end of a frame."""
    return abi.Probe.from_buffer_copy(datagram[-abi.size(abi.Probe):])
