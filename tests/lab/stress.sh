#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Stress in both labs: nothing is wrong in a few seconds of it; a wrong answer in ten thousand is found,
# called by its name and shortened to at most three operations; and what was recorded shows it again.
set -u
. tests/lab-lib.sh

# replay_lines FILE
replay_lines() {
	wc -l <"$1" | tr -d ' '
}

# mutant HOST NAME RULE: found, and minimised
mutant() {
	rm -rf "$scratch/mutant"
	expect_status 1 "$PVTB" stress -H "$1" --seed 5 --vcpus 2 --ops 400000 --mutant "$2" \
		--mutant-every 5000 --minimise 60 -o "$scratch/mutant" || return
	grep -q "^  VIOLATION $3: " "$scratch/out" || {
		fail "$1, $2: not called $3:"
		grep VIOLATION "$scratch/out" >&2
	}
	[ -s "$scratch/mutant/replay-0.jsonl" ] || { fail "$1, $2: no stream recorded"; return; }
	# a header, and the operations
	at_most "$1, $2: lines of the shortest stream" 4 "$(replay_lines "$scratch/mutant/replay-0.jsonl")"
}

for host in lab:arm64 lab:x86_64; do
	rm -rf "$scratch/clean"
	expect_status 0 "$PVTB" stress -H "$host" --seed 1 --vcpus 4 --seconds 4 -o "$scratch/clean" || {
		sed 's/^/    /' "$scratch/out" >&2
		continue
	}
	grep -q '^  no violation' "$scratch/out" || fail "$host: no verdict"
	ops=$(sed -n 's/.*"ops": *\([0-9]*\).*/\1/p' "$scratch/clean/stress.json" | head -n 1)
	equal "$host: operations were run" 1 "$(awk -v n="$ops" 'BEGIN { print (n > 2000) }')"
	grep -q ' 0 records lost' "$scratch/out" || fail "$host: exits were not counted: $(grep exits "$scratch/out")"
done

mutant lab:arm64 pvtime.features.clobber clobber
# what was recorded, once more
expect_status 1 "$PVTB" stress -H lab:arm64 --replay "$scratch/mutant/replay-0.jsonl" --minimise 0 \
	-o "$scratch/replayed"
grep -q "VIOLATION clobber" "$scratch/out" || fail "the replay does not show it"
# not on the other architecture
expect_status 2 "$PVTB" stress -H lab:x86_64 --replay "$scratch/mutant/replay-0.jsonl" -o "$scratch/other"
grep -q 'recorded on arm64, and lab:x86_64 is x86_64$' "$scratch/err" || fail "a stream of arm64 on x86: $(cat "$scratch/err")"
mutant lab:x86_64 hypercall.unknown.lost exits
# of a program, at EL0 and ring 3
mutant lab:arm64 user.call.answered fault
mutant lab:x86_64 user.hypercall.served return
# what takes the host's doing: one operation, and one thing that the host does
mutant lab:arm64 time.steal.replaced torn
grep -q '^    while the host does: replace$' "$scratch/out" || fail "not shortened to what it takes of the host:
$(grep -A4 shortest "$scratch/out")"

# a stream that was cut off, and none at all: refused before anything boots
cut=$scratch/cut.jsonl
head -c 300 "$scratch/mutant/replay-0.jsonl" >"$cut"
: >"$scratch/empty.jsonl"
expect_status 2 "$PVTB" stress --replay "$cut"
grep -q "cut.jsonl, line [12]: " "$scratch/err" || fail "half a stream: $(cat "$scratch/err")"
expect_status 2 "$PVTB" stress --replay "$scratch/empty.jsonl"
grep -q 'empty.jsonl: no operation in it$' "$scratch/err" || fail "an empty stream: $(cat "$scratch/err")"

# a host that is killed while it runs: a violation, with what draws the same streams again
"${PYTHON:-/usr/bin/python3}" - "$PVTB" "$scratch/killed" >"$scratch/out" <<'PY' || fail "a killed host: $(cat "$scratch/out")"
import glob, os, pty, signal, subprocess, sys

terminal, theirs = pty.openpty()
run = subprocess.Popen([sys.argv[1], "stress", "-H", "lab:arm64", "--seed", "77", "--vcpus", "3", "--seconds", "3600",
                        "-o", sys.argv[2]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs)
os.close(theirs)
said = b""
while b" operations in " not in said:
    said += os.read(terminal, 4096)
for path in glob.glob("/proc/[0-9]*/stat"):
    try:
        pid, rest = open(path).read().split(" (", 1)
        name, rest = rest.rsplit(") ", 1)
    except OSError:
        continue
    if rest.split()[1] == str(run.pid) and name.startswith("qemu-system"):
        os.kill(int(pid), signal.SIGKILL)
out = run.communicate()[0].decode()
print(out, end="")
sys.exit(run.returncode != 1 or "VIOLATION host-died" not in out or "--seed 0x4d --vcpus 3" not in out)
PY

# not here, unless it is asked for
expect_status 2 "$PVTB" stress -H native --seconds 1
grep -q 'takes this machine down' "$scratch/err" || fail "native stress is refused without its reason"
finish
