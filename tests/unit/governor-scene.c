#include "tests/unit/governor-scene.h"

#include <errno.h>
#include <limits.h>

static void make_machine(struct scene *s, unsigned n_pus, unsigned n_packages)
{
        const struct machine_kind kind = {.speed = 1};
        struct machine_pu *pus = calloc(n_pus, sizeof(*pus));

        CHECK(pus);
        for (unsigned i = 0; i < n_pus; i++)
                pus[i] = (struct machine_pu){.os = i, .core = i, .package = i * n_packages / n_pus};
        CHECK_INT(machine_init(pus, n_pus, &kind, 1, &s->machine), 0);
        s->usable = machine_cpuset(&s->machine);
}

void scene_init(struct scene *s, unsigned n_pus, unsigned n_packages, enum governor_policy policy)
{
        *s = (struct scene){.settings = {.policy = policy, .reserve = -1}, .follow = true};
        make_machine(s, n_pus, n_packages);
        CHECK_INT(governor_create(&s->settings, &s->governor), 0);
        s->readings.now = UINT64_C(1000000000);
        s->readings.cpu.error = s->readings.memory.error = s->readings.memory_error = -ENOENT;
        s->readings.supply_error = s->readings.profile_error = -ENOENT;
        s->readings.battery_percent = -1;
        s->situation = (struct governor_situation){
                .machine = &s->machine,
                .usable = &s->usable,
                .lent = &s->lent,
                .n_runs = 1,
                .work_rate = -1,
        };
        scene_lend(s, n_pus);
}

void scene_finish(struct scene *s)
{
        governor_destroy(s->governor);
        machine_finish(&s->machine);
}

void scene_step(struct scene *s)
{
        unsigned budget = s->decision.budget;

        governor_step(s->governor, &s->readings, &s->situation, &s->decision);
        CHECK(s->decision.budget >= 1 && s->decision.budget <= s->decision.usable);
        s->n_changes += budget > 0 && s->decision.budget != budget;
        if (s->follow)
                scene_lend(s, s->decision.budget);
}

void scene_run(struct scene *s, unsigned seconds)
{
        for (unsigned i = 0; i < seconds; i++) {
                s->readings.now += GOVERNOR_PERIOD_US;
                if (s->before)
                        s->before(s);
                scene_step(s);
        }
}

void scene_lend(struct scene *s, unsigned n)
{
        s->lent = (struct cpuset){0};
        CPUSET_FOREACH (pu, &s->usable)
                if (n-- > 0)
                        cpuset_add(&s->lent, pu);
                else
                        break;
}

void scene_policy(struct scene *s, enum governor_policy policy)
{
        s->settings.policy = policy;
        governor_set(s->governor, &s->settings);
}

struct readings_zone *scene_zone(struct scene *s, const char *name, enum readings_place place, double celsius)
{
        struct readings_zone *zone = &s->readings.zones[s->readings.n_zones++];

        *zone = (struct readings_zone){
                .place = place,
                .package = place == READINGS_DIE ? 0 : UINT_MAX,
                .millicelsius = (int64_t)(celsius * 1000),
                .passive = READINGS_NONE,
                .hot = READINGS_NONE,
                .critical = READINGS_NONE,
        };
        snprintf(zone->name, sizeof(zone->name), "%s", name);
        return zone;
}

struct readings_package *scene_package(struct scene *s)
{
        struct readings_package *p = &s->readings.packages[s->readings.n_packages++];

        *p = (struct readings_package){
                .throttle_error = -ENOENT,
                .energy_error = -EACCES,
                .limit_error = -ENOENT,
                .frequency_error = -ENOENT,
                .cap = 1,
        };
        return p;
}

const struct governor_limit *scene_limit(const struct scene *s, enum governor_cause cause)
{
        for (unsigned i = 0; i < s->decision.n_limits; i++)
                if (s->decision.limits[i].cause == cause)
                        return &s->decision.limits[i];
        return NULL;
}

const char *scene_why(const struct scene *s, const char *name)
{
        for (unsigned i = 0; i < s->decision.n_ignored; i++)
                if (strcmp(s->decision.ignored[i].name, name) == 0)
                        return s->decision.ignored[i].why;
        return "";
}

static void check_limits(const struct governor_decision *d)
{
        bool seen[GOVERNOR_CAUSES] = {false};

        CHECK(d->n_limits <= GOVERNOR_CAUSES);
        for (unsigned i = 0; i < d->n_limits; i++) {
                const struct governor_limit *limit = &d->limits[i];

                CHECK(limit->pus >= 1 && limit->pus <= d->usable);
                CHECK(i == 0 || limit->pus >= d->limits[i - 1].pus);
                CHECK(limit->next == 0 || (limit->next > limit->pus && limit->next <= d->usable));
                CHECK(limit->what[0]);
                CHECK(limit->cause > GOVERNOR_NONE && limit->cause < GOVERNOR_CAUSES);
                CHECK(!seen[limit->cause]);
                seen[limit->cause] = true;
        }
}

/* Only what a terminal and JSON can take: printable ASCII and the degree sign. */
static void check_text(const char *text)
{
        for (const char *c = text; *c; c++) {
                if (strncmp(c, "°", strlen("°")) == 0)
                        c += strlen("°") - 1;
                else
                        CHECK(*c >= ' ' && *c <= '~');
        }
}

void scene_check(const struct scene *s)
{
        const struct governor_decision *d = &s->decision;
        unsigned runs = s->situation.n_runs < d->usable ? s->situation.n_runs : d->usable;

        CHECK_INT(d->usable, cpuset_count(&s->usable));
        CHECK(d->budget >= 1 && d->budget >= runs && d->budget <= d->usable);
        CHECK(d->level >= 0 && d->level <= d->budget);
        CHECK(d->nice >= 0 && d->nice <= 19);
        CHECK(d->aim != PLACEMENT_COOL || d->hot_package < s->machine.n_packages);
        CHECK((d->cause == GOVERNOR_NONE) == (strstr(d->text, ": nothing limits") != NULL));
        CHECK(d->n_ignored == 0 || strstr(d->text, "; ignoring "));
        for (unsigned i = 0; i < d->n_ignored; i++)
                CHECK(d->ignored[i].name[0] && d->ignored[i].why[0]);
        check_limits(d);
        check_text(d->text);
}
