#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Live Physical Time in emulated hosts of both architectures and, if there is one, on this machine's own
# KVM: exact, and whole while it is updated. And providers that are not: each has to be called by the
# name of its fault, and a right one not accused.
set -u
. tests/lab-lib.sh

check() {
	name=$1
	measure "$name" "$2" lpt.sweep lpt.rate lpt.updates_2 lpt_selftest || return
	verdicts "$name" >"$scratch/$name.verdicts"
	at_most "$name: ticks from exact after ten years" 1 "$(value "$name" lpt.sweep.error.ten_years)"
	at_most "$name: late after ten years, ns" 1000 "$(value "$name" lpt.sweep.late.ten_years)"
	equal "$name: torn readings" 0 "$(value "$name" lpt.updates_2.torn)"
	equal "$name: values backwards" 0 "$(value "$name" lpt.updates_2.backward)"
	for honest in right_up right_down right_two right_updates; do
		grep -q "^$honest ok not accused: " "$scratch/$name.verdicts" ||
			fail "$name: $honest:" "$(grep "^$honest " "$scratch/$name.verdicts")"
	done
	caught "$name" rounded_up 'the coefficient is rounded'
	caught "$name" rounded_down 'the coefficient is rounded'
	caught "$name" truncated 'the coefficient is truncated to 32 bits'
	caught "$name" truncated_hz 'a frequency is truncated to 32 bits'
	caught "$name" truncated_value 'the value is truncated to 32 bits'
	caught "$name" twice 'rescaled twice'
	caught "$name" unscaled 'not scaled'
	caught "$name" inverted 'scaled the other way round'
	caught "$name" per_vcpu 'vCPUs are told different things'
	caught "$name" counts_vcpus 'updated once per vCPU, not once per run'
	caught "$name" repeats 'the sequence number repeats'
	caught "$name" still 'an update does not move the sequence number'
	caught "$name" still_updates 'an update does not move the sequence number'
}

check arm64 lab:arm64
check x86_64 lab:x86_64
! "$PVTB" doctor --json 2>/dev/null | grep -q '"usable": true' || check native native
finish
