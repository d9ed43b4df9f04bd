#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/history.h"
#include "cli/run_past.h"
#include "lib/util.h"

/* Of ten items, how many have to be known for guesses about the others to be better than learning as they run. */
enum { KNOWN_OF_TEN = 9 };

static void warn(struct run *run, char *warning)
{
        if (warning && !run->options->quiet)
                fprintf(stderr, "schedctl: history: %s\n", warning);
        free(warning);
}

int run_past_open(struct run_suite *s)
{
        struct run *run = s->run;
        char *warning = NULL;
        int r;

        if (run->history_off)
                return 0;
        r = history_open(NULL, &s->history, &warning);
        run->history_off = r == 0 && !s->history;
        if (r == 0)
                history_load_speeds(s->history, &run->machine.speeds);
        warn(run, warning);
        return r;
}

void run_past_close(struct run_suite *s)
{
        history_close(s->history);
        s->history = NULL;
}

bool run_past_is_known(const struct run_past *past, uint32_t n_items)
{
        return (uint64_t)past->n_known * 10 >= (uint64_t)n_items * KNOWN_OF_TEN;
}

void run_past_finish(struct run_past *past)
{
        free(past->items);
        free(past->groups);
        *past = (struct run_past){0};
}

static const char *project_of(const struct run_suite *s)
{
        return json_string_value(s->rootdir);
}

static int reserve(const struct run_listing *l, struct run_past *past)
{
        past->items = calloc(l->n_items + (size_t)1, sizeof(*past->items));
        past->groups = calloc(l->n_groups + (size_t)1, sizeof(*past->groups));
        return past->items && past->groups ? 0 : -ENOMEM;
}

/* Times, their spread, and how much of them is waiting. */
static int load_times(struct run_suite *s, const struct run_listing *l, struct run_past *past, double *seconds,
                      double *spread)
{
        CLEANUP_FREE struct estimate *estimates = calloc(l->n_items + (size_t)1, sizeof(*estimates));
        int r = estimates ? history_load(s->history, project_of(s), l->ids, l->n_items, estimates) : -ENOMEM;

        if (r < 0)
                return r;
        for (uint32_t i = 0; i < l->n_items; i++) {
                const struct estimate *e = &estimates[i];

                seconds[i] = e->n_samples ? e->wall : -1;
                spread[i] = estimate_spread(e, s->sources[i]);
                past->items[i].waits = estimate_waits(e);
                past->n_known += e->n_samples > 0;
        }
        if (!run_past_is_known(past, l->n_items))
                return 0;
        return estimate_guess(&(struct estimate_suite){.ids = l->ids,
                                                       .group = l->group,
                                                       .n_items = l->n_items,
                                                       .parent = l->group_parent,
                                                       .n_groups = l->n_groups},
                              seconds, spread);
}

int run_past_times(struct run_suite *s, const struct run_listing *l, double *ret_seconds, double *ret_setups)
{
        CLEANUP_FREE struct estimate *estimates = calloc(l->n_items + (size_t)1, sizeof(*estimates));
        int r = estimates ? history_load(s->history, project_of(s), l->ids, l->n_items, estimates) : -ENOMEM;

        if (r >= 0)
                r = history_load_groups(s->history, project_of(s), l->group_ids, l->n_groups, ret_setups);
        for (uint32_t i = 0; r >= 0 && i < l->n_items; i++)
                ret_seconds[i] = estimates[i].n_samples ? estimates[i].wall : -1;
        return r < 0 ? r : 0;
}

static void mark(const struct run_listing *l, struct run_past *past)
{
        for (size_t i = 0; i < l->alone.n; i++)
                past->items[l->alone.items[i]].alone = true;
        for (size_t i = 0; i < l->early.n; i++)
                past->items[l->early.items[i]].early = true;
        run_needs_tell(&l->needs, past->items, l->n_items);
}

static int load_items(struct run_suite *s, const struct run_listing *l, struct run_past *past)
{
        CLEANUP_FREE double *seconds = calloc(l->n_items + (size_t)1, sizeof(*seconds));
        CLEANUP_FREE double *spread = calloc(l->n_items + (size_t)1, sizeof(*spread));
        int r = seconds && spread ? load_times(s, l, past, seconds, spread) : -ENOMEM;

        if (r < 0)
                return r;
        for (uint32_t i = 0; i < l->n_items; i++) {
                past->items[i].seconds = seconds[i];
                past->items[i].spread = spread[i];
                past->items[i].group = l->group[i];
                past->items[i].serial = l->serial ? l->serial[i] : 0;
                past->total += seconds[i] > 0 ? seconds[i] : 0;
        }
        mark(l, past);
        return 0;
}

