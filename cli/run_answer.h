/* What a run answers to processes below it that ask how many CPUs they may use. */
#pragma once

struct run;
struct run_peer;

/* To who is, or is below, a worker: its own, one where it floats. To others: what suites may use of what is held. */
int run_answer_held(struct run *run, struct run_peer *peer);
