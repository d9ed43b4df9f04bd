#include "cli/status_print.h"

#include <errno.h>
#include <string.h>

#include "cli/amounts.h"
#include "cli/table.h"
#include "cli/topo_render.h"
#include "lib/params.h"
#include "lib/util.h"

enum {
        PUS_MAX = 48,  /* bytes of a cell of PUs */
        OLD_MS = 2000, /* a sample's age that is worth saying */
};

static void add_pus(struct table *table, const struct cpuset *pus)
{
        char list[PUS_MAX];

        topo_format_list(pus, list, sizeof(list));
        table_add(table, "%s", *list ? list : "-");
}

static void add_time(struct table *table, uint64_t ms)
{
        char text[AMOUNT_MAX] = "-";

        if (ms != VIEW_UNKNOWN)
                amount_time(ms, text);
        table_add(table, "%s", text);
}

static void add_state(struct table *table, const struct view_lease *lease)
{
        char expected[AMOUNT_MAX];

        if (lease->paused)
                table_add(table, "paused");
        else if (lease->detached)
                table_add(table, "awaits claim");
        else if (lease->position == 0)
                table_add(table, "runs");
        else if (lease->expected_ms == VIEW_UNKNOWN)
                table_add(table, "waits, %u.", lease->position);
        else {
                amount_time(lease->expected_ms, expected);
                table_add(table, "waits, %u., about %s", lease->position, expected);
        }
}

static void add_lease(struct table *table, const struct view_lease *lease, bool with_unit)
{
        table_add(table, "%s", lease->id);
        table_add(table, "%s", lease->user);
        table_add(table, "%s", params_priorities[lease->priority]);
        add_pus(table, &lease->pus);
        add_pus(table, &lease->shared);
        add_time(table, lease->age_ms);
        add_time(table, lease->ends_in_ms);
        add_state(table, lease);
        table_add(table, "%s", lease->reason);
        if (with_unit)
                table_add(table, "%s", lease->unit ? lease->unit : "-");
        table_add(table, "%s", lease->label ? lease->label : "");
}

int status_print(const struct view_status *status, bool with_units, const struct terminal *t, FILE *out)
{
        static const char *const titles[] = {"LEASE", "USER", "PRIORITY", "CPUS", "SHARED",
                                             "AGE",   "ENDS", "STATE",    "WHY"};
        CLEANUP(table_finish) struct table table = {0};
        char usable[CPUSET_TEXT_MAX];

        cpuset_format(&status->usable, usable, sizeof(usable));
        terminal_print(t, out, "schedd %s (pid %u): lends up to %u CPU%s of %s (%s)\n", status->version, status->pid,
                       status->budget, status->budget == 1 ? "" : "s", usable, status->budget_reason);
        if (status->n_leases == 0) {
                fputs("Nothing is lent.\n", out);
                return 0;
        }
        fputc('\n', out);
        table_init(&table, ELEMENTSOF(titles) + with_units + 1, 0);
        for (size_t i = 0; i < ELEMENTSOF(titles); i++)
                table_add(&table, "%s", titles[i]);
        if (with_units)
                table_add(&table, "UNIT");
        table_add(&table, "LABEL");
        for (size_t i = 0; i < status->n_leases; i++)
                add_lease(&table, &status->leases[i], with_units);
        return table_print(&table, t, 0, out);
}

static int print_limits(const struct view_headroom *h, const struct terminal *t, FILE *out)
{
        CLEANUP(table_finish) struct table table = {0};

        if (h->n_limits == 0) {
                fputs("\nNo reading limits the budget.\n", out);
                return 0;
        }
        table_init(&table, 5, 1);
        for (unsigned i = 0; i < 5; i++)
                table_add(&table, "%s", (const char *const[]){"CPUS", "", "CAUSE", "WHAT", "UNTIL"}[i]);
        for (size_t i = 0; i < h->n_limits; i++) {
                const struct view_limit *limit = &h->limits[i];

                table_add(&table, "%u", limit->pus);
                table_add(&table, "%s", limit->binding ? "binds" : "");
                table_add(&table, "%s", limit->cause);
                table_add(&table, "%s", limit->what);
                if (limit->next > 0 && limit->until)
                        table_add(&table, "%s, then %u", limit->until, limit->next);
                else
                        table_add(&table, "%s", limit->until ? limit->until : "");
        }
        fputs("\nLimits:\n", out);
        return table_print(&table, t, 2, out);
}

static int print_readings(const struct view_headroom *h, const struct terminal *t, FILE *out)
{
        CLEANUP(table_finish) struct table table = {0};

        if (h->n_readings == 0) {
                fputs("\nThere is no sensor that can be read.\n", out);
                return 0;
        }
        table_init(&table, 3, 2);
        for (unsigned i = 0; i < 3; i++)
                table_add(&table, "%s", (const char *const[]){"READING", "VALUE", "DETAIL"}[i]);
        for (size_t i = 0; i < h->n_readings; i++) {
                const struct view_reading *reading = &h->readings[i];
                const char *detail = reading->detail ? reading->detail : "";
                char value[AMOUNT_MAX];

                amount_value(reading->value, reading->unit, value);
                table_add(&table, "%s", reading->name);
                table_add(&table, "%s", value);
                if (reading->ignored)
                        table_add(&table, "ignored: %s%s%s", reading->ignored, *detail ? "; " : "", detail);
                else
                        table_add(&table, "%s", detail);
        }
        fputs("\nReadings:\n", out);
        return table_print(&table, t, 2, out);
}

int headroom_print(const struct view_headroom *h, const struct terminal *t, FILE *out)
{
        char age[AMOUNT_MAX];
        int r;

        terminal_print(t, out, "%s\n", h->reason);
        terminal_print(t, out, "Policy %s", h->policy);
        if (h->age_ms != VIEW_UNKNOWN && h->age_ms >= OLD_MS) {
                amount_time(h->age_ms, age);
                fprintf(out, ", sampled %s ago", age);
        }
        fprintf(out, "%s.\n", h->hold ? "; under memory pressure: no run gets more than it holds" : "");
        r = print_limits(h, t, out);
        return r < 0 ? r : print_readings(h, t, out);
}
