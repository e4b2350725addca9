#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Lies about stolen time, told to a real guest by a VMM that keeps the structure itself: each has to be
# called by its name, and the honest VMM not accused, on emulated hosts of both architectures and, if
# there is one, on this machine's own KVM.
set -u
. tests/lab-lib.sh

for arch in arm64 x86_64; do
	measure $arch "lab:$arch" steal_selftest || continue
	verdicts $arch >"$scratch/$arch.verdicts"
	for honest in honest honest_quota honest_idle honest_moved; do
		grep -q "^$honest ok not accused: G - K at most 0 ns" "$scratch/$arch.verdicts" ||
			fail "$arch: $honest:" "$(grep "^$honest " "$scratch/$arch.verdicts")"
	done
	caught $arch short 'a share is missing or too much (0.990 of it told)'
	caught $arch twice 'counted twice'
	caught $arch backwards 'went backwards'
	caught $arch stale 'the value of an entry before'
	caught $arch swapped 'vCPU 0 was told what vCPU 1 lost'
	caught $arch no_throttling 'throttled: left out'
	caught $arch idle 'blocked in the VMM: counted as stolen'
	caught $arch microseconds 'microseconds for nanoseconds'
	caught $arch restart 'started over'
done
[ ! -e "$scratch/arm64.verdicts" ] || caught arm64 torn 'halves do not belong together'
[ ! -e "$scratch/x86_64.verdicts" ] || caught x86_64 odd 'in the middle of an update'

# What this machine lacks is a SKIP, and where it does not witness every switch a variant may be
# INCONCLUSIVE; neither makes the run fail, a lie that is not found does.
! "$PVTB" doctor --json 2>/dev/null | grep -q '"usable": true' || measure native native steal_selftest
finish
