/* schedctl.h: borrow CPUs from the scheduling service.
 *
 *     struct schedctl_lease *lease;
 *     int r = schedctl_acquire(NULL, &lease);          // up to all the CPUs, at least one
 *     if (r < 0) …                                     // negative errno
 *     n = schedctl_lease_n_pus(lease); …               // run n threads on schedctl_lease_pu(lease, i)
 *     schedctl_lease_release(lease);
 *
 * Every function returns 0 or more on success and a negative errno on failure; output arguments stay untouched
 * on failure. Nothing here prints, logs, installs signal handlers or changes the caller's affinity. Descriptors are
 * close-on-exec.
 *
 * Blocking or not: schedctl_acquire(), _wait(), schedctl_call() and schedctl_suggest() wait. For a loop of one's own
 * there are schedctl_acquire_start() and struct schedctl_connection: whose functions wait for nothing but, where a
 * service has to be started, two forks. Watch the handle's descriptor for reading, and call _dispatch() until it
 * returns 0 when it is readable, and once after something was asked for.
 *
 * Threads: a handle belongs to one thread at a time; different handles are independent. Forks: a handle stays the
 * parent's. In a child its functions fail with -ECHILD; the child should release it, which closes its copies of the
 * descriptors and leaves the lease to the parent. One that does not keeps the lease open beyond the parent's end, until
 * it ends or calls exec. A child that is to go on with the lease in the parent's stead: schedctl_lease_adopt().
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
struct schedctl_connection;

enum {
        SCHEDCTL_NORMAL,
        SCHEDCTL_BATCH,       /* takes what others leave; may wait even for the first PU */
        SCHEDCTL_INTERACTIVE, /* somebody waits for it, and it is short: ahead of normal ones for its first minute */
};

