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

/* A stride is worth its text from three PUs on. */
static void format_whole(const struct cpuset *set, char buf[static CPUSET_TEXT_MAX])
{
        size_t used = 0;

        buf[0] = '\0';
        for (unsigned pu = cpuset_next(set, 0); pu != CPUSET_NONE;) {
                unsigned step, n = run_length(set, pu, &step);

                if (step > 1 && n < 3)
                        n = 1;
                used += (size_t)format_run(buf + used, CPUSET_TEXT_MAX - used, used ? "," : "", pu, n, step);
                pu = cpuset_next(set, pu + (n - 1) * step + 1);
        }
}

void topo_format_list(const struct cpuset *set, char *buf, size_t size)
{
        static const char more[] = "...";
        char whole[CPUSET_TEXT_MAX];
        size_t cut;

        format_whole(set, whole);
        if (strlen(whole) < size) {
                memcpy(buf, whole, strlen(whole) + 1);
                return;
        }
        /* Back to a comma behind which the dots fit. */
        cut = size > sizeof(more) ? size - sizeof(more) : 0;
        while (cut > 0 && whole[cut - 1] != ',')
                cut--;
        (void)snprintf(buf, size, "%.*s%s", (int)cut, whole, more);
}
