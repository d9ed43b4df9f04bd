/* What a suite would come to on some PUs: core/sim.h's run of it, without running a test, and what would make it
 * shorter. `schedctl plan` shows that of a project's history, `schedctl run --dry-run` of what pytest has collected.
 *
 *     plan_predict.c  simulates, and says what the end hangs on
 *     plan_advice.c   simulates again with something changed
 *     plan_enough.c   simulates with fewer PUs
 *     plan_print.c    the plan as text
 *     plan_json.c     the plan as JSON
 *     plan.c          the verb: its options, and what it reads with plan_machine.h and plan_past.h
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/run_machine.h"
#include "core/sim.h"

enum { PLAN_ADVICE_MAX = 5 };

/* Changes that save less of the makespan are not worth a line. */
#define PLAN_WORTH 0.02

/* What is planned. All of it is the caller's and has to outlive the plan. */
struct plan_input {
        const struct dispatch_params *suite; /* as the dispatcher is told of it */
        const struct dispatch_pu *pus;       /* what it would have, best first: at least one */
        size_t n_pus;
        const char *const *ids;            /* of its items */
        const char *const *group_ids;      /* of its groups */
        const struct run_machine *machine; /* what the PUs are; NULL: not known */
        struct cpuset spare;               /* PUs of the machine that it could have besides */
        double beside;                     /* seconds before its first item and after its last one: collection, workers'
                                            * start, reports; < 0 not known */
        uint32_t n_known;                  /* items whose time the history knows */
};

/* What could be otherwise. */
enum plan_change {
        PLAN_SPLIT,   /* the `n` longest items, in two each; the longest is `item` */
        PLAN_SETUP,   /* the set-ups of `group`, or of the session (DISPATCH_NONE), take no time */
        PLAN_SETUPS,  /* all set-ups take no time */
        PLAN_SERIAL,  /* the `n` items of the serial group in which `item` is the first may run beside each other */
        PLAN_WORKER,  /* one more worker, on `pu` */
        PLAN_WORKERS, /* up to `workers` at a time while items wait */
        PLAN_CORE,    /* one more core of the fastest kind, whether the machine has it or not */
        PLAN_CHANGES,
};
/* As JSON has it: "split", "setup"… */
const char *plan_change_text(enum plan_change change);

struct plan_advice {
        enum plan_change change;
        uint32_t item, group, n;
        unsigned pu;
        double seconds;   /* PLAN_SETUP: of one set-up; PLAN_SETUPS: of all; PLAN_SERIAL: of all its items */
        uint32_t workers; /* PLAN_SETUP: how often it is paid; PLAN_WORKERS: how many there may be */
        double makespan;  /* what it would be */
        double saves;     /* share of the present makespan, > PLAN_WORTH */
};

struct plan_result {
        struct sim_result sim;
        uint32_t *order; /* the items that ran, those of a worker together, in the order in which they begin */
        uint32_t n_ran;
        double bound;
        double serial;      /* items, and each set-up once, on one fast core */
        double alone;       /* seconds of those that run when all workers are gone */
        double total;       /* makespan, what runs alone, and what is beside them; < 0 not known */
        double utilisation; /* of the PUs, 0 to 1 */
        uint32_t critical;  /* the longest item of the workers that end last, up to PLAN_WORTH; or DISPATCH_NONE */
        uint32_t n_last;    /* items that its worker ran */
        double share;       /* of the makespan that the critical item takes, its set-ups included */
        struct plan_advice advice[PLAN_ADVICE_MAX]; /* the greatest saving first */
        size_t n_advice;
        size_t enough; /* so many of the PUs, the first in the order of lending, would do as well: up to PLAN_WORTH */
};

/* -ENOMEM, or as sim_run(). */
int plan_predict(const struct plan_input *in, struct plan_result *ret_plan);
void plan_result_finish(struct plan_result *plan);

/* Of an id or a path, which may have anything in it: safe for a terminal; "?" for want of memory. */
void plan_print_name(const char *name, FILE *out);
/* schedule: what would run where, and when. -ENOMEM. */
int plan_print(const struct plan_input *in, const struct plan_result *plan, bool schedule, FILE *out);
/* Of an id or a path, which need not be UTF-8: then it is escaped, as a terminal would get it. */
json_t *plan_name(const char *name);
/* An object; schedctl-plan(1) lists its members. NULL for want of memory. */
json_t *plan_json(const struct plan_input *in, const struct plan_result *plan, bool schedule);
