/* One suite of a run: a reporter's connection, the dispatcher that decides, the workers that the reporter starts.
 *
 *     run_suite.c         from hello to the end: the reporter's messages
 *     run_suite_shard.c   which part of it is this run's
 *     run_suite_plan.c    whether workers are worth it, and how many there may be
 *     run_suite_deal.c    the dispatcher's actions and events: records out, workers' ends
 *     run_suite_worker.c  workers: where they are, how they start, move and end
 *     run_suite_records.c records in
 *     run_suite_alone.c   what items would have taken on CPUs that nobody else wants
 *     run_suite_sample.c  what workers use while they run
 *     run_suite_memory.c  what workers need, and that there are no more than memory is there for
 *     run_suite_work.c    how much of its work is done
 *     run_suite_confirm.c items that are run once more when all is over
 *     run_suite_pause.c   what stood still for a while
 *
 * One that pytest-xdist deals has its workers told of, and its own files: run_xdist.h.
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
#include "cli/run_memory.h"
#include "cli/run_message.h"
#include "cli/run_settings.h"
#include "cli/run_tree.h"
#include "cli/run_worth.h"
#include "cli/run_xdist.h"
#include "core/dispatch.h"
#include "hw/cgroup.h"

/* What memory has to be there for workers beyond one a PU. */
enum {
        RUN_OOM_SCORE = 200,    /* more than its reporter's: thousandths of all memory, see proc_pid_oom_score_adj(5) */
        RUN_ROOM_PART = 2,      /* one part in so many of the memory available is for them */
        RUN_ROOM_FORK_PART = 4, /* of the reporter's memory that a forked worker comes to have for itself */
        RUN_ROOM_EVERY_US = 1000000, /* how often the memory is looked at, at most */
        RUN_SAMPLE_SHARE = 100,      /* sampling takes at most one part in so many of the time */
};

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
        pid_t pid;                     /* 0 not known yet */
        unsigned pu;                   /* where it is to be; or DISPATCH_FLOATING: on all of the suite's */
        unsigned started_on;           /* what the reporter was told */
        double speed;                  /* of the PU */
        unsigned slot;                 /* or RUN_NO_SLOT */
        bool retired;                  /* its last record is sent */
        bool doomed;                   /* spoke nonsense: to be killed */
        double busy;                   /* seconds; of all processes under this number */
        struct cpuset also;            /* PUs that it may use besides, for a wide item */
        uint64_t moved_at;             /* µs: when it was pinned anew or widened; 0 never */
        uint64_t read_at, read_before; /* µs: when records of it were read last, and the time before */
        double share;                  /* of a CPU that it uses, or would if it did not have to wait for one */
        uint64_t sampled_at;           /* µs: when it had used so much; 0 not known */
        double used;                   /* seconds */
        uint64_t waiting_at;           /* µs: when its first thread's total was read last; 0 not known */
        struct run_waiting {
                double ran, waited; /* seconds: computed, and was ready to and had no PU */
        } total, unclaimed[2];      /* between the last readings, the later one last, and not any item's as yet */
        uint64_t rss;               /* KiB, peak as it last said; 0 not known */
        uint32_t stopped_item;      /* that it was running when the run was paused, or RUN_NO_INDEX… */
        double stopped;             /* …and the seconds of pauses that its records have not told of yet */
        bool has_run;               /* an item, to its end */
};

