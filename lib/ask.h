/* A request of include/schedctl.h as a call's parameters. */
#pragma once

#include "lib/client.h"
#include "lib/facts.h"

/* -EINVAL where a field is out of its range. */
int ask_check(const struct schedctl_request *request);
/* Adds a number, but for 0. -EINVAL where JSON cannot hold it, -ENOMEM. */
int ask_number(json_t *o, const char *name, uint64_t number);
/* Adds min, max, weight and memoryPerWorker, as far as they are given. */
int ask_numbers(json_t *o, const struct schedctl_request *request);
/* All that Acquire and SuggestWorkers take; a new object. */
int ask_parameters(const struct schedctl_request *request, const struct facts *facts, json_t **ret_parameters);
