/* Parameters: frequencies, power limits and temperature limits are the vendors' published ones. Capacitance, leakage
 * and thermal resistances are no vendor's: they are chosen so that the model meets published measurements of the whole
 * machine, which each model names, and are orders of magnitude apart from that. sim-plant checks that it meets them. */
#include "tests/sim/plant-models.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A P core of the laptop takes about 20 W alone at its top (measured as package power of single-threaded loads of Alder
 * Lake P), and all cores together run near 2 GHz at 28 W and near 3 GHz at 60 W. An E core does about half the work of
 * a P core at a sixth of its power. SMT adds 15 % power. */
static const struct plant_kind laptop_kinds[] = {
        {.name = "P",
         .cores = 6,
         .siblings = 2,
         .speed = 1,
         .f_min = 0.4,
         .f_base = 1.8,
         .f_all = 4.2,
         .f_one = 4.8,
         .f_knee = 1.5,
         .v_min = 0.68,
         .v_max = 1.25,
         .capacitance = 2.2,
         .capacitance_both = 2.5,
         .leakage = 0.5},
        {.name = "E",
         .cores = 8,
         .siblings = 1,
         .speed = 0.53,
         .f_min = 0.4,
         .f_base = 1.3,
         .f_all = 3.2,
         .f_one = 3.6,
         .f_knee = 1.3,
         .v_min = 0.68,
         .v_max = 1.1,
         .capacitance = 0.72,
         .leakage = 0.12},
};

/* Chassis of about 1.2 kg, of which a part takes part: 500 J/K, 8 minutes to follow. 28 W of the package and 5 W of the
 * rest bring it near 50 °C with the fan at full speed, which is where reviews measure the hot spot of thin laptops
 * under lasting load, and where vendors set the skin's passive trip (48 °C; ISO 13732-1 allows 48 °C metal for 10
 * minutes). */
#define LAPTOP                                                                                                         \
        .kinds = laptop_kinds, .n_kinds = 2, .n_packages = 1, .smt_gain = 0.25, .idle_power = 3, .uncore_share = 0.05, \
        .window = 28, .die_limit = 100, .die_high = 100, .counts_throttling = true, .die_capacity = 7,                 \
        .die_resistance = 1.5, .chassis_capacity = 500, .still = 0.75, .blown = 1.35, .fan_from = 45, .fan_to = 90,    \
        .other_power = 5, .chassis_trip = 48, .has_supply = true

/* Raptor Lake S at 253 W: 5.0 to 5.2 GHz on all P cores, 100 °C under a 280 mm cooler; about 330 W without limits
 * (reviews of the i9-13900K, autumn 2022). */
static const struct plant_kind tower_kinds[] = {
        {.name = "P",
         .cores = 8,
         .siblings = 2,
         .speed = 1,
         .f_min = 0.8,
         .f_base = 3.0,
         .f_all = 5.5,
         .f_one = 5.8,
         .f_knee = 2.0,
         .v_min = 0.7,
         .v_max = 1.42,
         .capacitance = 2.15,
         .capacitance_both = 2.45,
         .leakage = 0.9},
        {.name = "E",
         .cores = 16,
         .siblings = 1,
         .speed = 0.55,
         .f_min = 0.8,
         .f_base = 2.2,
         .f_all = 4.3,
         .f_one = 4.3,
         .f_knee = 1.6,
         .v_min = 0.7,
         .v_max = 1.22,
         .capacitance = 0.95,
         .leakage = 0.25},
};

/* Zen 4 at its socket's limit of 230 W: about 5.1 GHz on all cores at 95 °C, which AMD calls by design; k10temp has no
 * trip points, and there are no thermal_throttle counters. */
static const struct plant_kind zen_kinds[] = {
        {.name = "",
         .cores = 16,
         .siblings = 2,
         .speed = 1,
         .f_min = 0.4,
         .f_base = 4.5,
         .f_all = 5.4,
         .f_one = 5.7,
         .f_knee = 3.0,
         .v_min = 0.75,
         .v_max = 1.35,
         .capacitance = 1.35,
         .capacitance_both = 1.55,
         .leakage = 0.5},
};

