# SPDX-License-Identifier: GPL-2.0-only
"""bpf(2) as far as tests need it: pinned objects, maps, test runs.

Nothing here loads a program; batond, baton-host and bpftool do that.

    with bpf.Program.pinned(dir / "switch") as prog:
        run = prog.run(frame, ifindex=3)
        assert run.action == bpf.XDP_TX

A test run with an interface index must happen in that interface's network
namespace: see lab.Netns.entered().
"""

import ctypes
import errno
import mmap
import os
import platform
import struct
from collections import namedtuple

SYS_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]

MAP_LOOKUP_ELEM = 1
MAP_UPDATE_ELEM = 2
MAP_DELETE_ELEM = 3
MAP_GET_NEXT_KEY = 4
OBJ_PIN = 6
OBJ_GET = 7
PROG_TEST_RUN = 10
PROG_GET_FD_BY_ID = 13
MAP_GET_FD_BY_ID = 14
OBJ_GET_INFO_BY_FD = 15
MAP_LOOKUP_BATCH = 24

ANY, NOEXIST, EXIST = 0, 1, 2

XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT = range(5)
XDP_NAMES = ("ABORTED", "DROP", "PASS", "TX", "REDIRECT")

MAP_TYPES_PER_CPU = (5, 6, 10, 21)  # hash, array, lru hash, cgroup storage

_libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attr):
    """The system call. `attr` is a ctypes structure, written back to."""
    result = _libc.syscall(SYS_BPF, command, ctypes.byref(attr),
                           ctypes.sizeof(attr))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), f"bpf({command})")
    return result


class Attr(ctypes.Structure):
    """One member of union bpf_attr."""


class ObjAttr(Attr):
    _fields_ = [("pathname", ctypes.c_char_p), ("bpf_fd", ctypes.c_uint32),
                ("file_flags", ctypes.c_uint32)]


class ElemAttr(Attr):
    _fields_ = [("map_fd", ctypes.c_uint32), ("key", ctypes.c_char_p),
                ("value", ctypes.c_void_p), ("flags", ctypes.c_uint64)]


class UpdateAttr(Attr):
    _fields_ = [("map_fd", ctypes.c_uint32), ("key", ctypes.c_char_p),
                ("value", ctypes.c_char_p), ("flags", ctypes.c_uint64)]


class BatchAttr(Attr):
    _fields_ = [("in_batch", ctypes.c_void_p), ("out_batch", ctypes.c_void_p),
                ("keys", ctypes.c_void_p), ("values", ctypes.c_void_p),
                ("count", ctypes.c_uint32), ("map_fd", ctypes.c_uint32),
                ("elem_flags", ctypes.c_uint64), ("flags", ctypes.c_uint64)]


class IdAttr(Attr):
    _fields_ = [("id", ctypes.c_uint32), ("next_id", ctypes.c_uint32),
                ("open_flags", ctypes.c_uint32)]


class InfoAttr(Attr):
    _fields_ = [("bpf_fd", ctypes.c_uint32), ("info_len", ctypes.c_uint32),
                ("info", ctypes.c_uint64)]


class TestRunAttr(Attr):
    __test__ = False  # not a test class, whatever pytest thinks of its name
    _fields_ = [("prog_fd", ctypes.c_uint32), ("retval", ctypes.c_uint32),
                ("data_size_in", ctypes.c_uint32),
                ("data_size_out", ctypes.c_uint32),
                ("data_in", ctypes.c_char_p), ("data_out", ctypes.c_void_p),
                ("repeat", ctypes.c_uint32), ("duration", ctypes.c_uint32),
                ("ctx_size_in", ctypes.c_uint32),
                ("ctx_size_out", ctypes.c_uint32),
                ("ctx_in", ctypes.c_uint64), ("ctx_out", ctypes.c_uint64),
                ("flags", ctypes.c_uint32), ("cpu", ctypes.c_uint32),
                ("batch_size", ctypes.c_uint32), ("pad", ctypes.c_uint32)]


