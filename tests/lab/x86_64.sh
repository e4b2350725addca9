#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The main job on an emulated x86-64 KVM host (SVM), counted in instructions.
set -u
. tests/lab-lib.sh

host=lab:x86_64,deterministic
measure a "$host" counter_read hypercall self_exit || finish
measure b "$host" counter_read hypercall || finish
same_twice a b "rdmsr_tsc_vmm mmio pio"

for read in rdtsc rdtsc_lfence rdtscp pvclock lpt; do
	equal "exits per $read" 0 "$(value a counter_read.$read.exits_per_op)"
	equal "lost records in $read" 0 "$(value a counter_read.$read.lost)"
done
for read in rdmsr_tsc rdmsr_tsc_vmm; do
	equal "exits per $read" 1 "$(value a counter_read.$read.exits_per_op)"
	equal "lost records in $read" 0 "$(value a counter_read.$read.lost)"
done
for call in unknown_nr kick_cpu clock_pairing cpuid pio mmio; do
	equal "exits per $call" 1 "$(value a hypercall.$call.exits_per_op)"
	equal "lost records in $call" 0 "$(value a hypercall.$call.lost)"
done
at_most "tracing one exit" 445 "$(value a self_exit.vmmcall.added.session)"
at_most "tracing one exit, above two empty programs" 240 "$(value a self_exit.vmmcall.added.above_empty)"
measure selftest "$host" selftest
equal "exits per op of a trap that was denied" 1 \
	"$(value selftest selftest.trap_denied_vmmcall.exits_per_op)"
finish
