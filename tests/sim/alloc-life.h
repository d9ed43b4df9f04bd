/* A whole history: of a random machine and clients, one event after the other, to its end. */
#pragma once

#include "tests/sim/alloc-history.h"

void history_begin(struct history *h, uint64_t seed, bool verbose);
/* One random event; now and then everybody answers, and shares are judged. */
void history_go_on(struct history *h);
/* Everybody answers; and the facts are told anew in another order. */
void history_rest(struct history *h);
void history_end(struct history *h);
