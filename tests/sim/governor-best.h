/* What constant budgets come to on a plant: every number of PUs in every order that the allocator can lend in (on
 * machines of more than 40 PUs every fourth number). */
#pragma once

#include "tests/sim/governor-trial.h"

enum {
        BEST_CONSTANTS_MAX = 128,
};

struct best_constant {
        unsigned budget;
        struct placement_goal goal;
        struct trial_result result;
};

struct best {
        struct best_constant constants[BEST_CONSTANTS_MAX];
        unsigned n;
};

void best_search(const struct plant_model *model, const struct machine *machine, bool neighbour, struct best *ret_best);
/* The one that does most work, whatever it does to the machine. */
const struct best_constant *best_of_all(const struct best *best);
/* The same of those that never pass a trip once near equilibrium; NULL where none keeps them. */
const struct best_constant *best_that_keeps_trips(const struct best *best);
/* The same of the work near equilibrium alone. */
const struct best_constant *best_when_steady(const struct best *best);
/* The same of these whose dies are on average no hotter than `die` °C. */
const struct best_constant *best_as_cool(const struct best *best, double die);
/* The one that does most work for the energy, the rest of the machine's included. */
const struct best_constant *best_per_joule(const struct best *best, const struct plant_model *model);
/* Work per kJ. */
double best_thrift(const struct trial_result *r, const struct plant_model *model);
