"""A shared library made without a compiler, for the stand-in of librknnrt.so.

One loadable segment holds the whole file: headers, an empty symbol table, the SONAME, and a
payload of text. The real loader maps it, `dlopen` gives a handle, `ldconfig` caches it.
(System V ABI, chapters 4 and 5; glibc writes into the dynamic section, so the segment is RW.)
"""

import struct

MACHINES = {"x86_64": 62, "aarch64": 183}
"""The machines a library can be made for, by their ELF number."""

_PAGE = 0x10000  # aarch64 kernels may have 64 KiB pages
_HEADER, _PROGRAM, _SYMBOL = 64, 56, 24
_PT_LOAD, _PT_DYNAMIC, _PT_GNU_STACK = 1, 2, 0x6474E551
_R, _W = 4, 2
_DT_NULL, _DT_HASH, _DT_STRTAB, _DT_SYMTAB, _DT_STRSZ, _DT_SYMENT, _DT_SONAME = (
    0,
    4,
    5,
    6,
    10,
    11,
    14,
)


def shared_object(machine: str, soname: str, payload: bytes) -> bytes:
    """Return the bytes of an ELF64 shared object that exports nothing and carries `payload`."""
    strings = b"\0" + soname.encode() + b"\0"
    programs = 3
    dynamic_at = _HEADER + programs * _PROGRAM
    dynamic_size = 7 * 16
    symbols_at = dynamic_at + dynamic_size
    hash_at = symbols_at + _SYMBOL
    strings_at = hash_at + 16
    payload_at = strings_at + len(strings)
    size = payload_at + len(payload)
    dynamic = b"".join(
        struct.pack("<qQ", tag, value)
        for tag, value in (
            (_DT_SONAME, 1),
            (_DT_HASH, hash_at),
            (_DT_STRTAB, strings_at),
            (_DT_SYMTAB, symbols_at),
            (_DT_STRSZ, len(strings)),
            (_DT_SYMENT, _SYMBOL),
            (_DT_NULL, 0),
        )
    )
    table = struct.pack("<4I", 1, 1, 0, 0)  # one bucket, one chain: the empty symbol
    return b"".join(
        (
            _file_header(machine, programs),
            _program(_PT_LOAD, _R | _W, 0, size, _PAGE),
            _program(_PT_DYNAMIC, _R | _W, dynamic_at, dynamic_size, 8),
            _program(_PT_GNU_STACK, _R | _W, 0, 0, 16),
            dynamic,
            bytes(_SYMBOL),
            table,
            strings,
            payload,
        )
    )


def _file_header(machine: str, programs: int) -> bytes:
    ident = b"\x7fELF" + bytes((2, 1, 1, 0)) + bytes(8)  # 64 bit, little endian, version 1
    return ident + struct.pack(
        "<HHIQQQIHHHHHH",
        3,  # ET_DYN
        MACHINES[machine],
        1,
        0,
        _HEADER,
        0,
        0,
        _HEADER,
        _PROGRAM,
        programs,
        64,
        0,
        0,
    )


def _program(kind: int, flags: int, at: int, size: int, align: int) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, flags, at, at, at, size, size, align)
