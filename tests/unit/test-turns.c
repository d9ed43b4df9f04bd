/* Turns over a real loop: nobody is forgotten who waits, nobody passed over, and who is gone leaves nothing running. */
#include "daemon/turns.h"

#include "daemon/connection.h"
#include "daemon/peers.h"
#include "daemon/server.h"
#include "test.h"

enum {
        TAKEN_MAX = 16,
        GUARD_MS = 20000, /* far beyond what anything here takes */
};

/* In place of the service's. */

static uint64_t ahead; /* µs that the service is thought to have worked */

uint64_t server_now(void)
{
        return uv_hrtime() / 1000 + ahead;
}

static struct turns turns;
static struct connection *taken[TAKEN_MAX];
static unsigned n_taken;

/* Every call takes longer than all turns at once may, and there is another one behind it. */
void connection_take(struct connection *c)
{
        if (n_taken < TAKEN_MAX)
                taken[n_taken++] = c;
        ahead += TURNS_AT_ONCE_US;
        turns_add(&turns, c);
}

/* The loop. */

static uv_loop_t loop;
static uv_check_t round_check; /* what else is done in a round */
static uv_timer_t guard;
static bool guarded; /* the loop slept for that long */
static void (*on_round)(void);

static void on_round_check(uv_check_t *check)
{
        (void)check;
        guarded |= uv_timer_get_due_in(&guard) == 0;
        on_round();
}

static void on_guard(uv_timer_t *timer)
{
        (void)timer;
        uv_stop(&loop);
}

static void begin(void (*round)(void))
{
        on_round = round;
        guarded = false;
        n_taken = 0;
        CHECK_INT(uv_loop_init(&loop), 0);
        uv_check_init(&loop, &round_check);
        uv_check_start(&round_check, on_round_check);
        turns = (struct turns){0};
        turns_init(&turns, &loop);
        uv_timer_init(&loop, &guard);
        uv_timer_start(&guard, on_guard, GUARD_MS, 0);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
        (void)arg;
        uv_close(handle, NULL);
}

static void end(void)
{
        uv_walk(&loop, close_handle, NULL);
        uv_run(&loop, UV_RUN_DEFAULT);
        CHECK_INT(uv_loop_close(&loop), 0);
}

static struct peer peer_with(double time)
{
        return (struct peer){.time = time, .updated = server_now()};
}

/* Users. */

static struct connection *own;

static void stop_when_taken(void)
{
        if (n_taken >= 6)
                uv_stop(&loop);
}

static void test_one_after_the_other(void)
{
        struct peer a = peer_with(PEERS_TIME_BURST_US), b = peer_with(PEERS_TIME_BURST_US);
        struct connection of_a = {.peer = &a}, of_b = {.peer = &b};

        begin(stop_when_taken);
        turns_add(&turns, &of_a);
        turns_add(&turns, &of_b);
        uv_run(&loop, UV_RUN_NOWAIT);
        uv_run(&loop, UV_RUN_DEFAULT);
        CHECK(!guarded);
        for (unsigned i = 0; i < n_taken; i++)
                CHECK(taken[i] == (i % 2 == 0 ? &of_a : &of_b));
        end();
}

/* The loop's idea of the time is older by then than what is left to wait. */
static void be_late(void)
{
        static bool was_late;

        if (!was_late) {
                uv_sleep(50);
                own->peer->updated = server_now();
        }
        was_late = true;
        if (n_taken > 0)
                uv_stop(&loop);
}

static void test_waiting_is_over_before_it_is_waited_for(void)
{
        struct peer a = peer_with(-1000);
        struct connection c = {.peer = &a};

        own = &c;
        begin(be_late);
        turns_add(&turns, &c);
        uv_run(&loop, UV_RUN_NOWAIT);
        uv_run(&loop, UV_RUN_DEFAULT);
        CHECK(!guarded);
        CHECK(n_taken > 0);
        end();
}

/* Between two rounds, as where a write fails. */
static void leave(void)
{
        if (n_taken > 0)
                turns_remove(&turns, own);
}

static void test_nothing_runs_for_who_has_left(void)
{
        struct peer a = peer_with(PEERS_TIME_BURST_US);
        struct connection c = {.peer = &a};

        own = &c;
        begin(leave);
        turns_add(&turns, &c);
        for (unsigned i = 0; i < 3; i++)
                uv_run(&loop, UV_RUN_NOWAIT);
        CHECK_INT(n_taken, 1);
        CHECK(!uv_is_active((uv_handle_t *)&turns.idle));
        CHECK(!uv_is_active((uv_handle_t *)&turns.timer));
        end();
}

int main(void)
{
        test_one_after_the_other();
        test_waiting_is_over_before_it_is_waited_for();
        test_nothing_runs_for_who_has_left();
        return 0;
}
