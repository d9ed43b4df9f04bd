#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/plan.h"
#include "lib/text.h"
#include "lib/util.h"

static const char *plural(size_t n)
{
        return n == 1 ? "" : "s";
}

void plan_print_name(const char *name, FILE *out)
{
        CLEANUP_FREE char *escaped = text_escape(name);

        fputs(escaped ? escaped : "?", out);
}

/* " (8 P, 4 E)" where there are several kinds */
static void print_kinds(const struct plan_input *in, FILE *out)
{
        const struct machine *m = in->machine ? &in->machine->machine : NULL;
        const char *separator = "; ";

        for (unsigned kind = 0; m && m->n_kinds > 1 && kind < m->n_kinds; kind++) {
                unsigned n = 0;

                for (size_t i = 0; i < in->n_pus; i++) {
                        const struct machine_pu *pu = machine_find(m, in->pus[i].os);

                        n += pu && pu->kind == kind;
                }
                if (n > 0) {
                        fprintf(out, "%s%u %s", separator, n, m->kinds[kind].name);
                        separator = ", ";
                }
        }
}

static void print_title(const struct plan_input *in, const struct plan_result *plan, FILE *out)
{
        char text[CPUSET_TEXT_MAX] = "";
        struct cpuset pus = {0};

        for (size_t i = 0; i < in->n_pus; i++)
                cpuset_add(&pus, in->pus[i].os);
        (void)cpuset_format(&pus, text, sizeof(text));
        fprintf(out, "%u test%s on %u worker%s (CPU%s %s", in->suite->n_items, plural(in->suite->n_items),
                plan->sim.n_workers, plural(plan->sim.n_workers), plural(in->n_pus), text);
        print_kinds(in, out);
        fputs(")\n", out);
}

/* What the end hangs on, as far as that is one test. */
static void print_critical(const struct plan_input *in, const struct plan_result *plan, FILE *out)
{
        const struct sim_item *item;

        if (plan->critical == DISPATCH_NONE)
                return;
        item = &plan->sim.items[plan->critical];
        fprintf(out, "\n  critical   %10.2f s  %.0f %% of the time: ", item->end - item->begin, 100 * plan->share);
        plan_print_name(in->ids[plan->critical], out);
}

static void print_figures(const struct plan_input *in, const struct plan_result *plan, FILE *out)
{
        double makespan = plan->sim.makespan;

        fprintf(out, "  tests      %10.2f s  bound %.2f s (%.0f %%)\n", makespan, plan->bound,
                makespan > 0 ? 100 * plan->bound / makespan : 100);
        if (plan->alone > 0)
                fprintf(out, "  alone      %10.2f s  tests that run when all others are done\n", plan->alone);
        if (plan->total >= 0)
                fprintf(out, "  whole run  %10.2f s  with collection, start and reports, %.2f s last time\n",
                        plan->total, in->beside);
        fprintf(out, "  serially   %10.2f s  tests alone", plan->serial);
        if (makespan + plan->alone > 0)
                fprintf(out, ", %.1fx", plan->serial / (makespan + plan->alone));
        fprintf(out, "\n  busy       %10.0f %%  of the CPUs' time", 100 * plan->utilisation);
        if (plan->sim.setups > 0)
                fprintf(out, "; %.2f s are fixtures being set up", plan->sim.setups);
        print_critical(in, plan, out);
        fprintf(out, "\n  known      %10u    tests by their times", in->n_known);
        if (in->n_known < in->suite->n_items)
                fprintf(out, "; %u guessed", in->suite->n_items - in->n_known);
        fputc('\n', out);
}

static void print_split(const struct plan_input *in, const struct plan_result *plan, const struct plan_advice *a,
                        FILE *out)
{
        const struct sim_item *item = &plan->sim.items[a->item];

        plan_print_name(in->ids[a->item], out);
        if (a->n > 1)
                fprintf(out, " and %u more of at least half its length, each split in two", a->n - 1);
        else
                fprintf(out, " split in two: alone it takes %.0f %% of the run",
                        100 * (item->end - item->begin) / plan->sim.makespan);
}

static void print_setup(const struct plan_input *in, const struct plan_advice *a, FILE *out)
{
        if (a->group == DISPATCH_NONE)
                fputs("the session's fixtures", out);
        else {
                fputs("fixtures of ", out);
                plan_print_name(in->group_ids[a->group], out);
        }
        if (a->workers > 1)
                fprintf(out, " for nothing: they take %.2f s, %u times", a->seconds, a->workers);
        else
                fprintf(out, " for nothing: they take %.2f s", a->seconds);
}

