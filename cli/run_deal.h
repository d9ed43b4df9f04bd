/* The data plane of one suite: the FIFOs in its directory and the records on them, as docs/run-protocol.md has it.
 *
 * The engine holds both ends of every FIFO: writing never fails for want of a reader, what a worker has not taken
 * can be taken back, and a worker reads end of file, or loses its life line, only when the engine is gone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum run_deal_op {
        RUN_DEAL_RUN = 1,
        RUN_DEAL_RUN_REPORT = 2, /* and report progress on taking it */
        RUN_DEAL_END = 3,
};

struct run_deal_record {
        uint32_t op; /* enum run_deal_op */
        uint32_t item;
};

enum run_done_op {
        RUN_DONE_READY = 1,
        RUN_DONE_STARTED = 2,
        RUN_DONE_DONE = 3,
        RUN_DONE_WANT = 4,
        RUN_DONE_SETUP = 5,
        RUN_DONE_MISSING = 6,
};

struct run_done_record {
        uint16_t op; /* enum run_done_op */
        uint16_t worker;
        uint32_t arg;
        double wall; /* seconds */
        double cpu;
        uint64_t rss; /* KiB */
};

enum {
        RUN_DONE_BATCH = 256,            /* records read at a time */
        RUN_DONE_PIPE_SIZE = 512 * 1024, /* asked for, so that workers do not wait for a busy engine */
};

struct run_deal {
        char *dir;
        int done, life;
        int *queues; /* by worker; -1 none */
        size_t n_queues;
        char rest[sizeof(struct run_done_record)]; /* the beginning of a record that is not complete */
        size_t n_rest;
};

/* Makes `dir` (0700) with the FIFOs done and life. */
int run_deal_open(struct run_deal *d, const char *dir);
/* Closes all and removes the directory; fine when zeroed. */
void run_deal_close(struct run_deal *d);

int run_deal_add_worker(struct run_deal *d, uint32_t worker);
void run_deal_drop_worker(struct run_deal *d, uint32_t worker);

/* Puts records on a worker's queue. -EAGAIN where it is full. */
int run_deal_send(struct run_deal *d, uint32_t worker, const struct run_deal_record *records, size_t n);
/* Takes back what the worker has not read: at most `max` items; how many. *ret_end: an END was among them. */
size_t run_deal_recall(struct run_deal *d, uint32_t worker, uint32_t *items, size_t max, bool *ret_end);

/* What a worker runs and since when, as its state file says: the item's number or UINT32_MAX, and seconds of
 * CLOCK_MONOTONIC or 0 where it waits. -ENOENT where it has not said anything yet. */
int run_deal_read_state(const struct run_deal *d, uint32_t worker, uint32_t *ret_item, double *ret_began);
/* Moves on when that began. The worker is stopped. */
void run_deal_put_off_state(const struct run_deal *d, uint32_t worker, double seconds);
/* Leaves word of how many seconds the run has been paused so far, for the items that the reporter runs itself. */
void run_deal_tell_pauses(const struct run_deal *d, double seconds);

/* Up to RUN_DONE_BATCH records that workers wrote; 0 where there is none at the moment. */
size_t run_deal_read(struct run_deal *d, struct run_done_record *ret_records);
