#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# tests/run.sh: what it counts, that outputs do not mix, that what must be alone is, and that an
# interrupt ends every test with what it started.
set -u
cd "$(dirname "$0")/../.." || exit 1
run=$PWD/tests/run.sh
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
unset O
failures=0
wrong() {
	echo "$*"
	failures=$((failures + 1))
}
script() {
	{ echo '#!/bin/sh' && cat; } >"$1" && chmod +x "$1"
}

# A test notes when it begins and ends, and waits in the middle until another one is there or ten seconds
# have gone by.
pair='echo first $0; echo begin $0 >>order
for i in $(seq 100); do [ "$(grep -c begin order)" -lt 2 ] || break; sleep 0.1; done
echo last $0; echo end $0 >>order'
echo "$pair" | script a.sh
echo "$pair" | script b.sh
script fails.sh <<'END'
echo about to fail
exit 3
END
script skips.sh <<'END'
exit 4
END
script cases.sh <<'END'
echo '[==========] cases: 3 test(s) run.'
echo '[  PASSED  ] 2 test(s).'
echo '[  FAILED  ] 1 test(s), listed below:'
exit 1
END
script crashes.sh <<'END'
echo '[==========] 1 test(s) run.'
echo '[  PASSED  ] 1 test(s).'
exit 139
END
script alone.sh <<'END'
# alone: it says so
echo begin $0 >>order
sleep 0.3
echo end $0 >>order
END
cat >ok.py <<'END'
print("python")
END
: >order
PVTB_TEST_JOBS=2 "$run" ./a.sh ./alone.sh ./b.sh ./fails.sh ./skips.sh ./cases.sh ./crashes.sh ok.py >out 2>&1 &&
	wrong 'a run with failures has status 0'
[ "$(tail -n 1 out)" = '7 passed, 3 failed, 1 skipped' ] || wrong "closing line: $(tail -n 1 out)"
for line in 'PASS ./a.sh (' 'PASS ok.py (' 'SKIP ./skips.sh (' 'FAIL ./fails.sh (status 3, ' 'FAIL ./cases.sh (' \
	'FAIL ./crashes.sh (status 139' 'failed: ./fails.sh' 'slowest:'; do
	[ "$(grep -cF "$line" out)" = 1 ] || wrong "not once: $line"
done
[ "$(head -n 2 order | grep -c begin)" = 2 ] || wrong 'two tests did not run side by side'
for t in a b; do
	[ "$(grep -A2 "^== ./$t.sh" out | paste -sd ' ' -)" = "== ./$t.sh first ./$t.sh last ./$t.sh" ] ||
		wrong "the output of $t.sh is not in one piece: $(cat out)"
done
[ "$(tail -n 2 order | paste -sd ' ' -)" = 'begin ./alone.sh end ./alone.sh' ] || wrong 'alone.sh was not alone'

# interrupted: 130, and nothing goes on, not even what ignores the signal
script hangs.sh <<'END'
sleep 1000 &
echo $! >>pids
trap '' TERM
echo $$ >>pids
sleep 1000
END
cp hangs.sh hangs2.sh
for signal in INT TERM; do
	: >pids
	env --default-signal=INT PVTB_TEST_JOBS=2 "$run" ./hangs.sh ./hangs2.sh ./fails.sh >out 2>&1 &
	pid=$!
	for i in $(seq 100); do
		[ "$(wc -l <pids)" -lt 4 ] || break
		sleep 0.1
	done
	kill -$signal $pid
	status=0
	wait $pid || status=$?
	[ $status = 130 ] || wrong "$signal: status $status"
	for p in $(cat pids); do
		[ ! -e "/proc/$p/stat" ] || grep -q ') Z' "/proc/$p/stat" 2>/dev/null || wrong "$signal: process $p goes on"
	done
	[ "$(wc -l <pids)" = 4 ] || wrong "$signal: the tests did not start"
done
[ $failures = 0 ] || { cat out; exit 1; }
