#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The sanitised program measures in both labs, with eBPF, and no sanitiser has anything to say, neither
# outside nor in the emulated hosts. Only of `make check SANITIZE=...`.
set -u
. tests/lab-lib.sh

[ -d "$PVTB.libs" ] || { echo 'not a sanitised program'; exit 4; }

for host in lab:x86_64 lab:arm64; do
	expect_status 0 "$PVTB" run -H "$host,cpus=1" --no-plots -o "$scratch/${host#lab:}" counter_read hypercall || {
		sed 's/^/    /' "$scratch/out" >&2
		continue
	}
	grep -E 'Sanitizer|runtime error' "$scratch/out" "$scratch/err" "$scratch/${host#lab:}"/*/kernel.log &&
		fail "$host: a sanitiser has found something"
done
expect_status 0 "$PVTB" report -f csv "$scratch/x86_64" "$scratch/arm64"
[ "$(wc -l <"$scratch/out")" -gt 50 ] || fail 'too little was measured'
[ $failures = 0 ]
