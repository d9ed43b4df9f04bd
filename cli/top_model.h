/* What `schedctl top` knows and what its keys do. Pure: what the service says, keys and the time come in, calls to make
 * come out. cli/top_view.c draws it.
 */
#pragma once

#include "cli/view.h"
#include "core/machine.h"

enum {
        TOP_ID_MAX = 24, /* bytes of a lease's name */
        TOP_MESSAGE_MAX = 160,
        TOP_LETTERS = 52,      /* A to Z, a to z: who holds what; leases beyond share one mark */
        TOP_PAST_MAX = 480,    /* columns of history */
        TOP_PAST_MS = 5000,    /* that each of them spans */
        TOP_DIGITS_MAX = 5,    /* of a weight being typed */
        TOP_MESSAGE_MS = 8000, /* that a message stays */
};

/* Keys that are no characters. */
enum top_key {
        TOP_KEY_UP = 0x110000, /* beyond Unicode */
        TOP_KEY_DOWN,
        TOP_KEY_PAGE_UP,
        TOP_KEY_PAGE_DOWN,
        TOP_KEY_HOME,
        TOP_KEY_END,
        TOP_KEY_ENTER,
        TOP_KEY_ESCAPE,
        TOP_KEY_BACKSPACE,
};

enum top_action_type {
        TOP_NOTHING,
        TOP_QUIT,
        TOP_REPAINT, /* the screen may have been written over */
        TOP_SET_PRIORITY,
        TOP_SET_WEIGHT,
        TOP_SET_PAUSED,
};

struct top_action {
        enum top_action_type type;
        char lease[TOP_ID_MAX];
        unsigned value; /* enum view_priority, a weight, 1 or 0 */
};

/* Of TOP_PAST_MS. */
struct top_past {
        uint64_t index; /* time / TOP_PAST_MS, from 1; 0: nothing was heard */
        unsigned budget, lent;
        double hottest; /* °C; NaN none */
};

/* Who holds a PU: an index of status->leases, or one of these. */
enum {
        TOP_FREE = -1,
        TOP_MANY = -2,
        TOP_UNUSABLE = -3,
};

struct top_model {
        /* The caller's, as of the latest top_model_update(); NULL while there is no service. */
        const struct view_status *status;
        const struct view_headroom *headroom;
        const struct machine *machine;
        char problem[TOP_MESSAGE_MAX];

        int16_t holder[CPUSET_MAX];
        unsigned n_lent, n_waiting;
        char selected[TOP_ID_MAX]; /* the lease; "" none */
        unsigned index;            /* of it in status->leases */
        struct {
                char lease[TOP_ID_MAX];
        } letters[TOP_LETTERS];
        unsigned next_letter;

        struct top_past past[TOP_PAST_MAX]; /* a ring by index */
        uint64_t now_ms;
        unsigned page; /* runs that the screen shows at once; the drawing's, told to the keys */

        bool help, typing;
        char digits[TOP_DIGITS_MAX + 1];
        char message[TOP_MESSAGE_MAX];
        uint64_t message_until;
};

void top_model_init(struct top_model *m);
/* What the service says now; all NULL and why where there is none. */
void top_model_update(struct top_model *m, const struct view_status *status, const struct view_headroom *headroom,
                      const struct machine *machine, const char *problem, uint64_t now_ms);
/* A message in the last line, for a while. */
void top_model_tell(struct top_model *m, const char *message);
/* A character or an enum top_key. */
struct top_action top_model_key(struct top_model *m, unsigned key);

/* The mark of a lease: a letter, or '#' where letters are out. */
char top_model_letter(const struct top_model *m, const char *lease);
/* The selected lease, or NULL. */
const struct view_lease *top_model_selected(const struct top_model *m);
/* The history of a column: 0 is now; NULL where nothing was heard then. */
const struct top_past *top_model_past(const struct top_model *m, unsigned ago);
