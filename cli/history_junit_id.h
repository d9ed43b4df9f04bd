/* Which pytest id a JUnit file's testcase has. pytest writes "tests/unit/test_a.py::TestB::test_c[1]" as the classname
 * "tests.unit.test_a.TestB" and the name "test_c[1]", so where the path ends only the project's files say. */
#pragma once

#include <stddef.h>

enum {
        HISTORY_JUNIT_STEPS_MAX = 4096, /* looks at the disk for one classname */
};

/* The id of a testcase in the project `root`, malloc'ed: classname and name, and where the file has it (else NULL) the
 * attribute `file`. NULL in *ret_id where no file of the project fits. -ENOMEM. */
int history_junit_id(const char *root, const char *classname, const char *name, const char *file, char **ret_id);
