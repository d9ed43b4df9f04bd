#include "cli/run_shard_ci.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/shard.h"
#include "lib/util.h"

struct row {
        struct run_shard_row names;
        const char *marker; /* a variable that has to be set; NULL: none */
        bool said;
        /* Why a node that says so may not be one of several that share the tests; NULL where it is. NULL: it is. */
        const char *(*doubt)(char *const *env);
};

static const char *variable(char *const *env, const char *name)
{
        size_t length = strlen(name);

        for (; *env; env++)
                if (strncmp(*env, name, length) == 0 && (*env)[length] == '=')
                        return (*env)[length + 1] ? *env + length + 1 : NULL;
        return NULL;
}

/* Azure counts the jobs of a matrix too; only those of `parallel: N` are alike. */
static const char *doubt_azure(char *const *env)
{
        const char *type = variable(env, "SYSTEM_PARALLELEXECUTIONTYPE");

        return type && strcmp(type, "MultiMachine") == 0 ? NULL : "this is one job of a matrix";
}

/* Any steps may be parallel, a linter beside the tests. */
static const char *doubt_bitbucket(char *const *env)
{
        (void)env;
        return "parallel steps may do different things";
}

/* "test 1/3" is one of `parallel: 3`, "test: [3.11, linux]" of a matrix. */
static const char *doubt_gitlab(char *const *env)
{
        const char *name = variable(env, "CI_JOB_NAME");

        return name && name[strlen(name) - 1] == ']' ? "this is one job of a matrix" : NULL;
}

/* In the order in which they are asked: what is inside of others comes first, and who has the same names as others but
 * a mark of its own before these. */
