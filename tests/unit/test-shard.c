/* The split of suites into shards, over many random ones and some of known shape. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/shard.h"
#include "tests/sim/random.h"
#include "tests/unit/test.h"

enum {
        ITEMS_MAX = 3000,
        GROUPS_MAX = 300,
        TEXT_MAX = 64,
};

/* A suite that can be changed and put into another order. */
struct scene {
        uint32_t n_items, n_groups, n_shards;
        char id[ITEMS_MAX][TEXT_MAX], group_id[GROUPS_MAX][TEXT_MAX];
        uint32_t group[ITEMS_MAX], serial[ITEMS_MAX], parent[GROUPS_MAX];
        double seconds[ITEMS_MAX], setup[GROUPS_MAX];
        bool loose[GROUPS_MAX];
};

struct outcome {
        struct shard_split split;
        uint32_t shard[ITEMS_MAX];
};

static uint32_t below(uint64_t *seed, uint32_t n)
{
        return (uint32_t)(random_next(seed) % n);
}

static double uniform(uint64_t *seed)
{
        return (double)(random_next(seed) >> 11) / 9007199254740992.0;
}

static uint32_t add_group(struct scene *s, uint32_t parent, bool loose, double setup, const char *name)
{
        uint32_t g = s->n_groups++;

        CHECK(g < GROUPS_MAX);
        snprintf(s->group_id[g], TEXT_MAX, "%s", name);
        s->parent[g] = parent;
        s->loose[g] = loose;
        s->setup[g] = setup;
        return g;
}

static uint32_t add_item(struct scene *s, uint32_t group, double seconds, const char *id)
{
        uint32_t i = s->n_items++;

        CHECK(i < ITEMS_MAX);
        snprintf(s->id[i], TEXT_MAX, "%s", id);
        s->group[i] = group;
        s->serial[i] = 0;
        s->seconds[i] = seconds;
        return i;
}

static int try_split(const struct scene *s, struct outcome *o)
{
        const char *ids[ITEMS_MAX], *group_ids[GROUPS_MAX];

        for (uint32_t i = 0; i < s->n_items; i++)
                ids[i] = s->id[i];
        for (uint32_t g = 0; g < s->n_groups; g++)
                group_ids[g] = s->group_id[g];
        return shard_split(&(struct shard_suite){.tests = {.ids = ids,
                                                           .group = s->group,
                                                           .n_items = s->n_items,
                                                           .parent = s->parent,
                                                           .n_groups = s->n_groups},
                                                 .group_ids = group_ids,
                                                 .setup = s->setup,
                                                 .loose = s->loose,
                                                 .serial = s->serial,
                                                 .seconds = s->seconds,
                                                 .n_shards = s->n_shards},
                           o->shard, &o->split);
}

static void split(const struct scene *s, struct outcome *o)
{
        CHECK_INT(try_split(s, o), 0);
        for (uint32_t i = 0; i < s->n_items; i++)
                CHECK(o->shard[i] < s->n_shards);
}

static double longest_shard(const struct scene *s, const struct outcome *o)
{
        double longest = 0;

        for (uint32_t i = 0; i < s->n_shards; i++)
                longest = fmax(longest, o->split.seconds[i]);
        return longest;
}

/* The mean, each set-up once, or the longest item with the set-ups around it. */
static double ideal(const struct scene *s)
{
        double total = 0, longest = 0;

        for (uint32_t g = 0; g < s->n_groups; g++)
                total += fmax(s->setup[g], 0);
        for (uint32_t i = 0; i < s->n_items; i++) {
                double seconds = s->seconds[i] + SHARD_OVERHEAD_US / 1e6;

                total += seconds;
                for (uint32_t g = s->group[i]; g != ESTIMATE_NO_GROUP; g = s->parent[g])
                        seconds += fmax(s->setup[g], 0);
                longest = fmax(longest, seconds);
        }
        return fmax(total / s->n_shards, longest);
}

/* Random suites: packages, modules, classes, serial groups, ids that come twice, times known or not. */

static double heavy_tailed(uint64_t *seed)
{
        return 0.01 * pow(1 - uniform(seed), -1 / 1.3); /* Pareto's law, of infinite variance */
}

