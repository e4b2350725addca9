#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The gate and ab on an emulated arm64 KVM host: what has not changed passes, one instruction more
# fails, and what cannot be tested is neither.
set -u
. tests/lab-lib.sh

base=$scratch/baseline.json
expect_status 125 "$PVTB" gate "$base" || finish
expect_status 0 "$PVTB" gate "$base" --update hypercall.pv_time_features counter_read.cntpct_trapped ||
	finish
[ "$(wc -c <"$base")" -lt 12000 ] || fail "the baseline of two variants is no small file"
expect_status 0 "$PVTB" gate "$base"
grep -q '0 worse, 0 better, 8 same' "$scratch/out" || fail "an unchanged kernel: $(tail -n 1 "$scratch/out")"
expect_status 0 "$PVTB" gate "$base" --self-test
grep -q '8 of 8 altered baselines found' "$scratch/out" || fail "self-test: $(cat "$scratch/out")"
# with a threshold that hides one instruction the self-test has to fail
expect_status 1 "$PVTB" gate "$base" --self-test --threshold 1

# one instruction less in the file is one more now
was=$(sed -n 's/.*"value": \([0-9]*\)\.0,/\1/p' "$base" | tail -n 1)
sed "s/\"value\": $was\.0/\"value\": $((was - 1)).0/; s/\"HZ\": \"[0-9]*\"/\"HZ\": \"17\"/" "$base" >"$scratch/altered.json"
expect_status 1 "$PVTB" gate "$scratch/altered.json"
grep -q '+1 (exact)  WORSE' "$scratch/out" || fail "one instruction more was not named"
grep -q 'kernel configuration differs: HZ=17, now' "$scratch/out" || fail "another configuration was not named"

# a call of which one in 64 takes a longer path in KVM, against the same without these: no median sees it
expect_status 0 "$PVTB" gate "$scratch/even.json" --update self_tail.even
expect_status 0 "$PVTB" gate "$scratch/even.json"
sed 's/"even"/"one_in_64"/' "$scratch/even.json" >"$scratch/tail.json"
expect_status 1 "$PVTB" gate "$scratch/tail.json"
grep -q 'one_in_64.p50 .*  0 (exact)  same' "$scratch/out" || fail "the median of one call in 64: $(cat "$scratch/out")"
for stat in p99 p99.9 mean; do
	grep -q "one_in_64.$stat .* +[1-9].* (exact)  WORSE" "$scratch/out" || fail "one call in 64 is not in $stat: $(cat "$scratch/out")"
done

# what looks at nothing does not pass: an empty baseline, an empty result, a name that is nowhere
python3 - "$base" "$scratch" <<-'EOF'
	import json, sys
	r = json.load(open(sys.argv[1]))
	for b in r['hosts'][0]['benches']:
	    for v in b['variants']:
	        v['metrics'] = []
	json.dump(r, open(sys.argv[2] + '/hollow.json', 'w'))
	r['hosts'] = []
	json.dump(r, open(sys.argv[2] + '/empty.json', 'w'))
EOF
for nothing in hollow empty; do
	expect_status 125 "$PVTB" gate "$scratch/$nothing.json"
	grep -q 'nothing to compare with' "$scratch/err" || fail "$nothing: $(cat "$scratch/err")"
	expect_status 2 "$PVTB" compare "$base" "$scratch/$nothing.json"
	expect_status 2 "$PVTB" compare "$scratch/$nothing.json" "$base"
done
expect_status 2 "$PVTB" compare "$base" "$base" --only hypercall.no_such
expect_status 2 "$PVTB" compare "$base" "$base" --stat no_such
expect_status 0 "$PVTB" compare "$base" "$base" --only hypercall

# unasked, ab compares what exits cost and what reading a counter costs
expect_status 0 "$PVTB" ab -a distribution -b distribution
grep -q '^  pv_time_features.p50 .* same$' "$scratch/out" && grep -q '^  cntvct.p50 .* same$' "$scratch/out" ||
	fail "ab of one kernel: $(cat "$scratch/out")"
# what cannot run on either side is not compared
expect_status 125 "$PVTB" ab -a distribution -b distribution counter_read.cntvctss
expect_status 125 "$PVTB" ab -a distribution -b "$base" hypercall.pv_time_features
stand_in_for_kernel_tools
expect_status 125 "$PVTB" ab --tree "$scratch" --commits HEAD HEAD
grep -q 'not a git repository' "$scratch/err" || fail "no repository: $(cat "$scratch/err")"
finish
