#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Every source file says its licence where it begins (line 2 behind a #!).
set -u
cd "$(dirname "$0")/../.." || exit 1
status=0
while IFS= read -r f; do
	case $f in
	*.c | *.h | *.S | *.lds | *.sh | *.py | *.mk | *.gp | Makefile | */Makefile | .ci/run) ;;
	*) continue ;;
	esac
	[ -f "$f" ] || continue
	first=$(head -n 1 "$f")
	case $first in
	'#!'*) first=$(sed -n 2p "$f") ;;
	esac
	case $first in
	*'SPDX-License-Identifier: GPL-2.0-only'*) ;;
	*) printf '%s:1: no SPDX-License-Identifier: GPL-2.0-only\n' "$f"; status=1 ;;
	esac
done < <(git ls-files -co --exclude-standard 2>/dev/null || find . -type f -not -path './build/*' -printf '%P\n')
exit $status
