# SPDX-License-Identifier: GPL-2.0-only
# Unit tests are cmocka programs: tests/unit/*_test.c, linked with the harness objects they name.
run-tests:
	@true
.PHONY: run-tests
