#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Kernels of commits: built with our configuration, kept, the user's repository left alone, what does not
# build named with the compiler's first error. The "kernel" here is a makefile that hands out the lab's
# own kernel, so that nothing is compiled; make check-kernels does it with a real one.
set -u
. tests/lab-lib.sh

XDG_CACHE_HOME_WAS=${XDG_CACHE_HOME:-$HOME/.cache}
kernel=$(ls -d "$XDG_CACHE_HOME_WAS"/pvtime-bench/kernels/arm64/*/vmlinuz 2>/dev/null | tail -n 1)
[ -n "$kernel" ] || kernel=$("$PVTB" lab fetch arm64)/vmlinuz
export XDG_CACHE_HOME="$scratch/cache"
builds=$scratch/builds
tree=$scratch/a-tree
: >"$builds"

mkdir -p "$XDG_CACHE_HOME/pvtime-bench"
stand_in_for_kernel_tools

git_tree() {
	git -C "$tree" -c user.name=t -c user.email=t@example.org "$@" >/dev/null 2>&1
}
commit() {
	git_tree add -A && git_tree commit -m "$1" || fail "git: commit $1"
}
# As Kbuild: a source tree that is not written to, O=, allnoconfig with what is asked for
mkdir -p "$tree"
git_tree init
cat >"$tree/Makefile" <<END
allnoconfig:
	{ cat \$(KCONFIG_ALLCONFIG); echo CONFIG_BPF_EVENTS=y; } >\$(O)/.config
Image: part.c
	@echo \$(LOCALVERSION) >>$builds
	@! grep -Hn BROKEN part.c | sed 's/BROKEN/ error: no such thing/' | grep . >&2
	mkdir -p \$(O)/arch/arm64/boot && cp $kernel \$(O)/arch/arm64/boot/Image
	touch \$(O)/vmlinux
END
echo 'int a;' >"$tree/part.c"
commit good
echo 'BROKEN' >"$tree/part.c"
commit broken
echo 'int a, b;' >"$tree/part.c"
commit better
echo 'uncommitted' >"$tree/other"
echo 'int c;' >"$tree/part.c"
git_tree add other

state() {
	(cd "$tree" && find . -type f -exec sha256sum {} + | sort && git --no-optional-locks worktree list)
}
state >"$scratch/before"
ab() {
	"$PVTB" ab --tree "$tree" --commits "$@"
}

# both commits are built, boot, and are the same kernel
expect_status 0 ab HEAD~2 HEAD hypercall.pv_time_features || finish
grep -q '^0 worse, 0 better, 4 same' "$scratch/out" || fail "two commits with one kernel: $(cat "$scratch/out")"
[ "$(wc -l <"$builds")" = 2 ] || fail "$(wc -l <"$builds") builds of two commits"
! grep -qv "^-g$(git -C "$tree" rev-parse HEAD~2 | cut -c 1-12)\|^-g$(git -C "$tree" rev-parse HEAD | cut -c 1-12)" \
	"$builds" || fail "the kernels are not called by their commits: $(cat "$builds")"

# one that cannot be built is 125, with the commit and the first error; the good one is not built again
expect_status 125 ab HEAD~2 HEAD~1 hypercall.pv_time_features
grep -q '^pvtb: [0-9a-f]*: does not build for arm64 (broken)' "$scratch/err" || fail "$(cat "$scratch/err")"
grep -q 'hint: part.c:1: *error: no such thing' "$scratch/err" || fail "no first error: $(cat "$scratch/err")"
[ "$(wc -l <"$builds")" = 3 ] || fail "a kernel that is kept was built again"

# the gate builds what is checked out, and says that changes are not in it
expect_status 0 "$PVTB" gate --tree "$tree" "$scratch/base.json" --update hypercall.pv_time_features
grep -q 'not committed: they are not built' "$scratch/err" || fail "uncommitted changes: nothing said"
expect_status 125 "$PVTB" gate --tree "$tree" --commit HEAD~1 "$scratch/base.json"
[ "$(wc -l <"$builds")" = 4 ] || fail "the gate built $(wc -l <"$builds")"

# somebody else at work: wait
lock=$(echo "$XDG_CACHE_HOME"/pvtime-bench/trees/*/.lock)
(exec 9>"$lock" && flock 9 && sleep 2) &
sleep 1
expect_status 125 ab HEAD~1 HEAD hypercall.pv_time_features
grep -q 'waiting for another build' "$scratch/err" || fail "two builds at once: $(cat "$scratch/err")"
wait

# all the while nobody wrote to the repository, its index, or what is checked out
state >"$scratch/after"
cmp -s "$scratch/before" "$scratch/after" || fail "the repository was changed: $(diff "$scratch/before" "$scratch/after")"

# a compiler that was killed is not the commit's fault, and the hint says where to look
sed -i 's,^\t@! grep -Hn BROKEN,\t@! grep -q UNLUCKY part.c || { echo "gcc: fatal error: Killed signal terminated program cc1" >\&2; false; }\n&,' \
	"$tree/Makefile"
echo 'UNLUCKY' >"$tree/part.c"
commit unlucky
expect_status 125 ab HEAD HEAD~1 hypercall.pv_time_features
grep -q '^pvtb: [0-9a-f]*: does not build for arm64: gcc: fatal error: Killed signal' "$scratch/err" &&
	grep -q 'hint: memory, space in' "$scratch/err" || fail "a killed compiler: $(cat "$scratch/err")"

# pvtb killed in the middle: nothing goes on compiling, and the next one need not wait
sed -i 's,^\t@! grep -q UNLUCKY.*,\ttouch $(O)/begun; exec sleep 300,' "$tree/Makefile"
commit slow
begun=$(dirname "$lock")/build-arm64/begun
"$PVTB" ab --tree "$tree" --commits HEAD HEAD~1 hypercall.pv_time_features >/dev/null 2>&1 &
for i in $(seq 100); do
	[ -e "$begun" ] && break
	sleep 0.1
done
[ -e "$begun" ] || fail "the slow one was not begun"
kill -9 $!
wait $! 2>/dev/null
flock -w 20 "$lock" true || fail "its compilers were left behind"

# a configuration that does not hold: not silently without KVM
printf 'allnoconfig:\n\tgrep -v CONFIG_KVM= $(KCONFIG_ALLCONFIG) >$(O)/.config\n' >"$tree/Makefile"
commit 'no KVM'
expect_status 125 ab HEAD HEAD~1 hypercall.pv_time_features
grep -q 'cannot be configured with CONFIG_KVM=y' "$scratch/err" || fail "no KVM: $(cat "$scratch/err")"
finish
