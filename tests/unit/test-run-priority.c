/* Which runs count as short. */
#include "cli/run_priority.h"
#include "include/schedctl.h"
#include "tests/unit/test.h"

int main(void)
{
        CHECK_INT(run_priority_of(0, 0), SCHEDCTL_INTERACTIVE);
        CHECK_INT(run_priority_of(RUN_SHORT_SECONDS, 0), SCHEDCTL_INTERACTIVE);
        CHECK_INT(run_priority_of(RUN_SHORT_SECONDS + 1, 0), SCHEDCTL_NORMAL);
        CHECK_INT(run_priority_of(0, RUN_SHORT_ITEMS - 1), SCHEDCTL_INTERACTIVE);
        CHECK_INT(run_priority_of(0, RUN_SHORT_ITEMS), SCHEDCTL_NORMAL);
        CHECK_INT(run_priority_of(1, RUN_SHORT_ITEMS), SCHEDCTL_NORMAL);
        return 0;
}
