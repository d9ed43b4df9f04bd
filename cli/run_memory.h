/* How many workers a suite may have as far as memory goes: by what one of them needs and what is available, and by what
 * the kernel says of tasks that wait for memory. Pure; looked at once a second, and when a worker was killed.
 *
 * Short of memory is who has less available than a reserve, or whose tasks wait: then no worker starts, and the
 * youngest ends behind what it runs; the next one only when that is gone and memory is still short. When it has not
 * been short for RUN_MEMORY_CALM looks, and another worker would find room above the reserve, one comes back. After a
 * worker was killed for want of memory there are never again as many as there were.
 */
#pragma once

#include <stdint.h>

enum {
        RUN_MEMORY_CALM = 5,
        RUN_MEMORY_DWELL = 5, /* looks after one has ended, until pressure, which is an average, says anything again */
        RUN_MEMORY_PRESSURE = 20, /* per cent of the last ten seconds in which some task waited for memory */
};
/* The reserve: half of what a worker needs, as that can be about to grow, but within these. */
#define RUN_MEMORY_RESERVE_LEAST (UINT64_C(16) << 20)
#define RUN_MEMORY_RESERVE_MOST  (UINT64_C(256) << 20)

struct run_memory_look {
        uint64_t available; /* bytes; UINT64_MAX: nobody says */
        uint64_t need;      /* of one worker; 0: not known */
        double pressure;    /* per cent; 0 also where nobody says */
        uint32_t n_alive;   /* workers, those included that are about to end */
};

struct run_memory {
        uint32_t limit;   /* of workers; UINT32_MAX: none */
        uint32_t ceiling; /* for good: so many and more were too many */
        unsigned n_calm;  /* looks in a row */
        unsigned n_since; /* looks since one was to end; counts up to RUN_MEMORY_DWELL */
};

void run_memory_init(struct run_memory *m);
/* Before the first worker. Returns the limit, as all of these. */
uint32_t run_memory_begin(struct run_memory *m, const struct run_memory_look *look);
uint32_t run_memory_step(struct run_memory *m, const struct run_memory_look *look);
/* One of so many, itself included, was killed. */
uint32_t run_memory_killed(struct run_memory *m, uint32_t n_alive);