class MapInfo(ctypes.Structure):
    _fields_ = [("type", ctypes.c_uint32), ("id", ctypes.c_uint32),
                ("key_size", ctypes.c_uint32),
                ("value_size", ctypes.c_uint32),
                ("max_entries", ctypes.c_uint32),
                ("map_flags", ctypes.c_uint32),
                ("raw_name", ctypes.c_char * 16),
                ("ifindex", ctypes.c_uint32),
                ("btf_vmlinux_value_type_id", ctypes.c_uint32),
                ("netns_dev", ctypes.c_uint64),
                ("netns_ino", ctypes.c_uint64), ("btf_id", ctypes.c_uint32),
                ("btf_key_type_id", ctypes.c_uint32),
                ("btf_value_type_id", ctypes.c_uint32)]

    @property
    def name(self):
        return self.raw_name.decode()


class ProgInfo(ctypes.Structure):
    _fields_ = [("type", ctypes.c_uint32), ("id", ctypes.c_uint32),
                ("tag", ctypes.c_uint8 * 8),
                ("jited_prog_len", ctypes.c_uint32),
                ("xlated_prog_len", ctypes.c_uint32),
                ("jited_prog_insns", ctypes.c_uint64),
                ("xlated_prog_insns", ctypes.c_uint64),
                ("load_time", ctypes.c_uint64),
                ("created_by_uid", ctypes.c_uint32),
                ("nr_map_ids", ctypes.c_uint32),
                ("map_ids", ctypes.c_uint64), ("raw_name", ctypes.c_char * 16),
                ("ifindex", ctypes.c_uint32),
                ("gpl_compatible", ctypes.c_uint32),
                ("netns_dev", ctypes.c_uint64),
                ("netns_ino", ctypes.c_uint64),
                ("nr_jited_ksyms", ctypes.c_uint32),
                ("nr_jited_func_lens", ctypes.c_uint32),
                ("jited_ksyms", ctypes.c_uint64),
                ("jited_func_lens", ctypes.c_uint64),
                ("btf_id", ctypes.c_uint32),
                ("func_info_rec_size", ctypes.c_uint32),
                ("func_info", ctypes.c_uint64),
                ("nr_func_info", ctypes.c_uint32),
                ("nr_line_info", ctypes.c_uint32),
                ("line_info", ctypes.c_uint64),
                ("jited_line_info", ctypes.c_uint64),
                ("nr_jited_line_info", ctypes.c_uint32),
                ("line_info_rec_size", ctypes.c_uint32),
                ("jited_line_info_rec_size", ctypes.c_uint32),
                ("nr_prog_tags", ctypes.c_uint32),
                ("prog_tags", ctypes.c_uint64),
                ("run_time_ns", ctypes.c_uint64), ("run_cnt", ctypes.c_uint64),
                ("recursion_misses", ctypes.c_uint64),
                ("verified_insns", ctypes.c_uint32),
                ("attach_btf_obj_id", ctypes.c_uint32),
                ("attach_btf_id", ctypes.c_uint32)]

    @property
    def name(self):
        return self.raw_name.decode()


class XdpMd(ctypes.Structure):
    """struct xdp_md, the context of an XDP program."""
    _fields_ = [("data", ctypes.c_uint32), ("data_end", ctypes.c_uint32),
                ("data_meta", ctypes.c_uint32),
                ("ingress_ifindex", ctypes.c_uint32),
                ("rx_queue_index", ctypes.c_uint32),
                ("egress_ifindex", ctypes.c_uint32)]


def possible_cpus():
    """How many values an element of a per-CPU map has."""
    with open("/sys/devices/system/cpu/possible", encoding="ascii") as f:
        return int(f.read().replace(",", "-").split("-")[-1]) + 1