static const char *kind_of(const struct plan_input *in, unsigned pu)
{
        const struct machine *m = in->machine ? &in->machine->machine : NULL;
        const struct machine_pu *found = m ? machine_find(m, pu) : NULL;

        return found && m->n_kinds > 1 ? m->kinds[found->kind].name : "";
}

static void print_change(const struct plan_input *in, const struct plan_result *plan, const struct plan_advice *a,
                         FILE *out)
{
        const struct machine *m = in->machine ? &in->machine->machine : NULL;

        switch (a->change) {
        case PLAN_SPLIT:
                print_split(in, plan, a, out);
                break;
        case PLAN_SETUP:
                print_setup(in, a, out);
                break;
        case PLAN_SETUPS:
                fprintf(out, "all fixtures for nothing: they take %.2f s in sum", a->seconds);
                break;
        case PLAN_SERIAL:
                fprintf(out, "%u tests of one serial group (%.2f s) beside each other: ", a->n, a->seconds);
                plan_print_name(in->ids[a->item], out);
                fputs(" and others", out);
                break;
        case PLAN_WORKER:
                fprintf(out, "one more worker, on CPU %u%s%s%s", a->pu, *kind_of(in, a->pu) ? " (" : "",
                        kind_of(in, a->pu), *kind_of(in, a->pu) ? ")" : "");
                break;
        case PLAN_WORKERS:
                fprintf(out, "up to %u workers while tests wait (run --max-workers %u)", a->workers, a->workers);
                break;
        case PLAN_CORE:
                fprintf(out, "one more %s%score", m && m->n_kinds > 1 ? m->kinds[0].name : "",
                        m && m->n_kinds > 1 ? " " : "");
                break;
        case PLAN_CHANGES:
                break;
        }
}

static void print_enough(const struct plan_input *in, const struct plan_result *plan, FILE *out)
{
        if (plan->n_ran > 0 && plan->enough < in->n_pus)
                fprintf(out, "\nWith %zu CPU%s it would take as long.\n", plan->enough, plural(plan->enough));
}

static void print_advice(const struct plan_input *in, const struct plan_result *plan, FILE *out)
{
        if (plan->n_ran == 0)
                return;
        if (plan->n_advice == 0) {
                fprintf(out, "\nNo single change would save more than %.0f %%.\n", 100 * PLAN_WORTH);
                return;
        }
        fputs("\nWhat would help most:\n", out);
        for (size_t i = 0; i < plan->n_advice; i++) {
                fprintf(out, "  %2.0f %% less (%.2f s): ", 100 * plan->advice[i].saves, plan->advice[i].makespan);
                print_change(in, plan, &plan->advice[i], out);
                fputc('\n', out);
        }
}

/* One line a test. */
static void print_item(const struct plan_input *in, const struct plan_result *plan, uint32_t index, FILE *out)
{
        const struct sim_item *item = &plan->sim.items[index];
        char pu[16] = "-";

        if (item->pu != DISPATCH_FLOATING)
                snprintf(pu, sizeof(pu), "%u", item->pu);
        fprintf(out, "%10.3f %9.3f %4s  ", item->begin, item->end - item->begin, pu);
        plan_print_name(in->ids[index], out);
        if (*dispatch_reason_text(item->reason))
                fprintf(out, "  (%s)", dispatch_reason_text(item->reason));
        fputc('\n', out);
}

static void print_schedule(const struct plan_input *in, const struct plan_result *plan, FILE *out)
{
        const struct sim_item *items = plan->sim.items;

        if (plan->n_ran > 0)
                fputs("\n     BEGIN   SECONDS  CPU  TEST\n", out);
        for (uint32_t k = 0; k < plan->n_ran; k++) {
                uint32_t worker = items[plan->order[k]].worker;

                if (k == 0 || items[plan->order[k - 1]].worker != worker)
                        fprintf(out, "gw%u\n", worker);
                print_item(in, plan, plan->order[k], out);
        }
        if (plan->alone > 0)
                fputs("when all workers are gone\n", out);
        for (uint32_t i = 0; i < in->suite->n_items; i++)
                if (in->suite->items[i].alone) {
                        fprintf(out, "%*s", 27, "");
                        plan_print_name(in->ids[i], out);
                        fputc('\n', out);
                }
}

int plan_print(const struct plan_input *in, const struct plan_result *plan, bool schedule, FILE *out)
{
        print_title(in, plan, out);
        print_figures(in, plan, out);
        print_advice(in, plan, out);
        print_enough(in, plan, out);
        if (schedule)
                print_schedule(in, plan, out);
        return ferror(out) ? -EIO : 0;
}
