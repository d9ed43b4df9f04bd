/* Runs in sentences. */
#include <string.h>

#include "cli/amounts.h"
#include "cli/glyphs.h"
#include "cli/status_print.h"
#include "lib/params.h"
#include "lib/util.h"

static const char *plural(unsigned n)
{
        return n == 1 ? "" : "s";
}

/* What is to be known of a reason's text beyond itself; NULL nothing. The texts are core/alloc_text.c's. */
static const char *meaning(const char *reason)
{
        static const struct {
                const char *reason, *meaning;
        } table[] = {
                {"fair share", "the others' shares leave it no more"},
                {"budget", "the budget leaves it no more"},
                {"its maximum", "it asks for no more"},
                {"all it may use", "there is nothing more that it may use"},
                {"the cgroup's quota", "its cgroup's cpu.max is worth no more"},
                {"outside the allowed CPUs", "its affinity or cpuset leaves it no more"},
                {"every CPU is lent", "every CPU is lent, and nobody holds more than its minimum"},
                {"shared, every CPU is lent", "every CPU is lent, so that it shares its first one"},
                {"claimed", "as it held before the service began anew"},
                {"memory pressure", "memory is short: nobody gets more than it holds"},
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (strcmp(reason, table[i].reason) == 0)
                        return table[i].meaning;
        return reason;
}

static void print_held(const struct view_lease *lease, unsigned n_usable, const struct terminal *t, FILE *out)
{
        unsigned n = cpuset_count(&lease->pus), n_shared = cpuset_count(&lease->shared);
        char pus[CPUSET_TEXT_MAX], shared[CPUSET_TEXT_MAX];

        cpuset_format(&lease->pus, pus, sizeof(pus));
        cpuset_format(&lease->shared, shared, sizeof(shared));
        terminal_print(t, out, "  Holds %u CPU%s (%s)", n, plural(n), pus);
        if (lease->max < n_usable)
                terminal_print(t, out, " of at most %u", lease->max);
        terminal_print(t, out, ": %s.\n", meaning(lease->reason));
        if (n_shared > 0)
                terminal_print(t, out, "  Other runs use %s too.\n", shared);
}

static void print_waiting(const struct view_lease *lease, const struct terminal *t, FILE *out)
{
        char expected[AMOUNT_MAX];

        terminal_print(t, out, "  Waits in place %u", lease->position);
        if (lease->min > 1)
                terminal_print(t, out, " for %u CPUs", lease->min);
        terminal_print(t, out, ": %s.\n", meaning(lease->reason));
        if (lease->expected_ms != VIEW_UNKNOWN) {
                amount_time(lease->expected_ms, expected);
                terminal_print(t, out, "  A CPU is expected to be free for it in about %s.\n", expected);
        }
}

static void print_prospects(const struct view_lease *lease, const struct terminal *t, FILE *out)
{
        char text[AMOUNT_MAX];

        if (lease->work_rate >= 0 && !lease->paused)
                terminal_print(t, out, "  Does %.1f seconds of work a second", lease->work_rate);
        if (lease->ends_in_ms != VIEW_UNKNOWN && !lease->paused) {
                amount_time(lease->ends_in_ms, text);
                terminal_print(t, out, "%s done in about %s",
                               lease->work_rate >= 0 ? ", and expects to be" : "  Expects to be", text);
        }
        if (!lease->paused && (lease->work_rate >= 0 || lease->ends_in_ms != VIEW_UNKNOWN))
                fputs(".\n", out);
}

/* Of other users' nobody is told. */
static void print_unit(const struct view_lease *lease, const struct terminal *t, FILE *out)
{
        if (lease->unit)
                terminal_print(t, out, "  Held together by the unit %s.\n", lease->unit);
        else if (lease->label)
                fputs("  Held together by its client and process group, in no unit of its own.\n", out);
}

static void print_lease(const struct view_lease *lease, unsigned n_usable, const struct terminal *t, FILE *out)
{
        /* On one line, whatever is in it. */
        CLEANUP_FREE char *label = lease->label ? glyph_text(lease->label, 0, t->utf8) : NULL;
        char age[AMOUNT_MAX];

        amount_time(lease->age_ms, age);
        terminal_print(t, out, "\nRun %s%s%s: %s's, priority %s, weight %u, begun %s ago.\n", lease->id,
                       label ? ", " : "", label ? label : "", lease->user, params_priorities[lease->priority],
                       lease->weight, age);
        if (lease->detached)
                fputs("  Its client has not come back since the service began anew; its CPUs are kept for some "
                      "seconds.\n",
                      out);
        if (lease->paused)
                terminal_print(t, out, "  Paused by its user until 'schedctl set %s --resume'.\n", lease->id);
        else if (lease->position > 0)
                print_waiting(lease, t, out);
        if (!cpuset_is_empty(&lease->pus))
                print_held(lease, n_usable, t, out);
        print_unit(lease, t, out);
        print_prospects(lease, t, out);
}

int explain_print(const struct view_status *status, const struct terminal *t, FILE *out)
{
        if (status->n_leases == 0)
                fputs("\nNothing is lent.\n", out);
        for (size_t i = 0; i < status->n_leases; i++)
                print_lease(&status->leases[i], cpuset_count(&status->usable), t, out);
        return ferror(out) ? -EIO : 0;
}
