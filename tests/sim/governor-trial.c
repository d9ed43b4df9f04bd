#include "tests/sim/governor-trial.h"
#include "tests/sim/plant-noise.h"
#include "tests/unit/test.h"

#include <math.h>

#define TESTS_A_SECOND   8.0 /* done by a PU of the fastest kind */
#define ESTIMATE_ERROR   0.6
#define SUITE_ERROR      0.03
#define SUITE_SECONDS    20.0
#define NEIGHBOUR_SHORT  60u  /* s that the neighbour stays or is away: so long… */
#define NEIGHBOUR_VARIES 180u /* …and up to so much longer */
#define NEIGHBOUR_SEED   7u   /* the same for all, since constant budgets are to meet the same neighbour */
#define ABOVE            0.1  /* K above a trip that count as above it */

struct neighbour {
        uint64_t random;
        unsigned threads, until;
};

struct state {
        const struct trial *t;
        struct plant plant;
        struct plant_sensors sensors;
        struct plant_load load;
        struct governor *governor;
        struct governor_decision decision;
        struct placement_goal ordered_for; /* whose order is in `order` */
        struct placement_choice order[CPUSET_MAX];
        struct cpuset usable, lent;
        struct neighbour neighbour;
        uint64_t random;
        double suite; /* by how much its estimates are off as a whole */
        uint64_t now;
        unsigned budgets[TRIAL_SECONDS];
        unsigned asleep; /* s that the suspend before this second took */
};

static void put_in_order(struct state *s, struct placement_goal goal)
{
        if (goal.aim == s->ordered_for.aim && goal.hot_package == s->ordered_for.hot_package)
                return;
        placement_order(s->t->machine, &goal, &s->usable, s->order);
        s->ordered_for = goal;
}

static void lend(struct state *s, unsigned budget, struct placement_goal goal)
{
        put_in_order(s, goal);
        s->lent = (struct cpuset){0};
        for (unsigned i = 0; i < budget; i++)
                cpuset_add(&s->lent, s->order[i].pu);
}

/* Free PUs first, then the lent ones that were lent last. */
static struct cpuset place_neighbour(const struct state *s)
{
        struct cpuset set = {0};
        unsigned left = s->neighbour.threads, n_pus = s->t->machine->n_pus;

        for (unsigned i = 0; i < n_pus && left > 0; i++)
                if (!cpuset_has(&s->lent, s->order[i].pu)) {
                        cpuset_add(&set, s->order[i].pu);
                        left--;
                }
        for (unsigned i = n_pus; i-- > 0 && left > 0;)
                if (cpuset_has(&s->lent, s->order[i].pu)) {
                        cpuset_add(&set, s->order[i].pu);
                        left--;
                }
        return set;
}

static void step_neighbour(struct state *s, unsigned second)
{
        struct neighbour *n = &s->neighbour;
        unsigned most = s->t->machine->n_pus / 4;

        if (!s->t->neighbour || second < n->until)
                return;
        n->until = second + NEIGHBOUR_SHORT + random_below(&n->random, NEIGHBOUR_VARIES);
        n->threads = n->threads > 0 ? 0 : 1 + random_below(&n->random, most);
}

static double report(struct state *s, double work)
{
        double tests = fmax(work * TESTS_A_SECOND, 1), keep = exp(-1 / SUITE_SECONDS);

        s->suite = keep * s->suite + sqrt(1 - keep * keep) * SUITE_ERROR * noise_normal(&s->random);
        return fmax(work * (1 + s->suite + ESTIMATE_ERROR / sqrt(tests) * noise_normal(&s->random)), 0);
}

static void suspend(struct state *s, unsigned seconds)
{
        const struct plant_load idle = {0};

        for (unsigned i = 0; i < seconds * PLANT_STEPS_A_SECOND; i++)
                plant_step(&s->plant, &idle);
        s->now += seconds * UINT64_C(1000000);
        s->asleep = seconds;
}

static void have_faults(struct state *s, unsigned second)
{
        s->asleep = 0;
        for (unsigned i = 0; i < s->t->n_faults; i++) {
                const struct trial_fault *fault = &s->t->faults[i];

                if (fault->at != second)
                        continue;
                if (fault->zone)
                        CHECK(plant_sensors_break(&s->sensors, fault->zone, fault->fault) > 0);
                else
                        suspend(s, fault->asleep);
        }
}

static void decide(struct state *s, double work)
{
        const struct governor_situation situation = {
                .machine = s->t->machine,
                .usable = &s->usable,
                .lent = &s->lent,
                .n_runs = 1,
                .work_rate = s->t->silent ? -1 : report(s, work),
        };

        plant_sensors_read(&s->sensors, &s->plant, &s->load, s->now, s->asleep > 0);
        governor_step(s->governor, &s->sensors.readings, &situation, &s->decision);
        CHECK(s->decision.budget >= 1 && s->decision.budget <= s->t->machine->n_pus);
        CHECK(s->decision.n_ignored == 0 || strstr(s->decision.text, s->decision.ignored[0].name));
}

