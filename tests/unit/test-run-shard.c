/* Which shard a node is to run: what each CI service sets, what it sets in jobs that are no shards, and nonsense. */
#include <stdlib.h>

#include "cli/run_options.h"
#include "cli/run_shard_ci.h"
#include "lib/util.h"
#include "tests/unit/test.h"

enum { VARIABLES_MAX = 10 };

struct scene {
        const char *env[VARIABLES_MAX];
        enum run_shard_found found;
        const char *who; /* NULL with NOTHING */
        unsigned index, count;
};

/* clang-format off */
static const struct scene scenes[] = {
        {{NULL}, RUN_SHARD_NOTHING, NULL, 0, 0},
        {{"CI=true", "PATH=/bin"}, RUN_SHARD_NOTHING, NULL, 0, 0},

        {{"HEROKU_TEST_RUN_ID=x", "CI_NODE_INDEX=0", "CI_NODE_TOTAL=12"}, RUN_SHARD_FOUND, "Heroku CI", 1, 12},
        {{"HEROKU_TEST_RUN_ID=x", "CI_NODE_INDEX=11", "CI_NODE_TOTAL=12"}, RUN_SHARD_FOUND, "Heroku CI", 12, 12},
        {{"HEROKU_TEST_RUN_ID=x", "CI_NODE_INDEX=12", "CI_NODE_TOTAL=12"}, RUN_SHARD_NONSENSE, "Heroku CI", 0, 0},
        {{"CI_NODE_INDEX=0", "CI_NODE_TOTAL=3"}, RUN_SHARD_FOUND, "CI_NODE_INDEX", 1, 3},
        {{"CI_NODE_INDEX=", "CI_NODE_TOTAL="}, RUN_SHARD_NOTHING, NULL, 0, 0},
        {{"CI_NODE_INDEX=0", "CI_NODE_TOTAL="}, RUN_SHARD_NONSENSE, "CI_NODE_INDEX", 0, 0},
        {{"CI_NODE_TOTAL=3"}, RUN_SHARD_NONSENSE, "CI_NODE_INDEX", 0, 0},
        {{"CI_NODE_INDEX=one", "CI_NODE_TOTAL=3"}, RUN_SHARD_NONSENSE, "CI_NODE_INDEX", 0, 0},
        {{"CI_NODE_INDEX=-1", "CI_NODE_TOTAL=3"}, RUN_SHARD_NONSENSE, "CI_NODE_INDEX", 0, 0},
        {{"CI_NODE_INDEX=1.5", "CI_NODE_TOTAL=3"}, RUN_SHARD_NONSENSE, "CI_NODE_INDEX", 0, 0},
        {{"CI_NODE_INDEX=1", "CI_NODE_TOTAL=0"}, RUN_SHARD_NONSENSE, "CI_NODE_INDEX", 0, 0},
        {{"CI_NODE_INDEX=1", "CI_NODE_TOTAL=99999999999999999999"}, RUN_SHARD_NONSENSE, "CI_NODE_INDEX", 0, 0},
        {{"CI_NODE_INDEX=1", "CI_NODE_TOTAL=10001"}, RUN_SHARD_NONSENSE, "CI_NODE_INDEX", 0, 0},

        {{"GITLAB_CI=true", "CI_NODE_INDEX=1", "CI_NODE_TOTAL=3", "CI_JOB_NAME=test 1/3"}, RUN_SHARD_FOUND, "GitLab", 1, 3},
        {{"GITLAB_CI=true", "CI_NODE_INDEX=3", "CI_NODE_TOTAL=3"}, RUN_SHARD_FOUND, "GitLab", 3, 3},
        {{"GITLAB_CI=true", "CI_NODE_INDEX=0", "CI_NODE_TOTAL=3"}, RUN_SHARD_NONSENSE, "GitLab", 0, 0},
        {{"GITLAB_CI=true", "CI_NODE_TOTAL=1"}, RUN_SHARD_NOTHING, NULL, 0, 0},
        {{"GITLAB_CI=true", "CI_NODE_INDEX=1", "CI_NODE_TOTAL=1"}, RUN_SHARD_NOTHING, NULL, 0, 0},
        {{"GITLAB_CI=true", "CI_NODE_INDEX=2", "CI_NODE_TOTAL=4", "CI_JOB_NAME=test: [3.11, linux]"}, RUN_SHARD_UNSURE, "GitLab", 2, 4},

        {{"CIRRUS_CI=true", "CI_NODE_INDEX=0", "CI_NODE_TOTAL=2"}, RUN_SHARD_FOUND, "Cirrus CI", 1, 2},
        {{"CIRCLE_NODE_INDEX=2", "CIRCLE_NODE_TOTAL=12"}, RUN_SHARD_FOUND, "CircleCI", 3, 12},
        {{"CIRCLE_NODE_INDEX=0", "CIRCLE_NODE_TOTAL=1"}, RUN_SHARD_NOTHING, NULL, 0, 0},
        {{"CIRCLE_NODE_INDEX=2", "CIRCLE_NODE_TOTAL=2"}, RUN_SHARD_NONSENSE, "CircleCI", 0, 0},
        {{"BUILDKITE_PARALLEL_JOB=4", "BUILDKITE_PARALLEL_JOB_COUNT=5"}, RUN_SHARD_FOUND, "Buildkite", 5, 5},
        {{"SEMAPHORE_JOB_INDEX=4", "SEMAPHORE_JOB_COUNT=4"}, RUN_SHARD_FOUND, "Semaphore", 4, 4},
        {{"SEMAPHORE_JOB_INDEX=0", "SEMAPHORE_JOB_COUNT=4"}, RUN_SHARD_NONSENSE, "Semaphore", 0, 0},

        {{"SYSTEM_JOBPOSITIONINPHASE=1", "SYSTEM_TOTALJOBSINPHASE=4", "SYSTEM_PARALLELEXECUTIONTYPE=MultiMachine"}, RUN_SHARD_FOUND, "Azure Pipelines", 1, 4},
        {{"SYSTEM_JOBPOSITIONINPHASE=1", "SYSTEM_TOTALJOBSINPHASE=4", "SYSTEM_PARALLELEXECUTIONTYPE=MultiConfiguration"}, RUN_SHARD_UNSURE, "Azure Pipelines", 1, 4},
        {{"SYSTEM_JOBPOSITIONINPHASE=1", "SYSTEM_TOTALJOBSINPHASE=1", "SYSTEM_PARALLELEXECUTIONTYPE=None"}, RUN_SHARD_NOTHING, NULL, 0, 0},
        {{"SYSTEM_JOBPOSITIONINPHASE=5", "SYSTEM_TOTALJOBSINPHASE=4", "SYSTEM_PARALLELEXECUTIONTYPE=MultiMachine"}, RUN_SHARD_NONSENSE, "Azure Pipelines", 0, 0},

        {{"BITBUCKET_PARALLEL_STEP=0", "BITBUCKET_PARALLEL_STEP_COUNT=3"}, RUN_SHARD_UNSURE, "Bitbucket", 1, 3},
        {{"TEST_SHARD_INDEX=1", "TEST_TOTAL_SHARDS=2", "CIRCLE_NODE_INDEX=2", "CIRCLE_NODE_TOTAL=12"}, RUN_SHARD_FOUND, "Bazel", 2, 2},

        {{"SCHEDCTL_SHARD_INDEX=0", "SCHEDCTL_SHARD_TOTAL=4", "CIRCLE_NODE_INDEX=2", "CIRCLE_NODE_TOTAL=12"}, RUN_SHARD_FOUND, "SCHEDCTL_SHARD_INDEX", 1, 4},
        {{"SCHEDCTL_SHARD_INDEX=0", "SCHEDCTL_SHARD_TOTAL=1"}, RUN_SHARD_FOUND, "SCHEDCTL_SHARD_INDEX", 1, 1},
        {{"SCHEDCTL_SHARD_INDEX=0"}, RUN_SHARD_NONSENSE, "SCHEDCTL_SHARD_INDEX", 0, 0},
        {{"SCHEDCTL_SHARD_TOTAL=4"}, RUN_SHARD_NONSENSE, "SCHEDCTL_SHARD_INDEX", 0, 0},

        {{"JOB_COMPLETION_INDEX=3", "SCHEDCTL_SHARD_TOTAL=4"}, RUN_SHARD_FOUND, "Kubernetes", 4, 4},
        {{"JOB_COMPLETION_INDEX=4", "SCHEDCTL_SHARD_TOTAL=4"}, RUN_SHARD_NONSENSE, "Kubernetes", 0, 0},
        {{"JOB_COMPLETION_INDEX=3"}, RUN_SHARD_UNSURE, "Kubernetes", 0, 0},
        {{"JOB_COMPLETION_INDEX=3", "CIRCLE_NODE_INDEX=0", "CIRCLE_NODE_TOTAL=1"}, RUN_SHARD_UNSURE, "Kubernetes", 0, 0},
        {{"JOB_COMPLETION_INDEX=3", "BUILDKITE_PARALLEL_JOB=1", "BUILDKITE_PARALLEL_JOB_COUNT=5"}, RUN_SHARD_FOUND, "Buildkite", 2, 5},

        /* As a Slurm of 22.05 sets them: */
        /* the script of sbatch --ntasks=4, which is one process */
        {{"SLURM_PROCID=0", "SLURM_NTASKS=4"}, RUN_SHARD_NOTHING, NULL, 0, 0},
        /* salloc -n2 */
        {{"SLURM_NTASKS=2"}, RUN_SHARD_NOTHING, NULL, 0, 0},
        /* srun -n4 */
        {{"SLURM_PROCID=3", "SLURM_NTASKS=4", "SLURM_STEP_NUM_TASKS=4", "SLURM_STEP_ID=0"}, RUN_SHARD_FOUND, "Slurm", 4, 4},
        /* srun -n1 in an allocation of four */
        {{"SLURM_PROCID=0", "SLURM_NTASKS=1", "SLURM_STEP_NUM_TASKS=1"}, RUN_SHARD_NOTHING, NULL, 0, 0},
        /* sbatch --ntasks=4 within a step of two */
        {{"SLURM_PROCID=0", "SLURM_NTASKS=4", "SLURM_STEP_NUM_TASKS=2"}, RUN_SHARD_NOTHING, NULL, 0, 0},
        {{"SLURM_PROCID=4", "SLURM_NTASKS=4", "SLURM_STEP_NUM_TASKS=4"}, RUN_SHARD_NONSENSE, "Slurm", 0, 0},
        /* --array=5-9:2 */
        {{"SLURM_PROCID=0", "SLURM_NTASKS=2", "SLURM_ARRAY_TASK_ID=7", "SLURM_ARRAY_TASK_COUNT=3", "SLURM_ARRAY_TASK_MIN=5", "SLURM_ARRAY_TASK_MAX=9", "SLURM_ARRAY_TASK_STEP=2"}, RUN_SHARD_FOUND, "Slurm", 2, 3},
        /* srun -n2 in it */
        {{"SLURM_PROCID=1", "SLURM_NTASKS=2", "SLURM_STEP_NUM_TASKS=2", "SLURM_ARRAY_TASK_ID=7", "SLURM_ARRAY_TASK_COUNT=3", "SLURM_ARRAY_TASK_MIN=5", "SLURM_ARRAY_TASK_MAX=9", "SLURM_ARRAY_TASK_STEP=2"}, RUN_SHARD_FOUND, "Slurm", 4, 6},
        /* --array=1,3,7 */
        {{"SLURM_ARRAY_TASK_ID=3", "SLURM_ARRAY_TASK_COUNT=3", "SLURM_ARRAY_TASK_MIN=1", "SLURM_ARRAY_TASK_MAX=7", "SLURM_ARRAY_TASK_STEP=1"}, RUN_SHARD_NONSENSE, "Slurm", 0, 0},
        /* --array=0-7:3 */
        {{"SLURM_ARRAY_TASK_ID=3", "SLURM_ARRAY_TASK_COUNT=3", "SLURM_ARRAY_TASK_MIN=0", "SLURM_ARRAY_TASK_MAX=6", "SLURM_ARRAY_TASK_STEP=3"}, RUN_SHARD_FOUND, "Slurm", 2, 3},
        /* --array=4 */
        {{"SLURM_ARRAY_TASK_ID=4", "SLURM_ARRAY_TASK_COUNT=1", "SLURM_ARRAY_TASK_MIN=4", "SLURM_ARRAY_TASK_MAX=4", "SLURM_ARRAY_TASK_STEP=1"}, RUN_SHARD_NOTHING, NULL, 0, 0},
        {{"SLURM_ARRAY_TASK_ID=4"}, RUN_SHARD_NONSENSE, "Slurm", 0, 0},
        /* both, and more than there may be */
        {{"SLURM_PROCID=1", "SLURM_STEP_NUM_TASKS=4000000", "SLURM_ARRAY_TASK_ID=1", "SLURM_ARRAY_TASK_COUNT=2", "SLURM_ARRAY_TASK_MIN=0", "SLURM_ARRAY_TASK_MAX=1", "SLURM_ARRAY_TASK_STEP=1"}, RUN_SHARD_NONSENSE, "Slurm", 0, 0},
};
/* clang-format on */

