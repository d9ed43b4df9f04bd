/* The methods that open, change and end leases, as the interface describes them. */
#pragma once

#include "daemon/request.h"

void method_acquire(const struct request *q);
void method_claim(const struct request *q);
void method_control(const struct request *q);
void method_return(const struct request *q);
void method_suggest(const struct request *q);
void method_update(const struct request *q);
