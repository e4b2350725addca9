#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# VMMs that take a guest in and get its time wrong, in emulated hosts of both architectures: each is
# called by the name of what it does, and right ones are not accused.
set -u
. tests/lab-lib.sh

# check NAME HOST HONEST...
check() {
	name=$1 host=$2
	shift 2
	measure "$name" "$host" migration_selftest || return
	verdicts "$name" >"$scratch/$name.verdicts"
	for honest in "$@"; do
		grep -q "^$honest ok not accused: " "$scratch/$name.verdicts" ||
			fail "$name: $honest:" "$(grep "^$honest " "$scratch/$name.verdicts")"
	done
	caught "$name" lpt_still "LPT's sequence number does not move"
	caught "$name" lpt_per_vcpu 'LPT is updated once per vCPU'
}

check arm64 lab:arm64 right_lpt right_timers && {
	caught arm64 timers_left 'timers are left in the old frequency'
	caught arm64 timers_32_bits 'what remains of a timer is truncated to 32 bits'
	caught arm64 timers_twice 'timers are rescaled twice'
}
check x86_64 lab:x86_64 right_lpt right_smp right_kvmclock && {
	caught x86_64 one_vcpu "the counter's offset is one vCPU's only"
	caught x86_64 kvmclock_as_it_was 'kvmclock was set without the time in between'
}
finish
