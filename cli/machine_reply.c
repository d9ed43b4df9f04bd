#include "cli/machine_reply.h"

#include <string.h>

#include "lib/util.h"

static int read_number(const json_t *object, const char *field, unsigned *ret_number)
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
        if (read_number(object, "os", &ret_pu->os) < 0 || read_number(object, "core", &ret_pu->core) < 0 ||
            read_number(object, "smtRank", &ret_pu->smt_rank) < 0 || read_number(object, "kind", &ret_pu->kind) < 0 ||
            read_number(object, "package", &ret_pu->package) < 0 || read_number(object, "node", &ret_pu->node) < 0 ||
            read_number(object, "cache", &ret_pu->cache) < 0)
                return -EPROTO;
        return 0;
}

static int read_kind(const json_t *object, struct machine_kind *ret_kind)
{
        const char *name = json_string_value(json_object_get(object, "name"));

        if (!name || strlen(name) >= sizeof(ret_kind->name))
                return -EPROTO;
        (void)snprintf(ret_kind->name, sizeof(ret_kind->name), "%s", name);
        ret_kind->speed = json_number_value(json_object_get(object, "speed"));
        return 0;
}

static int read_kinds(const json_t *array, struct machine_kind kinds[static MACHINE_KINDS_MAX], unsigned *ret_n)
{
        size_t n = json_array_size(array);

        if (n < 1 || n > MACHINE_KINDS_MAX)
                return -EPROTO;
        for (size_t i = 0; i < n; i++)
                if (read_kind(json_array_get(array, i), &kinds[i]) < 0)
                        return -EPROTO;
        *ret_n = (unsigned)n;
        return 0;
}

static int read_pus(const json_t *array, struct machine_pu **ret_pus, unsigned *ret_n)
{
        size_t n = json_array_size(array);
        CLEANUP_FREE struct machine_pu *pus = NULL;

        if (n < 1 || n > CPUSET_MAX)
                return -EPROTO;
        pus = calloc(n, sizeof(*pus));
        if (!pus)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (read_pu(json_array_get(array, i), &pus[i]) < 0)
                        return -EPROTO;
        *ret_pus = TAKE(pus);
        *ret_n = (unsigned)n;
        return 0;
}

int machine_reply_read(const json_t *reply, struct machine *ret_machine)
{
        const json_t *gain = json_object_get(reply, "smtGain");
        struct machine_kind kinds[MACHINE_KINDS_MAX] = {0};
        CLEANUP_FREE struct machine_pu *pus = NULL;
        struct machine machine;
        unsigned n_kinds, n_pus;
        int r = read_kinds(json_object_get(reply, "kinds"), kinds, &n_kinds);

        if (r >= 0)
                r = read_pus(json_object_get(reply, "pus"), &pus, &n_pus);
        if (r < 0)
                return r;
        if (machine_init(pus, n_pus, kinds, n_kinds, &machine) < 0)
                return -EPROTO;
        pus = NULL;
        if (json_is_number(gain) && json_number_value(gain) >= 0 && json_number_value(gain) <= 1)
                machine.smt_gain = json_number_value(gain);
        *ret_machine = machine;
        return 0;
}

int machine_reply_cpuset(const json_t *reply, const char *field, struct cpuset *ret_set)
{
        const char *text = json_string_value(json_object_get(reply, field));

        return text && cpuset_parse(text, strlen(text), ret_set) == 0 ? 0 : -EPROTO;
}