static void test_what_ci_says(void)
{
        for (size_t i = 0; i < ELEMENTSOF(scenes); i++) {
                const struct scene *s = &scenes[i];
                struct run_shard_ci ci;

                CHECK_INT(run_shard_ci_find((char *const *)(const void *)s->env, &ci), s->found);
                CHECK((ci.who == NULL) == (s->who == NULL));
                if (s->who)
                        CHECK_STR(ci.who, s->who);
                if (s->found != RUN_SHARD_NONSENSE) {
                        CHECK_INT(ci.index, s->index);
                        CHECK_INT(ci.count, s->count);
                }
                CHECK((*ci.why != '\0') == (s->found == RUN_SHARD_UNSURE || s->found == RUN_SHARD_NONSENSE));
        }
}

/* A job that has been given one node in place of many still does what `--shard ci` asks for. */
static void test_the_only_node(void)
{
        static const char *const alone[][3] = {{"CIRCLE_NODE_INDEX=0", "CIRCLE_NODE_TOTAL=1"},
                                               {"GITLAB_CI=true", "CI_NODE_TOTAL=1"}};
        struct run_shard_ci ci;

        for (size_t i = 0; i < ELEMENTSOF(alone); i++) {
                CHECK_INT(run_shard_ci_find((char *const *)(const void *)alone[i], &ci), RUN_SHARD_NOTHING);
                CHECK_STR(ci.only, i ? "GitLab" : "CircleCI");
        }
}