static int load_groups(struct run_suite *s, const struct run_listing *l, struct run_past *past)
{
        CLEANUP_FREE double *setups = calloc(l->n_groups + (size_t)1, sizeof(*setups));
        const char *session = HISTORY_SESSION;
        int r = setups ? history_load_groups(s->history, project_of(s), l->group_ids, l->n_groups, setups) : -ENOMEM;

        if (r >= 0)
                r = history_load_groups(s->history, project_of(s), &session, 1, &past->session_setup);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < l->n_groups; i++) {
                past->groups[i] = (struct dispatch_group){
                        .parent = l->group_parent[i], .setup = setups[i], .loose = l->group_loose[i]};
                past->total += setups[i] > 0 ? setups[i] : 0;
        }
        past->total += past->session_setup > 0 ? past->session_setup : 0;
        return 0;
}

/* Taken before the tests run: what is changed while they do shows in the next run. */
static int look_at_sources(struct run_suite *s)
{
        free(s->sources);
        s->sources = calloc(s->listing.n_items + (size_t)1, sizeof(*s->sources));
        return s->sources ? history_sources(project_of(s), s->listing.ids, s->listing.n_items, s->sources) : -ENOMEM;
}

int run_past_load(struct run_suite *s, struct run_past *ret_past)
{
        struct run_past past = {.session_setup = -1};
        struct history_project project;
        int r = reserve(&s->listing, &past);

        if (r == 0)
                r = look_at_sources(s);
        if (r == 0)
                r = load_items(s, &s->listing, &past);
        if (r == 0)
                r = load_groups(s, &s->listing, &past);
        if (r < 0) {
                run_past_finish(&past);
                return r;
        }
        (void)history_load_project(s->history, project_of(s), &project);
        past.worker_memory = project.worker_memory;
        *ret_past = past;
        return 0;
}

static uint32_t collect_items(const struct run_suite *s, struct history_item *items)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < s->listing.n_items; i++) {
                const struct run_measure_item *m = &s->measure.items[i];

                if ((!(m->speed > 0) || m->stopped) && !m->lost)
                        continue;
                items[n++] = (struct history_item){
                        .id = s->listing.ids[i],
                        .position = i,
                        .sample = {.wall = m->wall,
                                   .cpu = m->cpu,
                                   .rss = m->rss,
                                   .source = s->sources ? s->sources[i] : 0,
                                   .class = m->class,
                                   .speed = m->speed > 0 ? m->speed : 1,
                                   .outcome = m->lost ? ESTIMATE_LOST : m->outcome},
                };
        }
        return n;
}

static double mean_setup(const struct run_measure_group *group)
{
        return group->n ? group->work / group->n : -1;
}

/* Those of the listing, and the session. */
static uint32_t collect_groups(const struct run_suite *s, struct history_group *groups)
{
        const struct run_listing *l = &s->listing;

        for (uint32_t i = 0; i < l->n_groups; i++)
                groups[i] = (struct history_group){
                        .id = l->group_ids[i],
                        .parent = l->group_parent[i] == RUN_NO_INDEX ? NULL : l->group_ids[l->group_parent[i]],
                        .loose = l->group_loose[i],
                        .lone = s->xdist && l->group_parent[i] == RUN_NO_INDEX, /* ids do not tell of packages */
                        .setup = mean_setup(&s->measure.groups[i]),
                };
        groups[l->n_groups] = (struct history_group){.id = HISTORY_SESSION, .setup = mean_setup(&s->measure.session)};
        return l->n_groups + 1;
}

static void describe(const struct run_suite *s, struct history_suite *suite)
{
        const struct run_measure *m = &s->measure;

        suite->wall = (double)(run_now(s->run) - s->hello_at) / 1e6;
        suite->collection = (double)(s->suite_at - s->hello_at) / 1e6;
        suite->serial = suite->wall - (m->begun && m->ended > m->begun ? (double)(m->ended - m->begun) / 1e6 : 0);
        suite->n_collected = s->shard.tests > s->listing.n_items ? s->shard.tests : s->listing.n_items;
        suite->worker_memory = s->seen_memory;
        suite->now = time(NULL);
        suite->speeds = s->run->machine.known ? &s->run->machine.speeds : NULL;
}

void run_past_store(struct run_suite *s)
{
        CLEANUP_FREE struct history_item *items = calloc(s->listing.n_items + (size_t)1, sizeof(*items));
        CLEANUP_FREE struct history_group *groups = calloc(s->listing.n_groups + (size_t)1, sizeof(*groups));
        struct history_suite suite = {.items = items, .groups = groups};
        char *warning = NULL;

        if (s->stored || !items || !groups || !s->listing.n_items)
                return;
        s->stored = true;
        suite.n_items = collect_items(s, items);
        suite.n_groups = collect_groups(s, groups);
        describe(s, &suite);
        if (!suite.n_items)
                return;
        (void)history_store(s->history, project_of(s), &suite,
                            &warning); /* without memory there is no past, and no harm */
        warn(s->run, warning);
}
