#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs the tests given, all of them whatever fails, and counts: each cmocka case, each other
# script. Last line: "N passed, N failed, N skipped". Exit status 1 when anything failed.
set -u -o pipefail

# The distribution's own, which has its python3-* packages, before any other in the path.
python=${PYTHON:-/usr/bin/python3}
[ -x "$python" ] || python=python3

passed=0 failed=0 skipped=0 broken=()
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# sum of the numbers behind a cmocka tag such as PASSED
cases() {
	sed -n "s/^\[  $1 *\] [^0-9]*\([0-9]*\) test.*/\1/p" "$log" | awk '{ n += $1 } END { print n + 0 }'
}

for t in "$@"; do
	printf '== %s\n' "$t"
	case $t in
	*.py) "$python" "$t" 2>&1 | tee "$log" ;;
	*) "$t" 2>&1 | tee "$log" ;;
	esac
	status=$?
	if grep -q '^\[==========\] .*run' "$log"; then
		f=$(cases FAILED)
		passed=$((passed + $(cases PASSED)))
		skipped=$((skipped + $(cases SKIPPED)))
		# A sanitizer or a crash after the last case is a failure too.
		[ $status -ne 0 ] && [ "$f" -eq 0 ] && f=1
		failed=$((failed + f))
		[ $status -ne 0 ] && broken+=("$t")
		continue
	fi
	case $status in
	0) passed=$((passed + 1)); printf 'PASS %s\n' "$t" ;;
	4) skipped=$((skipped + 1)); printf 'SKIP %s\n' "$t" ;;
	*) failed=$((failed + 1)); broken+=("$t"); printf 'FAIL %s (status %d)\n' "$t" $status ;;
	esac
done

for t in "${broken[@]+"${broken[@]}"}"; do
	printf 'failed: %s\n' "$t"
done
printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
[ $failed -eq 0 ]