static void make_random(struct scene *s, uint64_t *seed)
{
        uint32_t n_packages = below(seed, 4), n_modules = 1 + below(seed, 20), unknown = below(seed, 4);
        char id[TEXT_MAX];

        *s = (struct scene){.n_shards = 1 + below(seed, 64)};
        for (uint32_t i = 0; i < n_packages; i++) {
                snprintf(id, sizeof(id), "p%u", i);
                add_group(s, ESTIMATE_NO_GROUP, true, below(seed, 2) ? uniform(seed) : -1, id);
        }
        for (uint32_t m = 0; m < n_modules; m++) {
                uint32_t package = below(seed, n_packages + 1), n = 1 + below(seed, 12), module, class;

                snprintf(id, sizeof(id), "p%u/m%u.py", package, m);
                module = add_group(s, package < n_packages ? package : ESTIMATE_NO_GROUP, false,
                                   below(seed, 2) ? uniform(seed) : -1, id);
                snprintf(id, sizeof(id), "p%u/m%u.py::C", package, m);
                class = add_group(s, module, false, below(seed, 2) ? uniform(seed) / 4 : -1, id);
                for (uint32_t i = 0; i < n; i++) {
                        uint32_t item;

                        snprintf(id, sizeof(id), "p%u/m%u.py::%st[%u]", package, m,
                                 i % 3 ? "" : "C::", below(seed, 30) ? i : 0);
                        item = add_item(s, i % 3 ? module : class, below(seed, 4) < unknown ? -1 : heavy_tailed(seed),
                                        id);
                        s->serial[item] = below(seed, 8) ? 0 : 1 + below(seed, 3);
                }
        }
        while (s->n_items < 4)
                add_item(s, ESTIMATE_NO_GROUP, -1, "lone");
}

static void swap_items(struct scene *s, uint32_t a, uint32_t b)
{
        struct scene t = *s;

        memcpy(s->id[a], t.id[b], TEXT_MAX);
        memcpy(s->id[b], t.id[a], TEXT_MAX);
        s->group[a] = t.group[b];
        s->group[b] = t.group[a];
        s->serial[a] = t.serial[b];
        s->serial[b] = t.serial[a];
        s->seconds[a] = t.seconds[b];
        s->seconds[b] = t.seconds[a];
}

/* What goes together does; whatever order the items come in, each is where it was. */
static void test_random_suites(void)
{
        static struct scene s;
        static struct outcome o, p;
        uint64_t seed = 7;

        for (int round = 0; round < 1500; round++) {
                make_random(&s, &seed);
                split(&s, &o);
                for (uint32_t i = 0; i < s.n_items; i++)
                        for (uint32_t k = 0; k < i; k++)
                                if (strcmp(s.id[i], s.id[k]) == 0 || (s.serial[i] && s.serial[i] == s.serial[k]))
                                        CHECK_INT(o.shard[i], o.shard[k]);
                for (int swaps = 0; swaps < 10; swaps++) {
                        uint32_t a = below(&seed, s.n_items), b = below(&seed, s.n_items), shard = o.shard[a];

                        swap_items(&s, a, b);
                        o.shard[a] = o.shard[b];
                        o.shard[b] = shard;
                }
                for (uint32_t i = 0; i < s.n_items; i++) /* serial groups are numbered as they come */
                        s.serial[i] = s.serial[i] ? 4 - s.serial[i] : 0;
                split(&s, &p);
                CHECK(memcmp(o.shard, p.shard, s.n_items * sizeof(*o.shard)) == 0);
                CHECK(o.split.split == p.split.split && o.split.collection == p.split.collection);
                CHECK_INT(o.split.n_known, p.split.n_known);
                shard_split_finish(&o.split);
                shard_split_finish(&p.split);
        }
}

