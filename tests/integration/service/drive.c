/* Holds a lease by the client's internal interface. Commands on standard input, one a line; each is answered by what it
 * returned, 0 or more or an errno's name, and the PUs held by then:
 *
 *     report RATE MS   schedctl_lease_report()
 *     priority N       schedctl_lease_set_priority()
 *     refresh          schedctl_lease_refresh()
 *     pin PU           pins itself
 *     wait             schedctl_lease_wait() for a change
 *     monitor          reports of Monitor until one has a lease: the number of its leases
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "lib/client.h"

static int pin(unsigned pu)
{
        cpu_set_t mask;

        CPU_ZERO(&mask);
        CPU_SET(pu, &mask);
        return sched_setaffinity(0, sizeof(mask), &mask) < 0 ? -errno : 0;
}

static int count_leases(struct schedctl_connection *connection)
{
        int n = 0;

        while (n == 0) {
                int r = schedctl_connection_wait(connection, -1);

                if (r < 0)
                        return r;
                CLEANUP_JSON json_t *told = json_loads(schedctl_connection_reply(connection), 0, NULL);
                n = (int)json_array_size(json_object_get(json_object_get(told, "status"), "leases"));
        }
        return n;
}

static int monitor(void)
{
        struct schedctl_connection *connection;
        int r = schedctl_connection_new(SCHEDCTL_NO_START, &connection);

        if (r < 0)
                return r;
        r = schedctl_connection_call(connection, "Monitor", NULL, SCHEDCTL_MORE);
        if (r == 0)
                r = count_leases(connection);
        schedctl_connection_free(connection);
        return r;
}

static int obey(struct schedctl_lease *lease, const char *command)
{
        double rate;
        unsigned long long ms;
        unsigned n;

        if (sscanf(command, "report %lf %llu", &rate, &ms) == 2)
                return schedctl_lease_report(lease, rate, ms);
        if (sscanf(command, "priority %u", &n) == 1)
                return schedctl_lease_set_priority(lease, (int)n);
        if (sscanf(command, "pin %u", &n) == 1)
                return pin(n);
        if (strcmp(command, "refresh\n") == 0)
                return schedctl_lease_refresh(lease);
        if (strcmp(command, "wait\n") == 0)
                return schedctl_lease_wait(lease, -1);
        return strcmp(command, "monitor\n") == 0 ? monitor() : -ENOSYS;
}

static void answer(const struct schedctl_lease *lease, int r)
{
        if (r < 0)
                printf("%s", strerrorname_np(-r));
        else
                printf("%d", r);
        for (size_t i = 0; i < schedctl_lease_n_pus(lease); i++)
                printf(" %u", schedctl_lease_pu(lease, i));
        printf("\n");
        fflush(stdout);
}

int main(void)
{
        CLEANUP_LEASE struct schedctl_lease *lease = NULL;
        char command[64];
        int r = schedctl_acquire(NULL, &lease);

        if (r < 0)
                return 1;
        answer(lease, r);
        while (fgets(command, sizeof(command), stdin)) {
                r = obey(lease, command);
                answer(lease, r);
        }
        return 0;
}
