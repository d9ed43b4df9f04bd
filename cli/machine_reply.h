/* The service's reply to GetMachine, as the machine model. */
#pragma once

#include <jansson.h>

#include "core/machine.h"

/* Reads kinds, PUs and smtGain; machine_finish() what it fills. -EPROTO where the reply is none; -ENOMEM. */
int machine_reply_read(const json_t *reply, struct machine *ret_machine);
/* The cpulist in one of the reply's fields; -EPROTO. */
int machine_reply_cpuset(const json_t *reply, const char *field, struct cpuset *ret_set);
