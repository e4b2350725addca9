#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A guest that is saved to a file in one emulated host and restored in another, of another kernel version:
# whole it goes on; cut short, with a bit changed anywhere, of another version, with an absurd length or on
# another architecture it is refused before it runs, with a reason.
set -u
. tests/lab-lib.sh

has_kernel x86_64 6.1 || { [ $failures = 0 ] && exit 4; finish; }
files=$scratch/files
mkdir "$files" "$scratch/saved"
expect_status 0 "$PVTB" lab run -o "$scratch/saved" lab:x86_64,series=6.1 -- \
	migrate-source -m lpt file:/result/guest || finish

# Frames have a header of 48 bytes: magic, type, index, number, bytes of data (64 bits), address, sum, reserved,
# CRC-32 of what is before it. Types: 1 HELLO, 2 FEATURES, 3 PAGES, 6 VCPU.
"${PYTHON:-/usr/bin/python3}" - "$scratch/saved/guest" "$files" <<'PY' || fail "the saved guest is no stream"
import struct, sys, zlib
whole = open(sys.argv[1], "rb").read()
at, frames = 0, {}
while at < len(whole):
    magic, kind, index, number, size = struct.unpack_from("<IIIIQ", whole, at)
    assert magic == 0x464d5650
    frames.setdefault(kind, at)
    at += 48 + size
assert at == len(whole) and {1, 2, 3, 6} <= set(frames)

def put(name, data):
    open(f"{sys.argv[2]}/{name}", "wb").write(data)

def flipped(at):
    return whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1:]

# a header that is a lie, and whose CRC says that it is none
def lie(at, head):
    head = head[:44]
    return whole[:at] + head + struct.pack("<I", zlib.crc32(head)) + whole[at + 48:]

put("whole", whole)
put("half", whole[:len(whole) // 2])
put("no_end", whole[:-48])
put("header", flipped(frames[2] + 9))
put("features", flipped(frames[2] + 48 + 100))
put("page", flipped(frames[3] + 48 + 2000))
put("registers", flipped(frames[6] + 48 + 40))
head = bytearray(whole[frames[3]:frames[3] + 48])
struct.pack_into("<Q", head, 16, 1 << 40)
put("length", lie(frames[3], bytes(head)))

# the sum of harness/migrate/stream.c, so that only the version is another one
M, MIX = (1 << 64) - 1, 0x9e3779b97f4a7c15
def checksum(data):
    lanes = [len(data), MIX, MIX * 3 & M, MIX * 5 & M]
    data += bytes(32 - len(data) % 32)
    for i in range(0, len(data), 8):
        lane = (lanes[i // 8 % 4] ^ struct.unpack_from("<Q", data, i)[0]) * MIX & M
        lanes[i // 8 % 4] = (lane << 29 | lane >> 35) & M
    ret = MIX
    for lane in lanes:
        ret = (ret ^ lane) * MIX & M
        ret ^= ret >> 32
    return ret

head, hello = bytearray(whole[:48]), bytearray(whole[48:frames[2]])
assert checksum(bytes(hello)) == struct.unpack_from("<Q", head, 32)[0]
struct.pack_into("<I", hello, 0, struct.unpack_from("<I", hello)[0] + 1)
struct.pack_into("<Q", head, 32, checksum(bytes(hello)))
put("version", lie(0, bytes(head))[:48] + bytes(hello) + whole[frames[2]:])
PY

# restore HOST FILE...: each of them, side by side in one host
restore() {
	host=$1
	shift
	commands=
	for file in "$@"; do commands="$commands${commands:+ ++ }migrate-target file:/input/$file"; done
	# shellcheck disable=SC2086
	expect_status 2 "$PVTB" lab run -i "$files" "$host" -- $commands
}

# refused N TEXT: so often, and nothing went on
refused() {
	equal "refusals of the kind '$2'" "$1" "$(grep -c "^pvtb: migration stream: .*$2" "$scratch/err")"
	equal "damaged guests that ran" 0 "$(grep -c 'went on' "$scratch/out")"
}

expect_status 0 "$PVTB" lab run -i "$files" lab:x86_64 -- migrate-target file:/input/whole && {
	equal "guests that went on" 1 "$(grep -c ' 0 missing, 0 steps back' "$scratch/out")"
	grep -q 'from Linux 6\.1\.' "$scratch/out" || fail "not from the older kernel"
}
restore lab:x86_64 half no_end header features page registers length version && {
	refused 2 'cut short after'
	refused 1 'header of frame .* is damaged'
	refused 3 'data of frame .* is damaged'
	refused 1 'cannot have 1099511627776 bytes'
	refused 1 'version [0-9]*, this reads version [0-9]*'
}
restore lab:arm64 whole && refused 1 'a guest of x86_64, this host is arm64'
finish
