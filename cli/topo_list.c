#include <string.h>

#include "cli/topo_render.h"

/* The longest run from `first` with equal steps. */
static unsigned run_length(const struct cpuset *set, unsigned first, unsigned *ret_step)
{
        unsigned second = cpuset_next(set, first + 1), n = 1;

        *ret_step = 1;
        if (second == CPUSET_NONE)
                return 1;
        *ret_step = second - first;
        for (unsigned pu = first; cpuset_next(set, pu + 1) == pu + *ret_step; pu += *ret_step)
                n++;
        return n;
}

static int format_run(char *buf, size_t size, const char *comma, unsigned first, unsigned n, unsigned step)
{
        unsigned last = first + (n - 1) * step;

        if (n == 1)
                return snprintf(buf, size, "%s%u", comma, first);
        if (step == 1)
                return snprintf(buf, size, "%s%u-%u", comma, first, last);
        return snprintf(buf, size, "%s%u-%u:%u", comma, first, last, step);
}

void topo_format_list(const struct cpuset *set, char *buf, size_t size)
{
        static const char more[] = ",...";
        size_t used = 0;

        buf[0] = '\0';
        for (unsigned pu = cpuset_next(set, 0); pu != CPUSET_NONE;) {
                unsigned step, n = run_length(set, pu, &step);

                /* A stride is worth its text from three PUs on. */
                if (step > 1 && n < 3)
                        n = 1;
                int length = format_run(buf + used, size - used, used ? "," : "", pu, n, step);
                unsigned next = cpuset_next(set, pu + (n - 1) * step + 1);

                if (length < 0 || used + (size_t)length + (next == CPUSET_NONE ? 0 : sizeof(more) - 1) >= size) {
                        (void)snprintf(buf + used, size - used, "%s", used ? more : more + 1);
                        return;
                }
                used += (size_t)length;
                pu = next;
        }
}