/* A suite of which this run has a part. */
struct run_suite_shard {
        uint32_t tests, dealt;        /* that were collected, and are this run's; 0 where it was not divided */
        uint32_t known;               /* tests of which the history knows the time */
        double seconds;               /* of the dealt ones, as far as it knows */
        uint64_t collection, split;   /* digests: see core/shard.h */
        char why[RUN_SHARD_NOTE_MAX]; /* it was not divided; "" it was, or nobody asked yet */
        bool divided, told;
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
        struct run_suite_shard shard;
        struct run_listing listing;
        struct run_measure measure;
        struct run_result result;
        bool has_result, stored;
        struct history *history; /* NULL: there is none */
        uint64_t *sources;       /* per item: its file before it ran, as history_sources() says it */
        uint32_t n_estimated;    /* items of which the history knows the time */
        uint32_t n_parts;        /* items to deal, those of a serial group being one */
        uint32_t n_extra;        /* workers that there may be beyond one a PU */
        uint32_t n_exact;        /* workers that were asked for, whatever the PUs; 0: nobody did */
        uint32_t n_at_once;      /* the most workers that there were at a time, or the plan said */
        struct run_xdist *xdist; /* NULL: pytest-xdist has nothing to do with it */
        char why_serial[128];
        uint32_t n_theirs; /* items that it leaves to whoever runs it serially */
        bool tell;         /* why is to be said unasked */
        bool unfit;        /* it cannot take part at all, which the user is to know */
        struct dispatch *dispatch;
        struct dispatch_actions actions;
        struct run_deal deal;
        uv_poll_t done_poll;
        uv_timer_t timer;           /* for what the dispatcher waits for, and for samples */
        uint64_t timer_at;          /* µs; DISPATCH_NEVER: it does not run */
        unsigned n_handles;         /* of the two, open: the suite is freed when they are closed */
        struct run_worker *workers; /* by number */
        uint32_t n_workers;         /* length of workers */
        uint32_t *recalls;          /* workers to take items back from after this list of actions */
        size_t n_recalls;
        struct dispatch_pu *pus; /* what it may use, fastest first */
        size_t n_pus;
        struct cpuset share;     /* as it was given it last */
        struct cpuset left_over; /* of that, what it has said since that it has no use for */
        unsigned n_of_use;       /* PUs that it has any use for; 0: any number */
        double ran, waited;      /* seconds: lately, workers' first threads */
        uint64_t worker_memory;  /* bytes that a worker is known to need; 0 not known */
        uint64_t seen_memory;    /* of that, the most that one had in this run */
        uint64_t told_memory;    /* as the service was told */
        uint32_t next_looked_at; /* worker whose memory is looked at next */
        struct run_memory limits;
        uint32_t told_limit, least_limit;    /* of workers, as the dispatcher has it, and the lowest so far */
        struct hw_cgroup_place memory_group; /* the run's */
        json_t *killed;                      /* workers that the kernel killed: texts; NULL none */
        uint64_t memory, memory_at;          /* bytes available when it was last looked; µs */
        uint32_t n_started_since;            /* workers since then */
        struct cpuset idle_pus;              /* these PUs had been idle… */
        double idle;                         /* …for so many seconds… */
        uint64_t idle_at;                    /* …at this time, µs; 0 not known */
        uint64_t sample_not_before;          /* µs */
        uint32_t n_samples;
        bool short_of_slots;     /* a worker was to start and there was none */
        json_t *dry;             /* with --dry-run, the plan */
        char *dry_text;          /* likewise, for people to read */
        double stopped;          /* seconds of all pauses */
        double work_before;      /* seconds of estimated work that were done when it was looked at last */
        double reporter_stopped; /* of the last one, until a record of the reporter's tells of it */
        json_t *crashed, *left;  /* items, for the reporter */
        uint32_t confirmed;      /* the item that worker 0 runs once more, or RUN_NO_INDEX */
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
/* Appends its workers' processes, as far as they are known. -ENOMEM. */
int run_suite_list_workers(const struct run_suite *suite, struct run_pids *pids);
/* Seconds of estimated work on a fast core; left is negative where nobody can say. For an active suite. */
struct run_suite_work {
        double done, left;
};
struct run_suite_work run_suite_work(struct run_suite *suite);
/* The run is paused: nothing is read of its workers, and no time passes. */
void run_suite_hold(struct run_suite *suite);
/* It goes on after so many seconds, before its processes do. */
void run_suite_go_on(struct run_suite *suite, double seconds);

/* Among these files. */

/* The suite's PUs. */
struct cpuset run_suite_pus(const struct run_suite *suite);
/* Where a worker of it may be. */
struct cpuset run_suite_worker_pus(const struct run_suite *suite, const struct run_worker *worker);
/* Its items are run by the reporter or by another plugin. */
void run_suite_leave_serial(struct run_suite *suite, const char *why);
/* The reporter's `collected`, which is answered by what of it is this run's, and `undivided`. */
int run_suite_collected(struct run_suite *suite, const json_t *message);
int run_suite_undivided(struct run_suite *suite, const json_t *message);
/* Divides what was collected among the shards: per item whether it is this run's. -ENOMEM. */
int run_suite_divide(struct run_suite *suite, const struct run_listing *listing, bool *ret_keep);
/* A line on stderr, once a suite, once pytest has said what it has collected. */
void run_suite_tell_shard(struct run_suite *suite);
/* For the summary: an object, or NULL where there are no shards. */
json_t *run_suite_describe_shard(const struct run_suite *suite);
/* The reporter's `suite` message. */
int run_suite_plan(struct run_suite *suite, json_t *message);
/* Workers that there are, or wait for a slot. */
uint32_t run_suite_n_alive(const struct run_suite *suite);
/* How many more workers there is memory for, by what was available when it was last looked. */
uint32_t run_suite_room(const struct run_suite *suite);
/* When the dispatcher is there and before it has any PUs: `need` is what history has of a worker, bytes, or 0. These
 * are negative where the suite cannot go on. */
int run_suite_memory_begin(struct run_suite *suite, uint64_t need);
/* If the kernel has to kill something it had better be a worker than pytest, or what else the user runs. */
void run_suite_memory_offer(const struct run_worker *worker);
/* Once a second. */
int run_suite_memory_look(struct run_suite *suite);
/* The kernel killed this worker, which still counts as alive. Returns the limit that holds once it does not. */
uint32_t run_suite_memory_killed(struct run_suite *suite, uint32_t worker);
/* Tells the dispatcher what workers use and how idle the CPUs are. Negative: the suite cannot go on. */
int run_suite_sample(struct run_suite *suite);
/* Seconds that the item of a DONE record, read at `now`, would have taken on a PU that nobody else wants. */
double run_suite_alone(struct run_suite *suite, struct run_worker *worker, uint64_t now,
                       const struct run_done_record *done);
/* A worker has begun: its waiting for CPUs counts from now on. */
void run_suite_wait_from_now(struct run_suite *suite, struct run_worker *worker, uint64_t now);
/* So many seconds of CPU in so many is what a worker uses, or would if it did not have to wait for one. */
void run_suite_learn_share(struct run_worker *worker, double cpu, double wall);
/* A worker has begun: what it uses counts from now on. */
void run_suite_sample_from_now(struct run_suite *suite, struct run_worker *worker);
/* The worker of that number if the reporter was told to start it, else NULL. */
struct run_worker *run_suite_worker(struct run_suite *suite, uint32_t number);
/* Opens the FIFO that reports come through; before the plan, as the reporter's own items are reported there too. */
int run_suite_open_deal(struct run_suite *suite, const char *dir);
/* Starts dealing. */
int run_suite_deal(struct run_suite *suite, const struct dispatch_params *params, uint64_t worker_memory);
/* Takes what workers have written, then the event. Negative: the suite cannot go on. */
int run_suite_step(struct run_suite *suite, struct dispatch_event *event);
int run_suite_started(struct run_suite *suite, uint32_t worker, pid_t pid);
int run_suite_exited(struct run_suite *suite, const struct run_exited *exited);
int run_suite_failed(struct run_suite *suite, uint32_t worker);
/* Starts a worker whose number is reserved: tells the reporter, or lets it wait for a slot. */
int run_suite_start_worker(struct run_suite *suite, uint32_t number, unsigned pu);
/* One that waits for a slot. */
int run_suite_start_if_slot(struct run_suite *suite, uint32_t number);
/* A worker is to be on this PU, or DISPATCH_FLOATING; or may use this one too, until it is moved. */
void run_suite_move_worker(struct run_suite *suite, uint32_t number, unsigned pu);
void run_suite_widen_worker(struct run_suite *suite, uint32_t number, unsigned pu);
int run_suite_reserve_workers(struct run_suite *suite, uint32_t n);
/* The worker's process is gone, or never was. */
void run_suite_end_worker(struct run_suite *suite, uint32_t number);
/* A `confirm`; and the end of the worker that was started for it, which lost the item or not. */
int run_suite_confirm(struct run_suite *suite, uint32_t item);
int run_suite_confirmed(struct run_suite *suite, bool lost);
void run_suite_read_records(struct run_suite *suite);
int run_suite_watch_records(struct run_suite *suite);
/* For when the dispatcher, or a sample, is due. */
void run_suite_set_timer(struct run_suite *suite);
/* Takes the time in which its run was paused off a record's. True where the item was stopped meanwhile; `worker` is
 * NULL for the reporter's own items. */
bool run_suite_take_off_pause(struct run_suite *suite, struct run_worker *worker, struct run_done_record *record);
