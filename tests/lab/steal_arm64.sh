#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Stolen time on an emulated arm64 KVM host: G, K and B agree in a few scenarios, to the nanosecond.
set -u
. tests/lab-lib.sh

measure a lab:arm64 steal.overcommit_2 steal.idle steal.moved steal.replaced steal.quota_50 steal.late_start ||
	finish
steal_agrees a overcommit_2 idle moved replaced quota_50 late_start
steal_lost a overcommit_2 0.25 0.75
steal_lost a quota_50 0.30 0.80
at_most "jump of the value on a new thread" -100000000 "$(value a steal.replaced.told.jump)"
equal "moves" 1 "$(awk -v n="$(value a steal.moved.migrations)" 'BEGIN { print (n > 10) }')"
# one instruction is one nanosecond: the clock has nothing to hide behind
measure d lab:arm64,deterministic steal.overcommit_2 || finish
steal_agrees d overcommit_2
at_most "K - B of a deterministic run, ppm" 1000 "$(value d steal.overcommit_2.k_b.ppm)"
finish
