/* org.varlink.service: what the service is, and the text of its interfaces. */
#pragma once

#include <jansson.h>
#include <stddef.h>

json_t *describe_service(void);
/* The interface's definition, the very file in docs/; NULL where the service has no such interface. */
const char *describe_interface(const char *name, size_t len);