/* Graham's bound for lists, and the tolerance, where there are no set-ups. */
static void test_bound(void)
{
        static struct scene s;
        static struct outcome o;
        uint64_t seed = 11;

        for (int round = 0; round < 1000; round++) {
                double total = 0, longest = 0;

                make_random(&s, &seed);
                for (uint32_t g = 0; g < s.n_groups; g++)
                        s.setup[g] = -1;
                for (uint32_t i = 0; i < s.n_items; i++) {
                        s.serial[i] = 0;
                        s.seconds[i] = heavy_tailed(&seed);
                        snprintf(s.id[i], TEXT_MAX, "%s::%u", s.group_id[s.group[i] % s.n_groups], i);
                        total += s.seconds[i] + SHARD_OVERHEAD_US / 1e6;
                        longest = fmax(longest, s.seconds[i] + SHARD_OVERHEAD_US / 1e6);
                }
                split(&s, &o);
                CHECK(longest_shard(&s, &o) <= 1.0201 * (total / s.n_shards + longest));
                shard_split_finish(&o.split);
        }
}

/* Modules of ten tests, of which every third has a set-up. */
static void make_heavy_tailed(struct scene *s, uint64_t *seed, bool setups)
{
        char id[TEXT_MAX];

        *s = (struct scene){.n_shards = 1};
        for (uint32_t m = 0; m < 50; m++) {
                uint32_t module;

                snprintf(id, sizeof(id), "m%u.py", m);
                module = add_group(s, ESTIMATE_NO_GROUP, false, setups && m % 3 == 0 ? 0.02 : -1, id);
                for (uint32_t i = 0; i < 10; i++) {
                        snprintf(id, sizeof(id), "m%u.py::t%u", m, i);
                        add_item(s, module, heavy_tailed(seed), id);
                }
        }
}

static void test_heavy_tailed_suites(void)
{
        static const uint32_t shards[] = {2, 3, 12};
        static struct scene s;
        static struct outcome o;
        uint64_t seed = 3;
        double worst = 0;

        for (int round = 0; round < 200; round++) {
                make_heavy_tailed(&s, &seed, round % 2);
                for (size_t i = 0; i < sizeof(shards) / sizeof(shards[0]); i++) {
                        s.n_shards = shards[i];
                        split(&s, &o);
                        worst = fmax(worst, longest_shard(&s, &o) / ideal(&s));
                        shard_split_finish(&o.split);
                }
        }
        printf("heavy-tailed: longest shard at most %.3f times the ideal\n", worst);
        CHECK(worst <= 1.05);
}

/* What was measured of a real suite, as tests/sim/durations-attrs.txt says: a line a module. */
static void read_module(struct scene *s, char *line)
{
        char id[TEXT_MAX], *rest = NULL;
        uint32_t module;

        snprintf(id, sizeof(id), "test_%u.py", s->n_groups);
        module = add_group(s, ESTIMATE_NO_GROUP, false, -1, id);
        for (char *word = strtok_r(line, " ;\n", &rest); word && s->n_items < ITEMS_MAX;
             word = strtok_r(NULL, " ;\n", &rest)) {
                if (*word < '0' || *word > '9')
                        continue;
                snprintf(id, sizeof(id), "test_%u.py::t%u", module, s->n_items);
                add_item(s, module, strtod(word, NULL) / 1e5, id);
        }
}

static void test_measured_suite(const char *path)
{
        static const uint32_t shards[] = {2, 3, 12};
        static struct scene s;
        static struct outcome o;
        static char line[1 << 16];
        FILE *f = fopen(path, "re");

        CHECK(f);
        s = (struct scene){0};
        while (fgets(line, sizeof(line), f))
                if (*line != '#')
                        read_module(&s, line);
        fclose(f);
        CHECK(s.n_items > 100);
        for (size_t i = 0; i < sizeof(shards) / sizeof(shards[0]); i++) {
                s.n_shards = shards[i];
                split(&s, &o);
                printf("%s, %u shards: %.3f\n", path, s.n_shards, longest_shard(&s, &o) / ideal(&s));
                CHECK(longest_shard(&s, &o) <= 1.05 * ideal(&s));
                shard_split_finish(&o.split);
        }
}

static uint32_t most_items(const struct scene *s, const struct outcome *o)
{
        uint32_t n[SHARD_MAX] = {0}, most = 0;

        for (uint32_t i = 0; i < s->n_items; i++)
                most = ++n[o->shard[i]] > most ? n[o->shard[i]] : most;
        return most;
}

