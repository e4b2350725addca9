#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What bad input gets: one clear line, a hint, a documented exit status, nothing half written and
# nothing left behind. Few hosts are booted: most of it is refused before.
set -u
. tests/lab-lib.sh

# absolute: some runs start elsewhere
program=$(realpath "$PVTB")
out=$scratch/new
mkdir "$scratch/tmp" "$scratch/nothing"
TMPDIR=$scratch/tmp
export TMPDIR

# what a run must not leave: a result in the making or a whole one, the lab's own directory
nothing_left() {
	left=$(find "$scratch" -name '.tmp-*'; find "$out" "$TMPDIR" -mindepth 1 2>/dev/null)
	[ -z "$left" ] || fail "left behind by $*:" $left
	rm -rf "$out" "${TMPDIR:?}"/*
}

# says PATTERN COMMAND...: what the command before said on stderr: `pvtb: what: why`, and a hint
says() {
	pattern=$1
	shift
	grep -q '^pvtb: [^:]*.*: ' "$scratch/err" || fail "no 'pvtb: what: why' from: $*"
	grep -q '^  hint: .' "$scratch/err" || fail "no hint from: $*"
	grep -qE -- "$pattern" "$scratch/err" && return
	fail "nothing like '$pattern' from: $*"
	sed 's/^/    /' "$scratch/err" >&2
}

# refused STATUS PATTERN COMMAND...
refused() {
	status=$1 wanted=$2
	shift 2
	expect_status "$status" "$@"
	says "$wanted" "$@"
	nothing_left "$@"
}

bad() {
	refused 2 "$@"
}

run() {
	bad "$1" "$PVTB" run -o "$out" "$2" "$3" $4
}

# ---- what was typed -----------------------------------------------------------------------------
bad 'pvtb run' "$PVTB" rnu
bad 'lab fetch' "$PVTB" lab ftech
bad 'mean counter_read\?' "$PVTB" run -o "$out" counter_raed
bad 'mean counter_read.lpt\?' "$PVTB" run -o "$out" counter_read.lptt
bad 'pvtb list' "$PVTB" run -o "$out" xyzzy
run 'mean native' -H nativ ''
run 'lab:x86_64' -H lab:riscv ''
run 'mean deterministic' -H lab:arm64,determinstic ''
run "'12abc' is not a number" -H lab:arm64,hz=12abc ''
run 'out of range: 1000000 ' -H lab:arm64,hz=7 ''
run 'out of range: 1 to' -H lab:arm64,cpus=0 ''
run 'given twice' -H lab:arm64 '-H lab:arm64'
run 'quick, standard, long or brief' -p quik ''
run 'needs a value' -H native -p
run 'unknown option' -H native --frobnicate
run "'-5' is not a number" -t -5 ''
run 'boots a kernel' -H native '-k /boot/vmlinuz'
# the second host is looked at before the first is measured
run 'mean nvhe' -H native '-H lab:arm64,nvh'

# ---- kernels ------------------------------------------------------------------------------------
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pvtime-bench/kernels
arm64=$(ls "$cache"/arm64/*/vmlinuz 2>/dev/null | tail -n 1)
x86_64=$(ls "$cache"/x86_64/*/vmlinuz 2>/dev/null | tail -n 1)
echo 'not a kernel' >"$scratch/text"
run 'No such file' -H lab:arm64,kernel=/nonexistent ''
run 'No such file' -H lab:arm64 '-k /nonexistent'
run 'not a kernel' -H lab:arm64,kernel="$scratch/text" ''
run 'directory' -H lab:arm64,kernel=/ ''
run 'not a file' -H lab:arm64,kernel=/dev/null ''
[ -n "$x86_64" ] && {
	head -c 3000000 "$x86_64" >"$scratch/cut"
	run 'for x86_64, not for arm64' -H lab:arm64,kernel="$x86_64" ''
	run 'cut short' -H lab:x86_64,kernel="$scratch/cut" ''
}
[ -n "$arm64" ] && {
	head -c 3000000 "$arm64" >"$scratch/cut"
	gzip -1c "$arm64" | head -c 3000000 >"$scratch/cut.gz"
	run 'for arm64, not for x86_64' -H lab:x86_64,kernel="$arm64" ''
	run 'cut short' -H lab:arm64,kernel="$scratch/cut" ''
	run 'does not decompress' -H lab:arm64,kernel="$scratch/cut.gz" ''
}
bad 'qemu-system-aarch64: not found' env PATH="$scratch/nothing" "$PVTB" run -H lab:arm64 -o "$out"

# ---- results ------------------------------------------------------------------------------------
bad 'No such file' "$PVTB" report "$scratch/absent"
bad 'No such file' "$PVTB" report "$scratch/nothing"
bad 'No such file' "$PVTB" plot "$scratch/absent"
printf '{"schema": 1, "tool": "x"' >"$scratch/cut.json"
bad 'cut short' "$PVTB" report "$scratch/cut.json"
bad 'cut short' "$PVTB" plot "$scratch/cut.json"
bad 'not JSON' "$PVTB" report "$scratch/text"
echo '{"schema": 99}' >"$scratch/newer.json"
bad 'schema 99' "$PVTB" report "$scratch/newer.json"
echo '{}' >"$scratch/empty.json"
bad 'schema: is missing' "$PVTB" report "$scratch/empty.json"
bad 'one of text' "$PVTB" report -f xml "$scratch/empty.json"
expect_status 2 sh -c "exec '$PVTB' list >/dev/full" && grep -q '^pvtb: standard output: No space' "$scratch/err" ||
	fail 'a full disk behind stdout is not named'
expect_status 2 sh -c "exec '$PVTB' list >&-" && grep -q '^pvtb: standard output: Bad' "$scratch/err" ||
	fail 'a closed stdout is not named'

# ---- where results go ---------------------------------------------------------------------------
mkdir "$scratch/full"
echo mine >"$scratch/full/file"
bad 'not empty' "$PVTB" run -H lab:arm64 -o "$scratch/full"
[ "$(cat "$scratch/full/file")" = mine ] || fail 'a file in the way was touched'
bad 'Not a directory' "$PVTB" run -H lab:arm64 -o "$scratch/text/x"
bad 'not a directory|no directory' "$PVTB" run -H lab:arm64 -o "$scratch/text"

# ---- this machine, made to lack things in a mount namespace -------------------------------------
# without COMMANDS COMMAND...: after COMMANDS in a namespace of its own
namespace=no
[ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null && namespace=yes
without() {
	change=$1
	shift
	unshare -m sh -c "$change"' && exec "$@"' sh "$@"
}
no_kvm='mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3'
small="mkdir -p $out && mount -t tmpfs -o size=64k none $out"
tracing() {
	grep -A3 '"tracing"' "$scratch/out" | grep -q "$1" || fail "doctor does not say: $1"
}
if [ $namespace = yes ]; then
	bad '/dev/kvm: no such device' without "$no_kvm" "$PVTB" run -H native -o "$out"
	# what measures nothing of KVM's runs all the same, and says what it leaves out
	expect_status 0 without "$no_kvm" "$PVTB" run --no-plots -H native -o "$out" self_join hypercall.mmio
	grep -q 'events_per_second' "$scratch/out" || fail 'self_join has no speed without KVM'
	grep -q 'SKIP  mmio: /dev/kvm: no such device' "$scratch/out" || fail 'mmio is not skipped'
	rm -rf "$out"
	expect_status 2 without "$no_kvm" env PATH="$scratch/nothing" "$PVTB" run -o "$out"
	head -n 1 "$scratch/out" | grep -q '^host auto is the lab: /dev/kvm: no such device' ||
		fail 'auto does not say why it is the lab'
	[ -e /sys/kernel/btf/vmlinux ] && {
		expect_status 0 without 'mount -t tmpfs none /sys/kernel/btf' "$PVTB" doctor --json
		tracing 'no BTF'
	}
	[ -d /sys/kernel/security ] && {
		expect_status 0 without "mount -t tmpfs none /sys/kernel/security &&
			echo 'none integrity [confidentiality]' >/sys/kernel/security/lockdown" "$PVTB" doctor --json
		tracing 'locked down'
	}
	bad 'Read-only' without "mkdir -p $out && mount -t tmpfs -o ro none $out" \
		"$PVTB" run -H lab:arm64 -o "$out/r"
	bad 'cannot create' without "mkdir -p $out && mount -t tmpfs -o ro none $out" \
		env XDG_CACHE_HOME="$out" "$PVTB" lab fetch arm64
	[ -z "$arm64" ] || bad 'No space left' without "$small" \
		"$PVTB" run -H lab:arm64 -o "$out/r" counter_read.cntvct
fi
if [ "$(id -u)" = 0 ] && [ -e /dev/kvm ] && command -v setpriv >/dev/null &&
	! setpriv --reuid 65534 --regid 65534 --clear-groups test -r /dev/kvm; then
	cp "$PVTB" "$scratch/pvtb"
	chmod 755 "$scratch"
	chmod 777 "$scratch/tmp"
	bad '/dev/kvm: permission denied' setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$scratch/pvtb" run -H native -o "$scratch/tmp/r"
fi

# ---- interrupted, killed ------------------------------------------------------------------------
children() {
	cat "/proc/$1/task/"*/children 2>/dev/null
}
named() {
	{ tr '\000' ' ' <"/proc/$1/cmdline"; } 2>/dev/null | grep -q "$2"
}
alive() {
	[ -e "/proc/$1/stat" ] && ! grep -q ') Z' "/proc/$1/stat" 2>/dev/null
}
# start WAIT_FOR COMMAND...: in the background, until it has a child of that name; sets $pid, $child
start() {
	what=$1 child=
	shift
	# a shell starts what is in the background deaf to SIGINT
	env --default-signal=INT "$@" >"$scratch/out" 2>"$scratch/err" </dev/null &
	pid=$!
	for try in $(seq 300); do
		for child in $(children $pid); do
			named "$child" "$what" && return
		done
		child=
		alive $pid || break
		sleep 0.1
	done
	fail "no $what was started by: $*"
}
# ended STATUS WHAT: with that status, and the child with it
ended() {
	got=0
	{ wait "$pid" || got=$?; } 2>/dev/null
	[ "$got" = "$1" ] || fail "$2: exit status $got, expected $1"
	for try in $(seq 50); do
		[ -n "$child" ] && alive "$child" || return
		sleep 0.1
	done
	fail "$2: process $child outlived it"
}
discarded() {
	[ "$(cat "$scratch/err")" = 'pvtb: interrupted: partial result discarded' ] || {
		fail "$1 does not say what became of its result:"
		sed 's/^/    /' "$scratch/err" >&2
	}
	nothing_left "$1"
}

