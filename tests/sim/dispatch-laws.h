/* The rules of the dispatcher's contract that only a whole run shows. Each is called before the trial's own account
 * of what happened changes, and ends the program where a rule does not hold. */
#pragma once

#include "tests/sim/dispatch-trial.h"

#include <stdio.h>
#include <stdlib.h>

#define LAW(trial, condition)                                                                                          \
        do {                                                                                                           \
                if (!(condition)) {                                                                                    \
                        fprintf(stderr, "seed %llu: %s:%d: failed: %s\n", (unsigned long long)(trial)->seed, __FILE__, \
                                __LINE__, #condition);                                                                 \
                        exit(1);                                                                                       \
                }                                                                                                      \
        } while (0)

/* One more worker is being started. */
void laws_started(const struct trial *t);
void laws_sent(const struct trial *t, const struct dispatch_action *a);
void laws_begun(struct trial *t, uint32_t worker, uint32_t item);
void laws_limited(const struct trial *t);
void laws_returned(const struct trial *t, unsigned pu);
void laws_over(const struct trial *t, const struct dispatch *d);
