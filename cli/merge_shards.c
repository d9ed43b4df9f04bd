#include "cli/merge_shards.h"

#include <errno.h>
#include <string.h>

#include "core/shard.h"
#include "lib/util.h"

static void finish_shard(struct merge_shard *shard)
{
        free(shard->suite);
        free(shard->collection);
        free(shard->split);
}

void merge_shards_finish(struct merge_shards *shards)
{
        for (size_t i = 0; i < shards->n; i++)
                finish_shard(&shards->list[i]);
        free(shards->list);
        merge_texts_finish(&shards->missing);
        merge_texts_finish(&shards->problems);
        *shards = (struct merge_shards){0};
}

/* Reading the marks */

static bool read_number(const char *text, uint64_t most, uint64_t *ret_number)
{
        char *end;

        if (!text || *text < '0' || *text > '9')
                return false;
        errno = 0;
        *ret_number = strtoull(text, &end, 10);
        return !errno && !*end && *ret_number <= most;
}

static bool read_shard(const char *text, struct merge_shard *shard)
{
        const char *slash = strchr(text, '/');
        char index[16] = {0};
        uint64_t i, n;

        if (!slash || slash - text >= (ptrdiff_t)sizeof(index))
                return false;
        memcpy(index, text, (size_t)(slash - text));
        if (!read_number(index, SHARD_MAX, &i) || !read_number(slash + 1, SHARD_MAX, &n) || i < 1 || i > n)
                return false;
        shard->index = (unsigned)i;
        shard->count = (unsigned)n;
        return true;
}

static char *copy_mark(const struct merge_attributes *marks, const char *name)
{
        const char *value = merge_attributes_find(marks, name);

        return strdup(value ? value : "");
}

/* One of the shards that a suite is. Of a suite that was joined before nobody says how many tests were whose. */
static int add_shard(struct merge_shards *shards, unsigned input, const struct merge_suite *suite, const char *text,
                     bool alone)
{
        struct merge_shard shard = {.input = input};

        if (!read_shard(text, &shard))
                return 0;
        if (!read_number(merge_attributes_find(&suite->marks, "schedctl.tests"), UINT64_MAX, &shard.tests))
                shard.tests = 0;
        if (!alone || !read_number(merge_attributes_find(&suite->marks, "schedctl.dealt"), UINT64_MAX, &shard.dealt))
                shard.dealt = 0;
        shard.suite = strdup(suite->path);
        shard.collection = copy_mark(&suite->marks, "schedctl.collection");
        shard.split = copy_mark(&suite->marks, "schedctl.split");
        if (!shard.suite || !shard.collection || !shard.split ||
            array_reserve(&shards->list, shards->n, &shards->allocated, sizeof(shard)) < 0) {
                finish_shard(&shard);
                return -ENOMEM;
        }
        shards->list[shards->n++] = shard;
        return 0;
}

static int add_suite(struct merge_shards *shards, unsigned input, const struct merge_suite *suite)
{
        const struct merge_attributes *marks = &suite->marks;
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < marks->n; i++)
                n += strcmp(marks->list[i].name, "schedctl.shard") == 0;
        for (size_t i = 0; i < marks->n && r == 0; i++)
                if (strcmp(marks->list[i].name, "schedctl.shard") == 0)
                        r = add_shard(shards, input, suite, marks->list[i].value, n == 1);
        return r;
}

int merge_shards_add(struct merge_shards *shards, unsigned input, const struct merge_suites *suites)
{
        int r = 0;

        for (uint32_t i = 0; i < suites->n && r == 0; i++)
                r = add_suite(shards, input, &suites->list[i]);
        return r;
}

static int compare_shards(const void *a, const void *b)
{
        const struct merge_shard *x = a, *y = b;
        int r = strcmp(x->suite, y->suite);

        if (r == 0)
                r = (x->project > y->project) - (x->project < y->project);
        if (r == 0)
                r = (x->index > y->index) - (x->index < y->index);
        return r ? r : (x->input > y->input) - (x->input < y->input);
}

/* Telling projects apart: in a list of one suite's shards, by index. A project's number is the place of its first one.
 */

/* At first those are one that have collected the same tests. */
static void number_projects(struct merge_shard *list, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                size_t first = 0;

                while (strcmp(list[first].collection, list[i].collection) != 0)
                        first++;
                list[i].project = (unsigned)first;
        }
}

