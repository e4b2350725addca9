#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Proof of the gate with real kernels: one nop more in kvm_smccc_call_handler(), on x86 in
# __kvm_emulate_hypercall(), is named by the hypercalls it is in and by nothing else, git bisect finds
# its commit, and wrong times are named by conformance: stolen time that is 1/64 short (by steal, too),
# that begins before the guest asked for it, on x86 only when it asked, and a trapped physical counter
# that is slow by 1 ppm. Not part of make check, because it compiles kernels: one for each architecture
# from nothing (minutes), seven more from these.
#
#	check-kernels.sh [WORKDIR]
#
# LINUX_SOURCE is the archive the kernel comes from. Everything is kept below the user's cache, so that
# a second run compiles nothing. Says each command before it is run, and what it printed.
set -u
. tests/lab-lib.sh

PVTB=$(realpath "$PVTB") # git runs it from the kernel's tree
source=${LINUX_SOURCE:-/usr/src/linux-source-6.12.tar.xz}
work=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/pvtime-bench/check-kernels}
tree=$work/linux
history=$work/history-$(cksum <"$0" | cut -d' ' -f1) # made by this script, and not by an older one
hypercalls='smccc_version pv_time_features pv_time_st unknown_id ptp' # what KVM answers itself
hypercalls_x86='unknown_nr kick_cpu clock_pairing'

# One source, one history: commits are called the same wherever it is made.
GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
export GIT_AUTHOR_DATE GIT_COMMITTER_DATE
g() {
	git -C "$tree" -c user.name=check -c user.email=check@example.org -c gc.auto=0 -c commit.gpgsign=false "$@"
}
# commit TAG SUBJECT: what was edited since; an edit that changed nothing is an error
commit() {
	g commit -q -a -m "$2" && g tag -f "$1" >/dev/null || {
		fail "$2: nothing was changed"
		finish
	}
}
edit() {
	sed -i "$2" "$tree/$1"
}
unpack() {
	[ -r "$source" ] || { fail "$source: not found: packaging/deps.sh kernels"; finish; }
	rm -rf "$tree" && mkdir -p "$tree" || finish
	echo "making a repository of $source" >&2
	tar -xf "$source" -C "$tree" --strip-components=1 && g init -q -b main && g add -Af . && g commit -q -m base ||
		{ fail "no repository"; finish; }
}
# base - a comment - the nop - something that is not compiled; and, from base each, wrong times and the nop
# of x86
make_history() {
	[ -d "$tree/.git" ] && g rev-parse -q --verify main >/dev/null || unpack
	g checkout -q -f --detach main && g tag -f base >/dev/null
	edit arch/arm64/kvm/pvtime.c \
		's,steal += vcpu->arch.steal.last_steal - last_steal;,steal += (vcpu->arch.steal.last_steal - last_steal) / 64 * 63;,'
	commit short 'stolen time 1/64 short'
	g checkout -q --detach base
	edit arch/arm64/kvm/pvtime.c \
		's,last_steal = current->sched_info.run_delay;,last_steal = 0;,'
	commit early 'stolen time from the birth of the thread'
	g checkout -q --detach base
	edit arch/arm64/kvm/hyp/include/hyp/switch.h \
		'/^static bool kvm_hyp_handle_cntpct/,/^}/s,val = arch_timer_read_cntpct_el0();,&\n\tval -= val / 1000000;,'
	commit slow 'trapped CNTPCT slow by 1 ppm'
	g checkout -q --detach base
	edit arch/x86/kvm/x86.c \
		's,^\t\tvcpu->arch.st.msr_val = data;,&\n\t\tvcpu->arch.st.last_steal = current->sched_info.run_delay;,'
	commit late_x86 'stolen time from the write of the MSR on x86'
	g checkout -q --detach base
	edit arch/x86/kvm/x86.c \
		'/^unsigned long __kvm_emulate_hypercall/,/^}/s/^\ttrace_kvm_hypercall/\tasm volatile("nop");\n&/'
	commit nop_x86 'one nop on x86'
	g checkout -q --detach base
	edit arch/arm64/kvm/psci.c '1a /* a comment */'
	commit comment 'a comment'
	edit arch/arm64/kvm/hypercalls.c \
		'/^int kvm_smccc_call_handler/,/^}/s/^\taction = /\tasm volatile("nop");\n&/'
	commit nop 'one nop'
	edit README '1i A line.'
	commit last 'a line of README'
	: >"$history"
}

# run WANTED COMMAND...: as expect_status, but shown
run() {
	printf '\n$ %s\n' "$(shift && echo "$*" | sed "s,$PVTB,pvtb,g;s,$work/,,g;s,^g ,git ,")"
	begun=$(date +%s)
	expect_status "$@"
	grep '^lab: built' "$scratch/err"
	cat "$scratch/out"
	printf '(%s s)\n' $(($(date +%s) - begun))
}

# worse_of: variants the last comparison calls WORSE by p50 or p99, and by how much: "name +1"
worse_of() {
	awk '$NF == "WORSE" && $1 ~ /\.p(50|99)$/ { sub(/\..*/, "", $1); print $1, $4 }' "$scratch/out" | sort -u
}

