/* The run itself: faults by chance, and a shadow of who has what, made of nothing but what can be seen. */
#include "tests/sim/dispatch-trial.h"
#include "tests/sim/dispatch-laws.h"
#include "tests/unit/test.h"

#include <math.h>

/* Faults */

static bool chance(struct trial *t, double p)
{
        return p > 0 && random_uniform(&t->random) < p;
}

static bool no_start(void *data, uint32_t worker)
{
        struct trial *t = data;

        return chance(t, t->faults.no_start);
}

static bool missing(void *data, uint32_t worker, uint32_t item)
{
        struct trial *t = data;

        if (!chance(t, t->faults.missing))
                return false;
        t->missed[item] = true;
        return true;
}

static bool crash(void *data, uint32_t worker, uint32_t item)
{
        struct trial *t = data;

        return chance(t, t->faults.crash);
}

static bool kill(void *data, uint32_t worker)
{
        struct trial *t = data;

        return chance(t, t->faults.kill);
}

static uint64_t rss(void *data, uint32_t worker, uint32_t item)
{
        struct trial *t = data;

        t->workers[worker].rss += t->faults.growth ? random_next(&t->random) % t->faults.growth : 0;
        return t->workers[worker].rss;
}

/* What the dispatcher is told */

static void is_back(struct trial *t, uint32_t worker, uint32_t item, enum where where)
{
        if (t->owner[item] != worker)
                return;
        t->owner[item] = DISPATCH_NONE;
        t->workers[worker].n_sent--;
        t->where[item] = where;
}

static void on_exited(struct trial *t, const struct dispatch_event *e)
{
        struct watched_worker *w = &t->workers[e->worker];

        LAW(t, w->gone);
        for (size_t i = 0; i < e->n_list; i++)
                is_back(t, e->worker, e->list[i], DONE);
        if (e->item != DISPATCH_NONE)
                is_back(t, e->worker, e->item, LOST);
        for (uint32_t i = 0; i < t->world->suite.n_items && w->n_sent > 0; i++)
                is_back(t, e->worker, i, UNSENT);
        LAW(t, w->n_sent == 0);
        w->alive = false;
}

/* Who wants something does not say so again. */
static void on_recalled(struct trial *t, const struct dispatch_event *e)
{
        struct watched_worker *w = &t->workers[e->worker];
        bool has_more = false;

        t->n_recalling--;
        for (size_t i = 0; i < e->n_list; i++)
                is_back(t, e->worker, e->list[i], UNSENT);
        for (uint32_t i = 0; i < t->world->suite.n_items && w->wants; i++)
                has_more |= t->owner[i] == e->worker && t->where[i] == SENT;
        w->waiting = w->wants && !has_more;
}

static void on_event(void *data, double now, const struct dispatch_event *e)
{
        struct trial *t = data;

        if (t->trace)
                printf("%9.6f event %d worker %d item %d\n", now, (int)e->type, (int)e->worker, (int)e->item);
        switch (e->type) {
        case DISPATCH_PUS:
                t->n_pus = e->n_pus;
                t->n_changes++;
                break;
        case DISPATCH_DONE:
                is_back(t, e->worker, e->item, DONE);
                t->workers[e->worker].grown |= t->world->suite.max_rss > 0 && e->rss > t->world->suite.max_rss;
                break;
        case DISPATCH_WANT:
                t->workers[e->worker].wants = t->workers[e->worker].waiting = true;
                break;
        case DISPATCH_STARTED:
                t->workers[e->worker].wants = t->workers[e->worker].waiting = false;
                break;
        case DISPATCH_RECALLED:
                on_recalled(t, e);
                break;
        case DISPATCH_UNAVAILABLE:
                for (size_t i = 0; i < e->n_list; i++)
                        is_back(t, e->worker, e->list[i], UNSENT);
                break;
        case DISPATCH_EXITED:
                on_exited(t, e);
                break;
        case DISPATCH_NO_WORKER:
                t->workers[e->worker].alive = false;
                break;
        case DISPATCH_STOP:
                t->stopped = true;
                break;
        case DISPATCH_LIMIT:
                t->limit = e->room;
                break;
        case DISPATCH_READY:
        case DISPATCH_SETUP:
        case DISPATCH_SAMPLE:
        case DISPATCH_SAMPLED:
        case DISPATCH_TIME:
                break;
        }
}

/* What it does */

static void mix(struct trial *t, uint64_t value)
{
        t->hash = (t->hash ^ value) * UINT64_C(1099511628211);
}

static void hash_action(struct trial *t, double now, const struct dispatch_action *a)
{
        mix(t, (uint64_t)llround(now * 1e6));
        mix(t, (uint64_t)a->type << 56 ^ (uint64_t)a->reason << 48 ^ (uint64_t)a->worker << 32 ^ a->item ^
                       (uint64_t)a->pu << 40 ^ (uint64_t)a->report << 63);
}

static void on_start(struct trial *t, const struct dispatch_action *a)
{
        struct watched_worker *w = &t->workers[a->worker];

        LAW(t, !w->alive);
        *w = (struct watched_worker){.alive = true, .life = w->life + 1, .pu = a->pu, .running = DISPATCH_NONE};
        laws_started(t);
}

