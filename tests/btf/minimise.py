#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What bpf/*.bpf.c can ask of a kernel's types, out of its image and KVM's modules:

        minimise.py OUT VMLINUZ [MODULE.ko]...

Structures that the programs name, with those members that the programs name; anonymous ones whole;
what is in them by value or behind a pointer as a name and a size; the tracepoints and iterators that are
attached to. Run by make.sh.
"""
import glob
import lzma
import re
import struct
import subprocess
import sys
import zlib

MAGIC = b"\x9f\xeb\x01\x00\x18\x00\x00\x00"
INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF = range(1, 9)
VOLATILE, CONST, RESTRICT, FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = range(9, 20)
EXTRA = {INT: (4, 0), ARRAY: (12, 0), STRUCT: (0, 12), UNION: (0, 12), ENUM: (0, 8), FUNC_PROTO: (0, 8),
         VAR: (4, 0), DATASEC: (0, 12), DECL_TAG: (4, 0), ENUM64: (0, 12)}


def sources():
    text = "".join(open(f).read() for f in sorted(glob.glob("bpf/*.bpf.c")))
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


TEXT = sources()
WORDS = {w.split("___")[0] for w in re.findall(r"\w+", TEXT)}
ROOTS = {n.split("___")[0] for n in re.findall(r"^(?:struct|union) (\w+) \{", TEXT, flags=re.M)}
EVENTS = {"btf_trace_" + n for n in re.findall(r'SEC\("tp_btf/(\w+)"\)', TEXT)}
KFUNCS = set(re.findall(r"^extern [^;]*?(\w+)\([^;]*__ksym", TEXT, flags=re.M))
ITERS = {"bpf_iter_" + n for n in re.findall(r'SEC\("iter/(\w+)"\)', TEXT)}


class Type:
    def __init__(self, name, info, size, extra):
        self.name, self.size, self.extra = name, size, extra
        self.kind, self.vlen, self.flag = info >> 24 & 31, info & 0xffff, info >> 31


class Btf:
    """A kernel's, or a module's over it: types by number, names resolved."""

    def __init__(self, raw, base=None):
        self.base = base
        self.first = len(base.types) if base else 0
        first_str = base.str_len if base else 0
        _, _, _, hdr, toff, tlen, soff, slen = struct.unpack_from("<HBBIIIII", raw)
        strings, types = raw[hdr + soff:hdr + soff + slen], raw[hdr + toff:hdr + toff + tlen]
        self.str_len = first_str + slen
        self.strings, self.first_str = strings, first_str
        self.types = list(base.types) if base else [None]
        self.owners = list(base.owners) if base else [self]
        at = 0
        while at < tlen:
            name, info, size = struct.unpack_from("<III", types, at)
            fixed, each = EXTRA.get(info >> 24 & 31, (0, 0))
            n = fixed + each * (info & 0xffff)
            self.types.append(Type(self.string(name), info, size, types[at + 12:at + 12 + n]))
            self.owners.append(self)
            at += 12 + n

    def string(self, off):
        if off < self.first_str:
            return self.base.string(off)
        off -= self.first_str
        return self.strings[off:self.strings.index(b"\0", off)].decode()


class Writer:
    def __init__(self):
        self.strings, self.offsets, self.types = bytearray(b"\0"), {"": 0}, []

    def name(self, text):
        if text not in self.offsets:
            self.offsets[text] = len(self.strings)
            self.strings += text.encode() + b"\0"
        return self.offsets[text]

    def add(self, name, kind, vlen, flag, size, extra):
        self.types.append((self.name(name), flag << 31 | kind << 24 | vlen, size, extra))
        return len(self.types)

    def raw(self):
        types = b"".join(struct.pack("<III", *t[:3]) + t[3] for t in self.types)
        return struct.pack("<HBBIIIII", 0xeb9f, 1, 0, 24, 0, len(types), len(types),
                           len(self.strings)) + types + bytes(self.strings)


class Copy:
    """One kernel's or module's types into the writer; @memo is shared with what it stands on."""

    def __init__(self, btf, out, memo):
        self.btf, self.out, self.memo = btf, out, dict(memo)

    def composite(self, n, t, whole):
        members = []
        for i in range(t.vlen):
            name, type_, off = struct.unpack_from("<III", t.extra, 12 * i)
            name = self.btf.owners[n].string(name)
            if whole and (not name or name in WORDS):
                members.append((name, self.type(type_, not name), off))
        extra = b"".join(struct.pack("<III", self.out.name(m[0]), m[1], m[2]) for m in members)
        name, info, size, _ = self.out.types[self.memo[n] - 1]
        self.out.types[self.memo[n] - 1] = (name, info | len(members), size, extra)

    def type(self, n, anonymous=False):
        """The number, in the writer, of type @n; @anonymous: it is what an unnamed member is of."""
        if n == 0:
            return 0
        if n in self.memo:
            return self.memo[n]
        t = self.btf.types[n]
        if t.kind in (STRUCT, UNION):
            self.memo[n] = self.out.add(t.name, t.kind, 0, t.flag, t.size, b"")
            self.composite(n, t, anonymous or t.name in ROOTS)
        elif t.kind in (ENUM, ENUM64):
            self.memo[n] = self.out.add(t.name, t.kind, 0, t.flag, t.size, b"")
        elif t.kind == ARRAY:
            elem, index, nr = struct.unpack("<III", t.extra)
            extra = struct.pack("<III", self.type(elem), self.type(index), nr)
            self.memo[n] = self.out.add("", ARRAY, 0, 0, 0, extra)
        elif t.kind == PTR:
            self.memo[n] = self.out.add("", PTR, 0, 0, 0, b"")
            self.point(n, t)
        elif t.kind in (TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG):
            inner = self.type(t.size, anonymous)
            self.memo[n] = self.out.add(t.name, t.kind, 0, t.flag, inner, b"")
        elif t.kind == FUNC_PROTO:
            args = [struct.unpack_from("<II", t.extra, 8 * i) for i in range(t.vlen)]
            args = [(self.out.name(self.btf.owners[n].string(a)), self.type(b)) for a, b in args]
            extra = b"".join(struct.pack("<II", *a) for a in args)
            self.memo[n] = self.out.add("", FUNC_PROTO, t.vlen, 0, self.type(t.size), extra)
        elif t.kind == FUNC:
            inner = self.type(t.size)
            self.memo[n] = self.out.add(t.name, FUNC, t.vlen, 0, inner, b"")
        else:
            self.memo[n] = self.out.add(t.name, t.kind, t.vlen, t.flag, t.size, t.extra)
        return self.memo[n]

    def point(self, n, t):
        """Behind a pointer, a structure that the programs do not know is only its name."""
        to = t.size
        target = self.btf.types[to] if to else None
        if target and target.kind in (STRUCT, UNION) and target.name not in ROOTS:
            inner = self.out.add(target.name, FWD, 0, int(target.kind == UNION), 0, b"") if target.name else 0
        else:
            inner = self.type(to)
        name, info, _, extra = self.out.types[self.memo[n] - 1]
        self.out.types[self.memo[n] - 1] = (name, info, inner, extra)

    def all(self):
        for n in range(max(1, self.btf.first), len(self.btf.types)):
            t = self.btf.types[n]
            if (t.kind in (STRUCT, UNION) and t.name in ROOTS or t.kind == TYPEDEF and t.name in EVENTS or
                    t.kind == FUNC and t.name in ITERS | KFUNCS):
                self.type(n)


def piped(*command):
    """By a tool that gives what it has when something else follows the packed data."""
    def unpack(data):
        return subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              check=False).stdout
    return unpack


PACKED = (
    (b"\x1f\x8b\x08", lambda d: zlib.decompressobj(31).decompress(d)),
    (b"\xfd7zXZ\0", lambda d: lzma.LZMADecompressor().decompress(d)),
    (b"\x02\x21\x4c\x18", piped("lz4", "-dcq")),
    (b"\x28\xb5\x2f\xfd", piped("zstd", "-dcq")),
)


def unpacked(data):
    """The image, and whatever is packed in it."""
    yield data
    for magic, unpack in PACKED:
        at = data.find(magic)
        while at >= 0:
            try:
                yield unpack(data[at:])
            except (zlib.error, lzma.LZMAError):
                pass
            at = data.find(magic, at + 1)


def btf_of(path):
    for data in unpacked(open(path, "rb").read()):
        at = data.find(MAGIC)
        while at >= 0:
            _, _, _, hdr, toff, tlen, soff, slen = struct.unpack_from("<HBBIIIII", data, at)
            raw = data[at:at + hdr + soff + slen]
            # the strings follow the types, and end where one ends
            if toff == 0 and soff == tlen and tlen and slen and len(raw) == hdr + soff + slen and raw[-1] == 0:
                return raw
            at = data.find(MAGIC, at + 1)
    sys.exit(f"{path}: no BTF")


def main():
    out = Writer()
    kernel = Btf(btf_of(sys.argv[2]))
    copy = Copy(kernel, out, {})
    copy.all()
    for module in sys.argv[3:]:
        Copy(Btf(btf_of(module), kernel), out, copy.memo).all()
    with open(sys.argv[1], "wb") as f:
        f.write(out.raw())


main()
