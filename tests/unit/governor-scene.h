/* A governor on a machine whose readings the test sets, second by second.
 *
 * scene_init() has a plain machine of n PUs in one package, all of them lent, one run, no desktop, no sensor at all.
 * Every scene_run() second samples, decides, and then lends what the budget allows (where `follow`).
 */
#pragma once

#include "core/governor.h"
#include "tests/unit/test.h"

struct scene {
        struct governor *governor;
        struct governor_settings settings;
        struct machine machine;
        struct cpuset usable, lent;
        struct readings readings;
        struct governor_situation situation;
        struct governor_decision decision;
        bool follow; /* true: lent is the first `budget` of the usable PUs after every step */
        unsigned n_changes;
        void (*before)(struct scene *scene); /* sets the readings of the coming second; NULL: they stay */
        double value;                        /* for `before` */
};

void scene_init(struct scene *s, unsigned n_pus, unsigned n_packages, enum governor_policy policy);
void scene_finish(struct scene *s);
void scene_run(struct scene *s, unsigned seconds);
/* One sample without time passing before it. */
void scene_step(struct scene *s);
void scene_lend(struct scene *s, unsigned n);
void scene_policy(struct scene *s, enum governor_policy policy);
/* Whatever was read: the decision can be carried out, and its texts can be shown. */
void scene_check(const struct scene *s);
/* Adds a sensor without trips at so many degrees; the pointer holds until the scene ends. */
struct readings_zone *scene_zone(struct scene *s, const char *name, enum readings_place place, double celsius);
/* Adds package 0 without anything readable. */
struct readings_package *scene_package(struct scene *s);
/* NULL where the decision has none of that cause. */
const struct governor_limit *scene_limit(const struct scene *s, enum governor_cause cause);
/* Why a reading of that name is set aside; "" it is not. */
const char *scene_why(const struct scene *s, const char *name);
