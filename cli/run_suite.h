/* One suite of a run: a reporter's connection, the dispatcher that decides, the workers that the reporter starts.
 *
 *     run_suite.c         from hello to the end: the reporter's messages, the plan
 *     run_suite_deal.c    the dispatcher's actions: records out, workers' lives
 *     run_suite_records.c records in
 *     run_suite_confirm.c items that are run once more when all is over
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "cli/run_deal.h"
#include "cli/run_engine.h"
#include "cli/run_measure.h"
#include "cli/run_message.h"
#include "cli/run_settings.h"
#include "core/dispatch.h"

/* Costs that decide whether workers are worth it, in seconds; measured on a 2-core virtual machine, where a serial
 * pytest takes 0.15 s to run nothing.
 *
 * Fork: from the suite's message to the first READY, median of 15 runs of five tests: 14.8 ms (least 9.5).
 * Relay: CPU of 10,000 empty tests in one worker less that in the reporter: 65 to 79 µs a test, of which the engine
 * has 4. Send: a byte to a process on another CPU and back: 29 µs. */
#define RUN_FORK_SECONDS    0.015 /* from the plan to a forked worker's READY */
#define RUN_RELAY_SECONDS   70e-6 /* what an item costs the reporter and the engine beyond running it */
#define RUN_SEND_SECONDS    30e-6 /* what a deal record costs until the worker has it */
#define RUN_DEFAULT_SECONDS 0.01  /* an item nobody knows anything about */

enum run_suite_state {
        RUN_SUITE_HELLO,    /* connected, collecting */
        RUN_SUITE_SERIAL,   /* left to the reporter or to another plugin */
        RUN_SUITE_RUNNING,  /* workers */
        RUN_SUITE_FINISHED, /* every worker is gone, but for one that runs an item once more */
};

enum run_worker_state {
        RUN_WORKER_NONE,
        RUN_WORKER_WAITING,  /* for a slot */
        RUN_WORKER_STARTING, /* asked for */
        RUN_WORKER_READY,    /* its first record came */
};

struct run_worker {
        enum run_worker_state state;
        pid_t pid;           /* 0 not known yet */
        unsigned pu;         /* where it is to be; or DISPATCH_FLOATING: on all of the suite's */
        unsigned started_on; /* what the reporter was told */
        double speed;        /* of the PU */
        unsigned slot;       /* or RUN_NO_SLOT */
        bool retired;        /* its last record is sent */
        bool doomed;         /* spoke nonsense: to be killed */
        double busy;         /* seconds; of all processes under this number */
};

struct history;

struct run_suite {
        struct run *run;
        struct run_peer *peer;
        struct run_suite *next;
        uint32_t number;
        enum run_suite_state state;
        pid_t reporter;
        uint64_t hello_at, suite_at; /* µs */
        json_t *message;             /* the suite's: owner of the listing's texts */
        json_t *rootdir;             /* of hello; a string */
        struct run_settings settings;
        struct run_listing listing;
        struct run_measure measure;
        struct run_result result;
        bool has_result, stored;
        struct history *history; /* NULL: there is none */
        uint64_t *sources;       /* per item: its file before it ran, as history_sources() says it */
        uint32_t n_estimated;    /* items of which the history knows the time */
        uint32_t n_parts;        /* items to deal, those of a serial group being one */
        char why_serial[128];
        uint32_t n_theirs; /* items that it leaves to whoever runs it serially */
        bool tell;         /* why is to be said unasked */
        bool unfit;        /* it cannot take part at all, which the user is to know */
        struct dispatch *dispatch;
        struct dispatch_actions actions;
        struct run_deal deal;
        uv_poll_t done_poll;
        uv_timer_t timer;
        unsigned n_handles;         /* of the two, open: the suite is freed when they are closed */
        struct run_worker *workers; /* by number */
        uint32_t n_workers;         /* length of workers */
        uint32_t *recalls;          /* workers to take items back from after this list of actions */
        size_t n_recalls;
        struct dispatch_pu *pus; /* what it may use, fastest first */
        size_t n_pus;
        json_t *crashed, *left; /* items, for the reporter */
        uint32_t confirmed;     /* the item that worker 0 runs once more, or RUN_NO_INDEX */
        uint32_t n_confirmed;
};

/* For a new connection. */
int run_suite_create(struct run *run, struct run_peer *peer, struct run_suite **ret_suite);
/* A message of its reporter. Negative: the connection is to be closed. */
int run_suite_message(struct run_suite *suite, const char *event, json_t *message);
/* Its connection is gone: workers that live still die with their life line. Reports, and frees itself. */
void run_suite_close(struct run_suite *suite);
/* What it may use from now on. */
void run_suite_set_pus(struct run_suite *suite, const struct cpuset *pus);
/* Slots may be free: starts the workers that wait for one. */
void run_suite_serve_waiting(struct run_suite *suite);
/* How many slots its workers need. */
uint32_t run_suite_n_wanted(const struct run_suite *suite);
/* Whether it holds PUs. */
bool run_suite_is_active(const struct run_suite *suite);
/* Whether a process is one of its workers. */
bool run_suite_has_worker(const struct run_suite *suite, pid_t pid);

/* Among these files. */

/* The worker of that number if the reporter was told to start it, else NULL. */
struct run_worker *run_suite_worker(struct run_suite *suite, uint32_t number);
/* Opens the FIFO that reports come through; before the plan, as the reporter's own items are reported there too. */
int run_suite_open_deal(struct run_suite *suite, const char *dir);
/* Starts dealing. */
int run_suite_deal(struct run_suite *suite, const struct dispatch_params *params);
/* Takes what workers have written, then the event. Negative: the suite cannot go on. */
int run_suite_step(struct run_suite *suite, struct dispatch_event *event);
int run_suite_started(struct run_suite *suite, uint32_t worker, pid_t pid);
int run_suite_exited(struct run_suite *suite, const struct run_exited *exited);
int run_suite_failed(struct run_suite *suite, uint32_t worker);
/* Starts a worker whose number is reserved: tells the reporter, or lets it wait for a slot. */
int run_suite_start_worker(struct run_suite *suite, uint32_t number, unsigned pu);
int run_suite_reserve_workers(struct run_suite *suite, uint32_t n);
/* The worker's process is gone, or never was. */
void run_suite_end_worker(struct run_suite *suite, uint32_t number);
/* A `confirm`; and the end of the worker that was started for it, which lost the item or not. */
int run_suite_confirm(struct run_suite *suite, uint32_t item);
int run_suite_confirmed(struct run_suite *suite, bool lost);
void run_suite_read_records(struct run_suite *suite);
