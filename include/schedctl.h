/* schedctl.h: borrow CPUs from the scheduling service.
 *
 *     struct schedctl_lease *lease;
 *     int r = schedctl_acquire(NULL, &lease);          // up to all the CPUs, at least one
 *     if (r < 0) …                                     // negative errno
 *     n = schedctl_lease_n_pus(lease); …               // run n threads on schedctl_lease_pu(lease, i)
 *     schedctl_lease_release(lease);
 *
 * Every function returns 0 or more on success and a negative errno on failure; output arguments stay untouched
 * on failure. A handle belongs to one thread at a time. Nothing here prints, logs, installs signal handlers or
 * changes the caller's affinity. Descriptors are close-on-exec.
 */
#ifndef SCHEDCTL_H
#define SCHEDCTL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SCHEDCTL_EXPORT __attribute__((visibility("default")))

struct schedctl_lease;

enum {
        SCHEDCTL_NORMAL,
        SCHEDCTL_BATCH,       /* takes what others leave; may wait even for the first PU */
        SCHEDCTL_INTERACTIVE, /* somebody waits for it, and it is short: ahead of normal ones for its first minute */
};

/* What is asked for. Zero in every field is a good request; set size to sizeof(struct schedctl_request). */
struct schedctl_request {
        size_t size;                /* of this struct, so that it can grow */
        unsigned min;               /* PUs without which the work cannot start; 0 means 1 */
        unsigned max;               /* PUs of use; 0 means as many as there are */
        unsigned weight;            /* share against other leases, 1 to 10000; 0 means 100 */
        uint64_t memory_per_worker; /* bytes; 0 means unknown */
        const char *label;          /* shown to the same user; at most 128 bytes; NULL none */
        int priority;               /* SCHEDCTL_NORMAL, _BATCH or _INTERACTIVE */
        int no_start;               /* not 0: -ENOENT rather than starting a service where none runs */
};

/* Borrows PUs and waits for the first grant. request may be NULL. Finds the service ($SCHEDCTL_SOCKET, the
 * system's, the user's) and starts one for this user where none answers.
 * -ENOENT no service could be reached or started; -EPERM the socket belongs to somebody else;
 * -EPROTO the service answered nonsense; -ENODEV no PU is both usable and allowed (NoUsablePU);
 * -EUSERS a limit per user is reached; -EREMOTE the service is another kernel's; -ETIMEDOUT it does not answer;
 * -EINTR a signal came while the lease waited for its first PU (it is given up); -EINVAL the request. */
SCHEDCTL_EXPORT int schedctl_acquire(const struct schedctl_request *request, struct schedctl_lease **ret_lease);

/* Ends the lease and frees the handle; NULL is allowed. */
SCHEDCTL_EXPORT void schedctl_lease_release(struct schedctl_lease *lease);

/* The PUs held as of the last grant that was read (by schedctl_acquire(), _dispatch() or _wait()): OS indices, fastest
 * first as the service lends them. */
SCHEDCTL_EXPORT size_t schedctl_lease_n_pus(const struct schedctl_lease *lease);
SCHEDCTL_EXPORT unsigned schedctl_lease_pu(const struct schedctl_lease *lease, size_t index);

/* Slots: small numbers unique among all leases of the service, to name databases and ports after. */
SCHEDCTL_EXPORT size_t schedctl_lease_n_slots(const struct schedctl_lease *lease);
SCHEDCTL_EXPORT unsigned schedctl_lease_slot(const struct schedctl_lease *lease, size_t index);

/* PUs wanted back; return them within the deadline (milliseconds from now, possibly 0). */
SCHEDCTL_EXPORT size_t schedctl_lease_n_wanted(const struct schedctl_lease *lease);
SCHEDCTL_EXPORT unsigned schedctl_lease_wanted(const struct schedctl_lease *lease, size_t index);
SCHEDCTL_EXPORT unsigned schedctl_lease_wanted_within_ms(const struct schedctl_lease *lease);
/* Why, or why the lease waits; a static or lease-owned text, valid until the next call on this lease. */
SCHEDCTL_EXPORT const char *schedctl_lease_reason(const struct schedctl_lease *lease);

/* Where the lease waits for its first PU: its place in the queue, from 1, and the milliseconds, as of when the grant
 * arrived, until a PU is expected to be free for it. 0: it does not wait; nobody knows. */
SCHEDCTL_EXPORT unsigned schedctl_lease_position(const struct schedctl_lease *lease);
SCHEDCTL_EXPORT uint64_t schedctl_lease_expected_ms(const struct schedctl_lease *lease);
/* Not 0 where its user has the lease paused: every PU is wanted back. Stop what runs on them, return them, and go on
 * when a grant has PUs again. */
SCHEDCTL_EXPORT int schedctl_lease_is_paused(const struct schedctl_lease *lease);
/* The niceness that what runs on the PUs is to have at least, so that the machine stays usable: give it to
 * setpriority() before starting anything. 0: as it is. */
SCHEDCTL_EXPORT int schedctl_lease_nice(const struct schedctl_lease *lease);

/* Readable (poll) when something may have changed. The same descriptor for the lease's life. */
SCHEDCTL_EXPORT int schedctl_lease_fd(const struct schedctl_lease *lease);
/* Reads what arrived: 1 the lease changed, 0 not, -ENOTCONN the service is gone: what is held may go on being used. The
 * library has tried to claim it from a restarted service, and tries again a few times when the descriptor becomes
 * readable and this is called; 1 then says that it could. Another error: the service has ended the lease. */
SCHEDCTL_EXPORT int schedctl_lease_dispatch(struct schedctl_lease *lease);
/* The same, waiting up to timeout_ms (-1: for ever); -EINTR where a signal came. */
SCHEDCTL_EXPORT int schedctl_lease_wait(struct schedctl_lease *lease, int timeout_ms);

/* Gives PUs back; the next grant is without them. Those not held are ignored. This and what follows: -ENOTCONN while
 * the service is gone, -ESRCH where it does not know the lease any more. */
SCHEDCTL_EXPORT int schedctl_lease_return(struct schedctl_lease *lease, const unsigned *pus, size_t n_pus);
/* Says that pinning to these failed (EINVAL): they are given back and not lent to this lease again. */
SCHEDCTL_EXPORT int schedctl_lease_unusable(struct schedctl_lease *lease, const unsigned *pus, size_t n_pus);
/* Changes min, max, weight and memory_per_worker; 0 keeps a value, and label and priority stay. */
SCHEDCTL_EXPORT int schedctl_lease_update(struct schedctl_lease *lease, const struct schedctl_request *request);

/* How many workers a lease taken now would get, without taking one; NULL request as above. */
SCHEDCTL_EXPORT int schedctl_suggest(const struct schedctl_request *request, unsigned *ret_workers);

#ifdef __cplusplus
}
#endif
#endif
