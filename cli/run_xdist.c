#include "cli/run_xdist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_past.h"
#include "cli/run_suite.h"
#include "cli/run_tree.h"
#include "cli/run_xdist_message.h"
#include "core/seats.h"
#include "lib/util.h"

/* Counting */

static bool is_there(const struct run_worker *w)
{
        return w->state != RUN_WORKER_NONE;
}

/* Those that are to go on. */
static uint32_t n_staying(const struct run_suite *s)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < s->n_workers; i++)
                n += is_there(&s->workers[i]) && !s->workers[i].retired;
        return n;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
        return a > b ? a : b;
}

/* As many as there are PUs, or fewer by the user's word. */
static uint32_t n_of_use(const struct run_suite *s)
{
        uint32_t n = s->n_pus > 0 ? (uint32_t)s->n_pus : 1, most = s->settings.max_workers;

        return most && most < n ? most : n;
}

uint32_t run_xdist_n_wanted(const struct run_suite *s)
{
        return larger(s->xdist->told, run_suite_n_alive(s) + s->xdist->more);
}

/* Where workers are */

static void settle(struct run_suite *s, bool pus_changed)
{
        struct seat *seats = calloc(s->n_workers + (size_t)1, sizeof(*seats));

        for (uint32_t i = 0; seats && i < s->n_workers; i++)
                seats[i] = (struct seat){is_there(&s->workers[i]), s->workers[i].pu};
        if (!seats)
                return; /* they stay where they are */
        seats_settle(seats, s->n_workers, s->pus, s->n_pus);
        for (uint32_t i = 0; i < s->n_workers; i++)
                if (seats[i].taken &&
                    (seats[i].pu != s->workers[i].pu || (pus_changed && seats[i].pu == DISPATCH_FLOATING)))
                        run_suite_move_worker(s, i, seats[i].pu);
        free(seats);
}

void run_xdist_move(struct run_suite *s)
{
        if (s->xdist->planned && run_measure_pus(&s->measure, run_now(s->run), s->pus, s->n_pus) < 0)
                run_peer_close(s->peer);
        settle(s, true);
}

/* A PU that cannot be used is given back, and the worker moved on. */
static void settle_newcomer(struct run_suite *s, uint32_t number)
{
        struct run_worker *w = &s->workers[number];

        w->pu = DISPATCH_FLOATING;
        settle(s, false);
        if (w->pu == DISPATCH_FLOATING)
                run_suite_move_worker(s, number, DISPATCH_FLOATING);
        if (s->run->share_due)
                run_share(s->run);
}

/* Beginning and end */

void run_xdist_free(struct run_xdist *x)
{
        if (x)
                free(x->numbers);
        free(x);
}

int run_xdist_begin(struct run_suite *s, uint32_t asked)
{
        s->xdist = calloc(1, sizeof(*s->xdist));
        if (!s->xdist)
                return -ENOMEM;
        if (asked > 0)
                s->settings.workers = asked;
        s->state = RUN_SUITE_RUNNING;
        run_share(s->run);
        if (s->n_pus == 0) /* other suites have them all: beside theirs */
                run_suite_set_pus(s, &s->run->usable.pus);
        s->xdist->chosen = s->settings.workers == 0;
        s->xdist->told = s->xdist->chosen ? n_of_use(s) : s->settings.workers;
        s->n_exact = s->settings.workers;
        run_want_slots(s->run);
        return 0;
}

/* Workers come and go */

static int answer(struct run_suite *s, uint32_t number)
{
        const struct run_worker *w = &s->workers[number];
        struct cpuset pus = run_suite_worker_pus(s, w);
        char text[CPUSET_TEXT_MAX];
        bool pinned = !s->run->options->no_pin && w->pid > 0 && !cpuset_is_empty(&pus);
        int slot = w->slot == RUN_NO_SLOT ? -1 : (int)w->slot;

        if (cpuset_format(&pus, text, sizeof(text)) < 0)
                return -ENOMEM;
        return run_peer_send(s->peer, json_pack("{s:s, s:i, s:i, s:s?}", "event", "pinned", "worker", (int)number,
                                                "slot", slot, "pus", pinned ? text : NULL));
}

static int let_begin(struct run_suite *s, uint32_t number)
{
        s->workers[number].state = RUN_WORKER_READY;
        run_suite_wait_from_now(s, &s->workers[number], run_now(s->run));
        if (s->xdist->planned)
                run_measure_ready(&s->measure, run_now(s->run), number);
        return answer(s, number);
}

static int serve(struct run_suite *s, uint32_t number)
{
        struct run_worker *w = &s->workers[number];

        if (w->state != RUN_WORKER_WAITING)
                return 0;
        w->slot = run_take_slot(s->run);
        return w->slot == RUN_NO_SLOT ? 0 : let_begin(s, number);
}

int run_xdist_serve_waiting(struct run_suite *s)
{
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < s->n_workers; i++)
                r = serve(s, i);
        return r;
}

/* Only what is below the controller is moved: a worker on another machine has a number that means something else here.
 */
static pid_t pid_of(const struct run_suite *s, pid_t pid)
{
        return s->reporter > 1 && pid > 1 && pid != s->reporter && run_tree_is_below(s->reporter, pid) ? pid : 0;
}

