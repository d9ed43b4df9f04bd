/* Parts of plan_predict(). */
#pragma once

#include "cli/plan.h"

/* The suite's run on these PUs. */
int plan_simulate(const struct dispatch_params *suite, const struct dispatch_pu *pus, size_t n_pus,
                  struct sim_result *ret_result);
/* Fills plan->advice by simulating again and again; plan->sim, order and n_ran are there. -ENOMEM, or as sim_run(). */
int plan_advise(const struct plan_input *in, struct plan_result *plan);
/* Fills plan->enough likewise. */
int plan_find_enough(const struct plan_input *in, struct plan_result *plan);