native=no
"$PVTB" doctor --json 2>/dev/null | grep -q '"usable": true' && native=yes
if [ -n "$arm64" ]; then
	start qemu-system "$PVTB" run -H lab:arm64,deterministic -o "$out"
	kill -INT "$pid"
	ended 130 'Ctrl-C while a lab runs'
	discarded 'Ctrl-C while a lab runs'

	start qemu-system "$PVTB" run -H lab:arm64,deterministic -o "$out"
	kill -KILL "$pid"
	ended 137 'SIGKILL while a lab runs'
	sleep 0.5
	nothing_left 'SIGKILL while a lab runs'

	start qemu-system "$PVTB" lab run lab:arm64 -- doctor
	kill -TERM "$pid"
	ended 130 'SIGTERM during lab run'
	nothing_left 'SIGTERM during lab run'
fi
if [ $native = yes ]; then
	# without gnuplot: whole, and said
	expect_status 0 env PATH="$scratch/nothing" "$PVTB" run -H native -o "$out" counter_read
	says 'gnuplot' 'a run without gnuplot'
	[ -s "$out/result.json" ] && [ ! -e "$out/plots" ] || fail 'without gnuplot: not a whole result'
	expect_status 2 env PATH="$scratch/nothing" "$PVTB" plot "$out"
	says 'gnuplot' 'plot without gnuplot'
	[ ! -e "$out/plots" ] || fail 'plot without gnuplot leaves an empty directory'
	rm -rf "$out"

	# a report that cannot be written takes nothing of the result
	expect_status 2 sh -c "exec '$PVTB' run --no-plots -H native -o '$out' counter_read >&-"
	says "whole: $out" 'a run with stdout closed'
	"$PVTB" report -f json "$out" >/dev/null || fail 'stdout closed: the result is damaged'
	rm -rf "$out"

	# a gnuplot that never ends stands for a slow one
	mkdir "$scratch/bin"
	printf '#!/bin/sh\nexec sleep 600\n' >"$scratch/bin/gnuplot"
	chmod +x "$scratch/bin/gnuplot"
	start 'sleep 600' env PATH="$scratch/bin:$PATH" "$PVTB" run -H native -o "$out" counter_read
	kill -INT "$pid"
	ended 130 'Ctrl-C while plotting'
	discarded 'Ctrl-C while plotting'

	# what a killed run left where no guardian could help, the next removes
	mkdir "$scratch/.tmp-1-abcdef" "$scratch/.tmp-1-others"
	echo 'pvtb: a result in the making' >"$scratch/.tmp-1-abcdef/.pvtb-unfinished"
	expect_status 0 "$PVTB" run --no-plots -H native -o "$out" counter_read
	[ ! -e "$scratch/.tmp-1-abcdef" ] || fail 'a killed run is not cleaned up after'
	rmdir "$scratch/.tmp-1-others" || fail 'a directory without our mark is removed'
	rm -rf "$out"

	# two at once, into one place
	mkdir "$scratch/both"
	(cd "$scratch/both" && "$program" run --no-plots -H native counter_read) >/dev/null 2>&1 &
	expect_status 0 sh -c "cd '$scratch/both' && exec '$program' run --no-plots -H native counter_read"
	wait
	[ "$(ls "$scratch/both/results" | grep -vc latest)" = 2 ] || fail 'two runs at once do not leave two results'
	[ -s "$scratch/both/results/latest/result.json" ] || fail 'two runs at once: no results/latest'
