#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# An eBPF program that the kernel refuses costs the facts it records, says so with the verifier's reason,
# and everything else is measured: in an emulated host, and on this machine where it may load programs.
set -u
. tests/lab-lib.sh

lab=lab:arm64,deterministic
run() {
	expect_status 0 "$PVTB" run -H $lab --no-plots -o "$scratch/$1" --break-program "$@" || finish
}
has() {
	tr -s ' \n' '  ' <"$scratch/out" | grep -q "$1" || fail "$2: not said: $1"
}

run kvm_exit -v hypercall.pv_time_features steal.quota_25
has 'not recorded: exits and entries (eBPF program kvm_exit: Linux [^ ]* refuses it: Invalid argument: .*BPF_EXIT uses reserved fields' kvm_exit
has 'INCONCLUSIVE pv_time_features: .*not recorded: exits and entries' kvm_exit
grep -q '^ *quota_25 .* ok$' "$scratch/out" || fail "kvm_exit: steal is not measured: $(cat "$scratch/out")"
grep -q '^verifier: .*BPF_EXIT uses reserved fields' "$scratch/err" || fail "kvm_exit: -v does not print the verifier's log"

run sched_wakeup hypercall.pv_time_features steal.quota_25
has 'SKIP quota_25: .*not recorded: waits after a wake-up' sched_wakeup
grep -q 'pv_time_features .*ok, one exit per op' "$scratch/out" || fail "sched_wakeup: exits are not counted"
[ -s "$scratch/err" ] && fail "without -v the log is printed: $(head -n 3 "$scratch/err")"

bad=0
"$PVTB" run --break-program kvm_exit2 hypercall >"$scratch/out" 2>"$scratch/err" || bad=$?
[ $bad = 2 ] && grep -q 'kvm_exit2: no such eBPF program' "$scratch/err" || fail "an unknown program is taken"

# doctor has loaded and attached what it reports on
"$PVTB" doctor --json >"$scratch/out"
if grep -A2 '"tracing"' "$scratch/out" | grep -q '"tried": true'; then
	"$PVTB" doctor --json --break-program sched_migrate_task >"$scratch/out"
	tr -s ' \n' '  ' <"$scratch/out" | grep -q '"refused": \[ { "what": "migrations", "why": "[^"]*sched_migrate_task' ||
		fail "doctor has not tried: $(grep -A12 '"tracing"' "$scratch/out")"
	tr -s ' \n' '  ' <"$scratch/out" | grep -q '"cannot": .*"migrations"' || fail "doctor does not say that it cannot"
	setpriv --reuid=65534 --clear-groups "$PVTB" doctor >"$scratch/out" 2>/dev/null
	has 'not tried: whether the kernel takes the eBPF programs' 'doctor without privilege'
fi
finish
