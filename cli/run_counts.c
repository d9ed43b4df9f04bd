#include "cli/run_counts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/client.h"
#include "lib/text.h"
#include "lib/util.h"

static const struct run_count table[] = {
        {.variable = "PYTEST_XDIST_AUTO_NUM_WORKERS"},
        {.variable = "CTEST_PARALLEL_LEVEL"},
        {.variable = "CMAKE_BUILD_PARALLEL_LEVEL", .drops_jobserver = true},
        {.variable = "MESON_TESTTHREADS"},
        {.variable = "CARGO_BUILD_JOBS"},
        {.variable = "NEXTEST_TEST_THREADS"},
        {.variable = "RUST_TEST_THREADS"},
        {.variable = "GOMAXPROCS"},
        {.variable = "GOFLAGS", .flag = "-p=", .yields = {"GOMAXPROCS"}},
        {.variable = "RAYON_NUM_THREADS", .yields = {"RAYON_RS_NUM_CPUS"}},
        {.variable = "OMP_NUM_THREADS"},
        {.variable = "OPENBLAS_NUM_THREADS", .yields = {"OMP_NUM_THREADS", "GOTO_NUM_THREADS"}},
        {.variable = "MKL_NUM_THREADS", .yields = {"OMP_NUM_THREADS"}},
        {.variable = "BLIS_NUM_THREADS", .yields = {"OMP_NUM_THREADS"}},
        {.variable = "NUMEXPR_NUM_THREADS", .most = 64, .yields = {"OMP_NUM_THREADS", "NUMEXPR_MAX_THREADS"}},
        {.variable = "POLARS_MAX_THREADS"},
        {.variable = "PYTHON_CPU_COUNT"},
};

size_t run_counts_table(const struct run_count **ret_table)
{
        *ret_table = table;
        return ELEMENTSOF(table);
}

void run_counts_finish(struct run_counts *c)
{
        json_decref(c->environ);
        json_decref(c->workers);
        *c = (struct run_counts){0};
}

/* What a run that was above this process had set: {variable: [value…]}, or NULL. */
static json_t *read_left_behind(void)
{
        const char *text = getenv(RUN_COUNTS_WORKERS);

        return text ? json_loads(text, 0, NULL) : NULL;
}

/* The value that the user has given a variable; NULL none. */
static const char *users_own(const char *variable, const json_t *left_behind)
{
        const char *value = getenv(variable);
        const char *left = json_string_value(json_array_get(json_object_get(left_behind, variable), 0));

        return value && left && strcmp(value, left) == 0 ? NULL : value;
}

/* Whether one of the words is the flag. */
static bool has_flag(const char *words, const char *flag)
{
        size_t len = strlen(flag);

        for (const char *at = words; *at; at += strcspn(at, " ")) {
                at += strspn(at, " ");
                if (strncmp(at, flag, len) == 0 || (*at == '-' && strncmp(at + 1, flag, len) == 0))
                        return true;
        }
        return false;
}

/* Words that a flag was appended to stay as they are: whose the other words were is not known. */
static bool is_left_alone(const struct run_count *count, const json_t *left_behind)
{
        const char *words = getenv(count->variable);

        for (const char *const *other = count->yields; *other; other++)
                if (users_own(*other, left_behind))
                        return true;
        if (count->flag)
                return words && (has_flag(words, count->flag) || !text_is_utf8(words));
        return users_own(count->variable, left_behind) != NULL;
}

static unsigned least_of(unsigned a, unsigned b)
{
        return a < b ? a : b;
}

/* Its value for so many CPUs; NULL: no memory. */
static char *make_value(const struct run_count *count, unsigned n)
{
        const char *words = count->flag ? getenv(count->variable) : NULL;
        char *value;

        if (count->most)
                n = least_of(n, count->most);
        if (asprintf(&value, "%s%s%s%u", words ? words : "", words && *words ? " " : "", count->flag ? count->flag : "",
                     n) < 0)
                return NULL;
        return value;
}

static int put(struct run_counts *c, const char *variable, const char *value, const char *in_worker,
               const char *const *yields)
{
        CLEANUP_JSON json_t *both = json_pack("[s, s?]", value, in_worker);

        if (!c->environ)
                c->environ = json_object();
        if (!c->workers)
                c->workers = json_object();
        for (; both && yields && *yields; yields++)
                if (json_array_append_new(both, json_string(*yields)) < 0)
                        return -ENOMEM;
        if (json_object_set_new(c->environ, variable, json_string(value)) < 0 ||
            json_object_set(c->workers, variable, both) < 0)
                return -ENOMEM;
        return 0;
}

static int fill_one(struct run_counts *c, const struct run_count *count, unsigned n)
{
        CLEANUP_FREE char *value = make_value(count, n), *in_worker = make_value(count, 1);

        return value && in_worker ? put(c, count->variable, value, in_worker, count->yields) : -ENOMEM;
}

int run_counts_fill(struct run_counts *c, unsigned n_cpus, bool jobserver)
{
        CLEANUP_JSON json_t *left_behind = read_left_behind();
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(table) && r == 0; i++)
                if (!(table[i].drops_jobserver && jobserver) && !is_left_alone(&table[i], left_behind))
                        r = fill_one(c, &table[i], n_cpus);
        return r;
}

int run_counts_put(struct run_counts *c, const char *variable, const char *value, const char *in_worker)
{
        return put(c, variable, value, in_worker, NULL);
}

json_t *run_counts_environ(const struct run_counts *c)
{
        json_t *made = c->environ ? json_copy(c->environ) : json_object();
        CLEANUP_FREE char *workers = c->workers ? json_dumps(c->workers, JSON_COMPACT) : NULL;

        if (c->workers && json_object_set_new(made, RUN_COUNTS_WORKERS, json_string(workers)) < 0) {
                json_decref(made);
                return NULL;
        }
        return made;
}

int run_counts_apply(const struct run_counts *c)
{
        CLEANUP_JSON json_t *variables = run_counts_environ(c);
        const char *variable;
        json_t *value;

        if (!variables)
                return -ENOMEM;
        if (!c->workers)
                unsetenv(RUN_COUNTS_WORKERS); /* of a run that is over */
        json_object_foreach (variables, variable, value)
                if (setenv(variable, json_string_value(value), 1) < 0)
                        return -errno;
        return 0;
}
