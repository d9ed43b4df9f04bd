/* The simulated run: from the first PUs to the end, over simulated time. */
#include "core/sim_state.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static const struct sim_hooks no_hooks;

void sim_fail(struct sim *s, int error, const char *what)
{
        if (s->error)
                return;
        s->error = error;
        if (s->hooks->complain && error == -EPROTO)
                s->hooks->complain(s->hooks->data, s->now, what);
}

/* What things really take */

static double known_or(double seconds, double otherwise)
{
        return seconds >= 0 ? seconds : otherwise;
}

double sim_item_seconds(const struct sim *s, uint32_t item)
{
        return s->p->seconds ? s->p->seconds[item] : known_or(s->suite->items[item].seconds, s->suite->default_seconds);
}

double sim_item_waits(const struct sim *s, uint32_t item)
{
        return s->p->waits ? s->p->waits[item] : s->suite->items[item].waits;
}

double sim_group_setup(const struct sim *s, uint32_t group)
{
        return s->p->setups ? s->p->setups[group] : known_or(s->suite->groups[group].setup, 0);
}

double sim_session_setup(const struct sim *s)
{
        return s->p->session_setup ? *s->p->session_setup : known_or(s->suite->session_setup, 0);
}

/* Creation */

static int allocate(struct sim *s)
{
        size_t n = s->n_workers, n_items = s->suite->n_items + (size_t)1;

        s->workers = calloc(n, sizeof(*s->workers));
        s->due = calloc(n, sizeof(*s->due));
        s->recalled = calloc(n, sizeof(*s->recalled));
        s->taken_back = calloc(n, sizeof(*s->taken_back));
        s->n_taken_back = calloc(n, sizeof(*s->n_taken_back));
        s->where = calloc(n_items, sizeof(*s->where));
        s->result.items = calloc(n_items, sizeof(*s->result.items));
        if (!s->workers || !s->due || !s->recalled || !s->taken_back || !s->n_taken_back || !s->where ||
            !s->result.items)
                return -ENOMEM;
        return sim_machine_init(s);
}

static int open_run(struct sim *s, const struct sim_params *p)
{
        int r;

        *s = (struct sim){
                .p = p,
                .suite = p->suite,
                .hooks = p->hooks ? p->hooks : &no_hooks,
                .first_begin = -1,
                .result.n_items = p->suite->n_items,
        };
        if (p->n_pus == 0 || !(p->latency >= 0) || !(p->start_seconds >= 0))
                return -EINVAL;
        r = dispatch_create(p->suite, &s->d);
        if (r < 0)
                return r;
        s->n_workers = p->suite->max_workers;
        r = allocate(s);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < s->n_workers; i++)
                s->due[i] = HUGE_VAL;
        for (uint32_t i = 0; i < p->suite->n_items; i++)
                s->where[i] = p->suite->items[i].alone ? SIM_LEFT : SIM_UNSENT;
        return 0;
}

static void close_run(struct sim *s)
{
        dispatch_destroy(s->d);
        dispatch_actions_finish(&s->actions);
        sim_machine_finish(&s->machine);
        free(s->workers);
        free(s->due);
        free(s->recalled);
        free(s->taken_back);
        free(s->n_taken_back);
        free(s->where);
        free(s->records);
        sim_result_finish(&s->result);
}

/* What happens next: of what is due at the same time, the first of these. */
enum happening {
        A_RECORD,
        A_WORKER,
        A_CHANGE,
        A_STOP,
        A_SAMPLE,
        A_DEADLINE,
        HAPPENINGS,
};

static uint32_t first_due(const struct sim *s)
{
        uint32_t first = 0;

        for (uint32_t i = 1; i < s->n_workers; i++)
                if (s->due[i] < s->due[first])
                        first = i;
        return first;
}

static double seconds_at(uint64_t us)
{
        return us == DISPATCH_NEVER ? HUGE_VAL : (double)us / 1e6;
}

/* When, or HUGE_VAL; in *ret_what what, in *ret_worker to whom. */
static double next_happening(const struct sim *s, enum happening *ret_what, uint32_t *ret_worker)
{
        uint32_t worker = first_due(s);
        double at[HAPPENINGS] = {
                [A_RECORD] = s->n_records > 0 ? s->records[s->first_record].at : HUGE_VAL,
                [A_WORKER] = s->due[worker],
                [A_CHANGE] = s->next_change < s->p->n_changes ? s->p->changes[s->next_change].at : HUGE_VAL,
                [A_STOP] = s->hooks->stop_at > 0 && !s->stopped ? s->hooks->stop_at : HUGE_VAL,
                [A_SAMPLE] = seconds_at(dispatch_next_sample(s->d)),
                [A_DEADLINE] = seconds_at(dispatch_next_deadline(s->d)),
        };
        enum happening what = A_RECORD;

        for (unsigned i = 1; i < HAPPENINGS; i++)
                if (at[i] < at[what])
                        what = (enum happening)i;
        *ret_what = what;
        *ret_worker = worker;
        return at[what];
}

static void stop(struct sim *s)
{
        s->stopped = true;
        sim_engine_tell(s, (struct dispatch_event){.type = DISPATCH_STOP});
}

static void happen(struct sim *s, enum happening what, uint32_t worker)
{
        const struct sim_change *change;

        switch (what) {
        case A_RECORD:
                sim_engine_reads(s);
                break;
        case A_WORKER:
                sim_worker_is_due(s, worker);
                break;
        case A_CHANGE:
                change = &s->p->changes[s->next_change++];
                if (change->n_pus > 0)
                        sim_engine_hold(s, change->pus, change->n_pus);
                else
                        sim_engine_tell(s, (struct dispatch_event){.type = DISPATCH_LIMIT, .room = change->limit});
                break;
        case A_STOP:
                stop(s);
                break;
        case A_SAMPLE:
                sim_engine_sample(s);
                break;
        case A_DEADLINE:
        case HAPPENINGS:
                sim_engine_tell(s, (struct dispatch_event){.type = DISPATCH_TIME});
                break;
        }
}

static void run(struct sim *s)
{
        sim_engine_hold(s, s->p->pus, s->p->n_pus);
        while (!s->finished && !s->error) {
                enum happening what;
                uint32_t worker;
                double at;

                sim_machine_settle(s);
                at = next_happening(s, &what, &worker);
                if (at >= HUGE_VAL) {
                        sim_fail(s, -EPROTO, "nothing happens any more");
                        return;
                }
                s->now = fmax(at, s->now);
                happen(s, what, worker);
        }
        if (s->hooks->over && !s->error)
                s->hooks->over(s->hooks->data, s->now, s->d);
}

int sim_run(const struct sim_params *params, struct sim_result *ret_result)
{
        struct sim s;
        int r = open_run(&s, params);

        if (r == 0) {
                run(&s);
                r = s.error;
        }
        if (r == 0) {
                sim_machine_count_use(&s);
                s.result.makespan = s.first_begin < 0 ? 0 : s.last_end - s.first_begin;
                s.result.busy = s.machine.busy;
                *ret_result = s.result;
                s.result = (struct sim_result){0};
        }
        close_run(&s);
        return r;
}

void sim_result_finish(struct sim_result *result)
{
        free(result->items);
        *result = (struct sim_result){0};
}
