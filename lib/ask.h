/* A request of include/schedctl.h as a call's parameters. */
#pragma once

#include "lib/client.h"
#include "lib/facts.h"

/* The request that was given, which may be NULL, or of a program that was built with another version of the library:
 * fields that it does not know are 0. -E2BIG where it asks for something that this library does not know; -EINVAL where
 * a field is out of its range. */
int ask_take(const struct schedctl_request *given, struct schedctl_request *ret_request);
bool ask_is_priority(int priority);
/* Adds a number, but for 0. -EINVAL where JSON cannot hold it, -ENOMEM. */
int ask_number(json_t *o, const char *name, uint64_t number);
/* Adds min, max, weight and memoryPerWorker, as far as they are given. */
int ask_numbers(json_t *o, const struct schedctl_request *request);
/* All that Acquire and SuggestWorkers take; a new object. */
int ask_parameters(const struct schedctl_request *request, const struct facts *facts, json_t **ret_parameters);
