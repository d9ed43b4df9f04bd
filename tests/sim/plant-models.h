/* The machines that the governor is tried on: parameters of tests/sim/plant.h, with their sources. */
#pragma once

#include "tests/sim/plant.h"

extern const struct plant_model plant_models[];
extern const unsigned n_plant_models;

/* NULL where there is none of that name. */
const struct plant_model *plant_find(const char *name);
/* As hw/ would describe it; PUs are numbered as Linux does on such machines. machine_finish() it. -ENOMEM. */
int plant_machine(const struct plant_model *model, struct machine *ret_machine);
