#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Every supported kernel series in every kind of lab: run, steal, conformance and watch-steal, each
by the command that docs/supported.md shows. Not part of make check: about two minutes per host and CPU.

    check-kernels-all.py [-s SERIES]... [-q QEMU]... [-j N] [-o DIR] [--write docs/supported.md]

QEMU is a host option's value (a directory or a program); without it the lab's own is taken, and "" is
that one beside others. With --write the table between the markers of that file is replaced. A series that the archive does not have is a SKIP with
its reason. Closing line: "N passed, N failed, N skipped", of commands."""

import argparse
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

PVTB = os.environ.get("PVTB", "build/pvtb")
SERIES = ["6.1", "6.12", "7.2", "7.3"]
KINDS = [("arm64", ""), ("arm64", ",nvhe"), ("x86_64", "")]
BEGIN, END = "<!-- kernels: begin -->", "<!-- kernels: end -->"


def arch_of(host):
    return host.split(":")[1].split(",")[0]


class Row:
    """One host: what each command said, for the table."""

    def __init__(self, host, series, arch):
        self.host, self.series, self.arch = host, series, arch
        self.kernel = self.qemu = "?"
        self.cells = {}    # command -> (status, text); status: ok, fail, skip
        self.seconds = 0


def commands(host):
    """Name, arguments after `pvtb`, seconds allowed; {out} is a directory of the command's own."""
    deterministic = host + ",deterministic"
    return [
        ("run", ["run", "-H", deterministic, "--no-plots", "-o", "{out}"], 600),
        ("steal", ["run", "-H", host, "--no-plots", "-o", "{out}", "steal"], 900),
        ("conformance", ["conformance", "-H", host, "-o", "{out}"], 600),
        ("watch-steal", ["lab", "run", host, "--", "run", "-H", "native", "--no-plots", "-o", "/tmp/r",
                         "self_loss", "++", "watch-steal", "--wait", "60", "-s", "4"], 300),
    ]


def counts_of_result(path):
    with open(path, encoding="utf-8") as f:
        hosts = json.load(f)["hosts"]
    counts = {}
    for host in hosts:
        for bench in host["benches"]:
            for variant in bench["variants"]:
                counts[variant["status"]] = counts.get(variant["status"], 0) + 1
    return hosts[0], counts


def text_of(counts):
    order = ["ok", "skip", "inconclusive", "fail", "invalid"]
    return ", ".join(f"{counts[s]} {s}" for s in order if counts.get(s)) or "nothing"


def judge_result(row, out):
    host, counts = counts_of_result(os.path.join(out, "result.json"))
    row.kernel = host.get("kernel", row.kernel)
    qemu = host["environment"].get("tools", {}).get("qemu")
    row.qemu = qemu if isinstance(qemu, str) else row.qemu
    bad = sum(counts.get(s, 0) for s in ("fail", "invalid", "inconclusive"))
    return ("fail" if bad or not counts.get("ok") else "ok"), text_of(counts)


def judge_conformance(stdout):
    totals = re.findall(r"^# totals: (.*)$", stdout, re.M)
    if not totals:
        return "fail", "no totals"
    n = dict(pair.split(":") for pair in totals[-1].split())
    bad = int(n.get("fail", 0)) + int(n.get("notice", 0))
    text = ", ".join(f"{n[k]} {k}" for k in n if n[k] != "0")
    return ("fail" if bad or n.get("pass", "0") == "0" else "ok"), text


def judge_watch(stdout):
    found = re.search(r"^(\d+) vCPU watched", stdout, re.M)
    causes = re.search(r"stolen \(B\) +(\S+ \S+)", stdout)
    if not found or not causes:
        return "fail", "no vCPU seen"
    return "ok", f"vCPU found, {causes.group(1)} stolen"


