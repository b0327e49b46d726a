# SPDX-License-Identifier: GPL-2.0-only
"""Links of BPF programs that replace functions of others, as those of libxdp's
dispatcher do."""

import ctypes
import errno

from . import bpf

LINK_GET_FD_BY_ID = 30
LINK_GET_NEXT_ID = 31


class LinkInfo(ctypes.Structure):
    """struct bpf_link_info, of a link of type BPF_LINK_TYPE_TRACING."""
    _fields_ = [("type", ctypes.c_uint32), ("id", ctypes.c_uint32),
                ("prog_id", ctypes.c_uint32), ("pad", ctypes.c_uint32),
                ("attach_type", ctypes.c_uint32),
                ("target_obj_id", ctypes.c_uint32),
                ("target_btf_id", ctypes.c_uint32)]


TRACING = 2


class Link(bpf.Object):
    info_type = LinkInfo
    by_id_command = LINK_GET_FD_BY_ID


def links():
    """The information on all of them."""
    attr = bpf.IdAttr(id=0)
    while True:
        try:
            bpf.bpf(LINK_GET_NEXT_ID, attr)
        except OSError as e:
            if e.errno == errno.ENOENT:
                return
            raise
        attr.id = attr.next_id
        try:
            with Link.by_id(attr.id) as link:
                yield link.info
        except FileNotFoundError:  # gone meanwhile
            pass


def components(dispatcher):
    """The programs that replace functions of a program."""
    return [bpf.Program.by_id(info.prog_id) for info in links()
            if info.type == TRACING
            and info.target_obj_id == dispatcher.info.id]
