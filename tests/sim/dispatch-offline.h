/* Schedules made with everything known beforehand, which the dispatcher's are held against: list schedules, exact
 * optima of small suites, and the best that a search finds. Items and group set-ups only: no waits, serial groups or
 * needs, and nothing moves from one PU to another once it has begun.
 *
 * What is on one PU is ordered so that each group is set up there once, so its end follows from its sum; of siblings
 * that share a core, from theirs: as long as k of n are busy each does what interpolating between `alone` and `speed`
 * says.
 *
 *     dispatch-schedule.c  a schedule in the making
 *     dispatch-offline.c   list schedules, the optimum
 *     dispatch-search.c    the search
 */
#pragma once

#include "tests/sim/dispatch-world.h"

/* Longest first, each item to where it ends earliest (Graham 1969; Cho, Sahni 1980). */
double offline_list(const struct world *w);
/* The same of whole outermost groups. */
double offline_list_of_groups(const struct world *w);
/* The least makespan possible, by branch and bound: for some ten items. */
double offline_optimum(const struct world *w);
/* The least that is found from `tries` orders of items and of groups, listed or put one PU after the other up to a
 * limit, and improved by local search. */
double offline_best(const struct world *w, uint32_t tries);
