#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs the tests given, all of them whatever fails, and counts: each cmocka case, each other script.
# As many run at a time as there are CPUs, PVTB_TEST_JOBS says otherwise; the output of each comes whole
# when it ends. A test with a line "alone: REASON" in its first comment runs after the others, by
# itself. Last line: "N passed, N failed, N skipped". Exit status 1 when anything failed, 130 when
# interrupted; then no test goes on.
set -u -o pipefail
# A process group for each test, so that one signal ends it with all that it started.
set -m

# The distribution's own, which has its python3-* packages, before any other in the path.
python=${PYTHON:-/usr/bin/python3}
[ -x "$python" ] || python=python3

jobs=${PVTB_TEST_JOBS:-$(nproc)}
passed=0 failed=0 skipped=0 broken=()
logs=$(mktemp -d) || exit 1
declare -A test_of=() began_of=() log_of=()
started=0

end_all() {
	local pid
	for pid in "${!test_of[@]}"; do kill -TERM -- "-$pid" 2>/dev/null; done
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ -n "$(jobs -pr)" ] || break
		sleep 0.3
	done
	exec 2>/dev/null # the shell names what it saw killed
	for pid in "${!test_of[@]}"; do kill -KILL -- "-$pid"; done
	wait
}
interrupted() {
	trap '' INT TERM HUP
	end_all
	printf 'interrupted: %d passed, %d failed, %d skipped before\n' $passed $failed $skipped
	exit 130
}
trap 'rm -rf "$logs"' EXIT
trap interrupted INT TERM HUP

# sum of the numbers behind a cmocka tag such as PASSED
cases() {
	sed -n "s/^\[  $1 *\] [^0-9]*\([0-9]*\) test.*/\1/p" "$2" | awk '{ n += $1 } END { print n + 0 }'
}

# A program is built from a file that bears its name.
alone() {
	local source=$1
	[ -z "${O:-}" ] || case $1 in "$O"/*) source=${1#"$O"/}.c ;; esac
	[ -f "$source" ] && head -n 20 "$source" | grep -q '^\(#\| \*\) alone: '
}

start() {
	local log=$logs/$((started += 1))
	case $1 in
	*.py) "$python" "$1" </dev/null >"$log" 2>&1 & ;;
	*) "$1" </dev/null >"$log" 2>&1 & ;;
	esac
	test_of[$!]=$1 began_of[$!]=$SECONDS log_of[$!]=$log
}

# count PID STATUS
count() {
	local t=${test_of[$1]} log=${log_of[$1]} seconds=$((SECONDS - began_of[$1])) p=0 f=0 s=0 verdict=PASS
	if grep -q '^\[==========\] .*run' "$log"; then
		p=$(cases PASSED "$log") f=$(cases FAILED "$log") s=$(cases SKIPPED "$log")
		# A sanitizer or a crash after the last case is a failure too.
		[ "$2" -eq 0 ] || [ "$f" -ne 0 ] || f=1
	else
		case $2 in
		0) p=1 ;;
		4) s=1 verdict=SKIP ;;
		*) f=1 ;;
		esac
	fi
	[ "$2" -eq 0 ] || [ $verdict = SKIP ] || { verdict="FAIL" && broken+=("$t"); }
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	printf '== %s\n' "$t"
	cat "$log"
	if [ $verdict = FAIL ]; then
		printf 'FAIL %s (status %d, %d s)\n' "$t" "$2" $seconds
	else
		printf '%s %s (%d s)\n' $verdict "$t" $seconds
	fi
	printf '%d %s\n' $seconds "$t" >>"$logs/seconds"
	rm -f "$log"
	unset "test_of[$1]" "began_of[$1]" "log_of[$1]"
}

# at_most N: wait until no more than N run
at_most() {
	local pid status
	while [ ${#test_of[@]} -gt "$1" ]; do
		pid= status=0
		wait -n -p pid "${!test_of[@]}" || status=$?
		[ -z "${pid:-}" ] || count "$pid" $status
	done
}

by_itself=()
for t in "$@"; do
	if alone "$t"; then
		by_itself+=("$t")
		continue
	fi
	at_most $((jobs - 1))
	start "$t"
done
at_most 0
for t in "${by_itself[@]+"${by_itself[@]}"}"; do
	start "$t"
	at_most 0
done

printf 'slowest:\n'
[ $# = 0 ] || sort -rn "$logs/seconds" | head -n 8 | sed 's/^\([0-9]*\) /  \1 s  /'
for t in "${broken[@]+"${broken[@]}"}"; do
	printf 'failed: %s\n' "$t"
done
printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
[ $failed -eq 0 ]
