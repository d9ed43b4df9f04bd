#include "core/speeds.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The most that a class that is known already moves in one run. */
#define GAIN_MAX 0.5

struct speeds_change {
        size_t from, to; /* indices of classes */
        double z;        /* log of the seconds then over the seconds now */
        double seconds;  /* now */
};

/* The machine's classes */

static unsigned most_siblings(const struct machine *m, unsigned kind)
{
        unsigned most = 1;

        for (unsigned i = 0; i < m->n_pus; i++)
                if (m->pus[i].kind == kind && m->pus[i].smt_rank + 1 > most)
                        most = m->pus[i].smt_rank + 1;
        return most < SPEEDS_SIBLINGS_MAX ? most : SPEEDS_SIBLINGS_MAX;
}

/* "P 8 x 2, E 8 x 1": kinds, how many cores they have, and PUs a core. */
static void describe(const struct machine *m, char text[static SPEEDS_MACHINE_MAX])
{
        size_t at = 0;

        text[0] = '\0';
        for (unsigned k = 0; k < m->n_kinds && at < SPEEDS_MACHINE_MAX; k++) {
                const char *name = m->kinds[k].name;
                int n = snprintf(text + at, SPEEDS_MACHINE_MAX - at, "%s%s%s%u x %u", k ? ", " : "", name,
                                 *name ? " " : "", m->kinds[k].n_cores, most_siblings(m, k));

                at += n > 0 ? (size_t)n : 0;
        }
}

/* FNV-1a over the machine and the class's name. */
static uint32_t make_id(const struct speeds *s, const struct speeds_class *c)
{
        char text[SPEEDS_MACHINE_MAX + SPEEDS_NAME_MAX], name[SPEEDS_NAME_MAX];
        uint32_t hash = 2166136261U;

        speeds_format(c, name);
        (void)snprintf(text, sizeof(text), "%s|%s", s->machine, name);
        for (const char *p = text; *p; p++)
                hash = (hash ^ (unsigned char)*p) * 16777619U;
        return hash ? hash : 1;
}

void speeds_init(struct speeds *s, const struct machine *m)
{
        *s = (struct speeds){0};
        describe(m, s->machine);
        for (unsigned kind = 0; kind < m->n_kinds; kind++)
                for (unsigned n = 1; n <= most_siblings(m, kind); n++) {
                        struct speeds_class *c = &s->classes[s->n_classes++];

                        *c = (struct speeds_class){.kind = kind,
                                                   .siblings = n,
                                                   .ratio = m->kinds[kind].speed * (1 + m->smt_gain * (n - 1)) / n};
                        c->id = make_id(s, c);
                }
}

const struct speeds_class *speeds_find(const struct speeds *s, unsigned kind, unsigned siblings)
{
        unsigned n = siblings < SPEEDS_SIBLINGS_MAX ? siblings : SPEEDS_SIBLINGS_MAX;

        for (size_t i = 0; i < s->n_classes; i++)
                if (s->classes[i].kind == kind && s->classes[i].siblings == n)
                        return &s->classes[i];
        return NULL;
}

const struct speeds_class *speeds_find_id(const struct speeds *s, uint32_t id)
{
        for (size_t i = 0; i < s->n_classes; i++)
                if (s->classes[i].id == id)
                        return &s->classes[i];
        return NULL;
}

void speeds_format(const struct speeds_class *c, char name[static SPEEDS_NAME_MAX])
{
        (void)snprintf(name, SPEEDS_NAME_MAX, "%u/%u", c->kind % 100, c->siblings % 100);
}

bool speeds_restore(struct speeds *s, const char *name, double ratio, double weight)
{
        char other[SPEEDS_NAME_MAX];

        if (!(ratio >= SPEEDS_RATIO_MIN) || ratio > 1 || !(weight > 0))
                return false;
        for (size_t i = 0; i < s->n_classes; i++) {
                speeds_format(&s->classes[i], other);
                if (strcmp(name, other) != 0)
                        continue;
                s->classes[i].ratio = ratio;
                s->classes[i].weight = fmin(weight, SPEEDS_WEIGHT_MAX);
                return true;
        }
        return false;
}

/* Evidence */