static const struct row rows[] = {
        {{"SCHEDCTL_SHARD_INDEX", "SCHEDCTL_SHARD_INDEX", "SCHEDCTL_SHARD_TOTAL", 0}, NULL, true, NULL},
        {{"Bazel", "TEST_SHARD_INDEX", "TEST_TOTAL_SHARDS", 0}, NULL, false, NULL},
        {{"CircleCI", "CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0}, NULL, false, NULL},
        {{"Buildkite", "BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0}, NULL, false, NULL},
        {{"Azure Pipelines", "SYSTEM_JOBPOSITIONINPHASE", "SYSTEM_TOTALJOBSINPHASE", 1}, NULL, false, doubt_azure},
        {{"Semaphore", "SEMAPHORE_JOB_INDEX", "SEMAPHORE_JOB_COUNT", 1}, NULL, false, NULL},
        {{"Bitbucket", "BITBUCKET_PARALLEL_STEP", "BITBUCKET_PARALLEL_STEP_COUNT", 0}, NULL, false, doubt_bitbucket},
        {{"GitLab", "CI_NODE_INDEX", "CI_NODE_TOTAL", 1}, "GITLAB_CI", false, doubt_gitlab},
        {{"Cirrus CI", "CI_NODE_INDEX", "CI_NODE_TOTAL", 0}, "CIRRUS_CI", false, NULL},
        {{"Heroku CI", "CI_NODE_INDEX", "CI_NODE_TOTAL", 0}, "HEROKU_TEST_RUN_ID", false, NULL},
        {{"CI_NODE_INDEX", "CI_NODE_INDEX", "CI_NODE_TOTAL", 0}, NULL, false, NULL},
};

bool run_shard_ci_row(size_t row, struct run_shard_row *ret_row)
{
        if (row >= ELEMENTSOF(rows))
                return false;
        *ret_row = rows[row].names;
        return true;
}

__attribute__((format(printf, 2, 3))) static enum run_shard_found nonsense(struct run_shard_ci *ci, const char *format,
                                                                           ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(ci->why, sizeof(ci->why), format, arguments);
        va_end(arguments);
        return RUN_SHARD_NONSENSE;
}

/* A variable that is set has to be a number; ret_number stays as it was where it is not set. */
static bool read_number(char *const *env, const char *name, unsigned *ret_number, struct run_shard_ci *ci)
{
        const char *text = variable(env, name);
        unsigned long number;
        char *end;

        if (!text)
                return true;
        errno = 0;
        number = strtoul(text, &end, 10);
        if (*text < '0' || *text > '9' || *end || errno || number >= UINT32_MAX) {
                nonsense(ci, "%s is '%.64s', which is no number", name, text);
                return false;
        }
        *ret_number = (unsigned)number;
        return true;
}

/* One number without the other. */
static enum run_shard_found incomplete(const struct row *row, bool has_index, unsigned number, struct run_shard_ci *ci)
{
        const char *there = has_index ? row->names.index : row->names.count;

        if (!has_index && number <= 1) {
                ci->only = ci->who;
                return RUN_SHARD_NOTHING; /* GitLab says so of every job */
        }
        return nonsense(ci, "%s is %u, and %s is not set", there, number,
                        has_index ? row->names.count : row->names.index);
}

static enum run_shard_found check(const struct row *row, unsigned index, unsigned count, struct run_shard_ci *ci)
{
        const struct run_shard_row *names = &row->names;

        if (count < 1 || count > SHARD_MAX)
                return nonsense(ci, "%s is %u, and has to be from 1 to %d", names->count, count, SHARD_MAX);
        if (index < names->first || index - names->first >= count)
                return nonsense(ci, "%s is %u of %s %u, and counts from %u", names->index, index, names->count, count,
                                names->first);
        ci->index = index - names->first + 1;
        ci->count = count;
        return RUN_SHARD_FOUND;
}

static enum run_shard_found read_row(const struct row *row, char *const *env, struct run_shard_ci *ci)
{
        bool has_index = variable(env, row->names.index), has_count = variable(env, row->names.count);
        unsigned index = 0, count = 0;
        enum run_shard_found found;
        const char *doubt;

        if (row->marker && !variable(env, row->marker))
                return RUN_SHARD_NOTHING;
        if (!read_number(env, row->names.index, &index, ci) || !read_number(env, row->names.count, &count, ci))
                return RUN_SHARD_NONSENSE;
        if (!has_index && !has_count)
                return RUN_SHARD_NOTHING;
        if (!has_index || !has_count)
                return incomplete(row, has_index, has_index ? index : count, ci);
        found = check(row, index, count, ci);
        if (found == RUN_SHARD_FOUND && count == 1 && !row->said) {
                ci->only = ci->who;
                return RUN_SHARD_NOTHING;
        }
        if (found != RUN_SHARD_FOUND || count == 1)
                return found;
        doubt = row->doubt ? row->doubt(env) : NULL;
        if (!doubt)
                return RUN_SHARD_FOUND;
        snprintf(ci->why, sizeof(ci->why), "%s", doubt);
        return RUN_SHARD_UNSURE;
}

/* Kubernetes tells a pod of an indexed job its number, and not how many there are. Who says that with
 * SCHEDCTL_SHARD_TOTAL gives no index. */
static enum run_shard_found read_kubernetes(char *const *env, struct run_shard_ci *ci)
{
        static const struct row row = {
                {"Kubernetes", "JOB_COMPLETION_INDEX", "SCHEDCTL_SHARD_TOTAL", 0}, NULL, true, NULL};
        const char *index = variable(env, row.names.index);

        if (!index)
                return RUN_SHARD_NOTHING;
        *ci = (struct run_shard_ci){.who = row.names.who, .said = variable(env, row.names.count)};
        if (ci->said)
                return read_row(&row, env, ci);
        snprintf(ci->why, sizeof(ci->why), "%s is %.16s, and SCHEDCTL_SHARD_TOTAL does not say of how many",
                 row.names.index, index);
        return RUN_SHARD_UNSURE;
}

/* Slurm. `count` is 1 where there is one task, or none. */
struct part {
        unsigned index, count;
};

static enum run_shard_found read_array(char *const *env, struct part *ret_part, struct run_shard_ci *ci)
{
        unsigned id = 0, min = 0, max = 0, count = 0, step = 0;

        if (!variable(env, "SLURM_ARRAY_TASK_ID"))
                return RUN_SHARD_NOTHING;
        if (!read_number(env, "SLURM_ARRAY_TASK_ID", &id, ci) || !read_number(env, "SLURM_ARRAY_TASK_MIN", &min, ci) ||
            !read_number(env, "SLURM_ARRAY_TASK_MAX", &max, ci) ||
            !read_number(env, "SLURM_ARRAY_TASK_COUNT", &count, ci) ||
            !read_number(env, "SLURM_ARRAY_TASK_STEP", &step, ci))
                return RUN_SHARD_NONSENSE;
        if (count == 1)
                return RUN_SHARD_NOTHING;
        if (count < 1 || step < 1 || id < min || id > max || (id - min) % step != 0 ||
            (max - min) / step != count - 1 || (max - min) % step != 0)
                return nonsense(ci, "SLURM_ARRAY_TASK_ID is %u in an array that is no range (%u tasks from %u to %u)",
                                id, count, min, max);
        *ret_part = (struct part){.index = (id - min) / step, .count = count};
        return RUN_SHARD_FOUND;
}

/* Only `srun` sets the number of a step's tasks: a batch script with --ntasks=4 is one process, which has to run
 * everything. One that was submitted from within a step inherits that step's number, beside its own of tasks. */
static enum run_shard_found read_step(char *const *env, struct part *ret_part, struct run_shard_ci *ci)
{
        unsigned task = 0, count = 0, tasks;

        if (!variable(env, "SLURM_STEP_NUM_TASKS") || !variable(env, "SLURM_PROCID"))
                return RUN_SHARD_NOTHING;
        if (!read_number(env, "SLURM_STEP_NUM_TASKS", &count, ci) || !read_number(env, "SLURM_PROCID", &task, ci))
                return RUN_SHARD_NONSENSE;
        tasks = count;
        if (!read_number(env, "SLURM_NTASKS", &tasks, ci))
                return RUN_SHARD_NONSENSE;
        if (tasks != count || count == 1)
                return RUN_SHARD_NOTHING;
        if (task >= count)
                return nonsense(ci, "SLURM_PROCID is %u of SLURM_STEP_NUM_TASKS %u, and counts from 0", task, count);
        *ret_part = (struct part){.index = task, .count = count};
        return RUN_SHARD_FOUND;
}

/* A step in each of an array's tasks: the tasks of all steps. */
static enum run_shard_found read_slurm(char *const *env, struct run_shard_ci *ci)
{
        struct part array = {.count = 1}, step = {.count = 1};
        enum run_shard_found in_array, in_step;

        *ci = (struct run_shard_ci){.who = "Slurm"};
        in_array = read_array(env, &array, ci);
        in_step = in_array == RUN_SHARD_NONSENSE ? in_array : read_step(env, &step, ci);
        if (in_step == RUN_SHARD_NONSENSE)
                return RUN_SHARD_NONSENSE;
        if (in_array == RUN_SHARD_NOTHING && in_step == RUN_SHARD_NOTHING)
                return RUN_SHARD_NOTHING;
        if ((unsigned long long)array.count * step.count > SHARD_MAX)
                return nonsense(ci, "%u tasks of an array with %u tasks of a step each are more than %d shards",
                                array.count, step.count, SHARD_MAX);
        ci->index = array.index * step.count + step.index + 1;
        ci->count = array.count * step.count;
        return RUN_SHARD_FOUND;
}

static enum run_shard_found find(char *const *env, struct run_shard_ci *ci)
{
        enum run_shard_found found;
        const char *owned = "", *only = NULL;
        size_t first = 0;

        /* The total alone is for Kubernetes. */
        if (!variable(env, "SCHEDCTL_SHARD_INDEX") && variable(env, "JOB_COMPLETION_INDEX"))
                first = 1;
        for (size_t i = first; i < ELEMENTSOF(rows); i++) {
                if (strcmp(rows[i].names.index, owned) == 0)
                        continue;
                *ci = (struct run_shard_ci){.who = rows[i].names.who, .said = rows[i].said};
                found = read_row(&rows[i], env, ci);
                if (found != RUN_SHARD_NOTHING)
                        return found;
                only = only ? only : ci->only;
                if (rows[i].marker && variable(env, rows[i].marker))
                        owned = rows[i].names.index; /* nobody else's then */
        }
        found = read_slurm(env, ci);
        if (found == RUN_SHARD_NOTHING)
                found = read_kubernetes(env, ci);
        if (found == RUN_SHARD_NOTHING)
                *ci = (struct run_shard_ci){.only = only};
        return found;
}

enum run_shard_found run_shard_ci_find(char *const *env, struct run_shard_ci *ret)
{
        struct run_shard_ci ci = {0};
        enum run_shard_found found = find(env, &ci);

        *ret = ci;
        return found;
}

const char *run_shard_ci_build(char *const *env)
{
        static const struct {
                const char *name, *marker; /* a variable that has to be set; NULL: none */
        } builds[] = {
                {"CIRCLE_WORKFLOW_ID", NULL},
                {"BUILDKITE_BUILD_ID", NULL},
                {"BUILD_BUILDID", NULL}, /* Azure Pipelines */
                {"SEMAPHORE_WORKFLOW_ID", NULL},
                {"CI_PIPELINE_ID", NULL}, /* GitLab */
                {"BITBUCKET_BUILD_NUMBER", NULL},
                {"CIRRUS_BUILD_ID", NULL},
                {"HEROKU_TEST_RUN_ID", NULL},
                {"GITHUB_RUN_ID", NULL},
                {"TRAVIS_BUILD_ID", NULL},
                {"BUILD_NUMBER", "JENKINS_HOME"}, /* BUILD_TAG is another one in each job of a matrix */
                {"SLURM_ARRAY_JOB_ID", NULL},
                {"SLURM_JOB_ID", NULL},
        };

        for (size_t i = 0; i < ELEMENTSOF(builds); i++) {
                const char *value = variable(env, builds[i].name);

                if (value && (!builds[i].marker || variable(env, builds[i].marker)))
                        return value - strlen(builds[i].name) - 1;
        }
        return "";
}
