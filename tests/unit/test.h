/* The few macros that the C tests share: a failed check says where and what, and ends the program. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                               \
        do {                                                                                                           \
                if (!(condition)) {                                                                                    \
                        fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                        \
                        exit(1);                                                                                       \
                }                                                                                                      \
        } while (0)

#define CHECK_INT(actual, expected)                                                                                    \
        do {                                                                                                           \
                long long a_ = (long long)(actual), e_ = (long long)(expected);                                        \
                if (a_ != e_) {                                                                                        \
                        fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #actual, a_, e_);         \
                        exit(1);                                                                                       \
                }                                                                                                      \
        } while (0)

#define CHECK_STR(actual, expected)                                                                                    \
        do {                                                                                                           \
                const char *a_ = (actual), *e_ = (expected);                                                           \
                if (!a_ || strcmp(a_, e_) != 0) {                                                                      \
                        fprintf(stderr, "%s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #actual,              \
                                a_ ? a_ : "(null)", e_);                                                               \
                        exit(1);                                                                                       \
                }                                                                                                      \
        } while (0)
