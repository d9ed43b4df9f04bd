#include "hw/throttle.h"

#include <errno.h>
#include <stdlib.h>

#include "hw/attribute.h"
#include "lib/util.h"

enum measure {
        PACKAGE_TIME,
        PACKAGE_EVENTS,
        CORE_TIME,
        MEASURES,
};

static const char *const file_names[MEASURES] = {
        [PACKAGE_TIME] = "package_throttle_total_time_ms",
        [PACKAGE_EVENTS] = "package_throttle_count",
        [CORE_TIME] = "core_throttle_total_time_ms",
};

/* A counter that several PUs show. */
struct counter {
        unsigned package;
        enum measure measure;
        unsigned first, n; /* the PUs that show it: part of hw_throttle.pus */
        unsigned source;   /* of these, the one that was read last */
        bool is_there;     /* the kernel has such a counter */
        bool is_read;      /* last is a value of source */
        uint64_t last, total;
};

struct hw_throttle {
        unsigned *pus; /* by package, then core */
        struct counter *counters;
        unsigned n_counters;
};

static int read_pu(const char *root, unsigned pu, enum measure measure, uint64_t *ret_value)
{
        return hw_attribute_unsigned(
                root, hw_path("/sys/devices/system/cpu/cpu%u/thermal_throttle/%s", pu, file_names[measure]).text,
                ret_value);
}

/* From the PU that was asked last, or else from the next that answers. */
static int counter_read(const char *root, const struct hw_throttle *throttle, struct counter *counter)
{
        int error = -ENOENT;

        for (unsigned i = 0; i < counter->n; i++) {
                unsigned source = (counter->source + i) % counter->n;
                uint64_t value = 0;
                int r = read_pu(root, throttle->pus[counter->first + source], counter->measure, &value);

                if (r < 0) {
                        error = r != -ENOENT ? r : error;
                        continue;
                }
                if (!counter->is_there)
                        counter->total = value;
                else if (counter->is_read && source == counter->source && value > counter->last)
                        counter->total += value - counter->last;
                counter->source = source;
                counter->last = value;
                counter->is_read = counter->is_there = true;
                return 0;
        }
        counter->is_read = false;
        return error;
}

static int compare_places(const void *a, const void *b)
{
        const struct machine_pu *x = a, *y = b;

        if (x->package != y->package)
                return x->package < y->package ? -1 : 1;
        if (x->core != y->core)
                return x->core < y->core ? -1 : 1;
        return (x->smt_rank > y->smt_rank) - (x->smt_rank < y->smt_rank);
}

static void add_counter(struct hw_throttle *throttle, unsigned package, enum measure measure, unsigned first,
                        unsigned n)
{
        throttle->counters[throttle->n_counters++] =
                (struct counter){.package = package, .measure = measure, .first = first, .n = n};
}

/* The PUs are sorted: each package's are together, and in it each core's. */
static void add_counters(struct hw_throttle *throttle, const struct machine_pu *pus, unsigned n)
{
        unsigned package = 0, core = 0; /* where these begin */

        for (unsigned i = 0; i < n; i++) {
                bool core_ends = i + 1 == n || pus[i + 1].core != pus[i].core;
                bool package_ends = i + 1 == n || pus[i + 1].package != pus[i].package;

                throttle->pus[i] = pus[i].os;
                if (pus[i].package < READINGS_PACKAGES_MAX && (core_ends || package_ends))
                        add_counter(throttle, pus[i].package, CORE_TIME, core, i + 1 - core);
                if (pus[i].package < READINGS_PACKAGES_MAX && package_ends) {
                        add_counter(throttle, pus[i].package, PACKAGE_TIME, package, i + 1 - package);
                        add_counter(throttle, pus[i].package, PACKAGE_EVENTS, package, i + 1 - package);
                }
                core = core_ends || package_ends ? i + 1 : core;
                package = package_ends ? i + 1 : package;
        }
}

/* A counter that cannot be read at all now is none: it is not tried in each sample. */
static void drop_missing(const char *root, struct hw_throttle *throttle)
{
        unsigned kept = 0;

        for (unsigned i = 0; i < throttle->n_counters; i++)
                if (counter_read(root, throttle, &throttle->counters[i]) != -ENOENT)
                        throttle->counters[kept++] = throttle->counters[i];
        throttle->n_counters = kept;
}

int hw_throttle_open(const char *root, const struct machine *machine, struct hw_throttle **ret_throttle)
{
        CLEANUP_FREE struct machine_pu *pus = calloc(machine->n_pus + 1, sizeof(*pus));
        struct hw_throttle *throttle = calloc(1, sizeof(*throttle));

        if (throttle) {
                throttle->pus = calloc(machine->n_pus + 1, sizeof(*throttle->pus));
                throttle->counters = calloc(machine->n_pus + 2 * READINGS_PACKAGES_MAX, sizeof(*throttle->counters));
        }
        if (!pus || !throttle || !throttle->pus || !throttle->counters) {
                hw_throttle_close(throttle);
                return -ENOMEM;
        }
        for (unsigned i = 0; i < machine->n_pus; i++)
                pus[i] = machine->pus[i];
        qsort(pus, machine->n_pus, sizeof(*pus), compare_places);
        add_counters(throttle, pus, machine->n_pus);
        drop_missing(root, throttle);
        *ret_throttle = throttle;
        return 0;
}

void hw_throttle_close(struct hw_throttle *throttle)
{
        if (!throttle)
                return;
        free(throttle->pus);
        free(throttle->counters);
        free(throttle);
}

static void tell(struct readings_package *package, const struct counter *counter)
{
        switch (counter->measure) {
        case PACKAGE_TIME:
                package->throttled_ms += counter->total;
                break;
        case PACKAGE_EVENTS:
                package->throttle_events += counter->total;
                break;
        case CORE_TIME:
                package->core_throttled_ms += counter->total;
                break;
        case MEASURES:
                break;
        }
}

/* One counter that can be read is enough for the others' totals, as far as known, to mean something. */
void hw_throttle_read(const char *root, struct hw_throttle *throttle, struct readings *readings)
{
        bool any[READINGS_PACKAGES_MAX] = {false};

        for (unsigned i = 0; i < readings->n_packages; i++)
                readings->packages[i].throttle_error = -ENOENT;
        for (unsigned i = 0; i < throttle->n_counters; i++) {
                struct counter *counter = &throttle->counters[i];
                struct readings_package *package = &readings->packages[counter->package];
                int r = counter_read(root, throttle, counter);

                if (!any[counter->package])
                        package->throttle_error = r;
                any[counter->package] = any[counter->package] || r >= 0;
                tell(package, counter);
        }
}