/* Whether the one has each shard that the other has. */
static bool has_shards_of(const struct merge_shard *list, size_t n, unsigned one, unsigned other)
{
        for (size_t i = 0, end; i < n; i = end) {
                bool has = false, wanted = false;

                for (end = i; end < n && list[end].index == list[i].index; end++) {
                        has |= list[end].project == one;
                        wanted |= list[end].project == other;
                }
                if (wanted && !has)
                        return false;
        }
        return true;
}

/* The first project before this one that has some of its tests, or itself. */
static int find_shared(struct merge_tests *tests, const struct merge_shard *list, size_t n, unsigned project,
                       unsigned *ret_project)
{
        CLEANUP_FREE unsigned *inputs = calloc(n, sizeof(*inputs));
        CLEANUP_FREE bool *shares = NULL;
        size_t n_inputs = 0, last = 0;
        int r;

        for (size_t i = 0; inputs && i < n; i++) {
                last = list[i].input > last ? list[i].input : last;
                if (list[i].project == project)
                        inputs[n_inputs++] = list[i].input;
        }
        shares = calloc(last + 1, sizeof(*shares));
        if (!inputs || !shares)
                return -ENOMEM;
        r = merge_tests_find_sharing(tests, inputs, n_inputs, last + 1, shares);
        *ret_project = project;
        for (size_t i = 0; i < n; i++)
                if (shares[list[i].input] && list[i].project < *ret_project)
                        *ret_project = list[i].project;
        return r;
}

/* The one before it that it belongs to, or itself. A node that has collected the wrong tests has run some that others
 * ran too, or leaves a gap that its own shard fills; another project's shards do neither. */
static int find_project(struct merge_tests *tests, const struct merge_shard *list, size_t n, unsigned project,
                        unsigned *ret_project)
{
        int r = find_shared(tests, list, n, project, ret_project);

        for (unsigned i = 0; i < project && r == 0 && *ret_project == project; i++)
                if (list[i].project == i && !has_shards_of(list, n, i, project) && !has_shards_of(list, n, project, i))
                        *ret_project = i;
        return r;
}

static int find_projects(struct merge_tests *tests, struct merge_shard *list, size_t n)
{
        int r = 0;

        number_projects(list, n);
        for (unsigned i = 1; i < n && r == 0; i++) {
                unsigned project = i;

                if (list[i].project == i)
                        r = find_project(tests, list, n, i, &project);
                for (size_t j = i; j < n && project != i; j++)
                        if (list[j].project == i)
                                list[j].project = project;
        }
        qsort(list, n, sizeof(*list), compare_shards);
        return r;
}

/* Judging: of each project's shards, which are next to each other in the list. */

static bool are_of_one_split(const struct merge_shard *a, const struct merge_shard *b)
{
        return a->count == b->count && strcmp(a->collection, b->collection) == 0 && strcmp(a->split, b->split) == 0;
}

/* The split that most of them are of, at least one; of several the first one's. */
static const struct merge_shard *find_split(const struct merge_shard *list, size_t n)
{
        const struct merge_shard *most = list;
        size_t n_most = 0;

        for (size_t i = 0; i < n; i++) {
                size_t n_same = 0;

                for (size_t j = 0; j < n; j++)
                        n_same += are_of_one_split(&list[i], &list[j]);
                if (n_same > n_most) {
                        n_most = n_same;
                        most = &list[i];
                }
        }
        return most;
}

static const char *say_difference(const struct merge_shard *shard, const struct merge_shard *most)
{
        if (shard->count != most->count)
                return "is of another number of shards than the others";
        if (strcmp(shard->collection, most->collection) != 0)
                return "was split from other tests than the others: they did not collect the same";
        return "was split by another history than the others";
}

static int judge_split(struct merge_shards *shards, struct merge_shard *list, size_t n, const struct merge_shard *most,
                       const char *const *paths)
{
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++) {
                list[i].odd = !are_of_one_split(&list[i], most);
                if (list[i].odd)
                        r = merge_texts_add(&shards->problems, "%s: shard %u/%u %s", paths[list[i].input],
                                            list[i].index, list[i].count, say_difference(&list[i], most));
        }
        return r;
}

/* How often each shard is there; index 0: the least often, from 0 on, that any is. */
static unsigned *count_shards(const struct merge_shard *list, size_t n, unsigned count)
{
        unsigned *times = calloc(count + (size_t)1, sizeof(*times));

        if (!times)
                return NULL;
        for (size_t i = 0; i < n; i++)
                if (list[i].index <= count)
                        times[list[i].index]++;
        times[0] = times[1];
        for (unsigned i = 2; i <= count; i++)
                times[0] = times[i] < times[0] ? times[i] : times[0];
        return times;
}

