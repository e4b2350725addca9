/* SPDX-License-Identifier: GPL-2.0-only */
/* Figures for the subcommands that leave or show a result. */
#ifndef PVTB_CMD_FIGURES_H
#define PVTB_CMD_FIGURES_H

#include "core/guardian.h"
#include "results/result.h"

/* Draw every figure of @r, whose files are in the result directory @dir, into @dir/plots. @guardian: as of
 * struct pvtb_plot_options. */
int pvtb_figures_draw(const struct pvtb_result *r, const char *dir, struct pvtb_guardian *guardian,
		      struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
