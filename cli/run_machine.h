/* How fast the PUs are, asked of the service when the first suite comes. Where it does not say, all are alike. */
#pragma once

#include <stdbool.h>

#include "core/dispatch.h"
#include "core/machine.h"

struct run_machine {
        struct machine machine;
        bool asked, known;
        unsigned n_usable; /* PUs that any lease may hold; 0 unknown */
};

/* Asks, once. Where there is no service to ask, `pus` alone make a machine of equal cores. */
int run_machine_ask(struct run_machine *m, bool service, const struct cpuset *pus);
void run_machine_finish(struct run_machine *m);

/* Speeds of the PUs in `order` when all of them are busy, fastest first. */
void run_machine_rate(const struct run_machine *m, const unsigned *order, size_t n, struct dispatch_pu *ret_pus);
