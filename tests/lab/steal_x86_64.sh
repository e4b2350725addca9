#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Stolen time on an emulated x86-64 KVM host: G, K and B agree in a few scenarios, to the nanosecond.
set -u
. tests/lab-lib.sh

measure a lab:x86_64 steal.overcommit_2 steal.idle steal.shares steal.replaced steal.quota_over \
	steal.late_start ||
	finish
steal_agrees a overcommit_2 idle replaced quota_over late_start
steal_lost a overcommit_2 0.25 0.75
steal_lost a quota_over 0.40 0.90
at_most "jump of the value on a new thread" -100000000 "$(value a steal.replaced.told.jump)"
for vcpu in 0 1 2; do
	equal "G - K of vCPU $vcpu of three" 0 "$(value a steal.shares.vcpu$vcpu.g_k.max)"
done
finish
