#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The main job, traced, on the newest kernel that the archive has, on both architectures: the verifier
# takes every program, every check is evaluated and holds, and tails are as flat as on older kernels.
set -u
. tests/lab-lib.sh

# every_check NAME: no variant was left without a check for want of a host trace
every_check() {
	verdicts "$1" >"$scratch/$1.verdicts"
	! grep -v -e ' ok ' -e ' ok$' -e ' skip ' "$scratch/$1.verdicts" >&2 || fail "$1: not every check was evaluated"
}

for arch in arm64 x86_64; do
	has_kernel "$arch" newest
	measure "$arch" "lab:$arch,deterministic,series=newest" counter_read hypercall self_exit || continue
	every_check "$arch"
done
equal "p99.9 of pv_time_features" "$(value arm64 hypercall.pv_time_features.p50)" \
	"$(value arm64 hypercall.pv_time_features.p99.9)"
equal "p99.9 of unknown_nr" "$(value x86_64 hypercall.unknown_nr.p50)" "$(value x86_64 hypercall.unknown_nr.p99.9)"
equal "p99.9 of kick_cpu" "$(value x86_64 hypercall.kick_cpu.p50)" "$(value x86_64 hypercall.kick_cpu.p99.9)"
equal "exits per clock_pairing" 1 "$(value x86_64 hypercall.clock_pairing.exits_per_op)"
for call in arm64.self_exit.hvc x86_64.self_exit.vmmcall; do
	at_most "tracing one exit, above two empty programs ($call)" 240 \
		"$(value "${call%%.*}" "${call#*.}.added.above_empty")"
done
finish
