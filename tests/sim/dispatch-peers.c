/* After xdist/scheduler/load.py, worksteal.py, loadscope.py and remote.py of pytest-xdist 3.8.0, with its defaults:
 * --maxschedchunk unlimited, scopes with most tests first. A worker begins a test only when it knows the one after it,
 * or that there is none. */
#include "tests/sim/dispatch-peers.h"
#include "core/sim_state.h"
#include "tests/unit/test.h"

#include <math.h>

enum { MIN_PENDING = 2 }; /* the running test and the next */

struct node {
        uint32_t *tests; /* all that it has been sent, in order */
        uint32_t n, n_done;
        uint32_t alive; /* the last one begun, or DISPATCH_NONE */
        bool running, setting_up, shut_down;
        double begun;
};

/* Tests of one module or class. */
struct scope {
        uint32_t group, first, n; /* first: in the order of .of_scopes */
};

struct peer_run {
        struct sim sim; /* its machine and workers, without their queues */
        struct node *nodes;
        uint32_t n_nodes;
        uint32_t *pending, n_pending, first_pending; /* not sent yet */
        struct scope *scopes;
        uint32_t n_scopes, next_scope;
        uint32_t *of_scopes; /* tests, scope by scope */
        uint32_t *home;      /* per worker: index of its PU */
        double end;
        void (*completed)(struct peer_run *r, struct node *node, double duration);
};

static uint32_t node_pending(const struct node *node)
{
        return node->n - node->n_done;
}

static void send_tests(struct peer_run *r, struct node *node, uint32_t n)
{
        for (; n > 0 && r->n_pending > 0; n--, r->n_pending--)
                node->tests[node->n++] = r->pending[r->first_pending++];
}

static uint32_t larger(uint32_t a, uint32_t b)
{
        return a > b ? a : b;
}

/* --dist load */

static void load_completed(struct peer_run *r, struct node *node, double duration)
{
        uint32_t least = larger(MIN_PENDING, r->n_pending / r->n_nodes / 4);
        uint32_t most = larger(MIN_PENDING, r->n_pending / r->n_nodes / 2);

        if (node->shut_down)
                return;
        if (r->n_pending == 0) {
                node->shut_down = true;
                return;
        }
        if (node_pending(node) >= least || (duration >= 0.1 && node_pending(node) >= MIN_PENDING))
                return;
        send_tests(r, node, most - node_pending(node));
}

static void load_schedule(struct peer_run *r)
{
        uint32_t chunk = larger(r->n_pending / r->n_nodes / 4, 2);

        r->completed = load_completed;
        if (r->n_pending < 2 * r->n_nodes)
                for (uint32_t i = 0; r->n_pending > 0; i = (i + 1) % r->n_nodes)
                        send_tests(r, &r->nodes[i], 1);
        for (uint32_t i = 0; i < r->n_nodes; i++)
                send_tests(r, &r->nodes[i], chunk);
        for (uint32_t i = 0; i < r->n_nodes && r->n_pending == 0; i++)
                r->nodes[i].shut_down = true;
}

/* --dist worksteal */

static bool is_idle(const struct node *node)
{
        return !node->shut_down && node_pending(node) < MIN_PENDING;
}

static uint32_t count_idle(const struct peer_run *r)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < r->n_nodes; i++)
                n += is_idle(&r->nodes[i]);
        return n;
}

static void give_to_idle(struct peer_run *r)
{
        uint32_t n_idle = count_idle(r);

        for (uint32_t i = 0; i < r->n_nodes && n_idle > 0; i++)
                if (is_idle(&r->nodes[i]))
                        send_tests(r, &r->nodes[i], r->n_pending / n_idle--);
}

static struct node *longest_queue(struct peer_run *r)
{
        struct node *longest = NULL;

        for (uint32_t i = 0; i < r->n_nodes; i++)
                if (!r->nodes[i].shut_down && (!longest || node_pending(&r->nodes[i]) > node_pending(longest)))
                        longest = &r->nodes[i];
        return longest;
}

/* Half of the longest queue, from its end, back to what is pending; false where nobody has enough. */
static bool steal(struct peer_run *r)
{
        struct node *from = longest_queue(r);
        uint32_t most = node_pending(from) > MIN_PENDING ? node_pending(from) - MIN_PENDING : 0;
        uint32_t n = node_pending(from) / 2 < most ? node_pending(from) / 2 : most;

        memmove(r->pending, r->pending + r->first_pending, r->n_pending * sizeof(*r->pending));
        r->first_pending = 0;
        from->n -= n;
        for (uint32_t i = 0; i < n; i++)
                r->pending[r->first_pending + r->n_pending++] = from->tests[from->n + i];
        return n > 0;
}

static void worksteal_schedule(struct peer_run *r)
{
        while (count_idle(r) > 0) {
                if (r->n_pending > 0)
                        give_to_idle(r);
                if (count_idle(r) == 0)
                        return;
                if (!steal(r)) {
                        for (uint32_t i = 0; i < r->n_nodes; i++)
                                r->nodes[i].shut_down |= is_idle(&r->nodes[i]);
                        return;
                }
        }
}

