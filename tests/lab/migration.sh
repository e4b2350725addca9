#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Time across a migration, in emulated hosts of both architectures: by offset and by LPT the guest
# does not notice; by value it is behind by what the VMM took, and that is said.
set -u
. tests/lab-lib.sh

# unnoticed NAME VARIANT: the jump is within its own uncertainty
unnoticed() {
	jump=$(value "$1" "migration.$2.jump") unc=$(value "$1" "migration.$2.jump.unc")
	equal "jump of $2, $jump ns, within $unc" 1 \
		"$(awk -v j="$jump" -v u="$unc" 'BEGIN { print (u != "" && j <= u && -j <= u) }')"
}

measure a lab:arm64 migration.offset migration.value_10ms migration.process_lpt \
	migration.smp_lpt migration.file_offset || finish
unnoticed a process_lpt
unnoticed a smp_lpt
at_most "jump by value, delayed by 10 ms" -9000000 "$(value a migration.value_10ms.jump)"
measure x lab:x86_64 migration.offset migration.value_10ms migration.lpt || finish
unnoticed x lpt
at_most "jump by value, delayed by 10 ms" -9000000 "$(value x migration.value_10ms.jump)"
finish
