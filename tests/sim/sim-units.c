/* Units of random suites: what has to hold of every one, and how far from the least makespan their order is. */
#include "core/units.h"
#include "tests/sim/random.h"
#include "tests/unit/test.h"

#include <math.h>
#include <stdbool.h>

enum { ITEMS_MAX = 400, GROUPS_MAX = 40, WORKERS_MAX = 16, SUITES = 3000, SMALL_ITEMS = 7, SMALL_WORKERS = 3 };

static struct dispatch_item items[ITEMS_MAX];
static struct dispatch_group groups[GROUPS_MAX];
static double speeds[WORKERS_MAX];
static uint64_t chance;

static uint32_t below(uint32_t n)
{
        return (uint32_t)(random_next(&chance) % n);
}

/* Half of them short, a few long. */
static double some_seconds(void)
{
        return 0.01 * exp((double)below(1000) / 1000 * 8);
}

static struct units_params make_suite(uint32_t n_items, uint32_t n_groups, uint32_t n_scopes, uint32_t unknown_of_ten)
{
        struct units_params p = {.items = items, .groups = groups, .speeds = speeds, .n_items = n_items};

        p.n_workers = 1 + below(WORKERS_MAX);
        for (uint32_t w = 0; w < p.n_workers; w++)
                speeds[w] = below(2) ? 1 : 0.5;
        p.n_groups = n_groups;
        for (uint32_t g = 0; g < n_groups; g++) {
                bool inner = g > 0 && below(2);

                groups[g] = (struct dispatch_group){.parent = inner ? below(g) : DISPATCH_NONE,
                                                    .setup = below(3) ? some_seconds() : -1};
                groups[g].loose = !below(4) && (!inner || groups[groups[g].parent].loose);
        }
        for (uint32_t i = 0; i < n_items; i++)
                items[i] = (struct dispatch_item){.seconds = below(10) < unknown_of_ten ? -1 : some_seconds(),
                                                  .group = n_groups && below(5) ? below(n_groups) : DISPATCH_NONE,
                                                  .serial = n_scopes ? 1 + below(n_scopes) : 0};
        return p;
}

/* Every item is in one place, each unit's in collection order, and a scope's in one unit. */
static void check_items(const struct units_params *p, const struct units *u)
{
        static uint32_t unit_of_scope[ITEMS_MAX + 1];
        static bool seen[ITEMS_MAX];

        memset(seen, 0, sizeof(seen));
        memset(unit_of_scope, 0, sizeof(unit_of_scope));
        CHECK_INT(u->first[u->n], p->n_items);
        for (uint32_t k = 0; k < u->n; k++) {
                CHECK(u->first[k] < u->first[k + 1]);
                for (uint32_t i = u->first[k]; i < u->first[k + 1]; i++) {
                        uint32_t item = u->items[i], scope = p->items[item].serial;

                        CHECK(item < p->n_items && !seen[item]);
                        CHECK(i == u->first[k] || u->items[i - 1] < item);
                        CHECK(!scope || !unit_of_scope[scope] || unit_of_scope[scope] == k + 1);
                        seen[item] = true;
                        unit_of_scope[scope] = k + 1;
                }
        }
}

/* Unknown ones first and in collection order, then the longest. */
static void check_order(const struct units *u)
{
        for (uint32_t k = 1; k < u->n; k++) {
                double before = u->seconds[k - 1], now = u->seconds[k];

                CHECK(now < 0 ? before < 0 : before < 0 || before >= now);
                CHECK(before != now || u->items[u->first[k - 1]] < u->items[u->first[k]]);
        }
}

/* What is known of the items is in their units' seconds, and no set-up less than once. */
static void check_seconds(const struct units_params *p, const struct units *u)
{
        double items_sum = 0, units_sum = 0;

        for (uint32_t i = 0; i < p->n_items; i++)
                items_sum += p->items[i].seconds > 0 ? p->items[i].seconds : 0;
        for (uint32_t k = 0; k < u->n; k++)
                units_sum += u->seconds[k] > 0 ? u->seconds[k] : 0;
        CHECK(units_sum >= items_sum * (1 - 1e-9));
}

