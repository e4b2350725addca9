#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Every fuzz target: the seeds, each of which must be accepted or refused as it says, the inputs that
# broke a reader once (tests/fuzz/found/NAME-*), then new ones.
#
#	FUZZ_S=60	so many seconds each, with a corpus in $O/fuzz/corpus that is kept and minimised
#	(else)		a fixed number of executions from a fixed seed, so that it says the same each time
#	FUZZ="a b"	these targets only
#
# The last line of each target says how many executions it had. Exit status 1 when anything broke.
set -u
O=${O:-build}
here=tests/fuzz
jobs=${FUZZ_JOBS:-2}
status=0

# Executions in `make check`: some two seconds each.
runs_of() {
	case $1 in
	sysfs) echo 2000 ;;
	plot | compare | report | proc | kernel) echo 5000 ;;
	result | replay | migrate) echo 10000 ;;
	archive | samples) echo 20000 ;;
	*) echo 50000 ;;
	esac
}

# One target; its log on stdout, what it leaves in $1/work.
run_one() {
	local target=$1 name=$2 work=$3 dict=()
	local common=(-max_len=65536 -timeout=600 -rss_limit_mb=2048 -artifact_prefix="$work/" -print_final_stats=1)

	[ -f "$here/$name.dict" ] && dict=(-dict="$here/$name.dict")
	mkdir -p "$work/found" "$work/seeds"
	"$target" --seeds "$work/seeds" || { echo "$name: a seed broke it"; return 1; }
	for f in "$here/found/$name"-*; do
		[ -f "$f" ] || continue
		"$target" "$f" || { echo "$name: $f broke it"; return 1; }
	done
	if [ -z "${FUZZ_S:-}" ]; then
		"$target" "${common[@]}" "${dict[@]}" -seed=1 -runs="$(runs_of "$name")" "$work/found" "$work/seeds"
		return
	fi
	local kept="$O/fuzz/corpus/$name" small="$work/small"
	mkdir -p "$kept" "$small"
	"$target" "${common[@]}" "${dict[@]}" -max_total_time="$FUZZ_S" "$kept" "$work/seeds" || return
	"$target" -merge=1 -max_len=65536 -artifact_prefix="$work/" "$small" "$kept" || return
	rm -rf "$kept"
	mv "$small" "$kept"
}

# Its report: two lines, or all that is needed to find what broke.
judge_one() {
	local target=$1 name=$2 work log
	work=$(mktemp -d "${TMPDIR:-/tmp}/pvtb-fuzz.XXXXXX")
	log=$work/log
	export FUZZ_TMPDIR=/dev/shm/pvtb-fuzz.$$.$name
	mkdir -p "$FUZZ_TMPDIR"
	if run_one "$target" "$name" "$work" >"$log" 2>&1; then
		printf '%s: %s executions, %s\n' "$name" \
			"$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)" \
			"$(grep -aE '^#[0-9]+.*DONE' "$log" | tail -n 1 | grep -oE 'cov: [0-9]+ ft: [0-9]+')"
		rm -rf "$work" "$FUZZ_TMPDIR"
		return 0
	fi
	tail -n 40 "$log"
	echo "$name: what broke it is in $work"
	rm -rf "$FUZZ_TMPDIR"
	return 1
}

targets=()
if [ -n "${FUZZ:-}" ]; then
	for name in $FUZZ; do targets+=("$O/tests/fuzz/${name}_fuzz"); done
else
	targets=("$O"/tests/fuzz/*_fuzz)
fi
[ -x "${targets[0]}" ] || { echo "no target was built"; exit 1; }
[ -z "${FUZZ_S:-}" ] || jobs=${FUZZ_JOBS:-1}
running=0
for target in "${targets[@]}"; do
	name=$(basename "$target" _fuzz)
	judge_one "$target" "$name" &
	running=$((running + 1))
	if [ $running -ge "$jobs" ]; then
		wait -n || status=1
		running=$((running - 1))
	fi
done
while [ $running -gt 0 ]; do
	wait -n || status=1
	running=$((running - 1))
done
exit $status
