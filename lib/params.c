#include "lib/params.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "core/cpuset.h"

union value {
        const char *string;
        bool boolean;
        unsigned number;
        uint64_t u64;
        double real;
        struct cpuset pus;
        int choice; /* enums are as large */
};

const char *const params_priorities[] = {"normal", "batch", "interactive", NULL};

static bool in_range(const struct param *p, uint64_t number)
{
        return number >= p->least && (p->most == 0 || number <= p->most);
}

static int read_u64(json_t *json, const struct param *p, uint64_t *ret_number)
{
        if (!json_is_integer(json) || json_integer_value(json) < 0)
                return -EINVAL;

        uint64_t number = (uint64_t)json_integer_value(json);
        if (!in_range(p, number))
                return -EINVAL;
        *ret_number = number;
        return 0;
}

static int read_double(json_t *json, const struct param *p, double *ret_real)
{
        if (!json_is_number(json))
                return -EINVAL;

        double real = json_number_value(json);
        if (real < (double)p->least || (p->most != 0 && real > (double)p->most))
                return -EINVAL;
        *ret_real = real;
        return 0;
}

static int read_string(json_t *json, const struct param *p, const char **ret_string)
{
        if (!json_is_string(json) || !in_range(p, json_string_length(json)))
                return -EINVAL;
        *ret_string = json_string_value(json);
        return 0;
}

static int read_pus(json_t *json, struct cpuset *pus)
{
        size_t i;
        json_t *item;

        if (!json_is_array(json))
                return -EINVAL;
        *pus = (struct cpuset){0};
        json_array_foreach (json, i, item) {
                json_int_t pu = json_is_integer(item) ? json_integer_value(item) : -1;

                if (pu < 0 || pu >= CPUSET_MAX)
                        return -EINVAL;
                cpuset_add(pus, (unsigned)pu);
        }
        return 0;
}

static int read_choice(json_t *json, const char *const *choices, int *ret_choice)
{
        const char *text = json_string_value(json);

        for (int i = 0; text && choices[i]; i++)
                if (strcmp(text, choices[i]) == 0) {
                        *ret_choice = i;
                        return 0;
                }
        return -EINVAL;
}

/* The value and the size of its member, or -EINVAL. */
static int read_value(json_t *json, const struct param *p, union value *value, size_t *size)
{
        uint64_t number = 0;
        int r;

        switch (p->type) {
        case PARAM_STRING:
                *size = sizeof(value->string);
                return read_string(json, p, &value->string);
        case PARAM_BOOL:
                *size = sizeof(value->boolean);
                value->boolean = json_is_true(json);
                return json_is_boolean(json) ? 0 : -EINVAL;
        case PARAM_UNSIGNED:
                *size = sizeof(value->number);
                r = read_u64(json, p, &number);
                value->number = (unsigned)number;
                return r == 0 && number > UINT_MAX ? -EINVAL : r;
        case PARAM_U64:
                *size = sizeof(value->u64);
                return read_u64(json, p, &value->u64);
        case PARAM_DOUBLE:
                *size = sizeof(value->real);
                return read_double(json, p, &value->real);
        case PARAM_CPULIST:
                *size = sizeof(value->pus);
                if (!json_is_string(json))
                        return -EINVAL;
                return cpuset_parse(json_string_value(json), json_string_length(json), &value->pus) < 0 ? -EINVAL : 0;
        case PARAM_PUS:
                *size = sizeof(value->pus);
                return read_pus(json, &value->pus);
        case PARAM_CHOICE:
                *size = sizeof(value->choice);
                return read_choice(json, p->choices, &value->choice);
        }
        return -EINVAL;
}

static int read_field(json_t *object, const struct param *p, union value *value, size_t *ret_size)
{
        json_t *json = json_object_get(object, p->name);

        if (!json || json_is_null(json)) {
                *ret_size = 0;
                return p->required ? -EINVAL : 0;
        }
        return read_value(json, p, value, ret_size);
}

int params_read(json_t *object, const struct param *table, size_t n, void *values, const char **ret_bad)
{
        union value value;
        size_t size;

        for (size_t i = 0; i < n; i++)
                if (read_field(object, &table[i], &value, &size) < 0) {
                        *ret_bad = table[i].name;
                        return -EINVAL;
                }
        for (size_t i = 0; i < n; i++) {
                if (read_field(object, &table[i], &value, &size) < 0)
                        continue; /* not reached: every field was read above */
                memcpy((char *)values + table[i].offset, &value, size);
        }
        return 0;
}
