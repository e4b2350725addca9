#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The main job on an emulated arm64 KVM host, counted in instructions: laws hold, figures repeat,
# costs stay inside their budgets, and every check can fail.
set -u
. tests/lab-lib.sh

host=lab:arm64,deterministic
measure a "$host" counter_read hypercall self_switch self_exit || finish
measure b "$host" counter_read hypercall || finish
same_twice a b "pv_time_lpt mmio"

# a trapped CNTPCT read is handled at EL2: slower than a native one, and no exit is seen; a trap to
# the guest's own kernel is none of the host's
for read in cntvct cntvct_bare cntpct cntpct_trapped el0_cntvct el0_cntvct_trapped el0_cntpct_trapped lpt; do
	equal "exits per $read" 0 "$(value a counter_read.$read.exits_per_op)"
	equal "lost records in $read" 0 "$(value a counter_read.$read.lost)"
done
native=$(value a counter_read.cntpct.p50)
trapped=$(value a counter_read.cntpct_trapped.p50)
at_most "native CNTPCT read against a tenth of the trapped one" "$((trapped / 10))" "$native"
native=$(value a counter_read.el0_cntvct.p50)
trapped=$(value a counter_read.el0_cntvct_trapped.p50)
at_most "native EL0 CNTVCT read against a tenth of the trapped one" "$((trapped / 10))" "$native"
# a read scaled by LPT may cost 20 instructions more than the native one
at_most "LPT read" "$(($(value a counter_read.cntvct.p50) + 20))" "$(value a counter_read.lpt.p50)"
# single and batch see the same operation
equal "batch cost of CNTVCT" 1 "$(awk -v s="$(value a counter_read.cntvct.batch.slope)" \
	-v p="$(value a counter_read.cntvct.p50)" 'BEGIN { print (s > 0 && s <= p + 4) }')"

for call in smccc_version pv_time_features pv_time_st pv_time_lpt unknown_id ptp mmio; do
	equal "exits per $call" 1 "$(value a hypercall.$call.exits_per_op)"
	equal "lost records in $call" 0 "$(value a hypercall.$call.lost)"
done
at_most "tracing one exit" 420 "$(value a hypercall.pv_time_features.trace.cost)"
at_most "a switch of threads not measured, above an empty program" 60 \
	"$(value a self_switch.unmeasured.added.above_empty)"

at_most "tracing one exit, above two empty programs" 230 "$(value a self_exit.hvc.added.above_empty)"
measure selftest "$host" selftest
# ... and each by the check that is for it
noticed() {
	"$PVTB" report --format json "$scratch/selftest" | grep -A3 "\"name\": *\"$1\"" |
		grep -q 'broken on purpose, noticed' || fail "selftest: nothing was noticed by $1"
}
noticed agreement
noticed native
# what an operation was seen to cause is counted whatever was declared
equal "exits per op of a trap that was denied" 1 "$(value selftest selftest.trap_denied_hvc.exits_per_op)"

measure nvhe lab:arm64,nvhe hypercall.pv_time_features counter_read.cntpct_trapped
# Single samples and batches agree, which the run checks, and no stamp holds a trap of its own: CNTPCT_EL0
# at EL0 traps to EL2 under QEMU before 9.0, and a variant stamped by it read 327 where a batch found 99.
measure nvhe_counted lab:arm64,nvhe,deterministic counter_read
for read in cntvct cntvct_bare cntpct cntpct_trapped el0_cntvct el0_cntvct_trapped el0_cntpct_trapped lpt; do
	single=$(value nvhe_counted counter_read.$read.p50)
	batch=$(value nvhe_counted counter_read.$read.batch.slope)
	[ -n "$single" ] || [ $read = el0_cntvct_trapped ] || fail "nvhe: $read has no p50"
	equal "nvhe: $read's p50 is its batch's per op and a tick" 1 \
		"$(awk -v s="${single:-1}" -v b="${batch:-0}" 'BEGIN { print (s - b == 1) }')"
done
grep -q '"mode": *"nVHE"' "$scratch/nvhe/result.json" || fail "nvhe host does not say nVHE"
finish
