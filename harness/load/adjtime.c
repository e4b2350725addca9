// SPDX-License-Identifier: GPL-2.0-only
/* Owns the rate of the host's clock: set and put back. */
#include "load/adjtime.h"

#include <sys/timex.h>

/* struct timex has ppm with 16 bits of fraction */
#define PPM 65536L

struct pvtb_adjtime {
	struct pvtb_guardian *guardian;
	u64 id;
	long freq; /* as found */
};

static int set_freq(long freq)
{
	struct timex t = {.modes = ADJ_FREQUENCY, .freq = freq};

	return adjtimex(&t) < 0 ? -errno : 0;
}

int pvtb_adjtime_slew(struct pvtb_guardian *g, int ppm, struct pvtb_adjtime **ret,
		      struct pvtb_err *err)
{
	struct timex now = {.modes = 0};
	struct pvtb_adjtime *a;
	int code;

	if (ppm > PVTB_ADJTIME_MAX_PPM || ppm < -PVTB_ADJTIME_MAX_PPM)
		return pvtb_err_set(err, -EINVAL, "adjtimex", "%d ppm, %d at most", ppm,
				    PVTB_ADJTIME_MAX_PPM);
	if (adjtimex(&now) < 0)
		return pvtb_err_sys(err, -errno, "adjtimex");
	a = calloc(1, sizeof(*a));
	if (!a)
		return pvtb_err_sys(err, -ENOMEM, "adjtimex");
	a->guardian = g;
	a->freq = now.freq;
	code = pvtb_guardian_add_clock_rate(g, a->freq, &a->id, err);
	if (!code) {
		code = set_freq(ppm * PPM);
		if (code && pvtb_guardian_remove(g, a->id, NULL)) {
			/* then it is put back to what it is */
		}
		if (code)
			pvtb_err_set(err, code == -EPERM ? -EOPNOTSUPP : code, "adjtimex",
				     "not ours to set (CAP_SYS_TIME)");
		if (code == -EPERM)
			code = -EOPNOTSUPP;
	}
	if (code) {
		free(a);
		return code;
	}
	*ret = a;
	return 0;
}

int pvtb_adjtime_restore(struct pvtb_adjtime *a, struct pvtb_err *err)
{
	struct timex now = {.modes = 0};
	int ret;

	if (!a)
		return 0;
	ret = set_freq(a->freq);
	if (ret)
		pvtb_err_sys(err, ret, "putting back the clock's rate");
	else if (adjtimex(&now) < 0 || now.freq != a->freq)
		ret = pvtb_err_set(err, -EIO, "adjtimex", "the clock's rate is not what it was");
	/* else it stays with the guardian */
	if (!ret && pvtb_guardian_remove(a->guardian, a->id, NULL))
		ret = pvtb_err_set(err, -EIO, "guardian", "does not answer");
	free(a);
	return ret;
}
