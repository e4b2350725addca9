#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The conformance catalogue on emulated arm64 KVM hosts, VHE and nVHE, with Linux 6.12 and 6.1; with
# further kernels where PVTB_KERNELS_ARM64 names their images.
set -u
. tests/lab-lib.sh
. tests/lab-conformance.sh

conforms vhe 82 lab:arm64 || finish
conforms again 80 lab:arm64
same_verdicts vhe again
conforms nvhe 80 lab:arm64,nvhe
if has_kernel arm64 6.1; then
	conforms old 52 lab:arm64,series=6.1
	conforms old-nvhe 52 lab:arm64,nvhe,series=6.1
fi
n=0
for kernel in ${PVTB_KERNELS_ARM64:-}; do
	n=$((n + 1))
	conforms "other$n" 40 lab:arm64 -k "$kernel"
	conforms "other$n-nvhe" 40 lab:arm64,nvhe -k "$kernel"
done

# a wrong answer is a failure, told as one, and by its identifier
expect_status 1 "$PVTB" conformance -H lab:arm64 -o "$scratch/wrong" --mutant PVT-07 PVT-07 PVC-04 &&
	{ grep -q '^  not ok . PVT-07$' "$scratch/out" || fail "PVT-07 does not fail with its mutant"
	grep -q '^  ok . PVC-04$' "$scratch/out" || fail "PVC-04 fails with the mutant of PVT-07"
	grep -q 'expected 0x40500000, got 0x40500040' "$scratch/out" || fail "not told what was wrong"; }
# what differs from the code alone is no failure
expect_status 0 "$PVTB" conformance -H lab:arm64 -o "$scratch/code" --mutant PVC-08 PVC-08 &&
	{ grep -q 'notice, not documented' "$scratch/out" || fail "PVC-08 is not called a notice"; }
finish
