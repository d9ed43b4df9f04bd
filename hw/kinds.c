#include "hw/kinds.h"

#include "lib/util.h"

/* A core and what it is sorted by, most first. */
struct entry {
        unsigned core, value;
};

/* Where one kind ends and the next begins. */
struct split {
        struct entry *entries; /* sorted */
        unsigned n;
        double tolerance; /* a new kind begins more than this below the one before */
};

static int compare_entries(const void *a, const void *b)
{
        const struct entry *x = a, *y = b;

        if (x->value != y->value)
                return x->value > y->value ? -1 : 1;
        return (x->core > y->core) - (x->core < y->core);
}

static bool begins_kind(const struct split *split, unsigned i)
{
        return split->entries[i].value < split->entries[i - 1].value * (1 - split->tolerance);
}

static unsigned split_count(const struct split *split)
{
        unsigned n_kinds = 1;

        for (unsigned i = 1; i < split->n; i++)
                n_kinds += begins_kind(split, i);
        return n_kinds;
}

static bool any_has_l3(const struct hw_core *cores, unsigned n_cores)
{
        for (unsigned i = 0; i < n_cores; i++)
                if (cores[i].has_l3)
                        return true;
        return false;
}

static enum hw_core_type type_of(const struct hw_core *core, bool machine_has_l3)
{
        if (core->type == HW_CORE_E && machine_has_l3 && !core->has_l3)
                return HW_CORE_LP;
        return core->type;
}

static bool types_are_known(const struct hw_core *cores, unsigned n_cores)
{
        for (unsigned i = 0; i < n_cores; i++)
                if (cores[i].type == HW_CORE_UNKNOWN)
                        return false;
        return true;
}

static bool ranks_are_known(const struct hw_core *cores, unsigned n_cores)
{
        for (unsigned i = 0; i < n_cores; i++)
                if (cores[i].rank < 0)
                        return false;
        return true;
}

static bool measure_is_known(const struct hw_core *cores, unsigned n_cores, enum hw_measure measure)
{
        for (unsigned i = 0; i < n_cores; i++)
                if (cores[i].measure[measure] == 0)
                        return false;
        return true;
}

static void split_by_measure(struct split *split, const struct hw_core *cores, enum hw_measure measure)
{
        split->tolerance = HW_KINDS_TOLERANCE;
        for (unsigned i = 0; i < split->n; i++)
                split->entries[i] = (struct entry){.core = i, .value = cores[i].measure[measure]};
        qsort(split->entries, split->n, sizeof(*split->entries), compare_entries);
}

/* Whether the measure is known for every core and tells kinds apart. Uses split as scratch. */
static bool measure_differs(struct split *split, const struct hw_core *cores, enum hw_measure measure)
{
        if (!measure_is_known(cores, split->n, measure))
                return false;
        split_by_measure(split, cores, measure);
        return split_count(split) > 1;
}

static bool is_contradicted(struct split *split, const struct hw_core *cores, enum hw_measure measure)
{
        return measure == HW_HIGHEST_PERF && measure_is_known(cores, split->n, HW_MAX_FREQUENCY) &&
               !measure_differs(split, cores, HW_MAX_FREQUENCY);
}

/* The first measure that tells kinds apart; HW_MEASURES where none does. Of cores of known type equal frequencies tell
 * enough: what a type does per clock is known. */
static enum hw_measure choose_measure(struct split *split, const struct hw_core *cores, bool typed)
{
        for (enum hw_measure measure = 0; measure < HW_MEASURES; measure++)
                if (measure_differs(split, cores, measure) && (typed || !is_contradicted(split, cores, measure)))
                        return measure;
        return typed && measure_is_known(cores, split->n, HW_MAX_FREQUENCY) ? HW_MAX_FREQUENCY : HW_MEASURES;
}

static bool any_measure_is_known(const struct hw_core *cores, unsigned n_cores)
{
        for (enum hw_measure measure = 0; measure < HW_MEASURES; measure++)
                if (measure_is_known(cores, n_cores, measure))
                        return true;
        return false;
}

static void split_by_type_or_rank(struct split *split, const struct hw_core *cores, bool typed)
{
        bool l3 = any_has_l3(cores, split->n);
        bool ranked = !typed && ranks_are_known(cores, split->n) && !any_measure_is_known(cores, split->n);

        split->tolerance = 0;
        for (unsigned i = 0; i < split->n; i++) {
                unsigned value = 1;

                if (typed)
                        value = HW_CORE_TYPES - type_of(&cores[i], l3);
                else if (ranked)
                        value = (unsigned)cores[i].rank + 1;
                split->entries[i] = (struct entry){.core = i, .value = value};
        }
        qsort(split->entries, split->n, sizeof(*split->entries), compare_entries);
}

