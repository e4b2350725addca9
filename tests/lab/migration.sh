#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Time across a migration, in emulated hosts of both architectures and between two of them: by offset and
# by LPT the guest does not notice; by value it is behind by what the VMM took; on a host with another
# frequency its rate is wrong by exactly the ratio, unless it has LPT; timers are never early. And the
# commands that send a guest and take it in.
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

measure a lab:arm64 migration.offset migration.value_10ms migration.process_lpt \
	migration.smp_lpt migration.file_offset migration.timers_physical || finish
unnoticed a process_lpt
unnoticed a smp_lpt
at_most "jump by value, delayed by 10 ms" -9000000 "$(value a migration.value_10ms.jump)"
measure x lab:x86_64 migration.offset migration.value_10ms migration.lpt || finish
unnoticed x lpt
at_most "jump by value, delayed by 10 ms" -9000000 "$(value x migration.value_10ms.jump)"

measure up lab:arm64,hz=62500000+lab:arm64,hz=100000000 migration.hosts_offset migration.hosts_lpt \
	migration.hosts_timers_virtual && {
	ratio up hosts_offset 600000000
	ratio up hosts_lpt 0
}
measure down lab:arm64,hz=1000000000+lab:arm64,hz=62500000 migration.hosts_offset \
	migration.hosts_lpt_back migration.hosts_timers_blackout && ratio down hosts_offset -937500000
measure xx lab:x86_64+lab:x86_64 migration.hosts_lpt_smp

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
said 'nothing asked for knows what to do with two hosts'
finish
