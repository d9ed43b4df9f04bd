/* What the keys of top do, who has which letter, and what is remembered. The screens are tests/view's. */
#include <math.h>

#include "cli/top_model.h"
#include "lib/util.h"
#include "tests/unit/test.h"

enum {
        N_MOST = 60,
};

/* A state of the service as a test makes it: leases 1 to n with a PU each, PU 0 the first one's. */
struct state {
        struct view_status status;
        struct view_headroom headroom;
        struct view_lease leases[N_MOST];
        struct view_reading readings[3];
        char ids[N_MOST][8];
};

static void make(struct state *s, unsigned n, unsigned budget)
{
        *s = (struct state){.status = {.budget = budget, .n_leases = n, .leases = s->leases},
                            .headroom = {.budget = budget, .of = 64, .readings = s->readings}};
        cpuset_add_range(&s->status.usable, 0, 63);
        for (unsigned i = 0; i < n; i++) {
                (void)snprintf(s->ids[i], sizeof(s->ids[i]), "%u", i + 1);
                s->leases[i] = (struct view_lease){.id = s->ids[i], .reason = "fair share", .max = 64, .weight = 100};
                cpuset_add(&s->leases[i].pus, i);
        }
}

static void update(struct top_model *m, const struct state *s, uint64_t ms)
{
        top_model_update(m, s ? &s->status : NULL, s ? &s->headroom : NULL, NULL, s ? NULL : "gone", ms);
}

static void check_key(struct top_model *m, unsigned key, enum top_action_type type, const char *lease, unsigned value)
{
        struct top_action action = top_model_key(m, key);

        CHECK_INT(action.type, type);
        CHECK_STR(action.lease, lease);
        CHECK_INT(action.value, value);
}

static void test_priorities(struct top_model *m, struct state *s)
{
        static const struct {
                unsigned key;
                enum view_priority from;
                enum top_action_type type;
                enum view_priority to;
        } table[] = {
                {'i', VIEW_NORMAL, TOP_SET_PRIORITY, VIEW_INTERACTIVE},
                {'n', VIEW_BATCH, TOP_SET_PRIORITY, VIEW_NORMAL},
                {'b', VIEW_NORMAL, TOP_SET_PRIORITY, VIEW_BATCH},
                {'+', VIEW_BATCH, TOP_SET_PRIORITY, VIEW_NORMAL},
                {'+', VIEW_NORMAL, TOP_SET_PRIORITY, VIEW_INTERACTIVE},
                {'+', VIEW_INTERACTIVE, TOP_NOTHING, VIEW_NORMAL},
                {'-', VIEW_INTERACTIVE, TOP_SET_PRIORITY, VIEW_NORMAL},
                {'-', VIEW_NORMAL, TOP_SET_PRIORITY, VIEW_BATCH},
                {'-', VIEW_BATCH, TOP_NOTHING, VIEW_NORMAL},
        };

        top_model_init(m);
        make(s, 1, 64);
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                s->leases[0].priority = table[i].from;
                update(m, s, 1000);
                check_key(m, table[i].key, table[i].type, table[i].type == TOP_NOTHING ? "" : "1", table[i].to);
        }
}

static void test_selection(struct top_model *m, struct state *s)
{
        top_model_init(m);
        make(s, 5, 64);
        update(m, s, 1000);
        m->page = 2;
        CHECK_STR(top_model_selected(m)->id, "1");
        check_key(m, TOP_KEY_UP, TOP_NOTHING, "", 0);
        check_key(m, 'j', TOP_NOTHING, "", 0);
        CHECK_STR(top_model_selected(m)->id, "2");
        check_key(m, TOP_KEY_PAGE_DOWN, TOP_NOTHING, "", 0);
        CHECK_STR(top_model_selected(m)->id, "4");
        check_key(m, TOP_KEY_PAGE_DOWN, TOP_NOTHING, "", 0);
        CHECK_STR(top_model_selected(m)->id, "5");
        check_key(m, TOP_KEY_HOME, TOP_NOTHING, "", 0);
        check_key(m, TOP_KEY_END, TOP_NOTHING, "", 0);
        check_key(m, 'k', TOP_NOTHING, "", 0);
        check_key(m, 'p', TOP_SET_PAUSED, "4", 1);

        /* Another one goes: the selection stays with its run. It goes itself: the one in its place. */
        s->status.leases++;
        s->status.n_leases = 4;
        update(m, s, 2000);
        CHECK_STR(top_model_selected(m)->id, "4");
        s->status.n_leases = 2;
        update(m, s, 3000);
        CHECK_STR(top_model_selected(m)->id, "3");
        s->leases[2].paused = true;
        update(m, s, 3000);
        check_key(m, 'p', TOP_SET_PAUSED, "3", 0);

        /* Without runs, or a service, there is nothing to change. */
        s->status.n_leases = 0;
        update(m, s, 4000);
        CHECK(!top_model_selected(m));
        check_key(m, 'p', TOP_NOTHING, "", 0);
        update(m, NULL, 5000);
        check_key(m, 'b', TOP_NOTHING, "", 0);
        check_key(m, TOP_KEY_DOWN, TOP_NOTHING, "", 0);
        check_key(m, 'q', TOP_QUIT, "", 0);
}

