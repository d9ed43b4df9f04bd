/* What pytest-xdist is told of its tests, and what it says of them. */
#include <errno.h>
#include <stdlib.h>

#include "cli/run_dry.h"
#include "cli/run_past.h"
#include "cli/run_suite.h"
#include "cli/run_xdist.h"
#include "cli/run_xdist_message.h"
#include "core/units.h"
#include "lib/util.h"

/* The plan */

/* Of the workers that are to be there: what each adds to those before it; where there are more than PUs they share. */
static double *list_speeds(const struct run_suite *s, uint32_t n_workers)
{
        double *speeds = calloc(n_workers + s->n_pus + 1, sizeof(*speeds)), sum = 0;

        if (!speeds)
                return NULL;
        dispatch_pu_gains(s->pus, s->n_pus, speeds);
        for (size_t i = 0; i < s->n_pus; i++)
                sum += speeds[i];
        for (uint32_t w = 0; w < n_workers && (n_workers > s->n_pus || !(sum > 0)); w++)
                speeds[w] = sum > 0 ? sum / n_workers : 1;
        return speeds;
}

static int make_units(const struct run_suite *s, const struct run_past *past, struct units *ret_units)
{
        uint32_t n_workers = s->n_at_once > s->xdist->told ? s->n_at_once : s->xdist->told;
        CLEANUP_FREE double *speeds = list_speeds(s, n_workers);
        struct units_params params = {.items = past->items,
                                      .n_items = s->listing.n_items,
                                      .groups = past->groups,
                                      .n_groups = s->listing.n_groups,
                                      .speeds = speeds,
                                      .n_workers = n_workers};

        return speeds ? units_make(&params, ret_units) : -ENOMEM;
}

/* NULL: no memory. */
static json_t *list_unit(const struct run_xdist *x, const struct units *units, uint32_t unit)
{
        json_t *list = json_array();

        for (uint32_t i = units->first[unit]; i < units->first[unit + 1]; i++) {
                uint32_t item = units->items[i];

                if (json_array_append_new(list, json_integer(x->numbers ? x->numbers[item] : item)) < 0) {
                        json_decref(list);
                        return NULL;
                }
        }
        return list;
}

/* All or nothing: what is in no unit is not run. */
static int send_plan(struct run_suite *s, const struct units *units)
{
        json_t *lists = json_array(), *seconds = json_array();

        for (uint32_t u = 0; u < units->n; u++)
                if (json_array_append_new(lists, list_unit(s->xdist, units, u)) < 0 ||
                    json_array_append_new(seconds, json_real(units->seconds[u])) < 0) {
                        json_decref(lists);
                        json_decref(seconds);
                        return -ENOMEM;
                }
        return run_peer_send(s->peer, json_pack("{s:s, s:s, s:o, s:o, s:o*}", "event", "plan", "mode", "xdist", "units",
                                                lists, "seconds", seconds, "shard", run_suite_describe_shard(s)));
}

/* What the workers have collected is another shard's in part: the suite is what is left. */
static int keep_shard(struct run_suite *s)
{
        CLEANUP_FREE bool *keep = calloc(s->listing.n_items + (size_t)1, sizeof(*keep));
        uint32_t *numbers = s->xdist->numbers = calloc(s->listing.n_items + (size_t)1, sizeof(*numbers));
        int r = keep && numbers ? run_suite_divide(s, &s->listing, keep) : -ENOMEM;

        return r < 0 ? r : run_xdist_message_narrow(&s->listing, keep, numbers);
}

/* RUN_NO_INDEX: another shard's. */
static uint32_t find_item(const struct run_suite *s, uint32_t number)
{
        uint32_t low = 0, high = s->listing.n_items;

        if (!s->xdist->numbers)
                return number;
        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (s->xdist->numbers[middle] < number)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < s->listing.n_items && s->xdist->numbers[low] == number ? low : RUN_NO_INDEX;
}

void run_xdist_renumber(const struct run_suite *s, struct run_items *items)
{
        size_t n = 0;

        for (size_t i = 0; i < items->n; i++) {
                uint32_t item = find_item(s, items->items[i]);

                if (item != RUN_NO_INDEX)
                        items->items[n++] = item;
        }
        items->n = n;
}

static int begin(struct run_suite *s, const struct run_past *past)
{
        struct units units = {0};
        uint64_t now = run_now(s->run);
        int r = run_measure_pus(&s->measure, now, s->pus, s->n_pus);

        if (r == 0)
                r = make_units(s, past, &units);
        if (r < 0)
                return r;
        s->xdist->planned = true;
        for (uint32_t i = 0; i < s->n_workers; i++)
                if (s->workers[i].state == RUN_WORKER_READY)
                        run_measure_ready(&s->measure, now, i);
        r = send_plan(s, &units);
        units_finish(&units);
        return r;
}

/* Nothing is run: what is shown is how our own workers would run so many at a time. */
static int begin_dry(struct run_suite *s, const struct run_past *past)
{
        const struct dispatch_params params = {.items = past->items,
                                               .n_items = s->listing.n_items,
                                               .groups = past->groups,
                                               .n_groups = s->listing.n_groups,
                                               .max_workers = s->xdist->told,
                                               .min_workers = s->n_exact,
                                               .default_seconds = RUN_DEFAULT_SECONDS,
                                               .overhead = RUN_SEND_SECONDS,
                                               .session_setup = past->session_setup};
        int r = s->listing.n_items > 0 ? run_dry_plan(s, &params, past->n_known) : run_dry_inline(s, "no tests");

        run_suite_leave_serial(s, "nothing is to be run");
        return r < 0 ? r : run_peer_send(s->peer, json_pack("{s:s, s:s}", "event", "plan", "mode", "dry"));
}

