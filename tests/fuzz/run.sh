#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Every libFuzzer target for a fixed number of executions from a fixed seed, so that it takes seconds
# and says the same each time. FUZZ_RUNS=N for more.
set -u
O=${O:-build}
runs=${FUZZ_RUNS:-30000}
status=0
found=0
for target in "$O"/tests/fuzz/*_fuzz; do
	[ -x "$target" ] || continue
	found=1
	corpus=$(mktemp -d "${TMPDIR:-/tmp}/pvtb-fuzz.XXXXXX")
	seeds=${target%_fuzz}_seeds
	mkdir "$corpus/found" "$corpus/seeds"
	"$seeds" "$corpus/seeds" || { echo "$seeds: no corpus"; status=1; }
	if ! "$target" -runs="$runs" -seed=1 -max_len=65536 -timeout=10 -rss_limit_mb=1024 \
		-artifact_prefix="$corpus/" -print_final_stats=1 "$corpus/found" "$corpus/seeds" \
		>"$corpus/log" 2>&1; then
		tail -n 40 "$corpus/log"
		echo "$target: what broke it is in $corpus"
		status=1
		continue
	fi
	grep -E 'number_of_executed_units|DONE' "$corpus/log"
	rm -rf "$corpus"
done
[ $found = 1 ] || { echo "no target was built"; status=1; }
exit $status
