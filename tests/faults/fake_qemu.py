#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Stands in for QEMU, so that a run in a lab takes no time: sends the result directory FAULT_RESULT
home as a lab does, by the descriptors it is given, and ends. FAULT_OUT: what its command prints, pieces in
hexadecimal, with / between."""
import os
import struct
import sys
import time
import zlib


def member(kind, name, mode, data=b"", size=None):
    head = struct.pack("<IHHIIQ", 0x414C5650, kind, len(name), mode, 0, len(data) if size is None else size)
    return head + name + data + struct.pack("<I", zlib.crc32(head + name + data))


def archive(path):
    members = []
    for name in sorted(os.listdir(path)):
        with open(os.path.join(path, name), "rb") as f:
            members.append(member(2, name.encode(), 0o644, f.read()))
    members.append(member(2, b"kernel.log", 0o644, b"[    0.000000] Linux version 6.12.0-fake\n"))
    return b"".join(members) + member(3, b"", 0, size=len(members))


def send(fd, data):
    while data:
        data = data[os.write(fd, data):]


def main():
    ports = {}
    for word in sys.argv[1:]:
        if word.startswith("socket,id="):
            name, fd = word[len("socket,id="):].split(",fd=")
            ports[name] = int(fd)
    if "res" not in ports:
        print("QEMU emulator version 7.2.0")
        return
    send(ports["log"], b"lab: up\n")
    for piece in os.environ.get("FAULT_OUT", "").split("/"):
        send(ports["out"], bytes.fromhex(piece))
        time.sleep(0.05 if piece else 0)
    send(ports["res"], archive(os.environ["FAULT_RESULT"]))
    os.read(ports["res"], 1)  # all has arrived


main()
