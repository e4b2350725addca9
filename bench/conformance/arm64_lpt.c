// SPDX-License-Identifier: GPL-2.0-only
/* Rows LPT: Live Physical Time (DEN 0057A, KVM RFC of 2020), asked of this program's own VMM and of a
 * kernel that has it. */
#include <inttypes.h>

#include "bench/conformance/check.h"

#define LPT_SRC	 "DEN 0057A; \"KVM: arm64: Add pvtime LPT support\", RFC, 2020"
#define ARM	 .archs = PVTB_ARCH_ARM64
#define PV_HZ	 100000000U
#define FIELD(f) (PVTB_GPA_LPT + offsetof(struct pvtb_lpt, f))

static struct pvtb_vm *lpt_vm(struct cf *cf)
{
	return cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 2,
						.lpt = cf->caps.lpt_in_kernel ? PVTB_LPT_KERNEL
									      : PVTB_LPT_VMM,
						.lpt_pv_hz = PV_HZ});
}

static void lpt_01(struct cf *cf)
{
	struct pvtb_vm *vm = lpt_vm(cf), *plain = cf_plain_vm(cf);

	for (unsigned int i = 0; i < 2; i++)
		cf_eq(cf, cf_call(cf, vm, i, CF_PV_LPT, 0, 0, 0), PVTB_GPA_LPT,
		      "PV_TIME_LPT of vCPU %u", i);
	cf_eq(cf, cf_call(cf, plain, 0, CF_PV_LPT, 0, 0, 0), CF_NOT_SUPPORTED,
	      "PV_TIME_LPT of a VM without it");
}
CF_ROW(lpt_01, .id = "LPT-01", .tag = CF_PROPOSAL, ARM, .source = LPT_SRC,
       .statement = "PV_TIME_LPT (0xC5000022) answers the address of one structure per VM, or -1",
       .how = "two vCPUs get the same address; a VM without it gets -1",
       .needs = "the SMCCC filter, or a kernel with LPT", .run = lpt_01,
       .mutant = CF_M_STEP_AFTER(PVTB_STEP_HVC, CF_PV_LPT, 0, CF_ADD, 64, 1));

static void lpt_02(struct cf *cf)
{
	struct pvtb_vm *vm = lpt_vm(cf), *plain = cf_plain_vm(cf);

	cf_eq(cf, cf_call(cf, vm, 0, CF_PV_FEATURES, CF_PV_LPT, 0, 0), 0, "where it is offered");
	cf_eq(cf, cf_call(cf, vm, 0, CF_PV_FEATURES, CF_PV_ST, 0, 0), CF_NOT_SUPPORTED,
	      "PV_TIME_FEATURES(PV_TIME_ST) where only LPT is offered");
	cf_eq(cf, cf_call(cf, plain, 0, CF_PV_FEATURES, CF_PV_LPT, 0, 0), CF_NOT_SUPPORTED,
	      "where it is not");
}
CF_ROW(lpt_02, .id = "LPT-02", .tag = CF_PROPOSAL, ARM, .source = LPT_SRC,
       .statement =
	       "PV_TIME_FEATURES(PV_TIME_LPT) answers 0 exactly where LPT is offered, and stolen "
	       "time is answered for separately",
       .how = "a VM with LPT alone, and one without",
       .needs = "the SMCCC filter, or a kernel with LPT", .run = lpt_02,
       .also = "PVT-02 PVT-03 PVT-04 PVT-05 PVT-10 PVT-19 FWR-02 FLT-13",
       .mutant = CF_M_CALL(CF_PV_FEATURES, 0, CF_SET, 0));

static void lpt_03(struct cf *cf)
{
	struct pvtb_vm *vm = lpt_vm(cf);

	cf_run_once(cf, vm, 0);
	cf_eq(cf, cf_r32(cf, vm, FIELD(revision)), 0, "revision, 32 bits at 0");
	cf_eq(cf, cf_r32(cf, vm, FIELD(attributes)), 0, "attributes, 32 bits at 4");
	cf_eq(cf, cf_r32(cf, vm, FIELD(native_freq)), cf->caps.counter_hz,
	      "native_freq, 32 bits at 16");
	cf_eq(cf, cf_r32(cf, vm, FIELD(pv_freq)), PV_HZ, "pv_freq, 32 bits at 20");
	cf_within(cf, cf_r32(cf, vm, FIELD(fracbits)), 32, 64, "fracbits, 32 bits at 40");
	cf_within(cf, cf_r32(cf, vm, FIELD(rfracbits)), 32, 64, "rfracbits, 32 bits at 44");
}
CF_ROW(lpt_03, .id = "LPT-03", .tag = CF_PROPOSAL, ARM, .source = LPT_SRC,
       .statement =
	       "the structure is 48 bytes, little-endian: revision, attributes, sequence number, "
	       "both frequencies, both factors and their fraction bits",
       .how = "each field at its offset, against the frequencies that were asked for",
       .needs = "the SMCCC filter, or a kernel with LPT", .run = lpt_03,
       .mutant = CF_M_MEM(FIELD(native_freq), 4, CF_ADD, 1));

