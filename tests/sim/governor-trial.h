/* One simulated hour or less of tests on a plant, with the governor's budget or a constant one.
 *
 * The allocator's stand-in lends the first PUs of placement_order() under the decision's aim, from the second after the
 * decision on. The neighbour is a load of one thread to a quarter of the machine's that comes and goes every few
 * minutes; it runs on PUs that are not lent, and where there are none shares lent ones. The work rate that is reported
 * is what was done in the second, with the noise that short tests have: 8 tests a second and PU, each with an estimate
 * that is off by 60 % (one sigma), and a suite whose estimates as a whole are off by 3 % for about 20 s at a time.
 */
#pragma once

#include "core/governor.h"
#include "tests/sim/plant-models.h"
#include "tests/sim/plant-sensors.h"

#include <stdio.h>

#define TRIAL_SECONDS 2400u /* three time constants of the slowest chassis and more */
#define TRIAL_STEADY  1500u /* from when on it is near equilibrium */

/* From a second on; 0 seconds: nothing happens. */
struct trial_fault {
        unsigned at;
        const char *zone; /* of all zones with this in their name; NULL: the machine is suspended */
        enum plant_fault fault;
        unsigned asleep; /* s */
};

struct trial {
        const struct plant_model *model;
        const struct machine *machine;
        enum governor_policy policy;
        unsigned constant;          /* 0: the governor's */
        struct placement_goal goal; /* of the constant */
        uint64_t seed;
        bool neighbour;
        bool silent; /* no work rate is reported */
        const struct trial_fault *faults;
        unsigned n_faults;
        FILE *trace; /* NULL: none */
};

struct trial_result {
        double rate, steady_rate;                 /* work a second: over all, and when steady */
        double watts, budget, die;                /* means: watts over all, the others when steady */
        double fan;                               /* mean when steady: share of its speed */
        double hottest_chassis, hottest_die;      /* when steady */
        unsigned above_chassis, above_critical;   /* s, over all */
        unsigned chassis_steady, critical_steady; /* s, when steady */
        double changes;                           /* of the budget a minute, when steady */
        unsigned settling; /* s after which the budget stays within a sixteenth of its steady mean, or a PU */
        unsigned least;    /* smallest budget */
        unsigned cut;      /* s with less than all, over all */
        unsigned ignored;  /* seconds in which some reading was set aside */
};

void trial_run(const struct trial *t, struct trial_result *ret_result);
