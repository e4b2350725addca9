#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The conformance catalogue on emulated x86-64 KVM hosts with Linux 6.12 and 6.1; with further kernels
# where PVTB_KERNELS_X86_64 names their images.
set -u
. tests/lab-lib.sh
. tests/lab-conformance.sh

conforms x86 77 lab:x86_64 || finish
! has_kernel x86_64 6.1 || conforms old 74 lab:x86_64,series=6.1
n=0
for kernel in ${PVTB_KERNELS_X86_64:-}; do
	n=$((n + 1))
	conforms "other$n" 60 lab:x86_64 -k "$kernel"
done
finish
