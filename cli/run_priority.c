#include "cli/run_priority.h"

#include "cli/run_engine.h"
#include "include/schedctl.h"

int run_priority_of(double seconds, uint32_t n_unknown)
{
        return seconds <= RUN_SHORT_SECONDS && n_unknown < RUN_SHORT_ITEMS ? SCHEDCTL_INTERACTIVE : SCHEDCTL_NORMAL;
}

int run_priority(const struct run *run)
{
        return run->options->priority_given ? run->options->priority : run->priority.told;
}

void run_priority_add(struct run *run, bool known, double seconds, uint32_t n_items)
{
        struct run_priority *p = &run->priority;
        int priority;

        if (run->options->priority_given)
                return;
        if (known)
                p->seconds += seconds;
        else
                p->n_unknown += n_items;
        priority = run_priority_of(p->seconds, p->n_unknown);
        if (priority != p->told && run_lease_set_priority(&run->lease, priority) == 0)
                p->told = priority;
}