static int on_node(struct run_suite *s, const json_t *message)
{
        struct run_xdist_node node;
        struct run_worker *w;
        uint32_t n;
        int r = run_xdist_message_node(message, &node);

        if (r == 0 && node.worker < s->n_workers && is_there(&s->workers[node.worker]))
                return -EPROTO;
        if (r == 0)
                r = run_suite_reserve_workers(s, node.worker + 1);
        if (r < 0)
                return r;
        w = &s->workers[node.worker];
        *w = (struct run_worker){.state = RUN_WORKER_WAITING,
                                 .pid = pid_of(s, node.pid),
                                 .slot = RUN_NO_SLOT,
                                 .busy = w->busy,
                                 .stopped_item = RUN_NO_INDEX,
                                 .share = 1};
        s->xdist->more -= s->xdist->more > 0;
        n = run_suite_n_alive(s);
        s->n_at_once = larger(s->n_at_once, n);
        if (w->pid > 0)
                run_suite_memory_offer(w);
        settle_newcomer(s, node.worker);
        run_want_slots(s->run);
        return serve(s, node.worker);
}

static bool is_used(const struct run_suite *s, unsigned pu)
{
        for (uint32_t i = 0; i < s->n_workers; i++)
                if (is_there(&s->workers[i]) && s->workers[i].pu == pu)
                        return true;
        return false;
}

/* PUs for which nobody is there, nor will come; the worst first, as the last one stays. */
static void give_up_unused(struct run_suite *s)
{
        for (size_t i = s->n_pus; i-- > 0;) {
                if (is_used(s, s->pus[i].os))
                        continue;
                run_measure_spare(&s->measure, s->pus[i].os);
                run_spare(s->run, s, s->pus[i].os);
        }
        run_share_later(s->run);
}

static int on_gone(struct run_suite *s, const json_t *message)
{
        struct run_xdist_gone gone;
        int r = run_xdist_message_gone(message, &gone);

        if (r < 0 || gone.worker >= s->n_workers || !is_there(&s->workers[gone.worker]))
                return -EPROTO;
        run_suite_end_worker(s, gone.worker);
        s->measure.n_crashes += s->xdist->planned && !gone.finished && !s->workers[gone.worker].retired;
        settle(s, false);
        if (gone.finished && !s->workers[gone.worker].retired && run_suite_n_alive(s) > 0)
                give_up_unused(s); /* the others have the last tests: there is no work for one more */
        return 0;
}

int run_xdist_message(struct run_suite *s, const char *event, json_t *message)
{
        if (s->xdist && s->state != RUN_SUITE_RUNNING && strcmp(event, "gone") == 0)
                return 0; /* all is over, or nothing was to be run */
        if (!s->xdist || s->state != RUN_SUITE_RUNNING)
                return -EPROTO;
        if (strcmp(event, "node") == 0)
                return on_node(s, message);
        if (strcmp(event, "gone") == 0)
                return on_gone(s, message);
        if (strcmp(event, "suite") == 0)
                return run_xdist_plan(s, message);
        return run_xdist_ran(s, message);
}

/* How many there are to be */

static int end_one(struct run_suite *s)
{
        for (uint32_t i = s->n_workers; i-- > 0;) {
                struct run_worker *w = &s->workers[i];

                if (!is_there(w) || w->retired || w->pu != DISPATCH_FLOATING)
                        continue;
                w->retired = true;
                return run_peer_send(s->peer, json_pack("{s:s, s:i}", "event", "end", "worker", (int)i));
        }
        return 0;
}

static int ask_for_more(struct run_suite *s, uint32_t n)
{
        s->xdist->more += n;
        s->xdist->asked_at = run_now(s->run);
        run_want_slots(s->run);
        return run_peer_send(s->peer, json_pack("{s:s, s:i}", "event", "more", "workers", (int)n));
}

/* Whoever has not come until now has other plans. */
static void give_up_waiting(struct run_suite *s)
{
        uint64_t patience = (uint64_t)RUN_XDIST_PATIENCE_LOOKS * RUN_FOLLOW_EVERY_MS * 1000 + s->suite_at - s->hello_at;

        if (s->xdist->more == 0 || run_now(s->run) < s->xdist->asked_at + patience)
                return;
        s->xdist->more = 0;
        s->xdist->refused = true;
}

static unsigned count_look(unsigned looks, bool found)
{
        return found ? looks + 1 : 0;
}

static int adjust(struct run_suite *s)
{
        struct run_xdist *x = s->xdist;
        uint32_t staying = n_staying(s), wanted = n_of_use(s), there;
        bool few, more;
        int r = 0;

        give_up_waiting(s);
        there = staying + x->more;
        few = staying > 0 && there < wanted;
        more = few && !x->refused && run_xdist_is_worth_one_more(s, wanted);
        x->over = count_look(x->over, staying > wanted);
        x->under = count_look(x->under, more);
        x->idle = count_look(x->idle, few && !more);
        for (; r == 0 && x->over >= RUN_XDIST_LOOKS && staying > wanted; staying--)
                r = end_one(s);
        if (r == 0 && x->under >= RUN_XDIST_LOOKS)
                r = ask_for_more(s, wanted - there);
        if (r == 0 && x->idle >= RUN_XDIST_LOOKS && x->more == 0)
                give_up_unused(s);
        return r;
}

/* The service may have no more slots: who has waited for a second goes without. */
static int let_waiting_begin(struct run_suite *s)
{
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < s->n_workers; i++)
                if (s->workers[i].state == RUN_WORKER_WAITING)
                        r = let_begin(s, i);
        return r;
}

int run_xdist_look(struct run_suite *s)
{
        int r = let_waiting_begin(s);

        return r == 0 && s->xdist->chosen && s->xdist->planned ? adjust(s) : r;
}

void run_xdist_go_on(struct run_suite *s, double seconds)
{
        for (uint32_t i = 0; i < s->n_workers; i++)
                s->workers[i].stopped += is_there(&s->workers[i]) ? seconds : 0;
}
