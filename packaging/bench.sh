#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The second half of `make bench`: ask pvtb which hosts are meant, get ready only what those need,
# run.
#
#	bench.sh BUILD_DIR HOST PROFILE DEPS KERNEL
#
# HOST: auto, native, lab:..., several separated by blanks, or self (the suite measures itself).
set -u
build=$1 hosts=$2 profile=$3 deps=$4 kernel=$5
pvtb=$build/pvtb
what=

case $hosts in
auto)
	hosts=$("$pvtb" doctor --auto) || exit 2
	;;
self)
	# native: the join's speed, with KVM or without; deterministic: instructions; the others: loss in
	# real time
	hosts='native lab:arm64,deterministic lab:arm64 lab:x86_64'
	# every benchmark of the suite's own, self_*, and what tracing and LPT are judged by
	what=$("$pvtb" list --names | sed -n 's/^\(self_[a-z0-9_]*\).*/\1/p' | sort -u)
	if [ -z "$what" ]; then
		printf 'pvtb: self: this build has no benchmark of itself\n' >&2
		exit 2
	fi
	what="$what hypercall.pv_time_features counter_read.cntvct counter_read.lpt"
	;;
esac

own=$(uname -m | sed 's/aarch64/arm64/')
cross=
lab=
for h in $hosts; do
	case $h in
	lab:"$own" | lab:"$own",*) lab=yes ;;
	lab:*) lab=yes cross=$(printf '%s' "$h" | sed 's/^lab:\([^,]*\).*/\1/') ;;
	esac
done
if [ -n "$lab" ] && [ "$deps" != no ]; then
	packaging/deps.sh lab || exit 2
fi
if [ -n "$cross" ]; then
	"${MAKE:-make}" --no-print-directory ARCH="$cross" O="$build" || exit 2
fi

set -- -p "$profile"
for h in $hosts; do
	set -- "$@" -H "$h"
done
[ -z "$kernel" ] || set -- "$@" --kernel "$kernel"
# shellcheck disable=SC2086 # benchmark names: words
exec "$pvtb" run "$@" -- $what
