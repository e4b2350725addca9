/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files carried inside the program, each between SYMBOL and SYMBOL_end, with a NUL behind the end
 * so that text can be used as a string. One line per file; a source path is relative to the root
 * of the project, a built one to the architecture's build directory (PVTB_BUILD_DIR).
 */
	.section .rodata.pvtb_embed, "a", %progbits

.macro embed_file symbol, path
	.balign 16
	.globl \symbol
	.globl \symbol\()_end
	.type \symbol, %object
\symbol:
	.incbin "\path"
\symbol\()_end:
	.byte 0
	.size \symbol, \symbol\()_end - \symbol
.endm

.macro embed_built symbol, dir, path
	embed_file \symbol, "\dir/\path"
.endm

	embed_built pvtb_guest_image, PVTB_BUILD_DIR, "guest.elf"
	embed_built pvtb_emulator_check, PVTB_BUILD_DIR, "emulator-check.bin"
	embed_file pvtb_fetch_kernel_sh, "lab/fetch-kernel.sh"
	embed_file pvtb_build_kernel_sh, "lab/build-kernel.sh"
	embed_file pvtb_config_common, "lab/config/common.config"
	embed_file pvtb_config_arm64, "lab/config/arm64.config"
	embed_file pvtb_config_x86_64, "lab/config/x86_64.config"
	embed_file pvtb_plot_style_gp, "plots/style.gp"
	embed_file pvtb_plot_latency_gp, "plots/latency.gp"
	embed_file pvtb_plot_decomposition_gp, "plots/decomposition.gp"
	embed_file pvtb_plot_rate_steps_gp, "plots/rate-steps.gp"
	embed_file pvtb_plot_lpt_ratio_gp, "plots/lpt-ratio.gp"
	embed_file pvtb_plot_migration_time_gp, "plots/migration-time.gp"
	embed_file pvtb_plot_migration_timers_gp, "plots/migration-timers.gp"
	embed_file pvtb_plot_migration_ratio_gp, "plots/migration-ratio.gp"
	embed_file pvtb_plot_steal_time_gp, "plots/steal-time.gp"
	embed_file pvtb_plot_steal_causes_gp, "plots/steal-causes.gp"
	embed_file pvtb_plot_steal_scenarios_gp, "plots/steal-scenarios.gp"

	.section .note.GNU-stack, "", %progbits
