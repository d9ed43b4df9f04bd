/* A call being answered: its parameters read, its reply or its error sent. Whoever called one-way hears nothing, not
 * even errors.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "core/alloc.h"
#include "lib/params.h"

#define SCHEDULER "org.schedctl.Scheduler."
#define SERVICE   "org.varlink.service."

struct connection;
struct server;

struct request {
        struct connection *c;
        struct server *server;
        json_t *parameters;
        bool oneway;
        bool more;
};

/* Reply, or error; parameters are taken over. */
void request_reply(const struct request *q, json_t *parameters);
void request_fail(const struct request *q, const char *error, json_t *parameters);
void request_fail_parameter(const struct request *q, const char *name);
void request_fail_limit(const struct request *q, const char *limit, unsigned maximum);
/* What a step of the leases gave, where it is not success; `asked` is what NoUsablePU speaks of and may be NULL. */
void request_fail_step(const struct request *q, int r, const struct alloc_request *asked);

/* An empty reply, or what a step failed with. */
void request_finish(const struct request *q, int r, const struct alloc_request *asked);

/* Reads the parameters; false where one is refused, which has been answered. */
bool request_read(const struct request *q, const struct param *table, size_t n, void *values);
/* Whether the call can have no stream, which has been answered. */
bool request_refuse_single(const struct request *q);
