#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_machine.h"
#include "lib/client.h"

#define METHOD_GET_MACHINE "org.schedctl.Scheduler.GetMachine"

static int read_unsigned(const json_t *object, const char *field, unsigned *ret_number)
{
        const json_t *value = json_object_get(object, field);
        json_int_t number = json_integer_value(value);

        if (!json_is_integer(value) || number < 0 || number >= CPUSET_MAX)
                return -EPROTO;
        *ret_number = (unsigned)number;
        return 0;
}

static int read_pu(const json_t *object, struct machine_pu *ret_pu)
{
        if (read_unsigned(object, "os", &ret_pu->os) < 0 || read_unsigned(object, "core", &ret_pu->core) < 0 ||
            read_unsigned(object, "smtRank", &ret_pu->smt_rank) < 0 ||
            read_unsigned(object, "kind", &ret_pu->kind) < 0 ||
            read_unsigned(object, "package", &ret_pu->package) < 0 ||
            read_unsigned(object, "node", &ret_pu->node) < 0 || read_unsigned(object, "cache", &ret_pu->cache) < 0)
                return -EPROTO;
        return 0;
}

static int read_kinds(const json_t *array, struct machine_kind kinds[static MACHINE_KINDS_MAX], unsigned *ret_n)
{
        size_t n = json_array_size(array);

        if (n < 1 || n > MACHINE_KINDS_MAX)
                return -EPROTO;
        for (size_t i = 0; i < n; i++) {
                const json_t *kind = json_array_get(array, i);
                const char *name = json_string_value(json_object_get(kind, "name"));

                kinds[i].speed = json_number_value(json_object_get(kind, "speed"));
                if (!name || strlen(name) >= MACHINE_KIND_NAME_MAX || !(kinds[i].speed > 0))
                        return -EPROTO;
                memcpy(kinds[i].name, name, strlen(name) + 1);
        }
        *ret_n = (unsigned)n;
        return 0;
}

static int read_machine(const json_t *reply, struct machine *ret_machine)
{
        const json_t *array = json_object_get(reply, "pus"), *gain = json_object_get(reply, "smtGain");
        struct machine_kind kinds[MACHINE_KINDS_MAX] = {0};
        size_t n = json_array_size(array);
        struct machine_pu *pus;
        unsigned n_kinds;
        int r = read_kinds(json_object_get(reply, "kinds"), kinds, &n_kinds);

        if (r < 0 || n < 1 || n > CPUSET_MAX)
                return -EPROTO;
        pus = calloc(n, sizeof(*pus));
        if (!pus)
                return -ENOMEM;
        for (size_t i = 0; i < n && r == 0; i++)
                r = read_pu(json_array_get(array, i), &pus[i]);
        if (r == 0)
                r = machine_init(pus, (unsigned)n, kinds, n_kinds, ret_machine);
        if (r < 0)
                free(pus);
        else if (json_is_number(gain))
                ret_machine->smt_gain = json_number_value(gain);
        return r;
}

static int ask_service(struct run_machine *m)
{
        CLEANUP_JSON json_t *reply = NULL;
        CLEANUP_FREE char *error = NULL;
        const char *usable;
        struct cpuset set;
        int r = client_call(METHOD_GET_MACHINE, NULL, CLIENT_NO_START, &reply, &error);

        if (r != 0)
                return -ENOENT;
        r = read_machine(reply, &m->machine);
        if (r < 0)
                return r;
        usable = json_string_value(json_object_get(reply, "usable"));
        if (usable && cpuset_parse(usable, strlen(usable), &set) == 0)
                m->n_usable = cpuset_count(&set);
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

static int compare_speed(const void *a, const void *b)
{
        const struct dispatch_pu *x = a, *y = b;

        if (x->speed > y->speed || x->speed < y->speed)
                return x->speed > y->speed ? -1 : 1;
        return x->os < y->os ? -1 : x->os > y->os;
}

void run_machine_rate(const struct run_machine *m, const unsigned *order, size_t n, struct dispatch_pu *ret_pus)
{
        struct cpuset busy = {0};

        for (size_t i = 0; i < n; i++)
                cpuset_add(&busy, order[i]);
        for (size_t i = 0; i < n; i++) {
                bool found = m->known && machine_find(&m->machine, order[i]);

                ret_pus[i].os = order[i];
                ret_pus[i].speed = found ? machine_pu_speed(&m->machine, order[i], &busy) : 1.0;
        }
        qsort(ret_pus, n, sizeof(*ret_pus), compare_speed);
}