fi

# ---- inside a lab: a guest that crashes, and kernels made to lack what is needed -----------------
if [ -n "$arm64" ]; then
	expect_status 0 "$PVTB" run --no-plots -H lab:arm64 -o "$out" selftest.crash
	grep -q 'undefined instruction' "$scratch/err" && grep -qE ' pc +[0-9a-f]{16}' "$scratch/err" ||
		fail "a crashed guest's registers are not printed"
	rm -rf "$out"

	LC_ALL=C sed 's/btf_trace_kvm_exit/btf_trace_kvm_exiX/' "$arm64" >"$scratch/no-tracepoint"
	run 'no kvm_exit tracepoint' -H lab:arm64,kernel="$scratch/no-tracepoint" hypercall

	LC_ALL=C sed 's/rdinit=/rdinIt=/; s,/init\x00,/inIt\x00,g' "$arm64" >"$scratch/panics"
	run 'Kernel panic' -H lab:arm64,kernel="$scratch/panics" hypercall
fi
if [ -n "$x86_64" ]; then
	# KVM is modular there: without its modules the lab has no /dev/kvm
	mkdir "$scratch/alone"
	cp "$x86_64" "$scratch/alone/"
	run 'No such file' -H lab:x86_64,kernel="$scratch/alone/vmlinuz",modules=/nonexistent ''
	run 'modules=DIR' -H lab:x86_64,kernel="$scratch/alone/vmlinuz" hypercall
fi
finish
