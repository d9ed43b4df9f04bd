/* A descriptor on the loop that can be let go of at any moment. libuv frees nothing before the loop has come round;
 * a watch does that by itself. */
#pragma once

#include <uv.h>

struct watch;

/* status as uv_poll_cb has it: below 0 the descriptor will say nothing more. The watch may be ended in it. */
typedef void (*watch_fn)(void *arg, int status);

/* events as uv_poll_start() has them. -ENOMEM, or what libuv says of the descriptor: -EPERM of a regular file. */
int watch_start(uv_loop_t *loop, int fd, int events, watch_fn fn, void *arg, struct watch **ret_watch);
/* Never calls back again. The descriptor stays the caller's and may be closed at once. Takes NULL. */
void watch_end(struct watch *w);
