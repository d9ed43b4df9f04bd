/* The guardian: the process that the user started. It waits for the engine, its only child, passes signals on, and
 * ends as COMMAND ended. Whichever of the two is killed, the other ends everything below: the engine sees the
 * channel close, the guardian inherits what the engine leaves.
 */
#pragma once

#include <signal.h>

struct run_nice;
struct run_options;
struct run_tokens;

/* Forks the engine, in which this returns 0 with its end of the channel, the signals blocked, and *ret_before, the
 * mask that COMMAND is to have. In the guardian it returns only where the fork failed, a negative errno; otherwise
 * the process ends here. The guardian removes the run's directory `dir`, sets the niceness back and returns tokens of a
 * jobserver, should the engine not have: `nice` and `tokens` are memory that both share. */
int run_guardian_split(const struct run_options *options, const char *dir, struct run_nice *nice,
                       struct run_tokens *tokens, int *ret_channel, sigset_t *ret_before);

/* The engine's word on how COMMAND ended, as waitpid() says it; the first one counts. The guardian ends so whatever
 * becomes of the engine after that, but not before the engine. */
void run_guardian_report(int channel, int wait_status);
