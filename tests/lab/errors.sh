#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What bad input gets: one clear line, a hint, a documented exit status, nothing half written.
set -u
. tests/lab-lib.sh

# refused STATUS PATTERN COMMAND...: that exit status, `pvtb: what: why`, a hint, no result left
refused() {
	status=$1 pattern=$2
	shift 2
	expect_status "$status" "$@"
	head -n 1 "$scratch/err" | grep -q '^pvtb: ' || fail "no 'pvtb: what: why' from: $*"
	grep -qiE "$pattern" "$scratch/err" || {
		fail "nothing like '$pattern' from: $*"
		sed 's/^/    /' "$scratch/err" >&2
	}
	left=$(find "$scratch" -name '.tmp-*' -o -name result.json -path '*/new/*')
	[ -z "$left" ] || fail "left behind by $*: $left"
}
out=$scratch/new

refused 2 'counter_read' "$PVTB" run -o "$out" counter_raed
refused 2 'hint' "$PVTB" run -o "$out" -H lab:riscv
refused 2 'hint' "$PVTB" run -o "$out" -H lab:arm64,determinstic
refused 2 'hz' "$PVTB" run -o "$out" -H lab:arm64,hz=12abc
refused 2 'run' "$PVTB" rnu
refused 2 'hint' "$PVTB" run -o "$out" -H lab:arm64,kernel=/nonexistent
echo "not a kernel" >"$scratch/text"
refused 2 'not a kernel|kernel' "$PVTB" run -o "$out" -H lab:arm64,kernel="$scratch/text"
kernel=$(find "${XDG_CACHE_HOME:-$HOME/.cache}/pvtime-bench" -name 'vmlinuz*' -path '*x86_64*' -o \
	-name 'vmlinuz*' -path '*amd64*' 2>/dev/null | head -n 1)
if [ -n "$kernel" ]; then
	refused 2 'x86' "$PVTB" run -o "$out" -H lab:arm64,kernel="$kernel"
fi
refused 2 'hint' env PATH=/nonexistent "$PVTB" run -o "$out" -H lab:arm64
refused 2 'report|no such' "$PVTB" report "$scratch/nothing"
echo '{"schema": 1, "tool": "x", "hos' >"$scratch/cut.json"
refused 2 'cut.json' "$PVTB" report "$scratch/cut.json"
echo '{"schema": 99}' >"$scratch/newer.json"
refused 2 'schema' "$PVTB" report "$scratch/newer.json"

# no /dev/kvm, and no permission for it, in a mount namespace of their own
if unshare -m true 2>/dev/null && [ -e /dev/kvm ]; then
	refused 2 'kvm' unshare -m sh -c "mount -t tmpfs none /dev && exec $PVTB run -H native -o $out"
fi
# a full disk
if unshare -m true 2>/dev/null; then
	mkdir "$scratch/small"
	refused 2 'space' unshare -m sh -c \
		"mount -t tmpfs -o size=64k none $scratch/small && exec $PVTB run -H native -o $scratch/small/r"
fi

# Ctrl-C while a lab host runs: status 130, said so, no emulator and no result left
"$PVTB" run -H lab:arm64,deterministic -o "$out" >"$scratch/out" 2>"$scratch/err" </dev/null &
pid=$!
sleep 4
qemu=$(pgrep -P "$pid" 2>/dev/null; pgrep -f "qemu-system.*$scratch" 2>/dev/null)
kill -INT "$pid"
got=0
wait "$pid" || got=$?
[ "$got" = 130 ] || fail "interrupted run: exit status $got, expected 130"
grep -q 'discarded' "$scratch/err" || fail "interrupted run does not say what became of its result"
[ ! -e "$out/result.json" ] || fail "interrupted run left a result"
for q in $qemu; do
	kill -0 "$q" 2>/dev/null && fail "process $q outlived the interrupted run"
done
finish
