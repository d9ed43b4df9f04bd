/* The engine: the process that runs COMMAND, deals its suites' items and gives back what was borrowed.
 *
 * One libuv loop. It ends when COMMAND has ended, or was killed at the user's word; whatever is left below it then
 * is ended too. Without COMMAND it serves a process that is there already (run_attached.h).
 */
#pragma once

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "cli/run_attached.h"
#include "cli/run_counts.h"
#include "cli/run_follow.h"
#include "cli/run_jobs.h"
#include "cli/run_lease.h"
#include "cli/run_machine.h"
#include "cli/run_nice.h"
#include "cli/run_options.h"
#include "cli/run_pause.h"
#include "cli/run_priority.h"
#include "cli/run_report.h"
#include "cli/run_scope.h"
#include "cli/run_server.h"
#include "cli/run_share.h"
#include "cli/run_signals.h"
#include "cli/run_tokens.h"
#include "cli/run_usable.h"
#include "cli/run_watch.h"

struct run_suite;

#define RUN_NO_SLOT UINT_MAX

enum {
        RUN_LEFTOVER_GRACE_MS = 500, /* from SIGTERM to SIGKILL for what COMMAND leaves behind */
};

struct run {
        const struct run_options *options;
        const char *dir;
        int channel; /* to the guardian */
        struct run_lease lease;
        struct run_machine machine;
        struct run_tokens *tokens; /* of somebody else's jobserver; shared with the guardian */
        struct run_usable usable;  /* of the lease, by suites */
        struct run_share share;    /* of the lease, among suites and jobs */
        struct run_jobs jobs;
        struct run_counts counts; /* what COMMAND is told of them */
        struct run_signals signals;
        struct run_server server;
        struct run_watch watch;
        struct run_report report;
        struct run_pause pause;
        struct run_follow follow;
        struct run_priority priority;
        struct run_attached attached;
        struct run_nice *nice; /* shared with the guardian */
        struct run_scope scope;
        uv_loop_t loop;
        uv_poll_t channel_poll, lease_poll;
        uv_prepare_t settle;
        bool lease_watched, lease_lost; /* the service is gone, as was said */
        uint64_t begun;                 /* µs of its clock */
        bool share_due, slots_due;      /* to be done when the loop comes round */
        bool history_off;               /* there is none to be had, as was said */
        struct run_suite *suites;       /* in the order of coming */
        uint32_t n_suites_seen;
        struct cpuset slots_used; /* of lease.slots */
        struct cpuset pinned;     /* where all but workers are pinned to */
        pid_t command;            /* 0: not started yet, or there is none */
        int status;               /* COMMAND's, once it has ended */
        bool ended;
        int killed_by; /* the signal at which the user had everything killed; 0 none */
};

/* In the engine's process: all of the run from here on. Takes over the lease, and sets the niceness back at the end.
 * The guardian is told how COMMAND ended, or that the run could not begin. */
void run_engine(const struct run_options *options, const char *dir, struct run_lease *lease, struct run_nice *nice,
                struct run_tokens *tokens, const struct run_scope *scope, const char *python_dir, int channel,
                pid_t guardian, const sigset_t *command_mask);

/* Its parts that need no COMMAND: the loop and the control socket at that path, whose reporters become suites; and
 * before the loop sleeps, all that they have made due. */
int run_engine_listen(struct run *run, const char *socket);
void run_engine_settle(struct run *run);

/* Ends the loop of a run that is attached: all is over. */
void run_end(struct run *run);
/* For suites. */

uint64_t run_now(const struct run *run); /* µs, monotonic; stands still while the run is paused */
/* The same of a time of CLOCK_MONOTONIC. */
uint64_t run_clock(const struct run *run, uint64_t monotonic);
/* A slot for a worker, or RUN_NO_SLOT where none is free: when one is given back, or run_serve_slots_later() was
 * called, the loop calls every suite's run_suite_serve_waiting(). */
unsigned run_take_slot(struct run *run);
void run_give_slot(struct run *run, unsigned slot);
void run_serve_slots_later(struct run *run);
/* A suite begins, or another was asked for so many workers: sees to slots for all. */
void run_want_slots(struct run *run);
/* Divides what is held among the suites and jobs anew; of the suites each of which hears of its own through
 * run_suite_set_pus(): now, or, for a suite in the midst of a step, when the loop comes round. */
void run_share(struct run *run);
void run_share_later(struct run *run);
/* A PU that a suite has no more use for. */
void run_spare(struct run *run, struct run_suite *suite, unsigned pu);
/* A worker could not be moved to it. */
void run_refuse(struct run *run, unsigned pu);
