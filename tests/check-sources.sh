#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the conformance catalogue cites is in the sources of Linux 6.12 and 7.3: every row that names a file
# of the kernel quotes it, and the quote is there, below the heading that the row names. A series without
# its source is a SKIP of that series, and the whole is one when there is none (status 4).
#
#	check-sources.sh [TREE...]
#
# TREE is an unpacked source. Without one: LINUX_SOURCE_6_12 and LINUX_SOURCE_7_3, archives, by default those
# of Debian's packages linux-source-6.12 and linux-source-7.3 (trixie-backports).
set -u
cd "$(dirname "$0")/.." || exit 1
PVTB=$(realpath "${PVTB:-build/pvtb}")
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trees=("$@")
if [ $# = 0 ]; then
	for series in 6.12 7.3; do
		var=LINUX_SOURCE_${series/./_}
		archive=${!var:-/usr/src/linux-source-$series.tar.xz}
		if [ ! -r "$archive" ]; then
			echo "SKIP Linux $series: no $archive: install linux-source-$series, or set $var" >&2
			continue
		fi
		mkdir "$scratch/$series" || exit 1
		tar -xf "$archive" -C "$scratch/$series" --strip-components=1 --wildcards \
			'*/Makefile' '*/Documentation/virt/kvm' '*/arch/*/kvm' '*/kernel/sched' ||
			{ echo "$archive: not unpacked" >&2; exit 1; }
		trees+=("$scratch/$series")
	done
fi
[ ${#trees[@]} -gt 0 ] || { echo "SKIP no source of Linux"; exit 4; }
"$PVTB" conformance --markdown >"$scratch/catalogue" || exit 1
python3 tests/check_sources.py "$scratch/catalogue" "${trees[@]}"