static void on_sent(struct trial *t, const struct dispatch_action *a)
{
        laws_sent(t, a);
        t->where[a->item] = SENT;
        t->owner[a->item] = a->worker;
        t->epoch[a->item] = t->n_changes;
        t->workers[a->worker].n_sent++;
        t->workers[a->worker].waiting = false;
}

static void on_action(void *data, double now, const struct dispatch_action *a)
{
        struct trial *t = data;
        struct watched_worker *w = a->worker != DISPATCH_NONE ? &t->workers[a->worker] : NULL;

        hash_action(t, now, a);
        if (t->trace)
                printf("%9.6f   action %d worker %d item %d pu %d: %s\n", now, (int)a->type, (int)a->worker,
                       (int)a->item, (int)a->pu, dispatch_reason_text(a->reason));
        switch (a->type) {
        case DISPATCH_DO_START:
                on_start(t, a);
                break;
        case DISPATCH_DO_PIN:
                w->pu = a->pu;
                w->n_wide = 0;
                break;
        case DISPATCH_DO_WIDEN:
                w->wide[w->n_wide++] = a->pu;
                break;
        case DISPATCH_DO_SEND:
                on_sent(t, a);
                break;
        case DISPATCH_DO_RECALL:
                t->n_recalling++;
                break;
        case DISPATCH_DO_RETIRE:
                w->ending = true;
                break;
        case DISPATCH_DO_LEFT:
                LAW(t, t->where[a->item] == UNSENT);
                t->where[a->item] = LEFT;
                break;
        case DISPATCH_DO_RETURN:
                laws_returned(t, a->pu);
                t->n_pus--;
                break;
        case DISPATCH_DO_FINISHED:
                break;
        }
}

static void on_stepped(void *data, double now, const struct dispatch *d)
{
        struct trial *t = data;
        const char *broken;

        laws_limited(t);
        /* The check is O(items): always on small suites, now and then on large ones. */
        broken = t->world->suite.n_items <= 200 || ++t->n_steps % 1024 == 0 ? dispatch_check(d) : NULL;
        if (broken) {
                fprintf(stderr, "seed %llu at %.6f: %s\n", (unsigned long long)t->seed, now, broken);
                exit(1);
        }
}

/* What workers do */

static void on_begun(void *data, double now, uint32_t worker, uint32_t item)
{
        struct trial *t = data;

        LAW(t, t->where[item] == SENT);
        LAW(t, t->owner[item] == worker);
        t->workers[worker].running = item;
        t->workers[worker].n_begun++;
        laws_begun(t, worker, item);
        t->where[item] = RUNNING;
}

static void on_ended(void *data, double now, uint32_t worker, uint32_t item)
{
        struct trial *t = data;

        LAW(t, t->workers[worker].running == item);
        t->workers[worker].running = DISPATCH_NONE;
}

static void on_gone(void *data, double now, uint32_t worker)
{
        struct trial *t = data;

        t->workers[worker].gone = true;
        LAW(t, t->workers[worker].running == DISPATCH_NONE);
}

static void on_over(void *data, double now, const struct dispatch *d)
{
        laws_over(data, d);
}

static void complain(void *data, double now, const char *what)
{
        const struct trial *t = data;

        fprintf(stderr, "seed %llu at %.6f: %s\n", (unsigned long long)t->seed, now, what);
}

/* The run */

static void open_trial(struct trial *t)
{
        size_t n = t->world->suite.n_items + (size_t)1;

        t->random = t->seed;
        t->hash = UINT64_C(14695981039346656037);
        t->n_recalling = t->n_steps = t->n_changes = 0;
        t->stopped = false;
        t->limit = UINT32_MAX;
        t->workers = calloc(t->world->suite.max_workers, sizeof(*t->workers));
        t->where = calloc(n, sizeof(*t->where));
        t->owner = calloc(n, sizeof(*t->owner));
        t->missed = calloc(n, sizeof(*t->missed));
        t->epoch = calloc(n, sizeof(*t->epoch));
        t->serial = calloc(n, sizeof(*t->serial));
        CHECK(t->workers && t->where && t->owner && t->missed && t->epoch && t->serial);
        for (uint32_t i = 0; i < t->world->suite.n_items; i++) {
                t->owner[i] = DISPATCH_NONE;
                t->where[i] = t->world->items[i].alone ? LEFT : UNSENT;
        }
        for (uint32_t i = 0; i < t->world->suite.max_workers; i++)
                t->workers[i].running = DISPATCH_NONE;
        t->hooks = (struct sim_hooks){
                .data = t,
                .no_start = no_start,
                .missing = missing,
                .crash = crash,
                .kill = kill,
                .stop_at = t->faults.stop_at,
                .rss = rss,
                .event = on_event,
                .action = on_action,
                .stepped = on_stepped,
                .begun = on_begun,
                .ended = on_ended,
                .gone = on_gone,
                .over = on_over,
                .complain = complain,
        };
}

void trial_run(struct trial *t, struct sim_result *ret_result)
{
        struct sim_params params = t->world->params;

        open_trial(t);
        params.hooks = &t->hooks;
        LAW(t, sim_run(&params, ret_result) == 0);
        free(t->workers);
        free(t->where);
        free(t->owner);
        free(t->missed);
        free(t->epoch);
        free(t->serial);
}
