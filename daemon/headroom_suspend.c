#include "daemon/headroom_suspend.h"

bool headroom_was_suspended(uint64_t boottime, uint64_t monotonic, uint64_t *suspended)
{
        uint64_t before = *suspended;

        *suspended = boottime > monotonic ? boottime - monotonic : 0;
        return *suspended > before && *suspended - before >= HEADROOM_SUSPEND_MIN_US;
}
