/* What a suite makes of what its workers say, and of the memory that there is. */
#include <math.h>
#include <unistd.h>

#include "cli/run_suite.h"
#include "tests/unit/test.h"

enum { NOW = 5000000, WORKERS = 4 };

static struct run_worker workers[WORKERS];
static struct run_nice niceness;
static struct run run = {.nice = &niceness};

/* Four workers, of which nobody knows the processes, on two PUs. */
static struct run_suite make_suite(void)
{
        struct run_suite s = {.run = &run, .workers = workers, .n_workers = WORKERS, .n_pus = 2, .memory = UINT64_MAX};

        for (size_t i = 0; i < WORKERS; i++)
                workers[i] = (struct run_worker){.state = RUN_WORKER_READY, .share = 1};
        s.listing.start = "spawn";
        s.reporter = getpid();
        return s;
}

static bool is_near(double a, double b)
{
        return fabs(a - b) < 1e-6;
}

static double alone(struct run_suite *s, size_t worker, double wall, double cpu)
{
        const struct run_done_record done = {.op = RUN_DONE_DONE, .wall = wall, .cpu = cpu};

        return run_suite_alone(s, &workers[worker], NOW, &done);
}

/* The kernel says nothing: a fair share. */
static void test_fair_share(void)
{
        struct run_suite s = make_suite();

        CHECK(is_near(alone(&s, 0, 2, 1), 1));
        CHECK(is_near(alone(&s, 0, 1.5, 1), 1));
        CHECK(is_near(alone(&s, 1, 1, 2), 1)); /* its threads had more than one PU */
        /* Those that wait take nothing away, once that shows. */
        s = make_suite();
        for (size_t i = 1; i < WORKERS; i++)
                CHECK(alone(&s, i, 50, 0) > 49.9);
        CHECK(workers[1].share < 0.01);
        CHECK(is_near(alone(&s, 0, 3, 1), 3));
        /* They may as well end. */
        s = make_suite();
        workers[2].state = workers[3].state = RUN_WORKER_NONE;
        CHECK(is_near(alone(&s, 0, 2, 1), 2));
}

/* What the kernel counted of a worker's first thread, in the time of these records and in that before. */
static void test_counted(void)
{
        struct run_suite s = make_suite();

        s.ran = 10;
        s.waited = 5;
        workers[0].waiting_at = NOW;
        workers[0].unclaimed[0] = (struct run_waiting){.ran = 1, .waited = 0.5};
        workers[0].unclaimed[1] = (struct run_waiting){.ran = 1, .waited = 0.7};
        CHECK(is_near(alone(&s, 0, 2, 1), 1));     /* of 1.2 s that it may have waited 1 s */
        CHECK(is_near(alone(&s, 0, 1.6, 1), 1.4)); /* the rest */
        CHECK(is_near(alone(&s, 0, 3, 1), 2.5));   /* children computed, and waited half as long, as is usual */
        CHECK(is_near(alone(&s, 0, 9, 0), 9));     /* nobody ran */
        workers[0].unclaimed[1] = (struct run_waiting){.ran = 1, .waited = 0.7};
        CHECK(alone(&s, 0, 1, 0.001) > 0.99);    /* it slept: who waited came before or after it */
        CHECK(is_near(alone(&s, 1, 1.2, 1), 1)); /* nobody looked at this one: as much as lately, at most all */
        CHECK(is_near(alone(&s, 1, 4, 1), 3.5));
        niceness.own = 10; /* who is nice waits for longer at a time */
        workers[0].unclaimed[1] = (struct run_waiting){.ran = 1, .waited = 0.7};
        CHECK(alone(&s, 0, 1, 0.001) < 0.9);
        niceness.own = 0;
}

static void test_room(void)
{
        struct run_suite s = make_suite();
        uint32_t room;

        CHECK_INT(run_suite_room(&s), DISPATCH_WORKERS_MAX);
        s.memory = 0;
        CHECK_INT(run_suite_room(&s), 0);
        /* Half of it, over what workers needed at most; forked ones share what the reporter has. */
        workers[0].rss = workers[1].rss = 1 << 20;
        s.memory = (uint64_t)20 << 30;
        CHECK_INT(run_suite_room(&s), 10);
        s.listing.start = "fork";
        room = run_suite_room(&s);
        CHECK(room >= 10 && room < 20);
}

int main(void)
{
        test_fair_share();
        test_counted();
        test_room();
        return 0;
}