def run_command(row, name, args, seconds, scratch):
    out = os.path.join(scratch, re.sub(r"\W+", "-", row.host) + "-" + name)
    argv = [PVTB] + [a.replace("{out}", out) for a in args]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=False,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return "fail", f"no end after {seconds} s"
    with open(out + ".log", "w", encoding="utf-8") as f:
        f.write(done.stdout + done.stderr)
    try:
        if name == "conformance":
            status, text = judge_conformance(done.stdout)
        elif name == "watch-steal":
            status, text = judge_watch(done.stdout)
        else:
            status, text = judge_result(row, out)
    except (OSError, ValueError, KeyError, IndexError) as e:
        last = (done.stderr.strip().splitlines() or [repr(e)])
        why = [line for line in last if line.startswith("pvtb: ")] or last[-1:]
        return "fail", why[0]
    if done.returncode and status == "ok":
        return "fail", f"exit status {done.returncode}; {text}"
    return status, text


def fetch(series, arch):
    """None, or why there is no such kernel."""
    done = subprocess.run([PVTB, "lab", "fetch", "-s", series, arch], capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL)
    if not done.returncode:
        return None
    said = [line for line in done.stderr.splitlines() if line.startswith("pvtb: ")]
    return said[0][len("pvtb: "):] if said else "cannot be fetched"


def measure(row, scratch, progress):
    began = time.monotonic()
    why = fetch(row.series, row.arch)
    for name, args, seconds in commands(row.host):
        status, text = ("skip", why) if why else run_command(row, name, args, seconds, scratch)
        row.cells[name] = (status, text)
        progress(f"{status:4} {row.host} {name}: {text}")
    row.seconds = time.monotonic() - began
    return row


def table(rows):
    names = [name for name, _, _ in commands("lab:arm64")]
    lines = ["| host | kernel | QEMU | " + " | ".join(names) + " |",
             "|---|---|---|" + "---|" * len(names)]
    for row in rows:
        cells = []
        for name in names:
            status, text = row.cells[name]
            cells.append(text if status == "ok" else f"**{status.upper()}** {text}")
        host = re.sub(r"qemu=[^,]*", "qemu=DIR", row.host)
        lines.append(f"| `{host}` | {row.kernel} | {row.qemu} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write(path, text):
    with open(path, encoding="utf-8") as f:
        old = f.read()
    if BEGIN not in old or END not in old:
        sys.exit(f"{path}: no place for the table: {BEGIN} and {END}")
    head, rest = old.split(BEGIN)
    new = head + BEGIN + "\n" + text + "\n" + END + rest.split(END)[1]
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(new)
    os.replace(path + ".new", path)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("-s", "--series", action="append", help="default: " + " ".join(SERIES))
    p.add_argument("-q", "--qemu", action="append", help="an emulator, as qemu= of a host")
    p.add_argument("-j", "--jobs", type=int, default=os.cpu_count(), help="hosts at once")
    p.add_argument("-o", "--output", help="keep results and logs there")
    p.add_argument("--write", metavar="FILE", help="replace the table in FILE")
    o = p.parse_args()
    scratch = o.output or tempfile.mkdtemp(prefix="pvtb-kernels.")
    os.makedirs(scratch, exist_ok=True)
    rows = []
    for qemu in o.qemu or [""]:
        for series in o.series or SERIES:
            for arch, mode in KINDS:
                host = f"lab:{arch}{mode},series={series}" + (f",qemu={qemu}" if qemu else "")
                rows.append(Row(host, series, arch))
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(max_workers=o.jobs) as pool:
        list(pool.map(lambda r: measure(r, scratch, lambda s: print(s, flush=True)), rows))
    text = table(rows)
    print(text)
    if o.write:
        write(o.write, text)
    if not o.output:
        shutil.rmtree(scratch, ignore_errors=True)
    every = [cell[0] for row in rows for cell in row.cells.values()]
    print(f"{len(rows)} hosts in {time.monotonic() - began:.0f} s")
    print(f"{every.count('ok')} passed, {every.count('fail')} failed, {every.count('skip')} skipped")
    sys.exit(1 if "fail" in every else 0)


if __name__ == "__main__":
    main()
