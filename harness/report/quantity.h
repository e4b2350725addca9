/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From what was measured (ticks) to what is shown (nanoseconds, or instructions on a host where a
 * tick is one): the only place where units are converted. Exact rational arithmetic, rounded once.
 */
#ifndef PVTB_REPORT_QUANTITY_H
#define PVTB_REPORT_QUANTITY_H

#include "results/result.h"

#define PVTB_QUANTITY_CHARS 48

/* "ns", "instr" or, where the host's counter frequency is unknown, "ticks". */
const char *pvtb_time_unit(const struct pvtb_host_result *h);
/* The same spelled out for prose: "nanoseconds", "instructions", "ticks". */
const char *pvtb_time_unit_long(const struct pvtb_host_result *h);
/* Unit a metric is shown in, for CSV and metric tables. */
const char *pvtb_shown_unit(const struct pvtb_host_result *h, enum pvtb_unit unit);
/* @value of @unit in the unit shown. */
double pvtb_shown_value(const struct pvtb_host_result *h, enum pvtb_unit unit, double value);
/* "1 tick = 1 instruction", "1 tick = 16 ns (62.5 MHz)". */
void pvtb_tick_text(const struct pvtb_host_result *h, char *buf, size_t size);

/* @value to exactly @decimals places, in the unit shown. */
void pvtb_quantity_fixed(const struct pvtb_host_result *h, enum pvtb_unit unit, double value,
			 unsigned int decimals, char *buf, size_t size);
/* As many digits as the value deserves. */
void pvtb_quantity(const struct pvtb_host_result *h, enum pvtb_unit unit, double value, char *buf,
		   size_t size);
/* A duration seen by a single read: not finer than the tick; "<16" below one tick. */
void pvtb_quantity_read(const struct pvtb_host_result *h, const struct pvtb_metric *m, char *buf,
			size_t size);
/* A value with an interval: digits follow the interval. @half: "" without one. */
void pvtb_quantity_interval(const struct pvtb_host_result *h, const struct pvtb_metric *m,
			    char *value, size_t value_size, char *half, size_t half_size);
/* The decimals it uses, for values to be read beside it. */
unsigned int pvtb_interval_decimals(const struct pvtb_host_result *h, const struct pvtb_metric *m);
/* True when a single read of @value ticks cannot be told from nothing. */
bool pvtb_below_tick(const struct pvtb_host_result *h, enum pvtb_unit unit, double value);

/* "50 000". */
void pvtb_grouped(u64 n, char *buf, size_t size);

#endif
