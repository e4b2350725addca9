#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Options of an emulated host that name its emulator, its CPU, its kernel's command line and KVM's mode: each
# arrives, and what a mode or an emulator cannot give is a SKIP, an expected failure or one clear line.
set -u
. tests/lab-lib.sh

# An emulator whose CPU ignores CNTPOFF_EL2: what it says when it is checked is made up, all else is the real one.

real=$(command -v qemu-system-aarch64)
mkdir "$scratch/qemu"
cat >"$scratch/qemu/qemu-system-aarch64" <<QEMU
#!/bin/sh
case "\$*" in
*"-serial stdio -kernel"*"-append"*) ;;
*-serial*) echo 'pvtb 3b9aca00 2 1e8482 1 0'; exit ;;
esac
exec $real "\$@"
QEMU
chmod +x "$scratch/qemu/qemu-system-aarch64"
faulty=lab:arm64,qemu=$scratch/qemu
expect_status 0 "$PVTB" conformance -H "$faulty" -o "$scratch/x" --mutant CNT-05 CNT-05 PVT-07 && {
	grep -q 'ok . CNT-05 # XFAIL emulator: QEMU [0-9.]*, fault cntpoff: ' "$scratch/out" ||
		fail "CNT-05 is not the emulator's: $(grep CNT-05 "$scratch/out")"
	grep -q 'ok . PVT-07$' "$scratch/out" || fail "PVT-07 does not pass beside it"
}
expect_status 1 "$PVTB" conformance -H "$faulty" -o "$scratch/y" --mutant PVT-07 PVT-07
expect_status 1 "$PVTB" conformance -H lab:arm64 -o "$scratch/z" --mutant CNT-05 CNT-05
PATH="$scratch/qemu:$PATH" "$PVTB" doctor >"$scratch/out" 2>&1
tr -s ' \n' ' ' <"$scratch/out" | grep -q 'its CPU fails the check of cntpoff' || fail "doctor does not say it"
expect_status 2 "$PVTB" lab run "lab:arm64,qemu=$scratch/nothing" -- doctor

measure words "lab:arm64,append=\"isolcpus=nohz,domain,1 pvtb.word=1\"" counter_read.cntvct && {
	grep -q '"cmdline": *".*isolcpus=nohz,domain,1 pvtb.word=1"' "$scratch/words/result.json" ||
		fail "append= does not arrive"
	grep -q "\"qemu\": *\"$("$real" --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p')" "$scratch/words/result.json" ||
		fail "QEMU's version is not in the result"
}

# a guest counter with a hardware offset, where QEMU has such a CPU
got=0
"$PVTB" run -H lab:arm64,ecv,deterministic --no-plots -o "$scratch/ecv" counter_read >"$scratch/out" 2>"$scratch/err" || got=$?
case $got in
0)
	"$PVTB" report --format seed-table "$scratch/ecv" >"$scratch/out"
	grep -q 'Hardware offset' "$scratch/out" || grep -q 'cntpct_offset.*this QEMU ignores' "$scratch/ecv/report.txt" ||
		fail "ecv: no hardware offset in the table: $(cat "$scratch/out")"
	;;
4) grep -q 'has no CPU with FEAT_ECV' "$scratch/err" || fail "ecv: $(cat "$scratch/err")" ;;
*) fail "ecv: exit status $got: $(tail -n 3 "$scratch/err")" ;;
esac

# a real-time kernel is there, but its KVM does not run on an emulated x86
expect_status 4 "$PVTB" lab run lab:x86_64,series=6.12-rt -- doctor &&
	grep -q 'wants a constant TSC' "$scratch/err" || fail "x86 rt: $(cat "$scratch/err")"

# pKVM is a mode of KVM, and a host with another clock has guests without the master clock
expect_status 0 "$PVTB" lab run lab:arm64,protected -- doctor
grep -q 'works, pKVM ' "$scratch/out" || fail "protected: $(grep /dev/kvm "$scratch/out")"
# another clock than the TSC: what needs the master clock says so
expect_status 0 "$PVTB" conformance -H lab:x86_64,clocksource=hpet -o "$scratch/hpet" CLK-01 CLK-03 CLK-13
[ "$(grep -c 'SKIP .*does the host keep time by the TSC' "$scratch/out")" = 2 ] || fail "clocksource=hpet: $(cat "$scratch/out")"
finish
