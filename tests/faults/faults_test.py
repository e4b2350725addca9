#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Every allocation and every system call that can fail fails once, in turn: of the commands that work on
files, and of a run in a lab (whose emulator is fake_qemu.py). Each run ends with a documented status, one
line that says what failed, nothing half written, no crash; one that reports success has the output of an
undisturbed run.

    FAULTS=all      all of them (make check-faults); else a sample of fixed positions (make check)
    FAULTS_ONLY=TEXT  only the cases whose name contains TEXT
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

O = os.environ.get("O", "build")
FAULTS = os.path.join(O, "tests/faults")
PVTB = os.path.abspath(os.environ.get("PVTB", os.path.join(O, "pvtb")))
DYNAMIC = os.path.abspath(os.path.join(FAULTS, "pvtb"))
PRELOAD = os.path.abspath(os.path.join(FAULTS, "preload.so"))
HERE = os.path.dirname(os.path.abspath(__file__))
ALL = os.environ.get("FAULTS") == "all"
ONLY = os.environ.get("FAULTS_ONLY", "")
SAMPLE = 9  # of each kind of fault of each command, in make check
LIMIT_S = 60

# What may fail, and how. Calls that the C library makes before main() are among them.
CALLS = {
    "openat": ["EMFILE", "EACCES"],
    "read": ["EIO"],
    "write": ["ENOSPC"],
    "pwrite64": ["ENOSPC"],
    "clone": ["EAGAIN"],
    "clone3": ["EAGAIN"],
    "fork": ["EAGAIN"],
    "vfork": ["EAGAIN"],
    "ioctl": ["EIO"],
    "mkdir": ["EROFS"],
    "mkdirat": ["EROFS"],
    "rename": ["EIO"],
    "renameat2": ["EIO"],
    "fsync": ["EIO"],
    "fchmod": ["EPERM"],
    "memfd_create": ["EMFILE"],
    "socketpair": ["EMFILE"],
    "pipe2": ["EMFILE"],
    "eventfd2": ["EMFILE"],
    "getdents64": ["EIO"],
    "execve": ["ENOENT"],
    "mmap": ["ENOMEM"],
    "statx": ["EIO"],
    "newfstatat": ["EIO"],
    "flock": ["EIO"],
    "symlink": ["EIO"],
    "lseek": ["EIO"],
    "poll": ["ENOMEM"],
}
STATUSES = {0, 1, 2, 4, 130}


class Case:
    def __init__(self, name, words, outputs=None, env=None, varies=False):
        self.name = name
        self.words = words  # {dir}: a directory of this execution's own
        self.outputs = outputs  # files that are there when it succeeded
        self.env = env or {}
        self.varies = varies  # the output is not the same each time


def cases(scratch):
    data = os.path.join(scratch, "input")
    lab_env = {
        "PATH": os.path.join(scratch, "bin") + ":" + os.environ["PATH"],
        "FAULT_RESULT": os.path.join(data, "old"),
        "PVTB_X86_64": PVTB,
    }
    kernel = os.path.join(scratch, "kernel/bzImage")
    return [
        Case("report", ["report", data + "/old"]),
        Case("report-csv", ["report", "-f", "csv", data + "/old", data + "/new"]),
        Case("compare", ["compare", data + "/old", data + "/new"]),
        Case("compare-json", ["compare", "-f", "json", data + "/old", data + "/new"]),
        Case("plot", ["plot", "-o", "{dir}/plots", data + "/old"],
             ["plots/native-counter_read-latency.svg", "plots/native-hypercall-decomposition.png"]),
        Case("list", ["list"]),
        Case("run", ["run", "-H", "lab:x86_64,kernel=" + kernel, "--no-plots", "-o", "{dir}/out", "counter_read"],
             ["out/result.json", "out/report.txt"], lab_env, varies=True),
    ]


def make_inputs(scratch):
    for name in ("input", "bin", "kernel/modules", "runs"):
        os.makedirs(os.path.join(scratch, name))
    subprocess.run([os.path.join(FAULTS, "input"), os.path.join(scratch, "input")], check=True)
    os.symlink(os.path.join(HERE, "fake_qemu.py"), os.path.join(scratch, "bin/qemu-system-x86_64"))
    image = bytearray(0x400)  # the least that is taken for a bzImage
    image[0x1F1] = 1
    image[0x202:0x208] = b"HdrS\x0f\x02"
    with open(os.path.join(scratch, "kernel/bzImage"), "wb") as f:
        f.write(image)


class Outcome:
    def __init__(self, case, directory, command, env, status_of=None):
        words = [w.replace("{dir}", directory) for w in case.words]
        full = dict(os.environ, LC_ALL="C", **case.env, **env)
        self.process = subprocess.Popen(command + words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=full, start_new_session=True, cwd=directory)
        try:
            out, err = self.process.communicate(timeout=LIMIT_S)
            self.status = self.process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            out, err = self.process.communicate()
            self.status = "no end"
        self.out = out.decode(errors="replace").replace(directory, "DIR")
        self.err = err.decode(errors="replace").replace(directory, "DIR")


