/* What comes of a history: everybody answers until it rests, and the same facts are told anew in another order. */
#pragma once

#include "tests/sim/alloc-history.h"

/* Everybody answers until nothing is asked any more; the number of rounds is bounded. Then shares are fair. */
void history_quiesce(struct history *h);

/* The facts of a history that rests, told anew in another order, come to the same counts. Where somebody waits, who
 * does depends on who came first, and nothing is asserted. */
void history_retell(const struct history *h);

/* The leases that are to end before a waiting one expects its first PU end: it has one then. Ends the history. */
void history_foretell(struct history *h);
