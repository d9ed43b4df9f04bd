#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/machine_reply.h"
#include "cli/run_machine.h"
#include "lib/client.h"

#define METHOD_GET_MACHINE "org.schedctl.Scheduler.GetMachine"

static int ask_service(struct run_machine *m)
{
        CLEANUP_JSON json_t *reply = NULL;
        CLEANUP_FREE char *error = NULL;
        struct cpuset usable;
        int r = client_call(METHOD_GET_MACHINE, NULL, CLIENT_NO_START | CLIENT_SOON, &reply, &error);

        if (r != 0)
                return -ENOENT;
        r = machine_reply_read(reply, &m->machine);
        if (r < 0)
                return r;
        if (machine_reply_cpuset(reply, "usable", &usable) == 0)
                m->n_usable = cpuset_count(&usable);
        return 0;
}

/* Equal cores without siblings: what is assumed where nobody knows. */
static int make_flat(const struct cpuset *set, struct machine *ret_machine)
{
        const struct machine_kind kind = {.speed = 1.0};
        unsigned n = 0, n_pus = cpuset_count(set);
        struct machine_pu *pus = calloc(n_pus ? n_pus : 1, sizeof(*pus));
        int r;

        if (!pus)
                return -ENOMEM;
        CPUSET_FOREACH (pu, set) {
                pus[n] = (struct machine_pu){.os = pu, .core = n};
                n++;
        }
        r = machine_init(pus, n, &kind, 1, ret_machine);
        if (r < 0)
                free(pus);
        return r;
}

int run_machine_ask(struct run_machine *m, bool service, const struct cpuset *pus)
{
        int r = -ENOENT;

        if (m->asked)
                return 0;
        if (service)
                r = ask_service(m);
        if (r < 0)
                r = make_flat(pus, &m->machine);
        if (r < 0)
                return r;
        m->asked = m->known = true;
        speeds_init(&m->speeds, &m->machine);
        if (!service)
                m->n_usable = cpuset_count(pus);
        return 0;
}

void run_machine_finish(struct run_machine *m)
{
        if (m->known)
                machine_finish(&m->machine);
        *m = (struct run_machine){0};
}

/* What a PU is worth where so many of its core's are busy; all are alike where nobody knows the machine. */
static double speed_of(const struct run_machine *m, const struct machine_pu *pu, unsigned n_busy)
{
        const struct speeds_class *class = pu ? speeds_find(&m->speeds, pu->kind, n_busy) : NULL;

        return class ? class->ratio : 1.0;
}

void run_machine_rate(const struct run_machine *m, const unsigned *order, size_t n, struct dispatch_pu *ret_pus)
{
        unsigned n_busy[CPUSET_MAX] = {0}; /* per core */

        for (size_t i = 0; i < n; i++) {
                const struct machine_pu *pu = m->known ? machine_find(&m->machine, order[i]) : NULL;

                if (pu)
                        n_busy[pu->core]++;
        }
        for (size_t i = 0; i < n; i++) {
                const struct machine_pu *pu = m->known ? machine_find(&m->machine, order[i]) : NULL;
                double alone = speed_of(m, pu, 1), speed = pu ? speed_of(m, pu, n_busy[pu->core]) : alone;

                /* No sibling makes a PU faster, whatever the measurements of two classes come to. */
                ret_pus[i] = (struct dispatch_pu){.os = order[i],
                                                  .speed = speed < alone ? speed : alone,
                                                  .alone = alone,
                                                  .core = pu ? pu->core : CPUSET_MAX + order[i]};
        }
        dispatch_sort_pus(ret_pus, n);
}

uint32_t run_machine_class(const struct run_machine *m, unsigned os, const struct dispatch_pu *pus, size_t n)
{
        const struct machine_pu *pu = m->known ? machine_find(&m->machine, os) : NULL;
        const struct speeds_class *class;
        unsigned n_busy = 0;

        for (size_t i = 0; pu && i < n; i++)
                n_busy += pus[i].core == pu->core;
        class = n_busy ? speeds_find(&m->speeds, pu->kind, n_busy) : NULL;
        return class ? class->id : 0;
}
