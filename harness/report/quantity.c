// SPDX-License-Identifier: GPL-2.0-only
/* Owns unit conversion and the number of digits shown. No I/O. */
#include "report/quantity.h"

#include <math.h>
#include <string.h>

#define DECIMALS_MAX 6

static const u64 pow10_of[DECIMALS_MAX + 1] = {1, 10, 100, 1000, 10000, 100000, 1000000};

static bool shows_instructions(const struct pvtb_host_result *h, enum pvtb_unit unit)
{
	return unit == PVTB_UNIT_INSTRUCTIONS || (unit == PVTB_UNIT_TICKS && h->deterministic);
}

static bool shows_ns(const struct pvtb_host_result *h, enum pvtb_unit unit)
{
	return unit == PVTB_UNIT_NS ||
	       (unit == PVTB_UNIT_TICKS && !h->deterministic && h->counter_hz);
}

const char *pvtb_time_unit(const struct pvtb_host_result *h)
{
	return h->deterministic ? "instr" : h->counter_hz ? "ns" : "ticks";
}

const char *pvtb_time_unit_long(const struct pvtb_host_result *h)
{
	return h->deterministic ? "instructions" : h->counter_hz ? "nanoseconds" : "ticks";
}

const char *pvtb_shown_unit(const struct pvtb_host_result *h, enum pvtb_unit unit)
{
	if (shows_instructions(h, unit))
		return "instructions";
	if (shows_ns(h, unit))
		return "ns";
	return pvtb_unit_name(unit);
}

/* Ticks that make @ret_num nanoseconds per @ret_den of them; 1/1 when nothing is converted. */
static void ratio_of(const struct pvtb_host_result *h, enum pvtb_unit unit, u64 *ret_num,
		     u64 *ret_den)
{
	bool convert = unit == PVTB_UNIT_TICKS && shows_ns(h, unit);

	*ret_num = convert ? PVTB_NSEC_PER_SEC : 1;
	*ret_den = convert ? h->counter_hz : 1;
}

/*
 * round(value * num * 10^decimals / den), half away from zero, without an intermediate rounding: a
 * double is a 53-bit integer times a power of two. False when 128 bits are not enough.
 */
static bool scale_exact(double value, u64 num, u64 den, unsigned int decimals, s128 *ret)
{
	int exponent;
	s64 mantissa = (s64)ldexp(frexp(fabs(value), &exponent), 53);
	u128 top, bottom = den;
	u128 q;

	exponent -= 53;
	/* Trailing zero bits first: most values are small integers. */
	while (mantissa && !(mantissa & 1)) {
		mantissa >>= 1;
		exponent++;
	}
	if (__builtin_mul_overflow((u128)mantissa, (u128)num * pow10_of[decimals], &top))
		return false;
	if (exponent > 0) {
		if (exponent > 60 || top >> (127 - exponent))
			return false;
		top <<= exponent;
	} else {
		if (-exponent > 60 || bottom >> (126 + exponent))
			return false;
		bottom <<= -exponent;
	}
	q = top / bottom;
	if (top % bottom >= bottom - bottom / 2)
		q++;
	if (q >> 126)
		return false;
	*ret = value < 0 ? -(s128)q : (s128)q;
	return true;
}

double pvtb_shown_value(const struct pvtb_host_result *h, enum pvtb_unit unit, double value)
{
	u64 num, den;

	ratio_of(h, unit, &num, &den);
	/* One rounding of a 64-bit or longer mantissa, then one to double. */
	return (double)((long double)value * (long double)num / (long double)den);
}

void pvtb_quantity_fixed(const struct pvtb_host_result *h, enum pvtb_unit unit, double value,
			 unsigned int decimals, char *buf, size_t size)
{
	u64 num, den;
	s128 scaled;
	u128 mag;

	if (!isfinite(value)) {
		snprintf(buf, size, "-");
		return;
	}
	if (decimals > DECIMALS_MAX)
		decimals = DECIMALS_MAX;
	ratio_of(h, unit, &num, &den);
	if (!scale_exact(value, num, den, decimals, &scaled) || scaled > INT64_MAX ||
	    scaled < -INT64_MAX) {
		snprintf(buf, size, "%.*f", (int)decimals, pvtb_shown_value(h, unit, value));
		return;
	}
	mag = scaled < 0 ? (u128)-scaled : (u128)scaled;
	if (decimals)
		snprintf(buf, size, "%s%llu.%0*llu", scaled < 0 ? "-" : "",
			 (unsigned long long)(mag / pow10_of[decimals]), (int)decimals,
			 (unsigned long long)(mag % pow10_of[decimals]));
	else
		snprintf(buf, size, "%s%llu", scaled < 0 ? "-" : "", (unsigned long long)mag);
}

static bool is_whole(double v)
{
	return isfinite(v) && v == floor(v);
}

/* Four significant digits, at most two decimals; whole values of whole units stay whole. */
static unsigned int decimals_for(double shown)
{
	double a = fabs(shown);

	return is_whole(shown) ? 0 : a < 100 ? 2 : a < 1000 ? 1 : 0;
}