def round_up(n, multiple):
    return -(-n // multiple) * multiple


class Object:
    """A file descriptor of bpf(2), closed when left or forgotten."""
    info_type = None
    by_id_command = None

    def __init__(self, fd):
        self.fd = fd

    @classmethod
    def pinned(cls, path):
        try:
            return cls(bpf(OBJ_GET, ObjAttr(pathname=os.fsencode(path))))
        except OSError as e:
            raise OSError(e.errno, e.strerror, str(path)) from None

    @classmethod
    def by_id(cls, object_id):
        return cls(bpf(cls.by_id_command, IdAttr(id=object_id)))

    def pin(self, path):
        bpf(OBJ_PIN, ObjAttr(pathname=os.fsencode(path), bpf_fd=self.fd))

    @property
    def info(self):
        return self._get_info(self.info_type())

    def _get_info(self, info):
        bpf(OBJ_GET_INFO_BY_FD,
            InfoAttr(bpf_fd=self.fd, info_len=ctypes.sizeof(info),
                     info=ctypes.addressof(info)))
        return info

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __del__(self):
        self.close()


class Map(Object):
    """A map. Keys and values are bytes, or anything with a buffer of the
    right size (ctypes structures); an int is a __u32 key."""
    info_type = MapInfo
    by_id_command = MAP_GET_FD_BY_ID

    def __init__(self, fd):
        super().__init__(fd)
        info = self.info
        self.name = info.name
        self.type = info.type
        self.key_size = info.key_size
        self.value_size = info.value_size
        self.max_entries = info.max_entries
        self.cpus = (possible_cpus() if info.type in MAP_TYPES_PER_CPU
                     else None)

    def _size(self):
        if self.cpus is None:
            return self.value_size
        return round_up(self.value_size, 8) * self.cpus

    def _key(self, key):
        if isinstance(key, int):
            key = struct.pack("=I", key)
        key = bytes(key)
        if len(key) != self.key_size:
            raise ValueError(f"{self.name}: key of {len(key)} bytes, "
                             f"expected {self.key_size}")
        return key

    def lookup(self, key):
        """The value, or None. Of a per-CPU map: a list, one per CPU."""
        key = self._key(key)
        value = ctypes.create_string_buffer(self._size())
        try:
            bpf(MAP_LOOKUP_ELEM,
                ElemAttr(map_fd=self.fd, key=key,
                         value=ctypes.addressof(value)))
        except OSError as e:
            if e.errno == errno.ENOENT:
                return None
            raise
        if self.cpus is None:
            return value.raw
        stride = round_up(self.value_size, 8)
        return [value.raw[i * stride:i * stride + self.value_size]
                for i in range(self.cpus)]

    def update(self, key, value, flags=ANY):
        """Of a per-CPU map `value` is a list, one per CPU."""
        if self.cpus is not None:
            stride = round_up(self.value_size, 8)
            value = b"".join(bytes(v).ljust(stride, b"\0") for v in value)
        value = bytes(value)
        if len(value) != self._size():
            raise ValueError(f"{self.name}: value of {len(value)} bytes, "
                             f"expected {self._size()}")
        bpf(MAP_UPDATE_ELEM,
            UpdateAttr(map_fd=self.fd, key=self._key(key), value=value,
                       flags=flags))

    def delete(self, key):
        """False if there is no such key."""
        try:
            bpf(MAP_DELETE_ELEM,
                ElemAttr(map_fd=self.fd, key=self._key(key)))
        except OSError as e:
            if e.errno == errno.ENOENT:
                return False
            raise
        return True

    def keys(self):
        """All keys, as bytes. Delete none while this goes on."""
        after = None
        while True:
            found = ctypes.create_string_buffer(self.key_size)
            try:
                bpf(MAP_GET_NEXT_KEY,
                    ElemAttr(map_fd=self.fd, key=after,
                             value=ctypes.addressof(found)))
            except OSError as e:
                if e.errno == errno.ENOENT:
                    return
                raise
            after = found.raw
            yield after

    def items(self):
        for key in list(self.keys()):
            value = self.lookup(key)
            if value is not None:
                yield key, value

    def clear(self):
        for key in list(self.keys()):
            self.delete(key)

    def sum64(self, key):
        """Add up the values of all CPUs, as a tuple of __u64 words."""
        return self._sum(self.lookup(key))

    def _sum(self, values):
        words = f"={self.value_size // 8}Q"
        return tuple(map(sum, zip(*(struct.unpack(words, v)
                                    for v in values))))

    def sums64(self):
        """sum64() of all elements of a per-CPU array, by one call."""
        size = self._size()
        keys = ctypes.create_string_buffer(4 * self.max_entries)
        values = ctypes.create_string_buffer(size * self.max_entries)
        last = ctypes.c_uint32()
        attr = BatchAttr(map_fd=self.fd, count=self.max_entries,
                         out_batch=ctypes.addressof(last),
                         keys=ctypes.addressof(keys),
                         values=ctypes.addressof(values))
        try:
            bpf(MAP_LOOKUP_BATCH, attr)
        except OSError as e:
            if e.errno != errno.ENOENT:  # the end was reached
                raise
        stride, data = size // self.cpus, values.raw
        return [self._sum(data[at:at + self.value_size]
                          for at in range(i * size, (i + 1) * size, stride))
                for i in range(attr.count)]

    def mapping(self):
        """A BPF_F_MMAPABLE array, mapped."""
        return Mapping(self)


class Mapping:
    """The memory of an mmapable array. Stores of aligned words are single
    stores, as they are in C; ctypes' accesses to a c_uint64 are."""

    def __init__(self, array):
        self.stride = round_up(array.value_size, 8)
        self.value_size = array.value_size
        self.entries = array.max_entries
        self.memory = mmap.mmap(
            array.fd, round_up(self.stride * self.entries, mmap.PAGESIZE))

    def __len__(self):
        return self.entries

    def _at(self, index):
        if not 0 <= index < self.entries:
            raise IndexError(f"{index} of {self.entries}")
        return index * self.stride

    def __getitem__(self, index):
        at = self._at(index)
        return self.memory[at:at + self.value_size]

    def __setitem__(self, index, value):
        at = self._at(index)
        value = bytes(value)
        if len(value) != self.value_size:
            raise ValueError(f"value of {len(value)} bytes, "
                             f"expected {self.value_size}")
        self.memory[at:at + self.value_size] = value

    def view(self, ctype, index, offset=0):
        """A ctypes object that lies in the array. Drop it before close()."""
        return ctype.from_buffer(self.memory, self._at(index) + offset)

    def read_word(self, index, offset=0):
        return self.view(ctypes.c_uint64, index, offset).value

    def write_word(self, index, word, offset=0):
        self.view(ctypes.c_uint64, index, offset).value = word

    def find(self, value, start=0):
        """Byte offset of the next occurrence of `value`, or -1."""
        return self.memory.find(bytes(value), start)

    def zero(self):
        for at in range(0, len(self.memory), 1 << 20):
            n = min(1 << 20, len(self.memory) - at)
            self.memory[at:at + n] = bytes(n)

    def close(self):
        self.memory.close()


class Run(namedtuple("Run", "action data duration")):
    """What a test run gave: the return value, the packet, ns per run."""

    def __str__(self):
        name = (XDP_NAMES[self.action] if self.action < len(XDP_NAMES)
                else self.action)
        return f"{name} {len(self.data)} bytes {self.data.hex()}"


class Program(Object):
    info_type = ProgInfo
    by_id_command = PROG_GET_FD_BY_ID

    def __init__(self, fd):
        super().__init__(fd)
        self._out = b""

    def map_ids(self):
        """Ids of the maps that the program uses."""
        count = self.info.nr_map_ids
        ids = (ctypes.c_uint32 * count)()
        self._get_info(ProgInfo(nr_map_ids=count,
                                map_ids=ctypes.addressof(ids)))
        return list(ids)

    def run(self, data, ifindex=0, queue=0, repeat=1, room=512):
        """Run an XDP program on a frame, or another on its data. `room` is
        how much the packet may grow. ifindex 0: no context is given."""
        data = bytes(data)
        if len(self._out) < len(data) + room:
            self._out = ctypes.create_string_buffer(2 * len(data) + room)
        attr = TestRunAttr(prog_fd=self.fd, repeat=repeat, data_in=data,
                           data_size_in=len(data),
                           data_out=ctypes.addressof(self._out),
                           data_size_out=len(data) + room)
        if ifindex:
            context = XdpMd(data_end=len(data), ingress_ifindex=ifindex,
                            rx_queue_index=queue)
            attr.ctx_in = ctypes.addressof(context)
            attr.ctx_size_in = ctypes.sizeof(context)
        bpf(PROG_TEST_RUN, attr)
        return Run(attr.retval,
                   ctypes.string_at(self._out, attr.data_size_out),
                   attr.duration)