/* Numbers the kinds along the sorted entries. More than fit are drawn together by widening the tolerance. */
static unsigned split_assign(struct split *split, unsigned *ret_kind_of_core)
{
        unsigned kind = 0;

        while (split_count(split) > MACHINE_KINDS_MAX)
                split->tolerance += HW_KINDS_TOLERANCE;
        for (unsigned i = 0; i < split->n; i++) {
                if (i > 0 && begins_kind(split, i))
                        kind++;
                ret_kind_of_core[split->entries[i].core] = kind;
        }
        return kind + 1;
}

/* The kind's mean of the measure; frequencies of E cores are counted as a P core's that does as much. */
static double mean_of_kind(const struct hw_core *cores, unsigned n_cores, const unsigned *kind_of_core, unsigned kind,
                           enum hw_measure measure)
{
        double sum = 0;
        unsigned n = 0;

        for (unsigned i = 0; i < n_cores; i++) {
                bool is_e = cores[i].type == HW_CORE_E || cores[i].type == HW_CORE_LP;

                if (kind_of_core[i] != kind)
                        continue;
                sum += cores[i].measure[measure] * (measure == HW_MAX_FREQUENCY && is_e ? HW_KINDS_E_PER_CLOCK : 1.0);
                n++;
        }
        return sum / n;
}

static double default_speed(enum hw_core_type type, unsigned kind)
{
        if (type == HW_CORE_P || kind == 0)
                return 1;
        return type == HW_CORE_LP || (type == HW_CORE_UNKNOWN && kind > 1) ? HW_KINDS_LP_SPEED : HW_KINDS_E_SPEED;
}

/* The type and the L3 of a kind are those of any of its cores: types make kinds, and an L3 is shared by a cluster. */
static const struct hw_core *core_of_kind(const struct hw_core *cores, const unsigned *kind_of_core, unsigned kind)
{
        unsigned i = 0;

        while (kind_of_core[i] != kind)
                i++;
        return &cores[i];
}

static void name_kind(struct machine_kind *ret_kind, unsigned kind, unsigned n_kinds, bool slowest_lacks_l3)
{
        const char *name = NULL;

        if (n_kinds == 1)
                name = "";
        else if (n_kinds == 2 || (n_kinds == 3 && slowest_lacks_l3))
                name = kind == 0 ? "P" : kind == n_kinds - 1 && slowest_lacks_l3 ? "LP-E" : "E";
        if (name)
                (void)snprintf(ret_kind->name, sizeof(ret_kind->name), "%s", name);
        else
                (void)snprintf(ret_kind->name, sizeof(ret_kind->name), "%u", kind);
}

static const char *type_name(enum hw_core_type type)
{
        return type == HW_CORE_P ? "P" : type == HW_CORE_E ? "E" : "LP-E";
}

static void describe_kinds(const struct hw_core *cores, unsigned n_cores, const unsigned *kind_of_core,
                           enum hw_measure measure, bool typed, struct machine_kind *ret_kinds, unsigned n_kinds)
{
        bool l3 = any_has_l3(cores, n_cores);
        bool lacks_l3 = l3 && !core_of_kind(cores, kind_of_core, n_kinds - 1)->has_l3;
        double fastest = measure < HW_MEASURES ? mean_of_kind(cores, n_cores, kind_of_core, 0, measure) : 0;

        for (unsigned kind = 0; kind < n_kinds; kind++) {
                enum hw_core_type type = type_of(core_of_kind(cores, kind_of_core, kind), l3);
                double speed = default_speed(type, kind);

                if (measure < HW_MEASURES)
                        speed = mean_of_kind(cores, n_cores, kind_of_core, kind, measure) / fastest;
                if (kind > 0 && speed > ret_kinds[kind - 1].speed)
                        speed = ret_kinds[kind - 1].speed;
                ret_kinds[kind] = (struct machine_kind){.speed = speed};
                if (typed && n_kinds > 1)
                        (void)snprintf(ret_kinds[kind].name, sizeof(ret_kinds[kind].name), "%s", type_name(type));
                else
                        name_kind(&ret_kinds[kind], kind, n_kinds, lacks_l3);
        }
}

int hw_kinds_decide(const struct hw_core *cores, unsigned n_cores, struct machine_kind ret_kinds[MACHINE_KINDS_MAX],
                    unsigned *ret_n_kinds, unsigned *ret_kind_of_core)
{
        CLEANUP_FREE struct entry *entries = malloc(n_cores * sizeof(*entries));
        struct split split = {.entries = entries, .n = n_cores};
        bool typed = types_are_known(cores, n_cores);

        if (!entries)
                return -ENOMEM;

        enum hw_measure measure = choose_measure(&split, cores, typed);

        if (!typed && measure < HW_MEASURES)
                split_by_measure(&split, cores, measure);
        else
                split_by_type_or_rank(&split, cores, typed);
        *ret_n_kinds = split_assign(&split, ret_kind_of_core);
        describe_kinds(cores, n_cores, ret_kind_of_core, measure, typed, ret_kinds, *ret_n_kinds);
        return 0;
}
