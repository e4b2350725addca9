#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Makes the minimised BTF of one kernel, which tests/unit/core_test.c resolves every program against:
#
#	make.sh SERIES ARCH [DIR]
#
# SERIES as `pvtb lab fetch -s` takes it; DIR holds vmlinuz and modules/*.ko, and is fetched when not
# given. To be run again for every series when a program reads a field that it did not read before.
set -eu
cd "$(dirname "$0")/../.."
series=$1 arch=$2
dir=${3:-$("${PVTB:-build/pvtb}" lab fetch -s "$series" "$arch" | tail -n 1)}
set --
for module in kvm kvm-amd kvm-intel; do
	for ko in "$dir/modules/$module.ko" "$dir/$module.ko"; do
		[ ! -f "$ko" ] || set -- "$@" "$ko"
	done
done
[ -f "$dir" ] || dir=$dir/vmlinuz
python3 tests/btf/minimise.py "tests/btf/$arch-$series.btf" "$dir" "$@"
ls -l "tests/btf/$arch-$series.btf"