/* Coffee Lake, 8 cores: about 170 W at 4.7 GHz on all cores under a heavy load (reviews of the i9-9900K, 2018), where
 * boards lift its limits, as they mostly do. */
static const struct plant_kind old_kinds[] = {
        {.name = "",
         .cores = 8,
         .siblings = 2,
         .speed = 1,
         .f_min = 0.8,
         .f_base = 3.6,
         .f_all = 4.7,
         .f_one = 5.0,
         .f_knee = 1.5,
         .v_min = 0.68,
         .v_max = 1.3,
         .capacitance = 1.95,
         .capacitance_both = 2.25,
         .leakage = 1.0},
};

#define OLD_TOWER                                                                                                      \
        .kinds = old_kinds, .n_kinds = 1, .n_packages = 1, .smt_gain = 0.25, .idle_power = 9, .uncore_share = 0.05,    \
        .die_limit = 100, .die_high = 86, .counts_throttling = true, .fan_from = 40, .fan_to = 90,                     \
        .chassis_trip = HUGE_VAL, .ambient = 30

/* Two packages of 32 cores at 205 W: 2.6 GHz on all cores is what Ice Lake servers do within it. The second one gets
 * the first one's air: 205 W in 15 l/s of air is 11 K, of which half reaches it. */
static const struct plant_kind server_kinds[] = {
        {.name = "",
         .cores = 32,
         .siblings = 2,
         .speed = 1,
         .f_min = 0.8,
         .f_base = 2.0,
         .f_all = 2.6,
         .f_one = 3.2,
         .f_knee = 1.4,
         .v_min = 0.7,
         .v_max = 1.0,
         .capacitance = 2.1,
         .capacitance_both = 2.4,
         .leakage = 0.6},
};

const struct plant_model plant_models[] = {
        {
                .name = "laptop",
                .title = "thin laptop, 6P+8E, 28 W",
                .pl1 = 28,
                .pl2 = 64,
                LAPTOP,
                .ambient = 24,
                .ec_floor = 12,
        },
        {
                /* Vendors lower both limits on battery, which cannot give much more and is to last. */
                .name = "laptop-battery",
                .title = "the same on battery, 20 W",
                .pl1 = 20,
                .pl2 = 40,
                LAPTOP,
                .ambient = 24,
                .ec_floor = 12,
                .on_battery = true,
        },
        {
                /* In a hot room, and nothing but the governor between the load and the chassis's trip. */
                .name = "laptop-hot",
                .title = "the same on mains at 32 °C, no EC",
                .pl1 = 28,
                .pl2 = 64,
                LAPTOP,
                .ambient = 32,
        },
        {
                /* 0.3 K/W in all: the die meets 100 °C a little below 253 W. */
                .name = "tower",
                .title = "tower, 8P+16E, at its limit by design",
                .by_design = true,
                .kinds = tower_kinds,
                .n_kinds = 2,
                .n_packages = 1,
                .smt_gain = 0.25,
                .idle_power = 12,
                .uncore_share = 0.05,
                .pl1 = 253,
                .window = 56,
                .pl2 = 253,
                .die_limit = 100,
                .die_high = 80,
                .counts_throttling = true,
                .die_capacity = 25,
                .die_resistance = 0.2,
                .chassis_capacity = 900,
                .still = 2,
                .blown = 9.5,
                .fan_from = 40,
                .fan_to = 90,
                .ambient = 26,
                .chassis_trip = HUGE_VAL,
        },
        {
                .name = "tower-16",
                .title = "tower, 16 cores, at 95 °C by design",
                .by_design = true,
                .kinds = zen_kinds,
                .n_kinds = 1,
                .n_packages = 1,
                .smt_gain = 0.28,
                .idle_power = 25,
                .uncore_share = 0.05,
                .pl1 = 230,
                .window = 10,
                .pl2 = 230,
                .die_limit = 95,
                .die_high = HUGE_VAL,
                .die_capacity = 25,
                .die_resistance = 0.22,
                .chassis_capacity = 900,
                .still = 2,
                .blown = 10,
                .fan_from = 40,
                .fan_to = 90,
                .ambient = 26,
                .chassis_trip = HUGE_VAL,
        },
        {
                /* Dust in the fins and dried paste: 0.85 K/W, so that 100 °C is 82 W, and below base frequency. */
                .name = "tower-dusty",
                .title = "tower, 8 cores, cooler full of dust",
                OLD_TOWER,
                .die_capacity = 25,
                .die_resistance = 0.45,
                .chassis_capacity = 500,
                .still = 1,
                .blown = 2.5,
        },
        {
                /* A water cooler whose pump stands still: the block and what little conducts, 2.6 K/W. */
                .name = "tower-pump",
                .title = "tower, 8 cores, cooler's pump dead",
                OLD_TOWER,
                .die_capacity = 25,
                .die_resistance = 0.3,
                .chassis_capacity = 250,
                .still = 0.40,
                .blown = 0.43,
        },
        {
                .name = "server",
                .title = "server, 2 x 32 cores, 205 W each",
                .kinds = server_kinds,
                .n_kinds = 1,
                .n_packages = 2,
                .smt_gain = 0.25,
                .idle_power = 40,
                .uncore_share = 0.1,
                .pl1 = 205,
                .window = 28,
                .pl2 = 246,
                .die_limit = 98,
                .die_high = 88,
                .counts_throttling = true,
                .die_capacity = 60,
                .die_resistance = 0.2,
                .preheat = 0.03,
                .chassis_capacity = 3000,
                .still = 15,
                .blown = 60,
                .fan_from = 45,
                .fan_to = 85,
                .other_power = 120,
                .ambient = 25,
                .chassis_trip = HUGE_VAL,
        },
};
const unsigned n_plant_models = sizeof(plant_models) / sizeof(plant_models[0]);

