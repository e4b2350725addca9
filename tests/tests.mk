# SPDX-License-Identifier: GPL-2.0-only
# The tests. Adding one is adding a file:
#   tests/unit/NAME_test.c  cmocka program, linked with every harness object but main(); functions
#                           it replaces are named in its first comment: " * wrap: ioctl fsync"
#   tests/NAME/*_test.py    Python, against the programs named by the environment (tests/run.sh)
#   tests/fuzz/NAME_fuzz.c  libFuzzer target, with its seeds (tests/fuzz/fuzz.mk); in make check a
#                           fixed number of executions
#   tests/faults/           what may fail does, once, in turn (faults.mk)
#   tests/checks/*.sh       about the source tree
#   tests/lab/*.sh          about a running program, in emulated hosts
# Exit status of each: 0 passed, 4 skipped (kselftest), else failed.
#
# make unit           unit, Python and source tests, fuzz targets, a sample of faults
# make run-tests      those and the lab's
#   SANITIZE=address,undefined   what of it runs a program, built with these, and a run in two labs
# make mutants        the conformance catalogue's checks against their wrong answers: the score
# make check-sources  what the catalogue quotes is in the sources of Linux 6.12 and 7.3

UNIT_SRC := $(sort $(wildcard tests/unit/*_test.c))
UNIT_BIN := $(patsubst tests/%.c,$(O)/tests/%,$(UNIT_SRC))
UNIT_OBJ  = $(filter-out %/main.c.o,$(PVTB_OBJ_$(HOSTARCH)))
# cmocka 2 calls deprecated what cmocka 1 has nothing else for.
UNIT_WARN := -Wno-deprecated-declarations
UNIT_LIBS := -lcmocka -lbpf -lelf -lz -lzstd -lurcu-cds -lurcu-memb -lurcu-common -ljansson -lm -lpthread
TEST_FILES := $(UNIT_BIN) $(sort $(wildcard tests/*/*_test.py tests/checks/*.sh)) tests/fuzz/run.sh
TEST_ENV = O='$(O)' PVTB='$(O)/$(HOSTARCH)/pvtb'

-include $(UNIT_BIN:=.d)
# PVTB_OBJ_* is set by rules expanded after this fragment, hence the second expansion.
.SECONDEXPANSION:
UNIT_LIBPERF := $(O)/$(HOSTARCH)/libperf/libperf.a $(O)/$(HOSTARCH)/libperf/libapi.a
$(O)/tests/unit/%_test: tests/unit/%_test.c $(O)/$(HOSTARCH)/flags $$(UNIT_OBJ) $(O)/$(HOSTARCH)/libperf/libperf.a
	$(Q)mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC_$(HOSTARCH)) $(PVTB_FLAGS_$(HOSTARCH)) -no-pie $(UNIT_WARN) -MMD -MP -MF $@.d -o $@ $< $(UNIT_OBJ) $(UNIT_LIBPERF) \
		$$(sed -n 's/^ \* wrap: //p' $< | tr ' ' '\n' | sed 's/^/-Wl,--wrap=/') $(UNIT_LIBS)

include tests/fuzz/fuzz.mk
include tests/faults/faults.mk

# A sanitised program is some times slower, most of all in an emulated host: there, one test that looks
# whether it works, instead of all.
ifneq ($(SANITIZE),)
LAB_TESTS := tests/sanitize/lab.sh
CHECK_BIN := $(UNIT_BIN)
TEST_FILES := $(filter-out tests/fuzz/% tests/faults/% tests/checks/%,$(TEST_FILES))
else
LAB_TESTS := $(sort $(wildcard tests/lab/*.sh))
CHECK_BIN := $(UNIT_BIN) $(FUZZ_BIN) $(FAULT_BIN)
endif

unit: $(CHECK_BIN) $(O)/$(HOSTARCH)/pvtb
	$(Q)$(TEST_ENV) tests/run.sh $(TEST_FILES)

run-tests: $(CHECK_BIN)
	$(Q)$(TEST_ENV) tests/run.sh $(TEST_FILES) $(LAB_TESTS)

mutants: all
	$(Q)$(TEST_ENV) tests/lab/conformance_mutants.sh

check-sources: all
	$(Q)$(TEST_ENV) tests/check-sources.sh
.PHONY: unit run-tests mutants check-sources