/* Each node of a row's is a shard, once. */
static void test_every_row(void)
{
        struct run_shard_row row;
        char index[64], count[64];
        char *const env[] = {index, count, (char *)(const void *)"GITLAB_CI=true",
                             (char *)(const void *)"SYSTEM_PARALLELEXECUTIONTYPE=MultiMachine", NULL};
        struct run_shard_ci ci;

        for (size_t i = 0; run_shard_ci_row(i, &row); i++) {
                if (strcmp(row.index, "CI_NODE_INDEX") == 0 && row.first == 0)
                        continue; /* not with GitLab's mark */
                snprintf(count, sizeof(count), "%s=5", row.count);
                for (unsigned node = 0; node < 5; node++) {
                        snprintf(index, sizeof(index), "%s=%u", row.index, node + row.first);
                        CHECK(run_shard_ci_find(env, &ci) >= RUN_SHARD_FOUND);
                        CHECK_INT(ci.index, node + 1);
                        CHECK_INT(ci.count, 5);
                        CHECK_STR(ci.who, row.who);
                }
        }
}

/* What all nodes of a build share and no other build has. */
static void test_which_build(void)
{
        static const struct {
                const char *env[4], *build;
        } cases[] = {
                {{"CI=true", "BUILD_NUMBER=7"}, ""}, /* anybody's */
                {{"JENKINS_HOME=/var/lib/jenkins", "BUILD_NUMBER=7", "BUILD_TAG=jenkins-a-node=2-7"}, "BUILD_NUMBER=7"},
                {{"JENKINS_HOME=/var/lib/jenkins", "BUILD_NUMBER="}, ""},
                {{"TRAVIS_JOB_ID=12", "TRAVIS_BUILD_ID=11"}, "TRAVIS_BUILD_ID=11"},
                {{"SLURM_JOB_ID=5", "SLURM_ARRAY_JOB_ID=4"}, "SLURM_ARRAY_JOB_ID=4"},
                {{"SLURM_JOB_ID=5", "CI_PIPELINE_ID=3"}, "CI_PIPELINE_ID=3"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                CHECK_STR(run_shard_ci_build((char *const *)(const void *)cases[i].env), cases[i].build);
}

static void test_what_the_user_says(void)
{
        static const char *const wrong[] = {"",
                                            "0/3",
                                            "4/3",
                                            "1/0",
                                            "/3",
                                            "1/",
                                            "1",
                                            "1/3x",
                                            "a/b",
                                            "-1/3",
                                            "1/ 3",
                                            " 1/3",
                                            "1/10001",
                                            "1//3",
                                            "CI",
                                            "yes",
                                            "18446744073709551617/18446744073709551617"};
        struct run_shard shard;

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                CHECK(!run_shard_parse(wrong[i], "--shard", &shard));
        CHECK(run_shard_parse("3/12", "--shard", &shard));
        CHECK(shard.wish == RUN_SHARD_GIVEN && shard.index == 3 && shard.count == 12 && shard.asked);
        CHECK(run_shard_parse("10000/10000", "--shard", &shard));
        CHECK(run_shard_parse("auto", "--shard", &shard) && shard.wish == RUN_SHARD_AUTO && !shard.asked);
        CHECK(run_shard_parse("no", "--shard", &shard) && shard.wish == RUN_SHARD_NO && shard.count == 0);
        CHECK(run_shard_parse("ci", "--shard", &shard) && shard.wish == RUN_SHARD_CI);
}

struct settled {
        const char *wish; /* NULL: not said */
        bool attach;
        const char *index, *count; /* as putenv() takes them */
        bool ok;
        unsigned settled;
};

/* The user's before CI's; what CI says in doubt only if asked for; an attached run's only the user's. */
static void test_whose_word_counts(void)
{
        static const struct settled cases[] = {
                {NULL, false, "CIRCLE_NODE_INDEX=1", "CIRCLE_NODE_TOTAL=4", true, 2},
                {NULL, true, "CIRCLE_NODE_INDEX=1", "CIRCLE_NODE_TOTAL=4", true, 0},
                {"ci", true, "CIRCLE_NODE_INDEX=1", "CIRCLE_NODE_TOTAL=4", true, 2},
                {"no", false, "CIRCLE_NODE_INDEX=7", "CIRCLE_NODE_TOTAL=4", true, 0},
                {"3/4", false, "CIRCLE_NODE_INDEX=7", "CIRCLE_NODE_TOTAL=4", true, 3},
                {NULL, false, "CIRCLE_NODE_INDEX=7", "CIRCLE_NODE_TOTAL=4", false, 0},
                {NULL, true, "CIRCLE_NODE_INDEX=7", "CIRCLE_NODE_TOTAL=4", true, 0},
                {NULL, false, "BITBUCKET_PARALLEL_STEP=1", "BITBUCKET_PARALLEL_STEP_COUNT=4", true, 0},
                {"ci", false, "BITBUCKET_PARALLEL_STEP=1", "BITBUCKET_PARALLEL_STEP_COUNT=4", true, 2},
                {NULL, false, "JOB_COMPLETION_INDEX=1", "X=", true, 0},
                {"ci", false, "JOB_COMPLETION_INDEX=1", "X=", false, 0},
                {"ci", false, "JOB_COMPLETION_INDEX=1", "SCHEDCTL_SHARD_TOTAL=4", true, 2},
                {"ci", false, "X=", "Y=", false, 0},
                {NULL, true, "SCHEDCTL_SHARD_INDEX=1", "SCHEDCTL_SHARD_TOTAL=4", true, 2},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const struct settled *c = &cases[i];
                struct run_options options = {0};

                clearenv();
                putenv((char *)(const void *)c->index);
                putenv((char *)(const void *)c->count);
                if (c->wish)
                        CHECK(run_shard_parse(c->wish, "--shard", &options.shard));
                CHECK_INT(run_shard_settle("run", c->attach, &options), c->ok);
                CHECK_INT(options.shard.index, c->settled);
                CHECK(!c->settled || options.shard.count == 4);
        }
}

int main(void)
{
        test_what_ci_says();
        test_the_only_node();
        test_every_row();
        test_which_build();
        test_what_the_user_says();
        test_whose_word_counts();
        return 0;
}
