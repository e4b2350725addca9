# SPDX-License-Identifier: GPL-2.0-only
# What the lab tests share: a scratch directory, running pvtb, looking into its CSV. Sourced by
# tests/lab/*.sh, which set -u; not run by itself.

PVTB=${PVTB:-build/pvtb}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/pvtb-test.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
failures=0

fail() {
	echo "  $*" >&2
	failures=$((failures + 1))
}

# stood_still: the emulated host did not go on, which is the emulator's doing and not what is tested. It
# was seen in two of some 500 boots, and is said.
stood_still() {
	grep -e 'its kernel does not go on' -e 'has not booted after' "$scratch/err" | sed 's/^/  run again: /' >&2
	grep -q -e 'its kernel does not go on' -e 'has not booted after' "$scratch/err"
}

# expect_status WANTED COMMAND...: output goes to $scratch/out and $scratch/err
expect_status() {
	want=$1
	shift
	got=0
	"$@" >"$scratch/out" 2>"$scratch/err" </dev/null || got=$?
	if [ "$got" = 2 ] && [ "$want" != 2 ] && stood_still; then
		got=0
		"$@" >"$scratch/out" 2>"$scratch/err" </dev/null || got=$?
	fi
	[ "$got" = "$want" ] && return 0
	fail "exit status $got, expected $want: $*"
	sed 's/^/    /' "$scratch/err" | tail -n 15 >&2
	return 1
}

# has_kernel ARCH SERIES: fetched, if need be. What the archive has no more, or cannot be asked for, is
# said and is no failure.
has_kernel() {
	got=0
	"$PVTB" lab fetch -s "$2" "$1" >/dev/null 2>"$scratch/err" || got=$?
	[ $got != 0 ] || return 0
	if [ $got = 4 ]; then
		echo "  SKIP: series=$2: $(sed -n 's/^pvtb: //p' "$scratch/err")" >&2
	else
		fail "pvtb lab fetch -s $2 $1: exit status $got: $(tail -n 2 "$scratch/err")"
	fi
	return 1
}

# measure NAME HOST [BENCH...]: run into $scratch/NAME and make $scratch/NAME.csv; every law must hold
measure() {
	name=$1 host=$2
	shift 2
	expect_status 0 "$PVTB" run -H "$host" --no-plots -o "$scratch/$name" "$@" || {
		sed 's/^/    /' "$scratch/out" >&2
		return 1
	}
	"$PVTB" report --format csv "$scratch/$name" >"$scratch/$name.csv"
}

# Fields of the CSV are counted from the right: the host, on the left, may be quoted and hold commas.
csv_fields='
	function metric() { return $(NF - 6) }
	function variant() { return $(NF - 7) }
	function name() { return $(NF - 8) "." variant() "." metric() }
	function figure() { return $(NF - 3) }
'

# value NAME BENCH.VARIANT.METRIC
value() {
	awk -F, -v want="$2" "$csv_fields"'name() == want { print figure(); exit }' "$scratch/$1.csv"
}

# at_most NAME WHAT LIMIT VALUE
at_most() {
	[ -n "$3" ] || { fail "$1: not measured"; return; }
	awk -v v="$3" -v l="$2" 'BEGIN { exit !(v <= l) }' || fail "$1: $3, at most $2 allowed"
}

# equal WHAT WANTED GOT
equal() {
	[ -n "$3" ] || { fail "$1: not measured"; return; }
	awk -v a="$2" -v b="$3" 'BEGIN { exit !(a == b) }' || fail "$1: got $3, expected $2"
}

# same_twice A B VMM: p50, p90 and p99 of every variant equal in both runs, to the instruction;
# within 0.5 % for those the VMM answers (the host's scheduler is in them)
same_twice() {
	awk -F, -v vmm="$3" "$csv_fields"'
		BEGIN { n = split(vmm, v, " "); for (i = 1; i <= n; i++) leaves[v[i]] = 1 }
		metric() !~ /^(p50|p90|p99)$/ { next }
		{ key = name() }
		NR == FNR { first[key] = figure(); next }
		!(key in first) { print key ": only in the second run"; bad = 1; next }
		{
			compared++
			d = figure() - first[key]; if (d < 0) d = -d
			allowed = (variant() in leaves) ? 0.005 * first[key] : 0
			if (d > allowed) { print key ": " first[key] ", then " figure(); bad = 1 }
			delete first[key]
		}
		END {
			for (key in first) { print key ": only in the first run"; bad = 1 }
			if (!compared) { print "nothing to compare"; bad = 1 }
			exit bad
		}
	' "$scratch/$1.csv" "$scratch/$2.csv" >"$scratch/differences" || {
		fail "two deterministic runs differ:"
		sed 's/^/    /' "$scratch/differences" >&2
	}
}

# steal_agrees NAME SCENARIO...: the guest was told what the kernel counts, and that is what the
# scheduler's events come to by the kernel's own clock; and there was something to compare
steal_agrees() {
	run=$1
	shift
	grep -o '"verdict": *".*' "$scratch/$run/result.json" >/dev/null || fail "$run has no laws"
	! grep -q '"status": *"inconclusive"' "$scratch/$run/result.json" ||
		fail "$run: a law is inconclusive"
	for scenario in "$@"; do
		equal "G - K of $scenario" 0 "$(value "$run" "steal.$scenario.g_k.max")"
		# of a wait with several moves the clock between them is not known: the law allows for it
		[ "$scenario" = moved ] ||
			at_most "K - B of $scenario by the queue's clock, ns" 20000 \
				"$(value "$run" "steal.$scenario.k_b.rest.max")"
		equal "switches in $scenario" 1 "$(awk -v n="$(value "$run" "steal.$scenario.switches")" \
			'BEGIN { print (n > 2) }')"
		equal "something told in $scenario" 1 "$(awk \
			-v n="$(value "$run" "steal.$scenario.told.final")" 'BEGIN { print (n != 0) }')"
	done
}

# steal_lost NAME SCENARIO MIN MAX: share of its time that the vCPU lost, by the scheduler's events
steal_lost() {
	equal "share lost in $2, $3 to $4" 1 "$(awk -v s="$(value "$1" "steal.$2.share")" -v a="$3" \
		-v b="$4" 'BEGIN { print (s >= a && s <= b) }')"
}

# verdicts NAME: all of them, one line each, as "VARIANT STATUS WHY"
verdicts() {
	"${PYTHON:-/usr/bin/python3}" - "$scratch/$1/result.json" <<'PY'
import json, sys
for host in json.load(open(sys.argv[1]))["hosts"]:
    for bench in host["benches"]:
        for v in bench["variants"]:
            print(v["name"], v["status"], v.get("why", ""))
PY
}

# caught NAME VARIANT PATTERN: noticed, and called that
caught() {
	grep -q "^$2 ok noticed: .*$3" "$scratch/$1.verdicts" && return
	fail "$1: $2 is not called '$3':"
	grep "^$2 " "$scratch/$1.verdicts" | sed 's/^/    /' >&2
}

# What compiling a real kernel needs and a test that compiles none does not: programs that do nothing stand
# in for those that this machine lacks.
stand_in_for_kernel_tools() {
	mkdir -p "$scratch/bin"
	for tool in flex bison bc pahole; do
		command -v $tool >/dev/null || { printf '#!/bin/sh\n' >"$scratch/bin/$tool" && chmod +x "$scratch/bin/$tool"; }
	done
	PATH=$PATH:$scratch/bin
}

finish() {
	[ "$failures" = 0 ]
	exit
}
