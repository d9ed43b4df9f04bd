/* The making of units: units_groups.c decides what stays together, units.c makes the units of it. */
#pragma once

#include <stdbool.h>

#include "core/units.h"

/* What stays together, and in how many parts. */
struct units_kept {
        double work;    /* seconds of the group's items and inner groups' set-ups */
        uint32_t n;     /* items, in inner groups too */
        uint32_t top;   /* the outermost group that it is kept together with, itself perhaps; or DISPATCH_NONE */
        uint32_t parts; /* of a top one */
        bool settled;   /* more parts do not help */
};

struct units_making {
        const struct units_params *p;
        struct units_kept *groups;
        double total;      /* seconds of everything that is known */
        double speed;      /* of all workers together */
        double *blocks;    /* of trial schedules: large singles first… */
        uint32_t n_single; /* …so many */
        uint64_t steps;
        uint32_t *unit_of; /* per item */
        uint32_t n_units;
};

static inline double units_known(double seconds)
{
        return seconds > 0 ? seconds : 0;
}

/* Fills groups and total, which are zero. -ENOMEM. */
int units_choose_groups(struct units_making *m);