# named VARIANT...: these are called WORSE, by one and the same number of instructions, and no others
named() {
	worse_of >"$scratch/worse"
	for v in "$@"; do
		grep -q "^$v +[1-9]" "$scratch/worse" || fail "the nop is not named on $v"
	done
	[ "$(cut -d' ' -f2 "$scratch/worse" | sort -u | wc -l)" = 1 ] || fail "not one number: $(cat "$scratch/worse")"
	[ "$(wc -l <"$scratch/worse")" = $# ] || fail "named elsewhere too: $(cat "$scratch/worse")"
}

mkdir -p "$work" || finish
[ -e "$history" ] || make_history
cd "$(dirname "$0")/.." || exit 1

# 1. the nop, by its commits: on every call that KVM answers, and nowhere else
run 1 "$PVTB" ab --tree "$tree" --commits comment nop
named $hypercalls
grep -q '^  cntpct_trapped.p50 .* same$' "$scratch/out" || fail "counter reads were not compared"
run 1 "$PVTB" ab -H lab:x86_64,deterministic --tree "$tree" --commits base nop_x86
named $hypercalls_x86
grep -q '^  cpuid.p50 .* same$' "$scratch/out" || fail "CPUID was not compared"

# 2. a comment and a file that is not compiled change nothing
run 0 "$PVTB" ab --tree "$tree" --commits base comment

# 3. the gate, and git bisect with it
run 0 "$PVTB" gate "$work/base.json" --tree "$tree" --commit base --update
run 1 "$PVTB" gate "$work/base.json" --tree "$tree" --commit nop
g bisect start last base >/dev/null 2>&1 || fail "git bisect start"
run 0 g bisect run "$PVTB" gate "$work/base.json" --tree "$tree" hypercall.pv_time_features
grep -q "^$(g rev-parse nop) is the first bad commit" "$scratch/out" || fail "git bisect did not find the nop"
g bisect reset >/dev/null 2>&1

# 4. stolen time 1/64 short: the benchmark and the catalogue say so, of that kernel and not of the other
kernel_of() {
	ls -d "${XDG_CACHE_HOME:-$HOME/.cache}"/pvtime-bench/trees/linux-*/kernels/"${2:-arm64}-$(g rev-parse "$1^{commit}")"-*/* |
		grep -e '/Image$' -e '/vmlinux$' | tail -n 1
}
run 0 "$PVTB" ab --tree "$tree" --commits base short hypercall.pv_time_features
for k in base short; do
	want=0
	[ $k = base ] || want=1
	run $want "$PVTB" run --no-plots -H "lab:arm64,deterministic,kernel=$(kernel_of $k)" -o "$scratch/$k" steal.overcommit_2
	run $want "$PVTB" conformance -o "$scratch/$k-conformance" -H "lab:arm64,kernel=$(kernel_of $k)" PVT-13
done

# 5. times that begin or run wrong: the rows about them, and those alone, say so
# wrong COMMIT HOST ROW OTHER...: a row of the code's alone is a notice, a documented one a failure
wrong() {
	commit=$1 host=$2 row=$3
	shift 2
	"$PVTB" ab -H "$host,deterministic" --tree "$tree" --commits base "$commit" hypercall >"$scratch/out" 2>"$scratch/err" ||
		[ $? = 1 ] || fail "$commit: not built: $(tail -n 1 "$scratch/err")"
	for k in base "$commit"; do
		"$PVTB" conformance -o "$scratch/$k-$row" -H "$host,kernel=$(kernel_of $k "${host#lab:}")" "$@" >"$scratch/out" 2>&1
		printf '\n%s\n' "$k: $*" && cat "$scratch/out"
		for r in "$@"; do
			grep -q " ok [0-9]* $r" "$scratch/out" || fail "$k: $r was not run"
			! grep -q "^  ok [0-9]* $r # SKIP" "$scratch/out" || fail "$k: $r says nothing"
			said=$(grep -c -e "^  not ok [0-9]* $r\$" -e "# $r: notice" "$scratch/out")
			expected=0
			[ $k = base ] || [ "$r" != "$row" ] || expected=1
			[ "$said" = $expected ] || fail "$k: $r: $said complaints, not $expected"
		done
	done
}
# late_start COMMIT HOST: the benchmark says so, too, where time was lost before the guest asked
late_start() {
	for k in base "$1"; do
		want=0
		[ $k = base ] || want=1
		run $want "$PVTB" run --no-plots -p brief -H "$2,kernel=$(kernel_of $k "${2#lab:}")" -o "$scratch/$k-late-$1" steal.late_start
	done
}
wrong early lab:arm64 PVT-25 PVT-12 PVT-07
late_start early lab:arm64
wrong slow lab:arm64 CNT-05 CNT-01 CNT-15
wrong late_x86 lab:x86_64 STL-16 STL-09 STL-10
late_start late_x86 lab:x86_64
finish
