/* Calls and their replies over one connection, without waiting for anything: calls are queued, the service is searched
 * for (lib/opening.h), and replies are taken in the order of the calls as they come.
 *
 *     exchange_call(&e, method, parameters, 0);
 *     while ((r = exchange_step(&e, &reply)) == 0)
 *             wait for the poller, or exchange_block(&e, POLLER_NEVER);
 *
 * Until the first reply has come the search is begun anew where the service leaves (its idle exit came between) or says
 * that another has taken over, a few times, and the calls are sent again. After that a connection that ends is an
 * error.
 */
#pragma once

#include "lib/channel.h"
#include "lib/opening.h"
#include "lib/poller.h"

enum {
        EXCHANGE_REPLY_MS = 10000,      /* a service that has not answered a call by then is taken for dead */
        EXCHANGE_QUEUE_MAX = 256 * 1024 /* bytes of calls that are not sent yet */
};

struct exchange {
        const struct poller *poller; /* in which the exchange is watched; NULL: in none */
        struct channel channel;
        struct opening opening;
        bool is_opening;
        bool no_start;
        struct address where; /* that the service last answered at */
        bool bound;           /* it is searched for nowhere else */
        bool answered;        /* the service has replied */
        bool streams;         /* its last reply said that others follow, whenever */
        unsigned tries;
        unsigned waiting; /* calls whose last reply is not here */
        char *out;        /* calls; kept until the first reply */
        size_t out_len, out_sent, out_allocated;
        int watched; /* what is waited for: -1 only the time */
        uint32_t events;
        int64_t reply_by;
};

void exchange_init(struct exchange *e, const struct poller *poller, bool no_start);
/* Closes the connection and drops what was queued; ready for other calls, which search for the service again. */
void exchange_reset(struct exchange *e);

/* From now on the service is searched for where it is, or where `other` has found it: who has lent something is asked
 * for it, and nobody else. One that says that another has taken over is then believed. */
void exchange_bind(struct exchange *e, const struct exchange *other);
/* Whether there is a connection, or one is being opened. */
bool exchange_is_open(const struct exchange *e);

/* Queues a call; sent by the next step. -ENOBUFS where too many are unsent, -EMSGSIZE, -ENOMEM; what reading the
 * addresses can fail with. */
int exchange_call(struct exchange *e, const char *method, json_t *parameters, unsigned varlink_flags);

/* 1 and a reply, 0 none yet. -ENOENT no service could be reached or started; -ENOTCONN it has ended the connection, or
 * nothing was called; -ETIMEDOUT it does not answer; -EPROTO; what starting it can fail with. An error has reset it. */
int exchange_step(struct exchange *e, struct varlink_reply *ret_reply);
/* When a step has something to do if nothing comes before; poller_now(). */
int64_t exchange_deadline(const struct exchange *e);

/* Waits until a step has something to do, or for the deadline: 0, or -EINTR. */
int exchange_block(const struct exchange *e, int64_t deadline);
/* Waits for a reply until the deadline: 0, or -ETIMEDOUT; signals do not end the wait. */
int exchange_await(struct exchange *e, int64_t deadline, struct varlink_reply *ret_reply);
