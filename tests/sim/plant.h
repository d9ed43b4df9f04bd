/* A machine's heat and power, simulated: what its sensors are to say, and what work its PUs get done.
 *
 * Heat: each package's die and the chassis (a laptop's body, a tower's cooler, a server's air path) that all share are
 * first-order nodes. A die has a heat capacity and a resistance to the chassis, the chassis a heat capacity and a
 * conductance to the room, which a fan raises as the hottest die warms up, or the chassis comes near its trip. In a
 * server the packages stand in a row, and what one gives off warms the air of the next.
 *
 * Power: a busy core takes C V(f)^2 f + leakage(V, T), C by kind and more when both SMT siblings are busy; an idle one
 * is gated off; the rest of the package takes a fixed part and one that follows the cores. V is constant up to a knee
 * and rises from there, faster towards the top, as published voltage curves do. Leakage grows exponentially with
 * temperature. The more cores of a kind are busy, the lower its highest frequency (turbo bins).
 *
 * Limits, in the order of the hardware: turbo bins; PL2 at every moment; PL1 as an exponentially weighted mean over its
 * window (Intel SDM 14.10.3, running average power limit); the die's limit by clipping the frequency, so that it sits
 * there (what processors have done since about 2015); and if even the lowest frequency is too hot, PROCHOT, which
 * halves the clock until the die is a little below. An embedded controller (EC) lowers PL1 step by step while the
 * chassis is above its trip, and gives it back when it is well below, as DPTF's passive policy does.
 *
 * Units: s, °C, W, J, K/W, GHz, V; C in W / (V^2 GHz), which is nF. Deterministic; one step is PLANT_STEP.
 * Not modelled: hot spots within a die, voltage regulators, memory that limits work before the clock does.
 */
#pragma once

#include "core/machine.h"

#define PLANT_STEP 0.1 /* s */

enum {
        PLANT_KINDS = 2,
        PLANT_PACKAGES = 2,
        PLANT_STEPS_A_SECOND = 10,
};

struct plant_kind {
        const char *name;
        unsigned cores, siblings; /* of a package; SMT siblings of a core: 1 or 2 */
        double speed;             /* of a core at f_one, relative to the fastest kind's */
        double f_min, f_base;
        double f_all, f_one;         /* highest with all and with one of the kind's cores busy */
        double f_knee, v_min, v_max; /* v_min up to f_knee, v_max at f_one */
        double capacitance;          /* with one busy thread… */
        double capacitance_both;     /* …and with two */
        double leakage;              /* W of a core at 1 V and 60 °C */
};

struct plant_model {
        const char *name, *title;
        const struct plant_kind *kinds; /* fastest first */
        unsigned n_kinds, n_packages;
        double smt_gain;
        double idle_power;       /* of a package without its cores' part */
        double uncore_share;     /* of its cores' power, again, for caches and interconnect */
        double pl1, window, pl2; /* of a package; pl1 0: none */
        double die_limit;
        double die_high; /* what coretemp shows as temp1_max: the limit less the vendor's TCONTROL; HUGE_VAL: nothing */
        bool counts_throttling; /* has thermal_throttle counters */

        double die_capacity, die_resistance; /* J/K, K/W to the chassis */
        double preheat;                      /* K of a package's surroundings by each W of the one before */
        double chassis_capacity;
        double still, blown;     /* conductance of the chassis to the room, W/K: fan off and at full speed */
        double fan_from, fan_to; /* die's temperature at which it starts and is at its fastest */
        double other_power;      /* W that the chassis gets from the rest of the machine */
        double ambient;
        double chassis_trip; /* HUGE_VAL: no sensor */
        double ec_floor;     /* W to which the EC lowers PL1; 0: there is no such EC */
        bool on_battery, has_supply;
        bool by_design; /* it is meant to sit at the die's limit: nothing is gained by a smaller budget */
};

/* Who is busy, in what a step needs to know of it. */
struct plant_load {
        unsigned busy[PLANT_PACKAGES][PLANT_KINDS][3]; /* cores, by busy siblings */
        double work[PLANT_PACKAGES][PLANT_KINDS];      /* done a second by the lent PUs at f_one */
        unsigned lent[PLANT_PACKAGES][PLANT_KINDS];
        unsigned waiting; /* threads that share a PU with another */
};

struct plant_package {
        double die;            /* °C */
        double power, average; /* W: now, and RAPL's mean */
        double f[PLANT_KINDS]; /* of the kind's busy cores; f_min where there are none */
        double energy;         /* J since the start */
        double throttled;      /* s since the start, clipped by heat */
        unsigned long throttle_events;
        bool clipped, prochot;
};

struct plant {
        const struct plant_model *model;
        struct plant_package packages[PLANT_PACKAGES];
        double chassis, fan; /* fan: 0..1 */
        double pl1;          /* as the EC leaves it */
        double die_decay;    /* of a die's distance from its equilibrium in one step */
        unsigned long steps;
};

/* Cold: everything at the room's temperature, nothing busy. The model is kept. */
void plant_init(struct plant *p, const struct plant_model *model);
/* What `lent` and a neighbour's busy threads on `others` come to. A PU that is in both gives each one half. */
void plant_load_of(const struct plant_model *model, const struct machine *machine, const struct cpuset *lent,
                   const struct cpuset *others, struct plant_load *ret_load);
/* One PLANT_STEP with that load. Returns the work that the lent PUs did in it, in seconds of the fastest core. */
double plant_step(struct plant *p, const struct plant_load *load);

/* Power of a package that runs at `level` of its range of frequencies, 0..1, its die at a temperature. */
double plant_power(const struct plant_model *model, const struct plant_load *load, unsigned package, double level,
                   double die);
double plant_voltage(const struct plant_kind *kind, double f);