static int reserve(struct speeds_run *run)
{
        size_t wanted = run->allocated ? 2 * run->allocated : 64;
        struct speeds_change *grown;

        if (run->n < run->allocated)
                return 0;
        grown = reallocarray(run->changes, wanted, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        run->changes = grown;
        run->allocated = wanted;
        return 0;
}

/* Only what passed both times did the same both times. */
static bool is_comparable(const struct estimate *before, const struct estimate_sample *sample)
{
        return before->n_samples > 0 && before->outcome == ESTIMATE_PASSED && sample->outcome == ESTIMATE_PASSED &&
               before->last_cpu >= SPEEDS_ITEM_SECONDS_MIN && sample->cpu >= SPEEDS_ITEM_SECONDS_MIN &&
               !estimate_is_stale(before, sample->source);
}

int speeds_observe(struct speeds_run *run, const struct speeds *s, const struct estimate *before,
                   const struct estimate_sample *sample)
{
        const struct speeds_class *from, *to;

        if (!is_comparable(before, sample))
                return 0;
        from = speeds_find_id(s, before->last_class);
        to = speeds_find_id(s, sample->class);
        if (!from || !to)
                return 0;
        if (reserve(run) < 0)
                return -ENOMEM;
        run->changes[run->n++] = (struct speeds_change){.from = (size_t)(from - s->classes),
                                                        .to = (size_t)(to - s->classes),
                                                        .z = log(before->last_cpu / sample->cpu),
                                                        .seconds = sample->cpu};
        return 0;
}

void speeds_run_finish(struct speeds_run *run)
{
        free(run->changes);
        *run = (struct speeds_run){0};
}

/* Learning */

static int by_value(const void *pa, const void *pb)
{
        double a = *(const double *)pa, b = *(const double *)pb;

        return (a > b) - (a < b);
}

static double median(double *values, size_t n)
{
        if (n == 0)
                return 0;
        qsort(values, n, sizeof(*values), by_value);
        return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* The median z of those that went from one class to another; all that stayed where both are n_classes. */
static double median_change(const struct speeds *s, const struct speeds_run *run, size_t from, size_t to,
                            double *scratch, size_t *ret_n)
{
        size_t n = 0;

        for (size_t i = 0; i < run->n; i++) {
                const struct speeds_change *c = &run->changes[i];
                bool counts = from == s->n_classes ? c->from == c->to : c->from == from && c->to == to;

                if (counts)
                        scratch[n++] = c->z;
        }
        *ret_n = n;
        return median(scratch, n);
}

/* The fastest, as far as is known, of those that enough items came to or left; n_classes: there is none. */
static size_t find_reference(const struct speeds *s, const struct speeds_run *run)
{
        size_t n[SPEEDS_CLASSES_MAX] = {0}, best = s->n_classes;

        for (size_t i = 0; i < run->n; i++)
                if (run->changes[i].from != run->changes[i].to) {
                        n[run->changes[i].from]++;
                        n[run->changes[i].to]++;
                }
        for (size_t k = 0; k < s->n_classes; k++)
                if (n[k] >= SPEEDS_ITEMS_MIN && (best == s->n_classes || s->classes[k].ratio > s->classes[best].ratio))
                        best = k;
        return best;
}

static double seconds_between(const struct speeds_run *run, size_t a, size_t b)
{
        double seconds = 0;

        for (size_t i = 0; i < run->n; i++) {
                const struct speeds_change *c = &run->changes[i];

                if ((c->from == a && c->to == b) || (c->from == b && c->to == a))
                        seconds += c->seconds;
        }
        return seconds;
}

/* log of class k's speed over the reference's. False where too little is known. */
static bool compare(const struct speeds *s, const struct speeds_run *run, size_t reference, size_t k, double *scratch,
                    double *ret_log, size_t *ret_n)
{
        size_t n_stayed, n_went, n_came;
        double stayed = median_change(s, run, s->n_classes, s->n_classes, scratch, &n_stayed);
        double went = median_change(s, run, reference, k, scratch, &n_went);
        double came = median_change(s, run, k, reference, scratch, &n_came);
        double n = (double)n_went + (double)n_came;

        if (n < SPEEDS_ITEMS_MIN || seconds_between(run, reference, k) < SPEEDS_CLASS_SECONDS_MIN)
                return false;
        if (n_stayed >= SPEEDS_ITEMS_MIN)
                *ret_log = ((went - stayed) * (double)n_went - (came - stayed) * (double)n_came) / n;
        else if (n_went >= SPEEDS_ITEMS_MIN / 2 && n_came >= SPEEDS_ITEMS_MIN / 2)
                *ret_log = (went - came) / 2;
        else
                return false;
        *ret_n = n_went + n_came;
        return true;
}

static void follow(struct speeds_class *c, double ratio, size_t n)
{
        double gain = (double)n / ((double)n + c->weight);

        if (c->weight > 0)
                gain = fmin(gain, GAIN_MAX);
        c->ratio *= exp(gain * log(ratio / c->ratio));
        c->ratio = fmin(fmax(c->ratio, SPEEDS_RATIO_MIN), 1);
        c->weight = fmin(c->weight + (double)n, SPEEDS_WEIGHT_MAX);
}

int speeds_learn(struct speeds *s, const struct speeds_run *run)
{
        size_t reference = find_reference(s, run), n;
        double *scratch, change;

        if (reference == s->n_classes)
                return 0;
        scratch = calloc(run->n, sizeof(*scratch));
        if (!scratch)
                return -ENOMEM;
        for (size_t k = 0; k < s->n_classes; k++)
                if (k != reference && compare(s, run, reference, k, scratch, &change, &n))
                        follow(&s->classes[k], s->classes[reference].ratio * exp(change), n);
        free(scratch);
        return 0;
}
