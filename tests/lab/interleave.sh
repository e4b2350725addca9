#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Two configurations of one host in turns, inside an emulated one that counts instructions: what ftrace
# adds to an exit is found, and what was set is put back.
set -u
. tests/lab-lib.sh

lab=lab:arm64,deterministic
tracing="--interleave 2 --set-b tracing=on"
expect_status 1 "$PVTB" lab run $lab -- ab $tracing hypercall.pv_time_features counter_read.cntvct ||
	finish
grep -q '^old  tracing=0   2 runs$' "$scratch/out" || fail "the old side is not called by its setting"
grep -q '^new  tracing=1   2 runs$' "$scratch/out" || fail "the new side is not called by its setting"
# a counter read does not exit; an exit passes kvm_exit, kvm_entry and what the call has of its own
awk '$1 == "pv_time_features.p50" { hypercall = $3 - $2 > 500 && $NF == "WORSE" }
	$1 == "cntvct.p50" { read = $2 == $3 && $NF == "same" }
	END { exit !(hypercall && read) }' "$scratch/out" || fail "tracing=on: $(cat "$scratch/out")"
finish
