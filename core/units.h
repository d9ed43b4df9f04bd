/* Which items of a suite are to be run one after the other by one worker, and in which order such units are to begin,
 * for a runner that deals whole units by itself and asks for the next one whenever a worker is free (pytest-xdist).
 *
 * Units begin longest first (Graham 1969): no later than 4/3 - 1/(3 m) times the least makespan on m equal workers.
 * What nothing is known of begins before all else, in collection order, in units that get smaller towards the end
 * (guided self-scheduling: Polychronopoulos, Kuck 1987), cut where a module ends if that is near: what is dealt so is
 * never dealt worse than in equal shares.
 *
 * Short items of one module that are collected one after the other make one unit, UNITS_SHORT_SECONDS long at most and
 * no more than one part in UNITS_SHORT_PART of a worker's work: what costs next to nothing then costs no set-ups
 * either, whether or not anything is known of these.
 *
 * Items with a scope (dispatch_item's `serial`) stay together. Without scopes, those of a group whose set-up is worth
 * it do, its inner groups with it, unless parts of it, each with a set-up of its own, shorten the run by more than
 * UNITS_GAIN. Pure; same input, same units.
 */
#pragma once

#include <stdint.h>

#include "core/dispatch.h"

/* A set-up is worth it where each worker's having its own would add more than this share to its group's work. */
#define UNITS_WASTE 0.02
/* What splitting a group has to save of the makespan: it shows what depends on an order for next to nothing. */
#define UNITS_GAIN  0.03

#define UNITS_SHORT_SECONDS 0.2
enum { UNITS_SHORT_PART = 8 };

struct units_params {
        const struct dispatch_item *items; /* their seconds, group and serial count; `alone`: in no unit; index =
                                            * collection order */
        uint32_t n_items;
        const struct dispatch_group *groups;
        uint32_t n_groups;
        const double *speeds; /* of the workers, (0, 1] each */
        uint32_t n_workers;   /* >= 1 */
};

struct units {
        uint32_t n;
        uint32_t *items; /* unit by unit, each unit's in collection order */
        uint32_t *first; /* n + 1: where each unit begins in items */
        double *seconds; /* of each unit on a fast core, set-ups included; < 0 unknown */
};

/* -ENOMEM. */
int units_make(const struct units_params *params, struct units *ret_units);
void units_finish(struct units *units);

/* Where units of these seconds, in this order (unknown ones as 0), begin on whichever worker ends them first: when the
 * last one ends. -ENOMEM. */
int units_makespan(const double *seconds, uint32_t n, const double *speeds, uint32_t n_workers, double *ret_seconds);
