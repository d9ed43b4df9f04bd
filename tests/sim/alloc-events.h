/* Random events: what clients, the machine and policy may do at any time. */
#pragma once

#include "tests/sim/alloc-history.h"

/* One random event, and what clients answer to it. */
void history_act(struct history *h);

/* Other PUs are offline from now on, and policy leaves others; the allocator has yet to hear of it. */
struct machine history_other_machine(struct history *h);
/* The same, and it hears. */
void history_change_machine(struct history *h);

/* The budget, what is given up first, and whether anybody may grow. */
void history_tell_budget(struct history *h);

/* The client gives back what is wanted from it; unless `now`, in its own manner. */
void history_answer(struct history *h, size_t index, bool now);