static void worksteal_completed(struct peer_run *r, struct node *node, double duration)
{
        worksteal_schedule(r);
}

/* --dist loadscope */

static void assign_scope(struct peer_run *r, struct node *node)
{
        const struct scope *scope = &r->scopes[r->next_scope++];

        for (uint32_t i = 0; i < scope->n; i++)
                node->tests[node->n++] = r->of_scopes[scope->first + i];
}

static void loadscope_completed(struct peer_run *r, struct node *node, double duration)
{
        if (node->shut_down)
                return;
        if (r->next_scope == r->n_scopes)
                node->shut_down = true;
        else if (node_pending(node) <= MIN_PENDING)
                assign_scope(r, node);
}

static int most_tests_first(const void *pa, const void *pb)
{
        const struct scope *a = pa, *b = pb;

        return a->n != b->n ? (a->n < b->n) - (a->n > b->n) : (a->first > b->first) - (a->first < b->first);
}

static void collect_scopes(struct peer_run *r)
{
        const struct dispatch_params *suite = r->sim.suite;
        bool *seen = calloc(suite->n_items + (size_t)1, sizeof(*seen));
        uint32_t n = 0;

        CHECK(seen);
        for (uint32_t i = 0; i < suite->n_items; i++) {
                struct scope scope = {.group = suite->items[i].group, .first = n};

                for (uint32_t k = i; k < suite->n_items && !seen[i]; k++)
                        if (k == i || (scope.group != DISPATCH_NONE && suite->items[k].group == scope.group)) {
                                r->of_scopes[n++] = k;
                                seen[k] = k > i;
                        }
                scope.n = n - scope.first;
                if (scope.n > 0)
                        r->scopes[r->n_scopes++] = scope;
        }
        free(seen);
        qsort(r->scopes, r->n_scopes, sizeof(r->scopes[0]), most_tests_first);
}

static void loadscope_schedule(struct peer_run *r)
{
        r->completed = loadscope_completed;
        collect_scopes(r);
        if (r->n_nodes > r->n_scopes)
                r->n_nodes = r->n_scopes;
        for (uint32_t i = 0; i < r->n_nodes; i++)
                assign_scope(r, &r->nodes[i]);
        for (uint32_t i = 0; i < r->n_nodes; i++)
                loadscope_completed(r, &r->nodes[i], 0);
}

/* Running */

static void run_test(struct peer_run *r, struct node *node, uint32_t worker)
{
        uint32_t test = node->tests[node->n_done];

        node->setting_up = false;
        sim_machine_begin(&r->sim, worker, (struct sim_load){.busy = true, .waits = sim_item_waits(&r->sim, test)},
                          sim_item_seconds(&r->sim, test));
}

static void begin_next(struct peer_run *r, uint32_t worker)
{
        struct node *node = &r->nodes[worker];
        uint32_t test;
        double setup;

        if (node->running || node_pending(node) == 0 || (node_pending(node) < MIN_PENDING && !node->shut_down))
                return;
        test = node->tests[node->n_done];
        setup = sim_worker_setup_seconds(&r->sim, node->alive, test);
        node->alive = test;
        node->running = true;
        node->begun = r->sim.now;
        if (setup > 0) {
                node->setting_up = true;
                sim_machine_begin(&r->sim, worker, (struct sim_load){.busy = true}, setup);
        } else {
                run_test(r, node, worker);
        }
}

static void is_due(struct peer_run *r, uint32_t worker)
{
        struct node *node = &r->nodes[worker];

        r->sim.due[worker] = HUGE_VAL;
        sim_machine_advance(&r->sim, worker);
        if (node->setting_up) {
                run_test(r, node, worker);
                return;
        }
        node->running = false;
        node->n_done++;
        r->end = r->sim.now;
        r->completed(r, node, r->sim.now - node->begun);
        for (uint32_t i = 0; i < r->n_nodes; i++)
                begin_next(r, i);
        if (!node->running)
                sim_machine_rest(&r->sim, worker);
}

/* The kernel */

static const struct dispatch_pu *pu_of(const struct peer_run *r, uint32_t worker)
{
        return &r->sim.p->pus[r->home[worker]];
}

/* Of a PU, with what runs on its siblings now, but for `without`. */
static double speed_there(const struct peer_run *r, const struct dispatch_pu *pu, uint32_t without)
{
        uint32_t n = 0, busy = 0;

        for (uint32_t i = 0; i < r->sim.n_workers && pu->alone > pu->speed; i++) {
                bool sibling = pu_of(r, i)->core == pu->core && pu_of(r, i) != pu;

                n += sibling;
                busy += sibling && i != without && r->sim.workers[i].load.busy;
        }
        return pu->alone - (n > 0 ? (pu->alone - pu->speed) * busy / n : 0);
}

static void move(struct peer_run *r, uint32_t worker, uint32_t pu)
{
        r->home[worker] = pu;
        sim_machine_place(&r->sim, worker, r->sim.p->pus[pu].os);
}

