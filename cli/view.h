/* What the service says of itself (GetStatus, GetHeadroom, Monitor), read into typed structs for those who show it.
 *
 * Texts point into the replies, which the struct keeps.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/cpuset.h"

#define VIEW_UNKNOWN UINT64_MAX /* a time that nobody knows */

enum view_priority { /* of params_priorities */
                     VIEW_NORMAL,
                     VIEW_BATCH,
                     VIEW_INTERACTIVE,
                     VIEW_PRIORITIES,
};

enum view_reading_kind {
        VIEW_TEMPERATURE,
        VIEW_THROTTLING,
        VIEW_FREQUENCY,
        VIEW_POWER,
        VIEW_SUPPLY,
        VIEW_PROFILE,
        VIEW_PRESSURE,
        VIEW_MEMORY,
        VIEW_READING_KINDS,
};

enum {
        VIEW_USER_MAX = 33, /* as useradd(8) limits names */
};

struct view_lease {
        const char *id;
        const char *label; /* NULL: another user's */
        const char *unit;  /* that holds its processes; NULL: another user's, or none that is known */
        const char *reason;
        unsigned uid;
        char user[VIEW_USER_MAX]; /* the name, or the number */
        struct cpuset pus, shared;
        unsigned min, max, weight;
        enum view_priority priority;
        unsigned position; /* in the queue, from 1; 0: does not wait */
        bool paused, detached;
        uint64_t age_ms, ends_in_ms, expected_ms;
        double work_rate; /* seconds of estimated work done per second; < 0 not known */
};

struct view_reading {
        const char *name, *unit;
        const char *detail, *ignored; /* NULL none */
        enum view_reading_kind kind;
        double value; /* NaN: cannot be read */
};

struct view_limit {
        const char *cause, *what;
        const char *until;  /* NULL not known */
        unsigned pus, next; /* next: 0 not known */
        bool binding;
};

struct view_headroom {
        json_t *source; /* NULL: not read */
        const char *policy, *reason;
        unsigned budget, of;
        double level;
        bool hold;
        uint64_t age_ms;
        struct view_limit *limits;
        size_t n_limits;
        struct view_reading *readings;
        size_t n_readings;
};

struct view_status {
        json_t *source; /* NULL: not read */
        const char *version, *budget_reason;
        unsigned pid, budget;
        struct cpuset usable;
        struct view_lease *leases;
        size_t n_leases;
};

/* -EPROTO where it is none of the kind, -ENOMEM. Users are numbers until view_name_users(). */
int view_read_status(json_t *status, struct view_status *ret_status);
int view_read_headroom(json_t *headroom, struct view_headroom *ret_headroom);
void view_status_finish(struct view_status *status);
void view_headroom_finish(struct view_headroom *headroom);

/* Asks the system's database of users for names. */
void view_name_users(struct view_status *status);

/* PUs that are lent, each counted once. */
unsigned view_count_lent(const struct view_status *status);
const struct view_lease *view_find_lease(const struct view_status *status, const char *id);