def leftovers(case, directory, status):
    """Files that a run of this status must not leave."""
    found = []
    for root, dirs, files in os.walk(directory):
        found += [os.path.relpath(os.path.join(root, n), directory) for n in files + dirs]
    bad = [n for n in found if re.search(r"(^|/)\.|\.tmp-|\.plot-|figure\.", n)]
    # What a run has made known is whole, whatever failed afterwards.
    if case.name == "run" and found and not {"out/" + n for n in ("result.json", "report.txt")} <= set(found):
        bad += [n for n in found if n not in bad]
    for n in found:
        path = os.path.join(directory, n)
        if n.endswith(".svg") and "</svg>" not in open(path, errors="replace").read():
            bad.append(n + " (cut short)")
        if n.endswith(".png") and b"IEND" not in open(path, "rb").read():
            bad.append(n + " (cut short)")
    return bad


def judge(case, clean, got, directory):
    """What is wrong with this execution: a list of sentences."""
    wrong = []
    if got.status not in STATUSES:
        return ["ended with %s: %s" % (got.status, got.err.strip()[-300:])]
    if "Sanitizer" in got.err or "Assertion" in got.err:
        wrong.append("a crash: %s" % got.err.strip()[:300])
    bad = leftovers(case, directory, got.status)
    if bad:
        wrong.append("status %s, and left %s" % (got.status, ", ".join(sorted(bad)[:5])))
    if got.status == clean.status:
        if not case.varies and got.out != clean.out:
            wrong.append("status as if nothing had failed, and another output")
        missing = [n for n in case.outputs or [] if not os.path.exists(os.path.join(directory, n))]
        if missing:
            wrong.append("status as if nothing had failed, without %s" % missing)
    elif not re.search(r"^pvtb: \S.*: \S.*$", got.err, re.M):
        wrong.append("status %s without a line that says why: %r" % (got.status, got.err[-200:]))
    return wrong


def execute(scratch, case, command, env):
    directory = tempfile.mkdtemp(dir=os.path.join(scratch, "runs"))
    return Outcome(case, directory, command, env), directory


def count_allocations(scratch, case):
    path = os.path.join(scratch, "count-" + case.name)
    execute(scratch, case, [DYNAMIC], {"LD_PRELOAD": PRELOAD, "FAULT_COUNT": path})
    with open(path) as f:
        return int(f.read())


def count_calls(scratch, case):
    """How often each call of CALLS is made, by the thread that makes it most often."""
    trace = os.path.join(scratch, "trace-" + case.name)
    execute(scratch, case, strace(trace, ",".join(CALLS)) + [PVTB], {})
    counts = {}
    with open(trace, errors="replace") as f:
        for line in f:
            m = re.match(r"(\d+) +(\w+)\(", line)
            if m:
                counts.setdefault(m[2], {}).setdefault(m[1], 0)
                counts[m[2]][m[1]] += 1
    return {call: max(by.values()) for call, by in counts.items() if call in CALLS}


def strace(trace, calls):
    # What the program executes is let go: gnuplot's and the emulator's calls are not the program's.
    return ["strace", "-f", "-b", "execve", "-qq", "-o", trace, "-e", "trace=" + calls]


def positions(n, sample=SAMPLE):
    if ALL or n <= sample:
        return list(range(1, n + 1))
    return sorted({1 + i * (n - 1) // (sample - 1) for i in range(sample)})


def plan(scratch, case):
    """(name, command, environment) of each execution."""
    runs = []
    for n in positions(count_allocations(scratch, case), 5 * SAMPLE):
        runs.append(("allocation %d" % n, [DYNAMIC], {"LD_PRELOAD": PRELOAD, "FAULT_AT": str(n)}))
    for call, count in sorted(count_calls(scratch, case).items()):
        for error in CALLS[call] if ALL else CALLS[call][:1]:
            for n in positions(count, 3):
                inject = ["-e", "inject=%s:error=%s:when=%d" % (call, error, n)]
                runs.append(("%s %d %s" % (call, n, error), strace("/dev/null", call) + inject + [PVTB], {}))
    return runs


def run_case(scratch, case):
    clean, directory = execute(scratch, case, [PVTB], {})
    if clean.status not in (0, 1):
        say("%s: undisturbed, it ends with %s: %s" % (case.name, clean.status, clean.err))
        return 0, 1
    failed = 0

    def one(entry):
        name, command, env = entry
        got, where = execute(scratch, case, command, env)
        wrong = judge(case, clean, got, where)
        shutil.rmtree(where, ignore_errors=True)
        return name, wrong

    runs = plan(scratch, case)
    with ThreadPoolExecutor(max_workers=int(os.environ.get("FAULTS_JOBS", "2"))) as pool:
        for name, wrong in pool.map(one, runs):
            for sentence in wrong:
                say("%s, %s: %s" % (case.name, name, sentence))
            failed += bool(wrong)
    say("%s: %d faults, %d of them handled wrongly" % (case.name, len(runs), failed))
    return len(runs), failed


def say(text):
    print(text, flush=True)


def main():
    if not shutil.which("strace"):
        print("strace is not installed")
        sys.exit(4)
    scratch = tempfile.mkdtemp(prefix="pvtb-faults.")
    total = failed = 0
    try:
        make_inputs(scratch)
        for case in cases(scratch):
            if ONLY in case.name:
                n, f = run_case(scratch, case)
                total += n
                failed += f
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print("%d faults, %d handled wrongly" % (total, failed))
    sys.exit(1 if failed else 0)


main()
