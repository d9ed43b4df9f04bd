/* The dispatcher on simulated machines, with history, against the best schedule that is known of each suite, and
 * against what pytest-xdist's policies come to on the same machine.
 *
 * Usage: sim-dispatch-peers ATTRS NETWORKX [TRIES]: files of recorded durations, whose format they state, and how often
 * to search for a better schedule. */
#include "tests/sim/dispatch-offline.h"
#include "tests/sim/dispatch-peers.h"
#include "tests/unit/test.h"

#include <math.h>

static struct world w;

/* Suites */

static void read_scopes(char *line)
{
        static const double UNIT = 1e-5;
        uint32_t module = world_add_group(&w, DISPATCH_NONE, 0), group = module;
        char *rest = NULL;

        for (char *word = strtok_r(line, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
                if (strcmp(word, ";") == 0)
                        group = module;
                else if (strcmp(word, "c") == 0)
                        group = world_add_group(&w, module, 0);
                else
                        world_add_item(&w, UNIT * (double)strtoul(word, NULL, 10), group);
        }
}

static void recorded(const char *path)
{
        char line[16384];
        FILE *file = fopen(path, "r");

        CHECK(file);
        while (fgets(line, sizeof(line), file))
                if (line[0] != '#')
                        read_scopes(line);
        fclose(file);
        CHECK(w.suite.n_items > 0);
}

static void heavy_tailed(const char *path)
{
        uint64_t random = 42;

        for (unsigned i = 0; i < 400; i++)
                world_add_item(&w, random_heavy_tailed(&random, 0.005, 2.0), DISPATCH_NONE);
}

/* A long one last. */
static void slow_last(const char *path)
{
        uint64_t random = 3;

        for (unsigned i = 0; i < 300; i++)
                world_add_item(&w, 0.05 + 0.1 * random_uniform(&random), DISPATCH_NONE);
        for (unsigned i = 0; i < 5; i++)
                world_add_item(&w, 1 + i * 0.5, DISPATCH_NONE);
}

static void modules(const char *path)
{
        for (unsigned m = 0; m < 60; m++) {
                uint32_t group = world_add_group(&w, DISPATCH_NONE, 0.5);

                for (unsigned i = 0; i < 20; i++)
                        world_add_item(&w, 0.005, group);
        }
}

/* Modules of all sizes, whose fixtures cost from nothing to a second. */
static void mixed_modules(const char *path)
{
        uint64_t random = 11;

        for (unsigned m = 0; m < 50; m++) {
                double setup = fmax(random_uniform(&random) - 0.4, 0);
                uint32_t group = world_add_group(&w, DISPATCH_NONE, setup);

                for (uint32_t i = 2 + random_below(&random, 40); i > 0; i--)
                        world_add_item(&w, random_heavy_tailed(&random, 0.003, 1.0), group);
        }
}

struct suite {
        const char *name;
        void (*make)(const char *path);
        const char *path;
};

/* Machines: an E core does 0.55 of a P core, a second sibling adds a quarter. */

static void hybrid(void)
{
        world_add_cores(&w, 8, 2, 1.0, 0.625);
        world_add_pus(&w, 8, 0.55);
}

static void four_cores(void)
{
        world_add_cores(&w, 4, 2, 1.0, 0.625);
}

static void big_little(void)
{
        world_add_pus(&w, 4, 1.0);
        world_add_pus(&w, 4, 0.4);
}

static void two_sockets(void)
{
        world_add_pus(&w, 128, 1.0);
}

static const struct machine {
        const char *name;
        void (*make)(void);
} machines[] = {
        {"8P+8E, SMT on P", hybrid},
        {"4 cores, 8 threads", four_cores},
        {"big.LITTLE 4+4", big_little},
        {"2 x 64 cores", two_sockets},
};

/* The table */

struct comparison {
        double ours, best, peers[PEERS];
};

static double least_of_peers(const struct comparison *c)
{
        double least = HUGE_VAL;

        for (unsigned p = 0; p < PEERS; p++)
                least = fmin(least, c->peers[p]);
        return least;
}

static struct comparison compare(const struct suite *suite, const struct machine *machine, uint32_t tries)
{
        struct comparison c;

        world_init(&w);
        suite->make(suite->path);
        machine->make();
        c.ours = world_makespan(&w);
        for (unsigned p = 0; p < PEERS; p++)
                c.peers[p] = peer_makespan(&w, (enum peer)p);

        c.best = fmin(fmin(offline_best(&w, tries), c.ours), least_of_peers(&c));
        return c;
}

static void print_row(const char *suite, const char *machine, const struct comparison *c)
{
        printf("%-18s %-24s %8.3f %8.3f %6.3f %8.3f", machine, suite, c->ours, c->best, c->ours / c->best,
               world_bound(&w));
        for (unsigned p = 0; p < PEERS; p++)
                printf(" %9.3f (%4.2f)", c->peers[p], c->peers[p] / c->ours);
        printf("\n");
}

int main(int argc, char **argv)
{
        /* Of the best known, and of the fastest peer. */
        static const double LIMIT = 1.03;
        struct suite suites[] = {
                {"attrs, recorded", recorded, argc > 1 ? argv[1] : ""},
                {"networkx, recorded", recorded, argc > 2 ? argv[2] : ""},
                {"400 of heavy-tailed length", heavy_tailed, NULL},
                {"300, five long ones last", slow_last, NULL},
                {"60 modules, 0.5 s fixture", modules, NULL},
                {"50 mixed modules", mixed_modules, NULL},
        };
        uint32_t tries = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 2;
        double worst = 0, worst_of_peers = 0;

        CHECK(argc >= 3);
        printf("seconds, in brackets times ours\n%-18s %-24s %8s %8s %6s %8s %16s %16s %16s\n", "machine", "suite",
               "ours", "best", "ratio", "bound", "xdist load", "worksteal", "loadscope");
        for (size_t m = 0; m < sizeof(machines) / sizeof(machines[0]); m++)
                for (size_t s = 0; s < sizeof(suites) / sizeof(suites[0]); s++) {
                        struct comparison c = compare(&suites[s], &machines[m], tries);

                        print_row(suites[s].name, machines[m].name, &c);
                        worst = fmax(worst, c.ours / c.best);
                        worst_of_peers = fmax(worst_of_peers, c.ours / least_of_peers(&c));
                }
        printf("at worst %.3f of the best known, %.3f of the fastest peer\n", worst, worst_of_peers);
        CHECK(worst <= LIMIT);
        CHECK(worst_of_peers <= LIMIT);
        return 0;
}