static void lpt_04(struct cf *cf)
{
	struct pvtb_vm *vm = lpt_vm(cf);
	const u64 hz = cf->caps.counter_hz;
	/* a second, a minute, an hour, a day, a month, a year */
	static const u64 seconds[] = {1, 60, 3600, 86400, 30 * 86400, 365 * 86400};
	u64 scale, rscale;
	u32 frac, rfrac;

	cf_run_once(cf, vm, 0);
	scale = cf_r64(cf, vm, FIELD(scale_mult));
	rscale = cf_r64(cf, vm, FIELD(rscale_mult));
	frac = cf_r32(cf, vm, FIELD(fracbits));
	rfrac = cf_r32(cf, vm, FIELD(rfracbits));
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(seconds); i++) {
		u64 native = hz * seconds[i];
		u64 pv = (u64)((u128)native * scale >> frac);
		u64 exact = (u64)((u128)native * PV_HZ / hz);
		u64 back = (u64)((u128)pv * rscale >> rfrac);
		/* One tick of the coarser counter, in ticks of the other. */
		s64 tick = (s64)(hz > PV_HZ ? hz / PV_HZ : 1) + 1;

		cf_within(cf, (s64)(pv - exact), -1, 1,
			  "%" PRIu64 " native ticks as PV ticks, "
			  "beside the exact quotient",
			  native);
		cf_within(cf, (s64)(back - native), -tick, tick,
			  "and back, beside the %" PRIu64 " there were", native);
	}
}
CF_ROW(lpt_04, .id = "LPT-04", .tag = CF_PROPOSAL, ARM, .source = LPT_SRC,
       .statement =
	       "pv = (native * scale_mult) >> fracbits, with a product of 128 bits, and its inverse "
	       "agree to one tick",
       .how = "one second to a year of ticks, scaled there and back, against the exact quotient",
       .needs = "the SMCCC filter, or a kernel with LPT", .run = lpt_04,
       .mutant = CF_M_MEM(FIELD(scale_mult), 8, CF_XOR, 1ULL << 16));

CF_ROW(lpt_05, .id = "LPT-05", .tag = CF_PROPOSAL, ARM, .source = LPT_SRC,
       .statement =
	       "the sequence number changes with every resume, and a reader that met a change reads "
	       "again",
       .manual =
	       "wants a VM that is resumed on another host: a matter of migration, not of one host");

static void lpt_06(struct cf *cf)
{
	struct pvtb_vm *vm = lpt_vm(cf);
	struct pvtb_step s[] = {CF_READ64(FIELD(sequence_number)), CF_READ32(FIELD(pv_freq))};

	cf_stream(cf, vm, 0, s, 2);
	cf_true(cf, s[0].out[0] >> 1, "sequence number %#" PRIx64 ": no run is counted",
		s[0].out[0]);
	cf_eq(cf, s[0].out[0] & 1, 0, "bit 0 of the sequence number, which is reserved");
	cf_eq(cf, s[1].out[0], PV_HZ, "pv_freq as the guest's first load finds it");
}
CF_ROW(lpt_06, .id = "LPT-06", .tag = CF_PROPOSAL, ARM, .source = LPT_SRC,
       .statement =
	       "the structure is filled before the first vCPU runs: its sequence number counts this "
	       "run",
       .how = "the guest's first instructions read it",
       .needs = "the SMCCC filter, or a kernel with LPT", .run = lpt_06,
       .mutant = CF_M_MEM(FIELD(sequence_number), 8, CF_SET, 0));

CF_ROW(lpt_07, .id = "LPT-07", .tag = CF_PROPOSAL, ARM, .source = LPT_SRC,
       .statement =
	       "the kernel's attribute for the address is ENXIO, EEXIST or EINVAL as that of stolen "
	       "time is",
       .manual = "no kernel there is to boot has it; its group number is the SMCCC filter's today");
CF_ROW(lpt_08, .id = "LPT-08", .tag = CF_PROPOSAL, ARM, .source = LPT_SRC,
       .statement = "the kernel's attribute for the frequency is ENXIO, EEXIST, or EINVAL for 0",
       .manual = "no kernel there is to boot has it; its group number is the SMCCC filter's today");
CF_ROW(lpt_09, .id = "LPT-09", .tag = CF_PROPOSAL, ARM, .source = LPT_SRC,
       .statement = "the physical timer and the event stream go by PV time too",
       .manual = "the duty of a guest's driver; no guest kernel has one");
CF_ROW(lpt_10, .id = "LPT-10", .tag = CF_PROPOSAL, ARM, .source = LPT_SRC,
       .statement =
	       "PV time goes on over a move to a host of another frequency: no step back, no gap, "
	       "rate error below 2^-fracbits",
       .manual = "wants two hosts: a matter of migration, not of one host");