/* beside: a file of the project's, NULL where the suite has one project only. */
static int judge_times(struct merge_shards *shards, const struct merge_shard *list, size_t n, unsigned count,
                       const char *beside, unsigned *ret_sets)
{
        CLEANUP_FREE unsigned *times = count_shards(list, n, count);
        unsigned sets = times && times[0] > 1 ? times[0] : 1;
        int r = times ? 0 : -ENOMEM;

        for (unsigned i = 1; i <= count && r == 0; i++) {
                if (times[i] == 0) {
                        r = merge_texts_add(&shards->missing, "%u/%u", i, count);
                        if (r == 0)
                                r = merge_texts_add(&shards->problems, "shard %u/%u is missing%s%s", i, count,
                                                    beside ? " beside " : "", beside ? beside : "");
                } else if (times[i] > sets) {
                        r = merge_texts_add(&shards->problems, "shard %u/%u is there %u times", i, count, times[i]);
                }
        }
        *ret_sets = sets;
        return r;
}

static int judge_dealt(struct merge_shards *shards, struct merge_tests *tests, const struct merge_shard *shard,
                       const char *path)
{
        uint64_t n = 0;
        int r = shard->dealt ? merge_tests_count_of(tests, shard->input, &n) : 0;

        if (r == 0 && n < shard->dealt)
                r = merge_texts_add(&shards->problems, "%s: shard %u/%u has %llu of its %llu tests", path, shard->index,
                                    shard->count, (unsigned long long)n, (unsigned long long)shard->dealt);
        return r;
}

/* All of them together: tests that none has, and those that several have. */
static int judge_tests(struct merge_shards *shards, struct merge_tests *tests, const struct merge_shard *list, size_t n,
                       unsigned sets)
{
        CLEANUP_FREE unsigned *inputs = calloc(n, sizeof(*inputs));
        uint64_t most = 0, n_ran = 0, n_twice = 0;
        int r;

        if (!inputs)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                inputs[i] = list[i].input;
                most = list[i].tests > most ? list[i].tests : most;
        }
        r = merge_tests_count_different(tests, inputs, n, &n_ran);
        if (r == 0 && n_ran < most) {
                shards->n_never += most - n_ran;
                r = merge_texts_add(&shards->problems, "%llu of %llu tests never ran",
                                    (unsigned long long)(most - n_ran), (unsigned long long)most);
        }
        if (r == 0 && sets == 1)
                r = merge_tests_count_repeated(tests, inputs, n, &n_twice);
        if (r == 0 && n_twice > 0)
                r = merge_texts_add(&shards->problems, "%llu test%s ran in more than one shard",
                                    (unsigned long long)n_twice, n_twice == 1 ? "" : "s");
        return r;
}

static int judge_project(struct merge_shards *shards, struct merge_tests *tests, struct merge_shard *list, size_t n,
                         bool alone, const char *const *paths)
{
        const struct merge_shard *most = find_split(list, n);
        unsigned sets = 1;
        int r = judge_split(shards, list, n, most, paths);

        if (r == 0)
                r = judge_times(shards, list, n, most->count, alone ? NULL : paths[list->input], &sets);
        for (size_t i = 0; i < n && r == 0; i++)
                r = judge_dealt(shards, tests, &list[i], paths[list[i].input]);
        return r == 0 ? judge_tests(shards, tests, list, n, sets) : r;
}

/* The end of those that are of the first one's suite and, once these are known, project. */
static size_t end_of(const struct merge_shard *list, size_t n)
{
        size_t end = 1;

        while (end < n && list[end].project == list->project && strcmp(list[end].suite, list->suite) == 0)
                end++;
        return end;
}

static int judge_suite(struct merge_shards *shards, struct merge_tests *tests, struct merge_shard *list, size_t n,
                       const char *const *paths)
{
        int r = find_projects(tests, list, n);

        for (size_t i = 0, size; i < n && r == 0; i += size) {
                size = end_of(&list[i], n - i);
                r = judge_project(shards, tests, &list[i], size, size == n, paths);
        }
        return r;
}

int merge_shards_judge(struct merge_shards *shards, struct merge_tests *tests, const char *const *paths)
{
        int r = 0;

        if (shards->n == 0)
                return 0;
        qsort(shards->list, shards->n, sizeof(*shards->list), compare_shards);
        for (size_t i = 0, size; i < shards->n && r == 0; i += size) {
                size = end_of(&shards->list[i], shards->n - i);
                r = judge_suite(shards, tests, &shards->list[i], size, paths);
        }
        return r;
}
