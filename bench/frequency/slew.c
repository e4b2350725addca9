// SPDX-License-Identifier: GPL-2.0-only
/*
 * frequency.slew: the host's clock is made to run faster, as NTP does. The guest's counter must not
 * care. Only where the user asked for it (--slew): it is everybody's clock.
 */
#include "bench/frequency/frequency.h"

#include <math.h>

#include "load/adjtime.h"

#define SLEW_PPM  PVTB_ADJTIME_MAX_PPM
/* The kernel steers its clock a tick at a time and remembers what it owes. */
#define ALLOW_PPB 5000.0

enum { BEFORE, SLEWED, AFTER, PARTS };

int freq_slew_judge(const struct freq_seen *s, struct pvtb_variant_result *v)
{
	static const char *const names[PARTS] = {"before", "slewed", "after"};
	double by = s[SLEWED].rate.mono_ppb - s[BEFORE].rate.mono_ppb;
	double left = s[AFTER].rate.mono_ppb - s[BEFORE].rate.mono_ppb;
	double counter = s[SLEWED].rate.ppb - s[BEFORE].rate.ppb;
	double unc = s[SLEWED].rate.unc_ppb + s[BEFORE].rate.unc_ppb;
	double mono_unc = s[SLEWED].rate.mono_unc_ppb + s[BEFORE].rate.mono_unc_ppb;
	int ret = 0;

	for (int i = 0; !ret && i < PARTS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%s.monotonic", names[i]);
		ret = freq_add(v, name, PVTB_UNIT_PPB, s[i].rate.mono_ppb, s[i].rate.mono_unc_ppb,
			       2);
		snprintf(name, sizeof(name), "%s.rate", names[i]);
		if (!ret)
			ret = freq_add(v, name, PVTB_UNIT_PPB, s[i].rate.ppb, s[i].rate.unc_ppb, 2);
		if (!ret)
			ret = freq_step(v,
					i == BEFORE   ? "slew: before"
					: i == SLEWED ? "slew: +500 ppm"
						      : "slew: after",
					&s[i]);
	}
	/* whatever was there before is replaced: NTP's own correction is part of the difference */
	if (!ret)
		ret = pvtb_variant_add_law(v, "slewed", "CLOCK_MONOTONIC is what was slewed",
					   by > mono_unc ? PVTB_OK : PVTB_INCONCLUSIVE,
					   "%+.0f ppb while slewed, %+.0f ppb before",
					   s[SLEWED].rate.mono_ppb, s[BEFORE].rate.mono_ppb);
	if (!ret)
		ret = pvtb_variant_add_law(v, "counter", "the guest's counter does not follow it",
					   fabs(counter) > unc + ALLOW_PPB ? PVTB_FAIL
					   : by > mono_unc		   ? PVTB_OK
									   : PVTB_INCONCLUSIVE,
					   "%+.0f +- %.0f ppb by the raw clock", counter, unc);
	if (!ret)
		ret = pvtb_variant_add_law(v, "restored", "the clock's rate is what it was",
					   fabs(left) <= mono_unc + ALLOW_PPB ? PVTB_OK : PVTB_FAIL,
					   "%+.0f ppb from before", left);
	return ret ?: freq_monotonic(&s[SLEWED], v);
}

int freq_slew(struct pvtb_run *run, struct pvtb_variant_result *v, struct pvtb_err *err)
{
	struct pvtb_adjtime *adj = NULL;
	struct freq_seen seen[PARTS];
	struct freq_vm vm;
	int ret, r;

	if (!run->slew)
		return pvtb_err_set(err, -EOPNOTSUPP, "slew",
				    "changes the clock of the whole host: ask for it with --slew");
	ret = freq_vm_new(run, &vm, err);
	for (int i = 0; !ret && i < PARTS; i++) {
		if (i == SLEWED)
			ret = pvtb_adjtime_slew(run->guardian, SLEW_PPM, &adj, err);
		if (!ret)
			ret = freq_watch(&vm, freq_run_ns(run), NULL, NULL, NULL, &seen[i], err);
		if (i == SLEWED) {
			r = pvtb_adjtime_restore(adj, ret ? NULL : err);
			ret = ret ?: r;
		}
	}
	if (!ret && freq_slew_judge(seen, v))
		ret = pvtb_err_sys(err, -ENOMEM, "frequency");
	freq_vm_free(&vm);
	return ret;
}
