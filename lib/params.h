/* Parameter readers: a JSON object into a typed, fully validated struct by a table of its fields.
 *
 * The caller fills the struct with the defaults (or the present values) first: an absent or null field that is
 * not required leaves its member as it is. Unknown fields are ignored. The members:
 *
 *   PARAM_STRING   const char *    borrowed from the object; most: bytes at most, 0 no limit
 *   PARAM_BOOL     bool
 *   PARAM_UNSIGNED unsigned        least to most
 *   PARAM_U64      uint64_t        least to most; negative numbers are refused
 *   PARAM_DOUBLE   double          an integer or a real, least to most
 *   PARAM_CPULIST  struct cpuset   from text, "0-3,8"
 *   PARAM_PUS      struct cpuset   from an array of numbers
 *   PARAM_CHOICE   an enum from 0 on, as large as int; from one of the texts in choices
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum param_type {
        PARAM_STRING,
        PARAM_BOOL,
        PARAM_UNSIGNED,
        PARAM_U64,
        PARAM_DOUBLE,
        PARAM_CPULIST,
        PARAM_PUS,
        PARAM_CHOICE,
};

struct param {
        const char *name;
        size_t offset; /* of the member in the caller's struct */
        uint64_t least;
        uint64_t most; /* 0: no limit but the type's own */
        enum param_type type;
        bool required;
        const char *const *choices; /* NULL-terminated */
};

/* The first three of a field: {PARAM("min", PARAM_UNSIGNED, struct ask, min), .least = 1}. */
#define PARAM(name_, type_, struct_, member_) .name = (name_), .type = (type_), .offset = offsetof(struct_, member_)

/* "normal", "batch", "interactive": enum alloc_priority. */
extern const char *const params_priorities[];

/* 0, or -EINVAL with *ret_bad the name of the first field, in the table's order, that is missing, of the wrong type or
 * out of range; `values` is then untouched. */
int params_read(json_t *object, const struct param *table, size_t n, void *values, const char **ret_bad);
