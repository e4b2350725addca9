#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Two configurations of one host in turns, inside an emulated one that counts instructions: what ftrace
# adds to an exit is found, and what was set is put back.
set -u
. tests/lab-lib.sh

lab=lab:arm64,deterministic
tracing="--interleave 4 --set-b tracing=on"
expect_status 1 "$PVTB" lab run $lab -- ab $tracing hypercall.ptp counter_read.cntvct ||
	finish
grep -q '^old  tracing=0   4 runs$' "$scratch/out" || fail "the old side is not called by its setting"
grep -q '^new  tracing=1   4 runs$' "$scratch/out" || fail "the new side is not called by its setting"
# a counter read does not exit; an exit passes kvm_exit, kvm_entry and what the call has of its own
awk '$1 == "ptp.p50" { hypercall = $4 - $2 > 500 && $NF == "WORSE" }
	$1 == "cntvct.net" { read = $2 == $3 && $NF == "same" }
	END { exit !(hypercall && read) }' "$scratch/out" || fail "tracing=on: $(cat "$scratch/out")"
finish