/* Which running worker would gain most on another's PU, which is idle; false where nobody would gain much. */
static bool find_move(const struct peer_run *r, uint32_t *ret_worker, uint32_t *ret_idle)
{
        static const double MUCH = 1.05;
        double most = MUCH;

        for (uint32_t k = 0; k < r->sim.n_workers; k++)
                for (uint32_t i = 0; i < r->sim.n_workers && !r->sim.workers[k].load.busy; i++) {
                        double gain;

                        if (!r->sim.workers[i].load.busy)
                                continue;
                        gain = speed_there(r, pu_of(r, k), i) / speed_there(r, pu_of(r, i), i);
                        if (gain > most) {
                                most = gain;
                                *ret_worker = i;
                                *ret_idle = k;
                        }
                }
        return most > MUCH;
}

/* Each PU has a worker; who runs on a slow one moves to a faster one that is idle. */
static void balance(struct peer_run *r)
{
        uint32_t worker, idle;

        while (find_move(r, &worker, &idle)) {
                uint32_t from = r->home[worker];

                move(r, worker, r->home[idle]);
                move(r, idle, from);
        }
}

static void open_run(struct peer_run *r, const struct world *w, uint32_t shift)
{
        static const struct sim_hooks no_hooks;
        size_t n = w->suite.n_items + (size_t)1;

        *r = (struct peer_run){.sim = {.p = &w->params, .suite = &w->suite, .hooks = &no_hooks}};
        r->n_nodes = r->sim.n_workers = (uint32_t)w->params.n_pus;
        r->n_pending = w->suite.n_items;
        r->sim.workers = calloc(r->n_nodes, sizeof(*r->sim.workers));
        r->sim.due = calloc(r->n_nodes, sizeof(*r->sim.due));
        r->nodes = calloc(r->n_nodes, sizeof(*r->nodes));
        r->home = calloc(r->n_nodes, sizeof(*r->home));
        r->pending = calloc(n, sizeof(*r->pending));
        r->scopes = calloc(n, sizeof(*r->scopes));
        r->of_scopes = calloc(n, sizeof(*r->of_scopes));
        CHECK(r->sim.workers && r->sim.due && r->nodes && r->home && r->pending && r->scopes && r->of_scopes);
        CHECK_INT(sim_machine_init(&r->sim), 0);
        sim_machine_hold(&r->sim, w->params.pus, w->params.n_pus);
        for (uint32_t i = 0; i < w->suite.n_items; i++)
                r->pending[i] = i;
        for (uint32_t i = 0; i < r->n_nodes; i++) {
                r->nodes[i] = (struct node){.tests = calloc(n, sizeof(uint32_t)), .alive = DISPATCH_NONE};
                CHECK(r->nodes[i].tests);
                move(r, i, (i + shift) % (uint32_t)w->params.n_pus);
                r->sim.due[i] = HUGE_VAL;
        }
}

static void close_run(struct peer_run *r)
{
        for (uint32_t i = 0; i < r->sim.n_workers; i++)
                free(r->nodes[i].tests);
        sim_machine_finish(&r->sim.machine);
        free(r->sim.workers);
        free(r->sim.due);
        free(r->nodes);
        free(r->home);
        free(r->pending);
        free(r->scopes);
        free(r->of_scopes);
}

static uint32_t next_due(const struct peer_run *r)
{
        uint32_t next = 0;

        for (uint32_t i = 1; i < r->n_nodes; i++)
                if (r->sim.due[i] < r->sim.due[next])
                        next = i;
        return next;
}

static double makespan(const struct world *w, enum peer peer, uint32_t shift)
{
        static void (*const schedules[PEERS])(struct peer_run * r) = {
                [PEER_LOAD] = load_schedule,
                [PEER_WORKSTEAL] = worksteal_schedule,
                [PEER_LOADSCOPE] = loadscope_schedule,
        };
        struct peer_run r;
        uint32_t done = 0;

        open_run(&r, w, shift);
        r.completed = worksteal_completed;
        schedules[peer](&r);
        for (uint32_t i = 0; i < r.n_nodes; i++)
                begin_next(&r, i);
        for (uint32_t worker;;) {
                balance(&r);
                sim_machine_settle(&r.sim);
                worker = next_due(&r);
                if (r.sim.due[worker] >= HUGE_VAL)
                        break;
                r.sim.now = fmax(r.sim.due[worker], r.sim.now);
                is_due(&r, worker);
        }
        for (uint32_t i = 0; i < r.n_nodes; i++)
                done += r.nodes[i].n_done;
        CHECK_INT(done, w->suite.n_items);
        close_run(&r);
        return r.end;
}

double peer_makespan(const struct world *w, enum peer peer)
{
        enum { PLACEMENTS = 4 };
        double sum = 0;

        for (uint32_t i = 0; i < PLACEMENTS; i++)
                sum += makespan(w, peer, i * (uint32_t)w->params.n_pus / PLACEMENTS);
        return sum / PLACEMENTS;
}