/* Twenty tests that sleep equally long, on twelve nodes; in one module or each in its own. */
static void test_equal_tests(void)
{
        static struct scene s;
        static struct outcome o;
        uint64_t seed = 5;
        char id[TEXT_MAX];

        for (int round = 0; round < 60; round++) {
                s = (struct scene){.n_shards = 12};
                for (uint32_t i = 0; i < 20; i++) {
                        if (i == 0 || round % 2) {
                                snprintf(id, sizeof(id), "test_%u.py", i);
                                add_group(&s, ESTIMATE_NO_GROUP, false, -1, id);
                        }
                        snprintf(id, sizeof(id), "%s::test_%u", s.group_id[s.n_groups - 1], i);
                        add_item(&s, s.n_groups - 1, round % 3 == 0 ? -1 : 1 + round % 3 * 0.05 * uniform(&seed), id);
                }
                split(&s, &o);
                CHECK_INT(most_items(&s, &o), 2);
                shard_split_finish(&o.split);
        }
}

/* As many modules of equal tests as there are: most stay whole where nothing is known, all where everything is. */
static uint32_t n_divided(const struct scene *s, const struct outcome *o)
{
        uint32_t n = 0;

        for (uint32_t g = 0; g < s->n_groups; g++) {
                uint32_t shard = UINT32_MAX;
                bool divided = false;

                for (uint32_t i = 0; i < s->n_items; i++) {
                        if (s->group[i] != g)
                                continue;
                        divided |= shard != UINT32_MAX && shard != o->shard[i];
                        shard = o->shard[i];
                }
                n += divided;
        }
        return n;
}

static void test_modules_stay_together(void)
{
        static struct scene s;
        static struct outcome o;
        uint64_t seed = 9;

        make_heavy_tailed(&s, &seed, false);
        for (s.n_shards = 2; s.n_shards <= 25; s.n_shards++) {
                for (uint32_t i = 0; i < s.n_items; i++)
                        s.seconds[i] = -1;
                split(&s, &o);
                CHECK(n_divided(&s, &o) <= s.n_shards - 1);
                CHECK_INT(most_items(&s, &o), (s.n_items + s.n_shards - 1) / s.n_shards);
                shard_split_finish(&o.split);
                for (uint32_t i = 0; i < s.n_items; i++)
                        s.seconds[i] = 1;
                split(&s, &o);
                if (s.n_groups % s.n_shards == 0)
                        CHECK_INT(n_divided(&s, &o), 0);
                shard_split_finish(&o.split);
        }
}

/* Cutting it costs more than it gains; and where it gains more, as few shards as may be pay for it. */
static void test_set_ups(void)
{
        static struct scene s;
        static struct outcome o;
        char id[TEXT_MAX];

        s = (struct scene){.n_shards = 2};
        for (uint32_t i = 0; i < 24; i++) {
                if (i % 12 == 0) {
                        snprintf(id, sizeof(id), "m%u.py", i / 12);
                        add_group(&s, ESTIMATE_NO_GROUP, false, 10, id);
                }
                snprintf(id, sizeof(id), "m%u.py::t%u", i / 12, i);
                add_item(&s, i / 12, i < 12 ? 1 : 1.1, id);
        }
        split(&s, &o);
        CHECK_INT(n_divided(&s, &o), 0);
        shard_split_finish(&o.split);
        for (uint32_t i = 0; i < 24; i++)
                s.seconds[i] = i < 12 ? 1 : 10;
        split(&s, &o);
        CHECK_INT(n_divided(&s, &o), 1);
        CHECK(longest_shard(&s, &o) < 90);
        shard_split_finish(&o.split);
}

