#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# C files are as clang-format leaves them. Skipped without it, and with another version than the
# one the style was settled with: they differ in details.
set -u
cd "$(dirname "$0")/../.." || exit 1
if ! clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
	echo "SKIP needs clang-format 14, the package of Debian 12"
	exit 4
fi
said=$(mktemp) || exit 1
trap 'rm -f "$said"' EXIT
while IFS= read -r f; do
	[ ! -f "$f" ] || printf '%s\0' "$f"
done < <(git ls-files -co --exclude-standard '*.c' '*.h' 2>/dev/null) |
	xargs -0 -n 16 -P "$(nproc)" clang-format --dry-run -Werror >"$said" 2>&1
status=$?
sed -n 's/^\([^ ]*\):[0-9]*:[0-9]*: error: .*/\1: not as clang-format -i leaves it/p' "$said" | sort -u
exit $status
