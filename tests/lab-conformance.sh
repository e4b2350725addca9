# SPDX-License-Identifier: GPL-2.0-only
# What the lab tests of the conformance catalogue share. Sourced after tests/lab-lib.sh.

# catalogue NAME HOST [OPTION...]
catalogue() {
	rm -rf "${scratch:?}/$1"
	result=$scratch/$1 on=$2
	shift 2
	"$PVTB" conformance -H "$on" -o "$result" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null && return
	status=$?
	[ $status = 2 ] && stood_still || return $status
	rm -rf "${result:?}"
	"$PVTB" conformance -H "$on" -o "$result" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
}

# lost NAME: nothing failed in that run but checks whose process did not come back, or died, which is said.
# In some boots of a hundred the first checks' did, on arm64: not explained yet.
lost() {
	n=$(grep -c -e 'no end within' -e 'died of signal' "$scratch/out")
	[ "$n" -gt 0 ] && grep -q "^# totals: .* fail:$n " "$scratch/out" || return 1
	grep -e 'no end within' -e 'died of signal' "$scratch/out" | sed "s/^ */  $1, run again: /" >&2
}

# conforms NAME PASSED HOST [OPTION...]: nothing fails, nothing is a notice, at least PASSED checks hold;
# the output is TAP for prove(1) where there is one
conforms() {
	name=$1 wanted=$2 host=$3
	shift 3
	catalogue "$name" "$host" "$@" || { lost "$name" && catalogue "$name" "$host" "$@"; } ||
		{ lost "$name" && catalogue "$name" "$host" "$@"; } || {
		fail "$name: conformance -H $host $*"
		sed 's/^/    /' "$scratch/err" | tail -n 15 >&2
		grep -v '^  ok' "$scratch/out" | sed 's/^/    /' >&2
		return 1
	}
	cp "$scratch/out" "$scratch/$name.ktap"
	totals=$(sed -n 's/^# totals: //p' "$scratch/$name.ktap")
	case $totals in
	*" fail:0 "*" notice:0 "*) ;;
	*)
		fail "$name: $totals"
		grep -B4 -e '^ *not ok' -e ': notice, ' "$scratch/$name.ktap" | sed 's/^/    /' >&2
		;;
	esac
	passed=$(echo "$totals" | sed 's/pass:\([0-9]*\).*/\1/')
	[ "${passed:-0}" -ge "$wanted" ] || fail "$name: $totals, at least $wanted have passed before"
	[ -s "$scratch/$name/conformance.json" ] || fail "$name: no conformance.json"
	! command -v prove >/dev/null || prove -Q -e cat "$scratch/$name.ktap" >&2 ||
		fail "$name: prove does not accept it"
	kunit_accepts "$name"
}

# kunit_accepts NAME: the kernel's own parser of KTAP, where its source is, counts the tests as we do
kunit_accepts() {
	parser=${O:-build}/libperf-src/linux/tools/testing/kunit/kunit.py
	[ -f "$parser" ] || return 0
	PYTHONDONTWRITEBYTECODE=1 python3 "$parser" parse "$scratch/$1.ktap" >"$scratch/kunit" 2>&1 ||
		fail "$1: kunit.py: $(tail -n 1 "$scratch/kunit")"
	counted=$(sed -n 's/.*Testing complete\. Ran \([0-9]*\) tests.*/\1/p' "$scratch/kunit")
	[ "${counted:-0}" = "$(grep -cE '^ +(not )?ok ' "$scratch/$1.ktap")" ] ||
		fail "$1: kunit.py has counted ${counted:-no} tests"
	! grep -qi '\[error\]\|missing\|unexpected' "$scratch/kunit" || fail "$1: $(grep -i -m1 -e '\[error\]' -e missing -e unexpected "$scratch/kunit")"
}

# same_verdicts A B: check by check
same_verdicts() {
	for run in "$1" "$2"; do
		grep -E '^ *(not )?ok ' "$scratch/$run.ktap" >"$scratch/$run.verdicts"
	done
	cmp -s "$scratch/$1.verdicts" "$scratch/$2.verdicts" || {
		fail "two runs, two verdicts:"
		diff "$scratch/$1.verdicts" "$scratch/$2.verdicts" | sed 's/^/    /' >&2
	}
}

# killed NAME HOST SCORE: every check that runs there notices its mutant, at least SCORE of them; once more
# where one did not, for the reason above
killed() {
	name=$1 host=$2 wanted=$3
	catalogue "$name" "$host" --mutants || {
		grep -B4 '^  not ok' "$scratch/out" | sed "s/^/  $name, run again: /" >&2
		catalogue "$name" "$host" --mutants
	} || {
		fail "$name: conformance -H $host --mutants"
		grep -B4 '^  not ok' "$scratch/out" | sed 's/^/    /' >&2
	}
	score=$(sed -n 's/^# mutants: \([0-9]*\) of .*/\1/p' "$scratch/out")
	sed -n 's/^# mutants: /  '"$host"': /p' "$scratch/out"
	[ "${score:-0}" -ge "$wanted" ] || fail "$name: ${score:-none} killed, $wanted before"
}
