/* What a handle of the library waits for, behind one descriptor that a program's own loop can watch: readable when one
 * of the descriptors within, or the time, has come. It stays the same while connections come and go.
 *
 * After a fork it is the parent's still, although the child has a copy: the child may finish its own, which changes
 * nothing for the parent.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#define POLLER_NEVER INT64_MAX

struct poller {
        int fd;
        int timer_fd;
        pid_t owner;
};

#define POLLER_INIT                                                                                                    \
        {                                                                                                              \
                .fd = -1, .timer_fd = -1                                                                               \
        }

int poller_init(struct poller *p);
void poller_finish(struct poller *p);
/* 0, or -ECHILD where this is a child that was forked since. */
int poller_check(const struct poller *p);

/* Adds a descriptor, or changes what it is watched for (EPOLLIN, EPOLLOUT). */
int poller_watch(const struct poller *p, int fd, uint32_t events);
/* Before the descriptor is closed: a copy of it in another process would keep it here. */
void poller_unwatch(const struct poller *p, int fd);
/* Becomes readable at the deadline too, in milliseconds of poller_now(); instead of any before. */
void poller_arm(const struct poller *p, int64_t deadline);

/* Monotonic. */
int64_t poller_now(void);
/* The milliseconds to the deadline as poll() takes them: 0 where it is over, -1 for POLLER_NEVER. */
int poller_left(int64_t deadline);
/* Waits for one descriptor, -1 for none, until the deadline: 1, 0, -EINTR and other errors of poll(). */
int poller_block(int fd, short events, int64_t deadline);
