/* How fast the classes of PUs really are, learned from items that ran in one class last time and in another this time.
 *
 * A class is "KIND/SIBLINGS": the kind of a PU's core, and how many PUs of that core the run holds. Its ratio is its
 * speed relative to the fastest core alone. Where nothing is learned it is what machine_pu_speed() assumes.
 *
 * An item that needs w CPU seconds on a fast core takes c = w / v(a) in class a in one run, and d = w f / v(b) in class
 * b in another, f being what slowed that whole run down (a throttled package, a busy memory bus). With x = log v and p
 * = log f, z = log(c / d) is x(b) - x(a) - p. So
 *   - items that stayed in their class have the median -p,
 *   - those that went from a to b, less that, have the median x(b) - x(a), those that went back its negative,
 *   - and where too few stayed, half the difference of the medians of those that went and of those that came is free
 *     of p as well.
 * The measured seconds of both runs are compared, not an estimate that was scaled by an assumed speed: an assumption
 * that is wrong can thus not confirm itself, even if the dispatcher sends nearly every item to the same class each
 * time, as longest-first on unequal cores does. Nothing is learned from items that never change their class, which is
 * the price. Medians take care of items that changed; over runs a class moves by a share that falls with the evidence
 * already there, down to one in which a few runs still outweigh the past (exponential smoothing).
 *
 * This is the two-way (item and class) effects model with the items' effects eliminated by differencing, as in the
 * analysis of crossover trials (Jones, Kenward: Design and Analysis of Cross-Over Trials, 1989), with medians in place
 * of means.
 *
 * Pure; plain data that the caller stores.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/estimate.h"
#include "core/machine.h"

enum {
        SPEEDS_SIBLINGS_MAX = 8, /* more count as so many */
        SPEEDS_CLASSES_MAX = MACHINE_KINDS_MAX * SPEEDS_SIBLINGS_MAX,
        SPEEDS_MACHINE_MAX = 256,
        SPEEDS_NAME_MAX = 16,
        SPEEDS_ITEMS_MIN = 8,    /* that changed between two classes, for anything to be learned of these in one run */
        SPEEDS_WEIGHT_MAX = 200, /* items; the past counts as no more */
};
#define SPEEDS_ITEM_SECONDS_MIN  0.002 /* CPU time of an item, below which it says too little */
#define SPEEDS_CLASS_SECONDS_MIN 0.2   /* of all those that changed between two classes */
#define SPEEDS_RATIO_MIN         0.05

struct speeds_class {
        unsigned kind, siblings;
        uint32_t id;   /* unlike that of any other class of any machine, as far as 32 bits go; never 0 */
        double ratio;  /* (0, 1] */
        double weight; /* items that it was learned from; 0: it is assumed */
};

struct speeds {
        char machine[SPEEDS_MACHINE_MAX]; /* what it looks like: machines alike share what is learned */
        struct speeds_class classes[SPEEDS_CLASSES_MAX];
        size_t n_classes;
};

/* All classes of a machine, as assumed. */
void speeds_init(struct speeds *s, const struct machine *machine);

/* NULL where the machine has none such. */
const struct speeds_class *speeds_find(const struct speeds *s, unsigned kind, unsigned siblings);
const struct speeds_class *speeds_find_id(const struct speeds *s, uint32_t id);
void speeds_format(const struct speeds_class *c, char name[static SPEEDS_NAME_MAX]);
/* What was stored under a class's name; a name or a number that cannot be is ignored. Whether it was taken. */
bool speeds_restore(struct speeds *s, const char *name, double ratio, double weight);

/* One run's evidence. */
struct speeds_change;
struct speeds_run {
        struct speeds_change *changes;
        size_t n, allocated;
};
/* An item's estimate before this run, and what the run measured. -ENOMEM. */
int speeds_observe(struct speeds_run *run, const struct speeds *s, const struct estimate *before,
                   const struct estimate_sample *sample);
void speeds_run_finish(struct speeds_run *run);

/* -ENOMEM: nothing has changed. */
int speeds_learn(struct speeds *s, const struct speeds_run *run);
