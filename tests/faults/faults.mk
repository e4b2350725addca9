# SPDX-License-Identifier: GPL-2.0-only
# Fault injection (faults_test.py): the program linked dynamically, so that an allocation can be made to
# fail from outside, and the inputs of its runs. System calls fail by strace, in the program as it is.
#
# make check-faults	every allocation and every system call, once each

FAULT_BIN := $(O)/tests/faults/pvtb $(O)/tests/faults/preload.so $(O)/tests/faults/input
$(O)/tests/faults/pvtb: $$(PVTB_OBJ_$(HOSTARCH)) $$(UNIT_LIBPERF)
	$(Q)mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC_$(HOSTARCH)) $(CFLAGS_ALL) -no-pie -o $@ $(PVTB_OBJ_$(HOSTARCH)) $(UNIT_LIBPERF) $(filter-out -lcmocka,$(UNIT_LIBS))
$(O)/tests/faults/input: tests/faults/input.c tests/unit/report_fixture.h $$(UNIT_OBJ) $$(UNIT_LIBPERF)
	$(Q)mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC_$(HOSTARCH)) $(PVTB_FLAGS_$(HOSTARCH)) -Itests/unit -no-pie -o $@ $< $(UNIT_OBJ) $(UNIT_LIBPERF) \
		$(filter-out -lcmocka,$(UNIT_LIBS))
$(O)/tests/faults/preload.so: tests/faults/preload.c
	$(Q)mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC_$(HOSTARCH)) $(CFLAGS_ALL) -shared -fPIC -o $@ $<

check-faults: all $(FAULT_BIN)
	$(Q)$(TEST_ENV) FAULTS=all tests/run.sh tests/faults/faults_test.py
.PHONY: check-faults
