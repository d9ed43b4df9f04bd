/* What borrowing CPUs costs with the service running: microseconds from the call to the first grant.
 *
 *   request   connect to the service, Acquire, read the grant
 *   library   schedctl_acquire(): the same, and finding out what this process may use
 *
 * Usage: acquire [--json]
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "lib/call.h"
#include "lib/exchange.h"

enum {
        WARM_UP = 100,
        ROUNDS = 2000,
};

static double now_us(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int request_once(double *ret_us)
{
        struct exchange e;
        struct varlink_reply reply = {0};
        double start = now_us();
        int r;

        exchange_init(&e, NULL, false);
        r = exchange_call(&e, "org.schedctl.Scheduler.Acquire", NULL, VARLINK_MORE);
        if (r == 0)
                r = exchange_await(&e, POLLER_NEVER, &reply);

        *ret_us = now_us() - start;
        if (r == 0)
                r = call_errno(&reply);
        varlink_reply_finish(&reply);
        exchange_reset(&e);
        return r;
}

static int library_once(double *ret_us)
{
        CLEANUP_LEASE struct schedctl_lease *lease = NULL;
        double start = now_us();
        int r = schedctl_acquire(NULL, &lease);

        *ret_us = now_us() - start;
        return r;
}

static int compare(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

/* Sorted. */
static int measure(int (*once)(double *ret_us), double us[static ROUNDS])
{
        for (int i = -WARM_UP; i < ROUNDS; i++) {
                double one;
                int r = once(&one);

                if (r < 0)
                        return r;
                if (i >= 0)
                        us[i] = one;
        }
        qsort(us, ROUNDS, sizeof(*us), compare);
        return 0;
}

int main(int argc, char **argv)
{
        static double request[ROUNDS], library[ROUNDS];
        int r = measure(request_once, request);

        if (r == 0)
                r = measure(library_once, library);
        if (r < 0) {
                fprintf(stderr, "acquire: %s\n", strerror(-r));
                return 1;
        }
        printf(argc > 1 && strcmp(argv[1], "--json") == 0 ? "{\"request p50\": %.1f, \"request p99\": %.1f, \"library "
                                                            "p50\": %.1f, \"library p99\": %.1f}\n"
                                                          : "request p50 %.1f  p99 %.1f\nlibrary p50 %.1f  p99 %.1f\n",
               request[ROUNDS / 2], request[ROUNDS * 99 / 100], library[ROUNDS / 2], library[ROUNDS * 99 / 100]);
        return 0;
}
