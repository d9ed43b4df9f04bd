/* Runs one thread on each CPU that it holds, for as long as somebody waits at its standard input, and shares with
 * others in the meantime: build with `cc share.c $(pkg-config --cflags --libs schedctl) -pthread`.
 *
 * Nothing in the loop waits but poll(): the library's descriptor goes beside the program's own.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <schedctl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
        CPUS_MAX = 4096,
};

static struct worker {
        pthread_t thread;
        atomic_bool stop;
        bool runs;
} workers[CPUS_MAX]; /* by CPU */

static void *work(void *argument)
{
        struct worker *worker = argument;

        while (!worker->stop)
                ; /* here: the next piece of work */
        return NULL;
}

static void start(unsigned cpu)
{
        struct worker *worker = &workers[cpu];
        pthread_attr_t attributes;
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        worker->stop = false;
        pthread_attr_init(&attributes);
        pthread_attr_setaffinity_np(&attributes, sizeof(set), &set);
        worker->runs = pthread_create(&worker->thread, &attributes, work, worker) == 0;
        pthread_attr_destroy(&attributes);
}

static void stop(unsigned cpu)
{
        if (!workers[cpu].runs)
                return;
        workers[cpu].stop = true;
        pthread_join(workers[cpu].thread, NULL);
        workers[cpu].runs = false;
}

/* The latest grant is all that counts: what is wanted back ends, what is new begins. */
static void follow(struct schedctl_lease *lease)
{
        bool held[CPUS_MAX] = {false};

        for (size_t i = 0; i < schedctl_lease_n_pus(lease); i++)
                held[schedctl_lease_pu(lease, i)] = true;
        for (size_t i = 0; i < schedctl_lease_n_wanted(lease); i++) {
                unsigned cpu = schedctl_lease_wanted(lease, i);

                stop(cpu);
                held[cpu] = false;
                schedctl_lease_return(lease, &cpu, 1);
        }
        for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++)
                if (!held[cpu])
                        stop(cpu);
                else if (!workers[cpu].runs)
                        start(cpu);
        printf("%zu CPUs: %s\n", schedctl_lease_n_pus(lease) - schedctl_lease_n_wanted(lease),
               schedctl_lease_reason(lease));
        fflush(stdout);
}

static int loop(struct schedctl_lease *lease)
{
        struct pollfd fds[] = {{.fd = 0, .events = POLLIN}, {.fd = schedctl_lease_fd(lease), .events = POLLIN}};
        int r = 0;

        while (poll(fds, 2, -1) > 0 && !fds[0].revents) {
                while ((r = schedctl_lease_dispatch(lease)) > 0)
                        follow(lease);
                if (r < 0 && !schedctl_lease_id(lease)) /* later: the service restarts, and the CPUs stay ours */
                        return r;
        }
        return 0;
}

int main(void)
{
        struct schedctl_request request = {.size = sizeof(request), .label = "share"};
        struct schedctl_lease *lease;
        int r = schedctl_acquire_start(&request, &lease);

        if (r == 0) {
                r = loop(lease);
                schedctl_lease_release(lease);
        }
        for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++)
                stop(cpu);
        if (r < 0)
                fprintf(stderr, "share: no CPUs: %s\n", strerror(-r));
        return r < 0;
}
