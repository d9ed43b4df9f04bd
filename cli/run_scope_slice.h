/* The weight of the slice that all runs are in. Weights count among siblings: a run's own counts among runs only, and
 * the slice's against everything else that the manager has. So the slice weighs as its heaviest run does, and no more
 * than RUN_SCOPE_SLICE_WEIGHT. Every run sees to it, as the heaviest one may be gone. */
#pragma once

struct run_scope;

/* Looks at the runs' cgroups, and tells the manager where the slice's weight is another. */
void run_scope_slice_follow(struct run_scope *scope);