/* One unknown test more. */
static void test_stability(void)
{
        static struct scene s, t;
        static struct outcome o, p;
        uint64_t seed = 13;
        uint32_t worst = 0;

        for (int round = 0; round < 1000; round++) {
                uint32_t moved = 0, group;

                make_random(&s, &seed);
                for (uint32_t i = 0; i < s.n_items; i++) {
                        s.serial[i] = 0;
                        s.seconds[i] = s.seconds[i] < 0 || round % 4 == 0 ? -1 : 0.5;
                        snprintf(s.id[i], TEXT_MAX, "%s::%u",
                                 s.group[i] == ESTIMATE_NO_GROUP ? "" : s.group_id[s.group[i]], i);
                }
                split(&s, &o);
                t = s;
                group = below(&seed, s.n_groups);
                snprintf(t.id[t.n_items], TEXT_MAX, "%s::%u", s.group_id[group], below(&seed, 1000) + 1000);
                t.group[t.n_items] = group;
                t.seconds[t.n_items++] = -1;
                split(&t, &p);
                for (uint32_t i = 0; i < s.n_items; i++) {
                        if (s.seconds[i] >= 0)
                                CHECK_INT(o.shard[i], p.shard[i]);
                        moved += o.shard[i] != p.shard[i];
                }
                CHECK(moved <= s.n_shards);
                worst = moved > worst ? moved : worst;
                shard_split_finish(&o.split);
                shard_split_finish(&p.split);
        }
        printf("one unknown test more: at most %u others moved\n", worst);
}

/* A new test of a known module is where those around it are. */
static void test_new_test_of_a_module(void)
{
        static struct scene s;
        static struct outcome o;
        uint64_t seed = 17;

        make_heavy_tailed(&s, &seed, false);
        s.n_shards = 4;
        for (uint32_t i = 0; i < s.n_items; i++)
                s.seconds[i] = i % 100 == 55 ? -1 : 0.1;
        split(&s, &o);
        for (uint32_t i = 55; i < s.n_items; i += 100)
                CHECK_INT(o.shard[i], o.shard[i - 1]);
        shard_split_finish(&o.split);
}

static void test_digests(void)
{
        static struct scene s;
        static struct outcome o, p;
        uint64_t seed = 19;

        make_heavy_tailed(&s, &seed, false);
        s.n_shards = 3;
        split(&s, &o);
        for (uint32_t i = 0; i < s.n_items; i++)
                s.seconds[i] = heavy_tailed(&seed);
        split(&s, &p);
        CHECK(o.split.collection == p.split.collection && o.split.split != p.split.split);
        shard_split_finish(&p.split);
        s.n_items--;
        split(&s, &p);
        CHECK(o.split.collection != p.split.collection && o.split.split != p.split.split);
        shard_split_finish(&p.split);
        shard_split_finish(&o.split);
}

/* Nothing, less than there are shards, times that are none, and numbers that cannot be. */
static void test_limits(void)
{
        static struct scene s;
        static struct outcome o;

        s = (struct scene){.n_shards = SHARD_MAX};
        split(&s, &o);
        shard_split_finish(&o.split);
        add_item(&s, ESTIMATE_NO_GROUP, 1e300, "a");
        add_item(&s, ESTIMATE_NO_GROUP, 0, "b");
        add_item(&s, ESTIMATE_NO_GROUP, (double)NAN, "c");
        split(&s, &o);
        CHECK_INT(most_items(&s, &o), 1);
        CHECK_INT(o.split.n_known, 2);
        shard_split_finish(&o.split);
        for (uint32_t i = 0; i < 100; i++) {
                char id[TEXT_MAX];

                snprintf(id, sizeof(id), "t%u", i);
                add_item(&s, ESTIMATE_NO_GROUP, 0, id);
        }
        s.n_shards = 2;
        s.seconds[0] = 0;
        split(&s, &o); /* tests of no time at all are shared out too */
        CHECK(most_items(&s, &o) <= 52);
        shard_split_finish(&o.split);
        s.n_shards = 0;
        CHECK_INT(try_split(&s, &o), -EINVAL);
        s.n_shards = SHARD_MAX + 1;
        CHECK_INT(try_split(&s, &o), -EINVAL);
        s.n_shards = 2;
        s.group[0] = 0;
        CHECK_INT(try_split(&s, &o), -EINVAL);
        s.group[0] = ESTIMATE_NO_GROUP;
        s.serial[0] = s.n_items + 1;
        CHECK_INT(try_split(&s, &o), -EINVAL);
}

int main(int argc, char **argv)
{
        test_random_suites();
        test_bound();
        test_heavy_tailed_suites();
        for (int i = 1; i < argc; i++)
                test_measured_suite(argv[i]);
        test_equal_tests();
        test_modules_stay_together();
        test_set_ups();
        test_stability();
        test_new_test_of_a_module();
        test_digests();
        test_limits();
        return 0;
}