/* What is asked for. Zero in every field is a good request; set size to sizeof(struct schedctl_request). */
struct schedctl_request {
        size_t size;     /* of this struct, so that it can grow: -E2BIG where the library is too old for it */
        unsigned min;    /* PUs without which the work cannot start; 0 means 1 */
        unsigned max;    /* PUs of use; 0 means as many as there are */
        unsigned weight; /* share against other leases, 1 to 10000; 0 means 100 */
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

/* The same without waiting, for event loops: the lease holds nothing until schedctl_lease_dispatch() has returned 1,
 * and that returns the errors above where none can be had. Calls on this lease do not wait either: 0 says that they are
 * on their way, and what they come to is seen in the grants, or by schedctl_lease_error(). */
SCHEDCTL_EXPORT int schedctl_acquire_start(const struct schedctl_request *request, struct schedctl_lease **ret_lease);

/* Ends the lease and frees the handle; NULL is allowed. */
SCHEDCTL_EXPORT void schedctl_lease_release(struct schedctl_lease *lease);

/* In a child that was forked with the lease and goes on with it: the parent calls nothing but _release() on it any
 * more. The lease lives until both have released it, or ended. */
SCHEDCTL_EXPORT void schedctl_lease_adopt(struct schedctl_lease *lease);

/* The PUs held as of the last grant that was read (by schedctl_acquire(), _dispatch() or _wait()): OS indices, fastest
 * first as the service lends them. */
SCHEDCTL_EXPORT size_t schedctl_lease_n_pus(const struct schedctl_lease *lease);
SCHEDCTL_EXPORT unsigned schedctl_lease_pu(const struct schedctl_lease *lease, size_t index);

/* Not 0 where another lease uses that PU too. */
SCHEDCTL_EXPORT int schedctl_lease_is_shared(const struct schedctl_lease *lease, size_t index);

/* What `schedctl set` and `schedctl status` call the lease; NULL before the first grant. */
SCHEDCTL_EXPORT const char *schedctl_lease_id(const struct schedctl_lease *lease);

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
 * setpriority() before starting anything. 0: as it is. It follows the lease's priority. */
SCHEDCTL_EXPORT int schedctl_lease_nice(const struct schedctl_lease *lease);

/* Readable (poll) when something may have changed. The same descriptor for the lease's life. */
SCHEDCTL_EXPORT int schedctl_lease_fd(const struct schedctl_lease *lease);
/* Reads what arrived: 1 the lease changed, 0 not, -ENOTCONN the service is gone: what is held may go on being used. The
 * library has tried to claim it from a restarted service, and tries again a few times when the descriptor becomes
 * readable and this is called; 1 then says that it could. Another error: the service has ended the lease, or there is
 * none to be had; it is to be released. */
SCHEDCTL_EXPORT int schedctl_lease_dispatch(struct schedctl_lease *lease);
/* The same, waiting up to timeout_ms (-1: for ever); -EINTR where a signal came. */
SCHEDCTL_EXPORT int schedctl_lease_wait(struct schedctl_lease *lease, int timeout_ms);

/* Gives PUs back; the next grant is without them. Those not held are ignored. This and what follows: -EAGAIN before the
 * first grant; -ENOTCONN while the service is gone; -ESRCH where it does not know the lease any more; -ENOBUFS where
 * too much is on its way. */
SCHEDCTL_EXPORT int schedctl_lease_return(struct schedctl_lease *lease, const unsigned *pus, size_t n_pus);
/* Says that pinning to these failed (EINVAL): they are given back and not lent to this lease again. */
SCHEDCTL_EXPORT int schedctl_lease_unusable(struct schedctl_lease *lease, const unsigned *pus, size_t n_pus);
/* Changes min, max, weight and memory_per_worker; 0 keeps a value, and label and priority stay. */
SCHEDCTL_EXPORT int schedctl_lease_update(struct schedctl_lease *lease, const struct schedctl_request *request);

/* Tells about once a second how the work goes: seconds of work (as estimated beforehand) done per second, and
 * milliseconds until it is expected to be done, 0 where that is not known. By the first the service knows whether one
 * PU less would do; by the second, what to tell those who wait. */
SCHEDCTL_EXPORT int schedctl_lease_report(struct schedctl_lease *lease, double work_rate, uint64_t ends_in_ms);
/* SCHEDCTL_NORMAL, _BATCH or _INTERACTIVE. */
SCHEDCTL_EXPORT int schedctl_lease_set_priority(struct schedctl_lease *lease, int priority);
/* At least so many slots, for more workers than PUs; they come with a later grant, as many as the service has. */
SCHEDCTL_EXPORT int schedctl_lease_set_slots(struct schedctl_lease *lease, unsigned slots);
/* The systemd unit that holds what runs on the PUs; NULL or "": none. */
SCHEDCTL_EXPORT int schedctl_lease_set_unit(struct schedctl_lease *lease, const char *unit);
/* Reads again what this process's cgroups allow it, and tells the service where that has changed: 1 it had. The
 * affinity counts as it was when the lease began. */
SCHEDCTL_EXPORT int schedctl_lease_refresh(struct schedctl_lease *lease);
/* The first error of a call that was not waited for, since this was last asked; 0 none. */
SCHEDCTL_EXPORT int schedctl_lease_error(struct schedctl_lease *lease);

/* How many workers a lease taken now would get, without taking one; NULL request as above. */
SCHEDCTL_EXPORT int schedctl_suggest(const struct schedctl_request *request, unsigned *ret_workers);

/* Every method of the service's interface (org.schedctl.Scheduler.varlink): parameters and replies as JSON text. A
 * method's name without a dot is of that interface; NULL for parameters is {}. */
enum {
        SCHEDCTL_NO_START = 1, /* as a request's no_start */
};

/* One call and its reply, waiting. 0 and the reply's parameters; or 1, the name of the service's error and its
 * parameters; or a negative errno as of schedctl_acquire(). Free both texts; *ret_error is NULL with 0. */
SCHEDCTL_EXPORT int schedctl_call(const char *method, const char *parameters, unsigned flags, char **ret_reply,
                                  char **ret_error);

/* A connection for calls without waiting, and for streams. It looks for the service when something is called. */
SCHEDCTL_EXPORT int schedctl_connection_new(unsigned flags, struct schedctl_connection **ret_connection);
/* NULL is allowed. */
SCHEDCTL_EXPORT void schedctl_connection_free(struct schedctl_connection *connection);

enum {
        SCHEDCTL_MORE = 1,   /* replies may follow each other (Monitor, Acquire, Claim) */
        SCHEDCTL_ONEWAY = 2, /* no reply */
};

/* Queues a call; replies come in the order of the calls. A method that streams has its connection for itself. -EINVAL
 * where the parameters are no JSON object; -EMSGSIZE; -ENOBUFS where too many calls are unsent. */
SCHEDCTL_EXPORT int schedctl_connection_call(struct schedctl_connection *connection, const char *method,
                                             const char *parameters, unsigned flags);
/* Readable (poll) when there is something to dispatch. The same descriptor for the connection's life. */
SCHEDCTL_EXPORT int schedctl_connection_fd(const struct schedctl_connection *connection);
/* Sends what is queued and takes the next reply: 1 there is one, 0 not yet. Errors end the connection: -ENOTCONN the
 * service has ended it; others as of schedctl_acquire(). */
SCHEDCTL_EXPORT int schedctl_connection_dispatch(struct schedctl_connection *connection);
/* The same, waiting up to timeout_ms (-1: for ever); -EINTR where a signal came, which ends nothing. */
SCHEDCTL_EXPORT int schedctl_connection_wait(struct schedctl_connection *connection, int timeout_ms);

/* The reply that was taken last: its parameters, the name of its error (NULL: none) and whether others follow to the
 * same call. The texts are valid until the next dispatch. */
SCHEDCTL_EXPORT const char *schedctl_connection_reply(const struct schedctl_connection *connection);
SCHEDCTL_EXPORT const char *schedctl_connection_error(const struct schedctl_connection *connection);
SCHEDCTL_EXPORT int schedctl_connection_continues(const struct schedctl_connection *connection);

#ifdef __cplusplus
}
#endif
#endif
