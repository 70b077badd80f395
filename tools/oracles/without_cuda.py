"""Puts empty stand-ins for CUDA's libraries beside PyTorch, so that its Linux wheel runs on the CPU without them.

PyPI's PyTorch for Linux is linked to gigabytes of CUDA libraries that nothing calls on a machine's processor, yet the
loader wants them to be there. Each stand-in is a shared library with the names that PyTorch asks for and no code but a
trap: were one ever called, the process would end with "illegal instruction" rather than with a wrong number. The CUDA
run-time library itself, which registers kernels when PyTorch is loaded, is a real one (nvidia-cuda-runtime).

Does nothing where PyTorch is not linked to CUDA (macOS, Windows).
"""

import re
import struct
import sys
import sysconfig
from pathlib import Path

FAMILIES = re.compile(r"lib(cublas|cublasLt|cudnn|cufft|cufile|cupti|curand|cusolver|cusparse|cusparseLt|nccl|nvrtc|nvshmem_host)\.so[.\d]*")
NAMES = re.compile(r"(cublas|cudnn|cufft|cuFile|cupti|curand|cusolver|cusparse|nccl|pnccl|nvrtc|nvshmem)", re.IGNORECASE)
PAGE = 0x10000  # the largest page size in use


class Library:
    """What the dynamic section of a 64-bit little-endian ELF library says."""

    def __init__(self, path):
        self.file = path.read_bytes()
        if self.file[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path.name} is not a 64-bit little-endian ELF library")
        (self.machine,) = struct.unpack_from("<H", self.file, 18)
        (offset,), (size, count) = struct.unpack_from("<Q", self.file, 40), struct.unpack_from("<HH", self.file, 58)
        sections = [struct.unpack_from("<IIQQQQIIQQ", self.file, offset + i * size) for i in range(count)]
        self.needed, self.undefined, self.defined = [], set(), set()
        for _, kind, _, _, start, length, link, _, _, _ in sections:
            texts = sections[link][4]
            if kind == 6:
                entries = (struct.unpack_from("<qQ", self.file, at) for at in range(start, start + length, 16))
                self.needed += [self.text(texts + value) for tag, value in entries if tag == 1]
            elif kind == 11:
                for at in range(start + 24, start + length, 24):
                    name, _, _, section = struct.unpack_from("<IBBH", self.file, at)
                    (self.defined if section else self.undefined).add(self.text(texts + name))

    def text(self, start):
        return self.file[start : self.file.index(b"\0", start)].decode()


def stand_in(machine, name, symbols=(), needed=()):
    """A shared library called `name`: every symbol is a function that traps."""
    texts = bytearray(b"\0")

    def text(value):
        texts.extend(value.encode() + b"\0")
        return len(texts) - len(value) - 1

    entries = [(5, None), (6, None), (4, None), (10, None), (11, 24), (14, text(name)), *[(1, text(n)) for n in needed], (0, 0)]
    named = [text(symbol) for symbol in symbols]
    trap = b"\x0f\x0b" if machine == 62 else b"\0\0\0\0"  # ud2; udf on ARM
    code = 64 + 4 * 56
    hashes = code + 8
    count = len(named) + 1
    chain = struct.pack(f"<{3 + count}I", 1, count, 1 if named else 0, *[i + 1 if 0 < i < count - 1 else 0 for i in range(count)])
    table = hashes + len(chain) + -(hashes + len(chain)) % 8
    symbol_table = bytes(24) + b"".join(struct.pack("<IBBHQQ", at, 0x12, 0, 1, code, len(trap)) for at in named)
    strings = table + len(symbol_table)
    end = strings + len(texts)
    dynamic = end + -end % 8
    places = {4: hashes, 5: strings, 6: table, 10: len(texts)}
    tags = b"".join(struct.pack("<qQ", tag, places.get(tag, value)) for tag, value in entries)
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 4, 64, 0, 0)
    segments = [(1, 5, 0, 0, end, PAGE), (1, 6, dynamic, dynamic + PAGE, len(tags), PAGE), (2, 6, dynamic, dynamic + PAGE, len(tags), 8), (0x6474E551, 6, 0, 0, 0, 16)]
    program = b"".join(struct.pack("<IIQQQQQQ", kind, flags, at, to, to, size, size, align) for kind, flags, at, to, size, align in segments)
    body = header + program + trap.ljust(8, b"\0") + chain
    return body.ljust(table, b"\0") + symbol_table + bytes(texts) + bytes(dynamic - end) + tags


def main():
    folder = Path(sysconfig.get_path("platlib")) / "torch" / "lib"
    libraries = [Library(path) for path in sorted(folder.glob("*.so"))] if sys.platform == "linux" else []
    missing = sorted({name for library in libraries for name in library.needed if FAMILIES.fullmatch(name)})
    if not missing:
        return
    defined = set().union(*(library.defined for library in libraries))
    symbols = sorted({name for library in libraries for name in library.undefined if NAMES.match(name)} - defined)
    machine = libraries[0].machine
    # All symbols sit in one library under a name of its own: the loader then does not ask for versions of them.
    (folder / "libwithout_cuda.so").write_bytes(stand_in(machine, "libwithout_cuda.so", symbols))
    for name in missing:
        (folder / name).write_bytes(stand_in(machine, name, needed=["libwithout_cuda.so"]))
    print(f"{len(missing)} stand-ins with {len(symbols)} functions beside PyTorch.")


main()