static void type(struct top_model *m, const char *keys)
{
        for (; *keys; keys++)
                check_key(m, (unsigned char)*keys, TOP_NOTHING, "", 0);
}

static void test_weights(struct top_model *m, struct state *s)
{
        top_model_init(m);
        make(s, 2, 64);
        update(m, s, 1000);
        type(m, "w12x345678");
        CHECK_STR(m->digits, "12345");
        check_key(m, TOP_KEY_BACKSPACE, TOP_NOTHING, "", 0);
        check_key(m, TOP_KEY_ENTER, TOP_SET_WEIGHT, "1", 1234);
        type(m, "w");
        check_key(m, TOP_KEY_ENTER, TOP_NOTHING, "", 0);
        CHECK(*m->message);
        type(m, "w7q");
        check_key(m, 'p', TOP_SET_PAUSED, "1", 1);
        /* What was typed was for the run that has gone meanwhile. */
        type(m, "w7");
        s->status.leases++;
        s->status.n_leases = 1;
        update(m, s, 2000);
        check_key(m, TOP_KEY_ENTER, TOP_NOTHING, "", 0);
}

static void test_letters(struct top_model *m, struct state *s)
{
        top_model_init(m);
        make(s, N_MOST, 64);
        s->status.n_leases = 2;
        update(m, s, 1000);
        CHECK_INT(top_model_letter(m, "1"), 'A');
        CHECK_INT(top_model_letter(m, "2"), 'B');
        s->status.leases++;
        update(m, s, 2000);
        CHECK_INT(top_model_letter(m, "2"), 'B');
        CHECK_INT(top_model_letter(m, "3"), 'C');
        s->status.leases--;
        s->status.n_leases = N_MOST;
        update(m, s, 3000);
        CHECK_INT(top_model_letter(m, "2"), 'B');
        CHECK_INT(top_model_letter(m, "60"), '#');
        CHECK_INT(m->n_lent, N_MOST);
        CHECK_INT(m->holder[1], 1);
        CHECK_INT(m->holder[63], TOP_FREE);
        CHECK_INT(m->holder[64], TOP_UNUSABLE);
        cpuset_add(&s->leases[2].pus, 1);
        update(m, s, 4000);
        CHECK_INT(m->holder[1], TOP_MANY);
        CHECK_INT(m->n_lent, N_MOST);
}

static void test_past(struct top_model *m, struct state *s)
{
        top_model_init(m);
        make(s, 2, 9);
        s->headroom.n_readings = 3;
        s->readings[0] = (struct view_reading){.value = 70};
        s->readings[1] = (struct view_reading){.value = 120, .ignored = "stuck"};
        s->readings[2] = (struct view_reading){.value = (double)NAN};
        update(m, s, 11000);
        s->status.budget = 4;
        s->status.n_leases = 1;
        s->readings[0].value = 60;
        update(m, s, 14900);

        /* The tightest, the most and the hottest of five seconds. */
        const struct top_past *past = top_model_past(m, 0);
        CHECK(past);
        CHECK_INT(past->budget, 4);
        CHECK_INT(past->lent, 2);
        CHECK_INT(past->hottest, 70);
        CHECK(!top_model_past(m, 1));

        /* A gap stays a gap, and what is older than the ring is forgotten. */
        update(m, s, 25000);
        CHECK(!top_model_past(m, 1) && !top_model_past(m, 2));
        CHECK_INT(top_model_past(m, 3)->budget, 4);
        CHECK(!top_model_past(m, TOP_PAST_MAX) && !top_model_past(m, 1000000));
        update(m, s, 25000 + (uint64_t)TOP_PAST_MS * TOP_PAST_MAX);
        CHECK(!top_model_past(m, 4));
}

static void test_messages_and_help(struct top_model *m, struct state *s)
{
        top_model_init(m);
        make(s, 1, 9);
        update(m, s, 1000);
        top_model_tell(m, "no");
        update(m, s, 1000 + TOP_MESSAGE_MS - 1);
        CHECK_STR(m->message, "no");
        update(m, s, 1000 + TOP_MESSAGE_MS);
        CHECK_STR(m->message, "");
        type(m, "?");
        CHECK(m->help);
        check_key(m, 'q', TOP_NOTHING, "", 0);
        CHECK(!m->help);
        check_key(m, 'L' - '@', TOP_REPAINT, "", 0);
}

int main(void)
{
        struct top_model *m = malloc(sizeof(*m));
        struct state *s = malloc(sizeof(*s));

        CHECK(m && s);
        test_priorities(m, s);
        test_selection(m, s);
        test_weights(m, s);
        test_letters(m, s);
        test_past(m, s);
        test_messages_and_help(m, s);
        free(s);
        free(m);
        return 0;
}
