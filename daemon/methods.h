/* The service's methods: a call's parameters into a typed struct, one function a method, and the answer. */
#pragma once

#include "core/alloc.h"
#include "lib/varlink.h"

struct connection;

/* Answers the call, unless it is one-way. */
void methods_call(struct connection *c, const struct varlink_call *call);

/* The allocator's errors as the client hears them; the request is what NoUsablePU speaks of and may be NULL. */
void methods_alloc_error(struct connection *c, enum alloc_error error, const struct alloc_request *request);
void methods_limit_error(struct connection *c, const char *limit, unsigned maximum);