void pvtb_quantity(const struct pvtb_host_result *h, enum pvtb_unit unit, double value, char *buf,
		   size_t size)
{
	double shown = pvtb_shown_value(h, unit, value);

	/* A ratio or a rate near zero has its digits further right. */
	if (isfinite(shown) && !is_whole(shown) && fabs(shown) < 0.1) {
		snprintf(buf, size, "%.3g", shown);
		return;
	}
	pvtb_quantity_fixed(h, unit, value, decimals_for(shown), buf, size);
}

bool pvtb_below_tick(const struct pvtb_host_result *h, enum pvtb_unit unit, double value)
{
	return unit == PVTB_UNIT_TICKS && !h->deterministic && fabs(value) < 1;
}

void pvtb_quantity_read(const struct pvtb_host_result *h, const struct pvtb_metric *m, char *buf,
			size_t size)
{
	double shown = pvtb_shown_value(h, m->unit, m->value);
	double tick = pvtb_shown_value(h, m->unit, 1);
	unsigned int decimals = decimals_for(shown);
	char text[PVTB_QUANTITY_CHARS];

	/* Digits a coarse tick cannot back are noise (25 MHz: 40 ns). */
	if (m->unit == PVTB_UNIT_TICKS && tick >= 10)
		decimals = 0;
	if (!pvtb_below_tick(h, m->unit, m->value)) {
		pvtb_quantity_fixed(h, m->unit, m->value, decimals, buf, size);
		return;
	}
	pvtb_quantity_fixed(h, m->unit, 1, tick >= 10 ? 0 : 2, text, sizeof(text));
	snprintf(buf, size, "<%s", text);
}

unsigned int pvtb_interval_decimals(const struct pvtb_host_result *h, const struct pvtb_metric *m)
{
	bool time = shows_instructions(h, m->unit) || shows_ns(h, m->unit);
	double value = fabs(pvtb_shown_value(h, m->unit, m->value));
	/* Less than a picosecond, or a hundredth of an instruction in a thousand, is no news. */
	int most = !time ? DECIMALS_MAX : value < 100 ? 3 : 2;
	double half =
		fabs(pvtb_shown_value(h, m->unit, fmax(m->high - m->value, m->value - m->low)));
	int decimals;

	if (!isfinite(half))
		return value < 1000 ? 2 : 1;
	if (half == 0)
		return 2;
	/* Two significant digits of uncertainty. */
	decimals = 1 - (int)floor(log10(half));
	return (unsigned int)(decimals < 0 ? 0 : decimals > most ? most : decimals);
}

void pvtb_quantity_interval(const struct pvtb_host_result *h, const struct pvtb_metric *m,
			    char *value, size_t value_size, char *half, size_t half_size)
{
	double width = fmax(m->high - m->value, m->value - m->low);
	unsigned int decimals = pvtb_interval_decimals(h, m);
	double shown = pvtb_shown_value(h, m->unit, width);

	half[0] = '\0';
	pvtb_quantity_fixed(h, m->unit, m->value, decimals, value, value_size);
	if (!isfinite(width))
		return;
	if (shown > 0 && shown < 0.5 / (double)pow10_of[decimals])
		snprintf(half, half_size, "<%.*f", (int)decimals, 1 / (double)pow10_of[decimals]);
	else
		pvtb_quantity_fixed(h, m->unit, width, decimals, half, half_size);
}

static void frequency_text(u64 hz, char *buf, size_t size)
{
	if (hz >= 1000000)
		snprintf(buf, size, "%.7g MHz", (double)hz / 1e6);
	else
		snprintf(buf, size, "%llu Hz", (unsigned long long)hz);
}

void pvtb_tick_text(const struct pvtb_host_result *h, char *buf, size_t size)
{
	char tick[PVTB_QUANTITY_CHARS], hz[PVTB_QUANTITY_CHARS];
	u64 ns;

	if (h->deterministic) {
		snprintf(buf, size, "1 tick = 1 instruction");
		return;
	}
	if (!h->counter_hz) {
		snprintf(buf, size, "counter frequency unknown");
		return;
	}
	frequency_text(h->counter_hz, hz, sizeof(hz));
	ns = PVTB_NSEC_PER_SEC / h->counter_hz;
	pvtb_quantity_fixed(h, PVTB_UNIT_TICKS, 1,
			    ns * h->counter_hz == PVTB_NSEC_PER_SEC ? 0
			    : ns				    ? 2
								    : 3,
			    tick, sizeof(tick));
	snprintf(buf, size, "1 tick = %s ns (%s)", tick, hz);
}

void pvtb_grouped(u64 n, char *buf, size_t size)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
	size_t out = 0;

	for (int i = 0; i < len && out + 2 < size; i++) {
		if (i && (len - i) % 3 == 0 && len > 4)
			buf[out++] = ' ';
		buf[out++] = digits[i];
	}
	buf[out] = '\0';
}
