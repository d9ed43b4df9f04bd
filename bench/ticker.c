/* How soon a process that wakes up a thousand times a second gets a CPU: what a desktop feels of the load beside it.
 *
 * Ticks are due at fixed times (CLOCK_MONOTONIC, absolute sleeps), so one that comes late makes the next ones late too,
 * as in cyclictest of rt-tests. Ends at SIGTERM or SIGINT and prints the lateness in microseconds.
 *
 * Usage: ticker      -> {"ticks": N, "p50": …, "p99": …, "max": …}
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

enum {
        PERIOD_NS = 1000000,
        SECOND_NS = 1000000000,
        BUCKETS = 10000000, /* of a microsecond; the last one takes what is later than ten seconds */
};

static volatile sig_atomic_t stopped;
static uint32_t *lateness;

static void on_signal(int sig)
{
        (void)sig;
        stopped = 1;
}

static int64_t since(const struct timespec *due)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return ((int64_t)now.tv_sec - due->tv_sec) * SECOND_NS + now.tv_nsec - due->tv_nsec;
}

static void tick(const struct timespec *due)
{
        int64_t us = since(due) / 1000;

        lateness[us < BUCKETS ? us : BUCKETS - 1]++;
}

static void advance(struct timespec *due)
{
        due->tv_nsec += PERIOD_NS;
        if (due->tv_nsec >= SECOND_NS) {
                due->tv_nsec -= SECOND_NS;
                due->tv_sec++;
        }
}

/* The least lateness that `rank` ticks do not exceed. */
static unsigned quantile(uint64_t rank)
{
        uint64_t seen = 0;

        for (unsigned us = 0; us < BUCKETS; us++) {
                seen += lateness[us];
                if (seen >= rank)
                        return us;
        }
        return BUCKETS - 1;
}

/* False where a signal ended the wait. */
static bool wait_until(const struct timespec *due)
{
        while (!stopped)
                if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, due, NULL) == 0)
                        return !stopped;
        return false;
}

int main(void)
{
        struct sigaction action = {.sa_handler = on_signal};
        struct timespec due;
        uint64_t n = 0;

        lateness = calloc(BUCKETS, sizeof(*lateness));
        if (!lateness)
                return 1;
        sigaction(SIGTERM, &action, NULL);
        sigaction(SIGINT, &action, NULL);
        /* The kernel otherwise lets it sleep up to 50 µs longer than asked. */
        prctl(PR_SET_TIMERSLACK, 1UL);
        clock_gettime(CLOCK_MONOTONIC, &due);
        for (advance(&due); wait_until(&due); advance(&due)) {
                tick(&due);
                n++;
        }
        printf("{\"ticks\": %llu, \"p50\": %u, \"p99\": %u, \"max\": %u}\n", (unsigned long long)n,
               quantile((n + 1) / 2), quantile(n - n / 100), quantile(n));
        free(lateness);
        return 0;
}
