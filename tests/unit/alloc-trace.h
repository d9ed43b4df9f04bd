/* The allocator's decisions as text: a scene is a list of events, its trace what came of each. */
#pragma once

#include <stdio.h>

#include "core/alloc.h"

struct scene {
        struct alloc *alloc;
        struct alloc_actions actions;
        struct machine machine;
        struct cpuset usable;
        uint64_t now;
        FILE *trace;
        char *text;
        size_t size;
};

/* A machine of n_pus cores without SMT, all of them usable. Time starts at 0. Every function below ends the program
 * where the allocator refuses what it should not, or an invariant is broken. */
void scene_begin(struct scene *s, unsigned n_pus);
/* The same with n_fast fast cores before n_slow at six tenths of their speed. */
void scene_begin_hybrid(struct scene *s, unsigned n_fast, unsigned n_slow);
/* Compares the trace with `expected`, prints both where they differ, and frees the scene. */
void scene_end(struct scene *s, const char *name, const char *expected);

/* min 1, max 64, weight 100, every PU allowed. */
struct alloc_request scene_request(void);
struct cpuset scene_set(const char *cpulist);

void scene_step(struct scene *s, const char *what, struct alloc_event event);
void scene_open(struct scene *s, alloc_id id, struct alloc_request request);
void scene_update(struct scene *s, alloc_id id, struct alloc_request request);
void scene_close(struct scene *s, alloc_id id);
/* Gives back what is wanted from the lease. */
void scene_answer(struct scene *s, alloc_id id);
void scene_return(struct scene *s, alloc_id id, uint64_t generation, const char *cpulist);
void scene_budget(struct scene *s, unsigned budget);
/* Everybody gives back what is wanted until nothing is. */
void scene_answer_all(struct scene *s);
/* Only the PUs listed stay online. */
void scene_online(struct scene *s, const char *cpulist);
/* Policy leaves only the PUs listed. */
void scene_usable(struct scene *s, const char *cpulist);
void scene_time(struct scene *s, unsigned ms);