int run_xdist_plan(struct run_suite *s, json_t *message)
{
        CLEANUP(run_past_finish) struct run_past past = {0};
        int r;

        if (s->message)
                return -EPROTO;
        r = run_xdist_message_suite(message, &s->listing);
        if (r < 0)
                return r;
        s->message = json_incref(message);
        s->suite_at = run_now(s->run);
        s->xdist->n_collected = s->listing.n_items;
        if (s->run->options->shard.count > 0 && !*s->shard.why)
                r = keep_shard(s);
        run_suite_tell_shard(s);
        if (r == 0)
                r = run_measure_init(&s->measure, &s->listing);
        if (r == 0)
                r = run_past_load(s, &past);
        if (r < 0)
                return r;
        s->n_estimated = past.n_known;
        run_measure_expect(&s->measure, past.items);
        run_priority_add(s->run, run_past_is_known(&past, s->listing.n_items), past.total, s->listing.n_items);
        return s->run->options->dry_run ? begin_dry(s, &past) : begin(s, &past);
}

/* What ran */

/* The item in which its worker stood still is not told: the first that took so long is taken to be it. */
static bool take_off_pause(struct run_worker *w, double *wall)
{
        bool stopped = w->stopped > 0 && *wall >= w->stopped;

        if (stopped) {
                *wall -= w->stopped;
                w->stopped = 0;
        }
        return stopped;
}

static int note_item(struct run_suite *s, uint64_t now, const struct run_xdist_item *item)
{
        struct run_done_record record = {
                .op = RUN_DONE_DONE, .arg = find_item(s, item->item), .wall = item->wall, .cpu = item->cpu};
        struct run_worker *w;
        bool stopped;

        if (item->worker >= s->n_workers || record.arg == RUN_NO_INDEX)
                return -EPROTO;
        w = &s->workers[item->worker];
        stopped = take_off_pause(w, &record.wall);
        w->busy += record.wall;
        if (record.cpu >= 0)
                record.wall = run_suite_alone(s, w, now, &record);
        run_measure_record(&s->measure, now, &record, w->speed > 0 ? w->speed : 1);
        s->measure.items[record.arg].stopped = stopped;
        return 0;
}

static int note_setup(struct run_suite *s, uint64_t now, const struct run_xdist_setup *setup)
{
        struct run_done_record record = {.op = RUN_DONE_SETUP, .arg = setup->group, .wall = setup->wall};
        const struct run_worker *w;

        if (setup->worker >= s->n_workers)
                return -EPROTO;
        w = &s->workers[setup->worker];
        run_measure_record(&s->measure, now, &record, w->speed > 0 ? w->speed : 1);
        return 0;
}

static int note_setups(struct run_suite *s, uint64_t now, const json_t *setups)
{
        const json_t *element;
        size_t i;

        json_array_foreach (setups, i, element) {
                struct run_xdist_setup setup;
                int r = run_xdist_message_setup(element, &s->listing, &setup);

                if (r == 0)
                        r = note_setup(s, now, &setup);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        return 0;
}

int run_xdist_ran(struct run_suite *s, const json_t *message)
{
        const json_t *items = json_object_get(message, "items"), *setups = json_object_get(message, "setups"), *element;
        uint64_t now = run_now(s->run);
        size_t i;

        if (!s->xdist->planned || !json_is_array(items) || (setups && !json_is_array(setups)))
                return -EPROTO;
        json_array_foreach (items, i, element) {
                struct run_xdist_item item;

                if (run_xdist_message_item(element, s->xdist->n_collected, &item) < 0 || note_item(s, now, &item) < 0)
                        return -EPROTO;
        }
        return note_setups(s, now, setups);
}

/* What is left */

/* Items that nothing was known of are taken to be like those of them that are done. Negative: nobody can say. */
static double seconds_left(const struct run_suite *s)
{
        double left = 0, done = 0;
        uint32_t n_left = 0, n_done = 0;

        for (uint32_t i = 0; i < s->measure.n_items; i++) {
                const struct run_measure_item *item = &s->measure.items[i];

                if (!item->done && item->expected >= 0)
                        left += item->expected;
                else if (!item->done)
                        n_left++;
                else if (item->expected < 0) {
                        done += item->wall;
                        n_done++;
                }
        }
        if (n_left > 0 && n_done == 0)
                return -1;
        return left + (n_left > 0 ? done / n_done * n_left : 0);
}

struct run_suite_work run_xdist_work(struct run_suite *s)
{
        return (struct run_suite_work){.done = s->measure.work, .left = s->xdist->planned ? seconds_left(s) : -1};
}

/* It begins with what the others did before the first test, and has to find something to do after that: what is left by
 * then has to take as long again. */
bool run_xdist_is_worth_one_more(struct run_suite *s, uint32_t n_workers)
{
        double start = (double)(s->suite_at - s->hello_at) / 1e6, left = seconds_left(s);
        uint32_t n_left = 0;

        for (uint32_t i = 0; i < s->measure.n_items; i++)
                n_left += !s->measure.items[i].done;

        return left / n_workers > 2 * start && n_left > 2 * n_workers;
}