const struct plant_model *plant_find(const char *name)
{
        for (unsigned i = 0; i < n_plant_models; i++)
                if (strcmp(plant_models[i].name, name) == 0)
                        return &plant_models[i];
        return NULL;
}

/* Siblings of a core have neighbouring numbers on hybrid machines, and elsewhere all first ones come first. */
static unsigned os_index(const struct plant_model *model, unsigned core, unsigned cores, unsigned sibling)
{
        if (model->n_kinds == 1)
                return core + sibling * cores;
        return core < model->kinds[0].cores ? core * model->kinds[0].siblings + sibling
                                            : core + model->kinds[0].cores * (model->kinds[0].siblings - 1);
}

int plant_machine(const struct plant_model *model, struct machine *ret_machine)
{
        struct machine_kind kinds[PLANT_KINDS] = {0};
        struct machine_pu *pus;
        unsigned n_pus = 0, cores = 0, n = 0, core = 0;
        int r;

        for (unsigned k = 0; k < model->n_kinds; k++) {
                snprintf(kinds[k].name, sizeof(kinds[k].name), "%s", model->kinds[k].name);
                kinds[k].speed = model->kinds[k].speed;
                cores += model->kinds[k].cores * model->n_packages;
                n_pus += model->kinds[k].cores * model->kinds[k].siblings * model->n_packages;
        }
        pus = calloc(n_pus, sizeof(*pus));
        if (!pus)
                return -ENOMEM;
        for (unsigned p = 0; p < model->n_packages; p++)
                for (unsigned k = 0; k < model->n_kinds; k++)
                        for (unsigned c = 0; c < model->kinds[k].cores; c++, core++)
                                for (unsigned s = 0; s < model->kinds[k].siblings; s++)
                                        pus[n++] = (struct machine_pu){
                                                .os = os_index(model, core, cores, s),
                                                .core = core,
                                                .smt_rank = s,
                                                .kind = k,
                                                .package = p,
                                                .node = p,
                                                .cache = p,
                                        };
        r = machine_init(pus, n_pus, kinds, model->n_kinds, ret_machine);
        if (r < 0) {
                free(pus);
                return r;
        }
        ret_machine->smt_gain = model->smt_gain;
        return 0;
}
