/* How fast the PUs are, asked of the service when the first suite comes. Where it does not say, all are alike. */
#pragma once

#include <stdbool.h>

#include "core/dispatch.h"
#include "core/machine.h"
#include "core/speeds.h"

struct run_machine {
        struct machine machine;
        struct speeds speeds; /* of its classes of PUs: as the service says, or as was learned */
        bool asked, known;
        unsigned n_usable; /* PUs that any lease may hold; 0 unknown */
};

/* Asks, once. Where there is no service to ask, or it does not answer soon, `pus` alone make a machine of equal
 * cores. */
int run_machine_ask(struct run_machine *m, bool service, const struct cpuset *pus);
void run_machine_finish(struct run_machine *m);

/* The PUs in `order`, best first: how fast each is while all of them are busy, and while no sibling is. */
void run_machine_rate(const struct run_machine *m, const unsigned *order, size_t n, struct dispatch_pu *ret_pus);

/* The class, as core/speeds.h numbers them, that a PU is of where a suite has these; 0: not known, or floating. */
uint32_t run_machine_class(const struct run_machine *m, unsigned os, const struct dispatch_pu *pus, size_t n);
