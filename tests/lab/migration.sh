#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Time across a migration, in emulated hosts of both architectures and between two of them: by offset and
# by LPT the guest does not notice; by value it is behind by what the VMM took; on a host with another
# frequency its rate is wrong by exactly the ratio, unless it has LPT; timers are never early. And the
# commands that send a guest and take it in.
# alone: two emulated hosts at a time
set -u
. tests/lab-lib.sh

# unnoticed NAME VARIANT: the jump is within what is not known of it, the VMM's own knowledge included
unnoticed() {
	jump=$(value "$1" "migration.$2.jump") unc=$(value "$1" "migration.$2.jump.unc")
	equal "jump of $2, $jump ns, within $unc" 1 \
		"$(awk -v j="$jump" -v u="$unc" 'BEGIN { print (u != "" && j <= u && -j <= u) }')"
}

# ratio NAME VARIANT PPB: the rate after the move, to 1 ppm
ratio() {
	equal "rate of $2" 1 "$(awk -v r="$(value "$1" "migration.$2.rate.after")" -v w="$3" \
		'BEGIN { d = r - w; print (r != "" && d < 1000 && d > -1000) }')"
}

# said TEXT: on the standard output or error of the last command
said() {
	grep -q "$1" "$scratch/out" "$scratch/err" && return
	fail "'$1' was not said:"
	sed 's/^/    /' "$scratch/out" "$scratch/err" >&2
}

# every NAME ARCH WHICH SKIPPED: every scenario of the catalogue for ARCH whose name matches WHICH was run
# and nothing else; those that match SKIPPED, and no others, were left out with a reason; the rest is ok, or
# was not seen well enough to tell on a busy machine
every() {
	"$PVTB" list --json migration >"$scratch/list.json"
	"${PYTHON:-/usr/bin/python3}" - "$scratch/list.json" "$scratch/$1/result.json" "$2" "$3" "$4" \
		>"$scratch/missing" <<'PY' || fail "$1: not as it should be:" "$(cat "$scratch/missing")"
import json, re, sys
listed, result, arch, which, skipped = sys.argv[1:]
want = {v["name"] for b in json.load(open(listed)) for v in b["variants"]
        if arch in v["archs"] and re.fullmatch(which, v["name"])}
got = {v["name"]: v for h in json.load(open(result))["hosts"] for b in h["benches"]
       for v in b["variants"]}
bad = ["missing: " + n for n in sorted(want - set(got))]
bad += ["not asked for: " + n for n in sorted(set(got) - want)]
for name in sorted(want & set(got)):
    v = got[name]
    if re.fullmatch(skipped, name):
        if v["status"] != "skip" or not v.get("why"):
            bad.append(f"{name}: {v['status']}, should be skipped for a reason")
    elif v["status"] not in ("ok", "inconclusive"):
        bad.append(f"{name}: {v['status']}: {v.get('why', '')}")
print("\n".join(bad))
sys.exit(bool(bad))
PY
}

# One host: every scenario there is; those of two hosts are left out, and where nothing scales the TSC's.
measure a lab:arm64 migration || finish
every a arm64 '.*' 'hosts_.*'
for scenario in process_lpt smp_lpt file_lpt; do unnoticed a $scenario; done
at_most "jump by value, delayed by 10 ms" -9000000 "$(value a migration.value_10ms.jump)"
measure x lab:x86_64 migration || finish
every x x86_64 '.*' 'hosts_.*|tsc_.*'
unnoticed x lpt
at_most "jump by value, delayed by 10 ms" -9000000 "$(value x migration.value_10ms.jump)"

# Two hosts, to a faster counter and to a slower one.
measure up lab:arm64,hz=62500000+lab:arm64,hz=100000000 migration && {
	every up arm64 'hosts_.*' hosts_timers_10s
	ratio up hosts_offset 600000000
	ratio up hosts_lpt 0
}
measure down lab:arm64,hz=1000000000+lab:arm64,hz=62500000 -p standard migration.hosts_offset \
	migration.hosts_lpt_back migration.hosts_timers_blackout migration.hosts_timers_10s && {
	every down arm64 'hosts_(offset|lpt_back|timers_blackout|timers_10s)' ''
	ratio down hosts_offset -937500000
}
measure xx lab:x86_64+lab:x86_64 migration && every xx x86_64 'hosts_.*' ''

# Two kernel versions. Where the CPU has nothing that the newer KVM does not let it hide, a guest of the older
# one finds its own CPU there; the other way round it is refused, and what is next goes over the same link.
has_kernel arm64 6.1 && {
	measure kernels lab:arm64,series=6.1+lab:arm64 \
		migration.hosts_offset migration.hosts_value migration.hosts_lpt_smp migration.hosts_lpt_back && {
		every kernels arm64 'hosts_(offset|value|lpt_smp|lpt_back)' hosts_lpt_back
		unnoticed kernels hosts_lpt_smp
	}
	expect_status 4 "$PVTB" run -H lab:arm64+lab:arm64,series=6.1 --no-plots -o "$scratch/refused" \
		migration.hosts_lpt_smp migration.hosts_value && {
		every refused arm64 'hosts_(lpt_smp|value)' 'hosts_.*'
		equal "guests refused for a register" 2 "$(verdicts refused |
			grep -c ' skip CPU: its S3_0_C0_C.* is .*, and this KVM does not take the other')"
	}
}

# Side by side over a socket; refused, and goes on; saved, and restored.
expect_status 2 "$PVTB" lab run lab:arm64 -- \
	migrate-target -w 20 tcp:4444 ++ migrate-source -m lpt -c 2 tcp:4444 then \
	migrate-source -m offset file:/tmp/guest then migrate-target file:/tmp/guest then \
	migrate-target -w 20 --max-memory 16 unix:/tmp/s ++ migrate-source --ring 64 unix:/tmp/s && {
	said 'listening  127.0.0.1:4444, this machine only'
	equal "guests that went on elsewhere" 2 "$(grep -c ' 0 missing, 0 steps back' "$scratch/out")"
	said 'refused by the target: migration stream: a guest of'
	said 'the guest goes on here'
}
expect_status 0 "$PVTB" lab run lab:arm64,hz=62500000+lab:arm64,hz=100000000 -- \
	migrate-source -m lpt port:link // migrate-target port:link &&
	said 'counter 62.5 MHz there, 100 MHz here'

# What cannot be two hosts is said before anything boots.
for bad in lab:arm64+lab:x86_64 lab:arm64,deterministic+lab:arm64; do
	expect_status 2 "$PVTB" run -H "$bad" -o "$scratch/never" migration
done
expect_status 2 "$PVTB" run -H lab:arm64+lab:arm64 -o "$scratch/never" lpt
said 'lpt does not support two joined hosts'
finish
