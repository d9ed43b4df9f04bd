/* Cleanup attributes and small macros that every room but core/ may use. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))

/* Hands a pointer on and leaves NULL behind: *ret_x = TAKE(x). */
#define TAKE(p)                                                                                                        \
        __extension__({                                                                                                \
                __typeof__(p) take_ = (p);                                                                             \
                (p) = NULL;                                                                                            \
                take_;                                                                                                 \
        })
#define TAKE_FD(fd)                                                                                                    \
        __extension__({                                                                                                \
                int take_fd_ = (fd);                                                                                   \
                (fd) = -1;                                                                                             \
                take_fd_;                                                                                              \
        })

static inline void cleanup_freep(void *p)
{
        free(*(void **)p);
}

static inline void cleanup_closep(int *fd)
{
        int saved = errno;

        if (*fd >= 0)
                close(*fd);
        errno = saved;
}

static inline void cleanup_fclosep(FILE **f)
{
        if (*f)
                fclose(*f);
}

/* Makes room for one element more in an array that has n; `array` points to the pointer, whatever that points to.
 * -ENOMEM: as it was. */
static inline int array_reserve(void *array, size_t n, size_t *allocated, size_t size)
{
        size_t wanted = *allocated ? 2 * *allocated : 16;
        void *grown;

        if (n < *allocated)
                return 0;
        memcpy(&grown, array, sizeof(grown));
        grown = reallocarray(grown, wanted, size);
        if (!grown)
                return -ENOMEM;
        memcpy(array, &grown, sizeof(grown));
        *allocated = wanted;
        return 0;
}

#define CLEANUP(f)     __attribute__((cleanup(f)))
#define CLEANUP_FREE   CLEANUP(cleanup_freep)
#define CLEANUP_CLOSE  CLEANUP(cleanup_closep)
#define CLEANUP_FCLOSE CLEANUP(cleanup_fclosep)

/* A function cleanup_NAMEp for a pointer type with a destructor that takes NULL. */
#define DEFINE_CLEANUP(type, destroy)                                                                                  \
        static inline void cleanup_##destroy##p(type **p)                                                              \
        {                                                                                                              \
                destroy(*p);                                                                                           \
        }                                                                                                              \
        struct cleanup_##destroy##_semicolon_