static void test_laws(void)
{
        for (unsigned i = 0; i < SUITES; i++) {
                uint32_t n = below(i % 10 ? 40 : ITEMS_MAX), n_groups = below(3) ? below(GROUPS_MAX) : 0;
                uint32_t n_scopes = below(3) || !n ? 0 : 1 + below(n);
                struct units_params p = make_suite(n, n_groups, n_scopes, below(2) ? 0 : below(11));
                struct units u;

                CHECK(units_make(&p, &u) == 0);
                check_items(&p, &u);
                check_order(&u);
                check_seconds(&p, &u);
                units_finish(&u);
        }
}

/* The least makespan of any assignment. */
static double least(const struct units_params *p, const double *seconds, uint32_t n, double *busy)
{
        double best = HUGE_VAL;

        if (n == 0) {
                best = 0;
                for (uint32_t w = 0; w < p->n_workers; w++)
                        best = busy[w] > best ? busy[w] : best;
                return best;
        }
        for (uint32_t w = 0; w < p->n_workers; w++) {
                double end;

                busy[w] += seconds[n - 1] / p->speeds[w];
                end = least(p, seconds, n - 1, busy);
                busy[w] -= seconds[n - 1] / p->speeds[w];
                best = end < best ? end : best;
        }
        return best;
}

/* Equal workers: Graham 1969. Others: Gonzalez, Ibarra, Sahni 1977. */
static void test_against_the_optimum(void)
{
        for (unsigned i = 0; i < SUITES / 10; i++) {
                struct units_params p = make_suite(1 + below(SMALL_ITEMS), 0, 0, 0);
                double busy[SMALL_WORKERS] = {0}, makespan, optimum, m;
                bool equal = below(2);
                struct units u;

                m = p.n_workers = 1 + below(SMALL_WORKERS);
                for (uint32_t w = 0; w < p.n_workers && equal; w++)
                        speeds[w] = 1;
                CHECK(units_make(&p, &u) == 0);
                CHECK(units_makespan(u.seconds, u.n, speeds, p.n_workers, &makespan) == 0);
                optimum = least(&p, u.seconds, u.n, busy);
                CHECK(makespan <= optimum * (equal ? 4.0 / 3 - 1 / (3 * m) : 2 * m / (m + 1)) + 1e-9);
                units_finish(&u);
        }
}

/* Splitting pays: no worse than with every group whole, and than with none kept together. */
static void test_against_all_or_nothing(void)
{
        for (unsigned i = 0; i < SUITES / 10; i++) {
                struct units_params p = make_suite(below(ITEMS_MAX), 1 + below(8), 0, 0), whole = p;
                static struct dispatch_item scoped[ITEMS_MAX];
                double makespan, of_whole;
                struct units u, w;

                for (uint32_t g = 0; g < p.n_groups; g++)
                        groups[g] = (struct dispatch_group){.parent = DISPATCH_NONE, .setup = groups[g].setup};
                for (uint32_t k = 0; k < p.n_items; k++) {
                        scoped[k] = items[k];
                        scoped[k].serial = items[k].group == DISPATCH_NONE ? p.n_groups + 1 + k : 1 + items[k].group;
                        if (scoped[k].serial > p.n_items)
                                scoped[k].serial = 0;
                }
                whole.items = scoped;
                CHECK(units_make(&p, &u) == 0 && units_make(&whole, &w) == 0);
                CHECK(units_makespan(u.seconds, u.n, speeds, p.n_workers, &makespan) == 0);
                CHECK(units_makespan(w.seconds, w.n, speeds, p.n_workers, &of_whole) == 0);
                CHECK(makespan <= of_whole * 1.10 + 1e-9);
                units_finish(&u);
                units_finish(&w);
        }
}

int main(void)
{
        chance = 1;
        test_laws();
        test_against_the_optimum();
        test_against_all_or_nothing();
        return 0;
}