static void trace(const struct state *s, unsigned second, double work)
{
        const struct plant_package *package = &s->plant.packages[0];

        if (!s->t->trace)
                return;
        fprintf(s->t->trace,
                "%5u s  die %5.1f chassis %4.1f %5.1f W PL1 %3.0f %4.2f %4.2f GHz%s  work %6.2f  others %u  lent %u",
                second, package->die, s->plant.chassis, package->power, s->plant.pl1, package->f[0], package->f[1],
                package->prochot   ? " PROCHOT"
                : package->clipped ? " clipped"
                                   : "",
                work, s->neighbour.threads, cpuset_count(&s->lent));
        if (!s->t->constant)
                fprintf(s->t->trace, "  aim %d level %.2f -> %s", (int)s->decision.aim, s->decision.level,
                        s->decision.text);
        fputc('\n', s->t->trace);
}

/* What the second that has just gone by adds. Sums are divided at the end. */
static void account(struct state *s, unsigned second, double work, struct trial_result *r)
{
        const struct plant_model *model = s->t->model;
        double hottest = 0;
        bool steady = second >= TRIAL_STEADY, chassis, critical;

        for (unsigned i = 0; i < model->n_packages; i++)
                hottest = fmax(hottest, s->plant.packages[i].die);
        chassis = s->plant.chassis > model->chassis_trip + ABOVE;
        critical = hottest > model->die_limit + ABOVE;
        s->budgets[second] = cpuset_count(&s->lent);
        r->rate += work;
        r->above_chassis += chassis;
        r->above_critical += critical;
        r->least = second == 0 || s->budgets[second] < r->least ? s->budgets[second] : r->least;
        r->cut += s->budgets[second] < s->t->machine->n_pus;
        r->ignored += s->decision.n_ignored > 0;
        if (!steady)
                return;
        r->chassis_steady += chassis;
        r->critical_steady += critical;
        r->steady_rate += work;
        r->budget += s->budgets[second];
        r->die += hottest;
        r->fan += s->plant.fan;
        r->hottest_chassis = fmax(r->hottest_chassis, s->plant.chassis);
        r->hottest_die = fmax(r->hottest_die, hottest);
        r->changes += s->budgets[second] != s->budgets[second - 1];
}

static void conclude(const struct state *s, struct trial_result *r)
{
        const double steady = TRIAL_SECONDS - TRIAL_STEADY;
        double band;

        r->rate /= TRIAL_SECONDS;
        for (unsigned i = 0; i < s->t->model->n_packages; i++)
                r->watts += s->plant.packages[i].energy / TRIAL_SECONDS;
        r->steady_rate /= steady;
        r->budget /= steady;
        r->die /= steady;
        r->fan /= steady;
        r->changes /= steady / 60;
        band = fmax(1.5, s->t->machine->n_pus / 16.0);
        for (unsigned i = 0; i < TRIAL_SECONDS; i++)
                if (fabs(s->budgets[i] - r->budget) > band)
                        r->settling = i + 1;
}

static void start(struct state *s, const struct trial *t)
{
        const struct governor_settings settings = {.policy = t->policy, .reserve = -1};

        s->t = t;
        s->random = t->seed;
        s->neighbour.random = NEIGHBOUR_SEED;
        s->usable = machine_cpuset(t->machine);
        s->ordered_for.aim = PLACEMENT_COOL; /* none that is asked for, so that the first is made */
        s->ordered_for.hot_package = UINT32_MAX;
        plant_init(&s->plant, t->model);
        plant_sensors_init(&s->sensors, &s->plant, t->seed + 1);
        if (!t->constant)
                CHECK_INT(governor_create(&settings, &s->governor), 0);
        lend(s, t->constant ? t->constant : t->machine->n_pus, t->goal);
}

void trial_run(const struct trial *t, struct trial_result *ret_result)
{
        static struct state s;

        s = (struct state){0};
        *ret_result = (struct trial_result){0};
        start(&s, t);
        for (unsigned second = 0; second < TRIAL_SECONDS; second++) {
                struct cpuset others;
                double work = 0;

                have_faults(&s, second);
                step_neighbour(&s, second);
                others = place_neighbour(&s);
                plant_load_of(t->model, t->machine, &s.lent, &others, &s.load);
                for (unsigned i = 0; i < PLANT_STEPS_A_SECOND; i++)
                        work += plant_step(&s.plant, &s.load);
                s.now += GOVERNOR_PERIOD_US;
                account(&s, second, work, ret_result);
                if (!t->constant)
                        decide(&s, work);
                trace(&s, second, work);
                if (!t->constant)
                        lend(&s, s.decision.budget,
                             (struct placement_goal){.aim = s.decision.aim, .hot_package = s.decision.hot_package});
        }
        conclude(&s, ret_result);
        governor_destroy(s.governor);
}
