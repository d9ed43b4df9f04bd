/* The state file: what is lent, written before anybody is told, so that a service that starts again knows it.
 *
 * A log of lines of JSON in the runtime directory: first what wrote it and in which boot, then one line for each
 * change of a lease and one when it ends; the latest line of a lease counts. One write a step; nothing is synced,
 * for the file outlives the service and never the kernel. Rewritten (beside, then renamed) when it has grown.
 * A last line without its end was being written when the service died and is ignored. A file that is damaged
 * otherwise, foreign or of another format is set aside as FILE.corrupt. Tokens are not in it, only their hashes.
 *
 * Another version of the service may read it, after an upgrade or a downgrade with leases held, and must lose none of
 * them: unknown fields and kinds of lines are ignored, an unknown priority is normal, absent fields are what a client
 * that says nothing gets. The format's number rises only where this cannot be had.
 */
#pragma once

#include "core/alloc.h"
#include "daemon/token.h"

struct state;

struct state_record {
        alloc_id id;
        struct token_hash hash;
        const char *label, *unit; /* may be NULL */
        int nice;
        const struct alloc_request *request; /* all but ends_at is kept */
        const struct alloc_grant *grant;     /* its pus, slots and generation are kept */
};

/* A record that was read: owns its texts. */
struct state_lease {
        alloc_id id;
        struct token_hash hash;
        char *label, *unit;
        int nice;
        struct alloc_request request;
        uint64_t generation;
        struct cpuset pus, slots;
};

struct state_leases {
        struct state_lease *items; /* in the order of opening */
        size_t n, allocated;
};
void state_leases_finish(struct state_leases *leases);

/* Reads what the file records of this boot. 0, 1 where something was wrong with an older file that has been set aside,
 * or -ENOMEM. The file is created, or written anew, by the first state_rewrite() and state_commit(). */
int state_open(const char *path, const char *boot_id, struct state **ret_state, struct state_leases *ret_leases);
void state_close(struct state *s);
/* Removes the file: nothing is lent. */
void state_remove(struct state *s);

/* Adds a line to what state_commit() writes. -ENOMEM. */
int state_put(struct state *s, const struct state_record *record);
int state_forget(struct state *s, alloc_id id);
int state_commit(struct state *s);

/* Whether everything that was committed is in the file, and the file in its place. */
bool state_is_sound(const struct state *s);

/* Whether the file has grown so much, or lacks so much, that it is to be written anew: state_rewrite(), a state_put()
 * for every lease, and state_commit(), which then replaces the file. */
bool state_is_large(const struct state *s);
void state_rewrite(struct state *s);
