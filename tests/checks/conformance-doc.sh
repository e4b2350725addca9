#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# docs/conformance.md is what the declarations in bench/conformance/ say, and there are as many checks
# as there have been.
set -u
cd "$(dirname "$0")/../.." || exit 1
PVTB=${PVTB:-build/pvtb}
[ -x "$PVTB" ] || { echo "SKIP needs $PVTB"; exit 4; }
made=$(mktemp) || exit 1
trap 'rm -f "$made"' EXIT
"$PVTB" conformance --markdown >"$made" || exit 1
if ! diff -u docs/conformance.md "$made" >&2; then
	echo "docs/conformance.md is stale: $PVTB conformance --markdown > docs/conformance.md"
	exit 1
fi
automatic=$("$PVTB" conformance --list | sed -n 's/.* rows, \([0-9]*\) with an automatic check$/\1/p')
[ "${automatic:-0}" -ge 167 ] || { echo "only ${automatic:-no} checks are automatic"; exit 1; }
