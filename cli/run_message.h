/* What reporters say, as typed and checked structs: nothing of a message is believed before it is in one of these.
 *
 * Parsers return 0, -EPROTO where a field is missing, of another type or out of range, or -ENOMEM. Texts and ids
 * point into the message, which the caller keeps as long as it uses them.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/run_needs.h"

enum {
        RUN_PROTOCOL_VERSION = 4,
        RUN_ITEMS_MAX = 4 * 1000 * 1000, /* of one suite */
        RUN_AMOUNT_MAX = INT32_MAX,      /* of a resource: MiB, or whatever it is counted in */
};

#define RUN_NO_INDEX UINT32_MAX

struct run_hello {
        json_int_t version;
        pid_t pid;
        const char *rootdir;
        const json_t *settings; /* an object, or NULL; run_settings.h reads it */
};

/* Items of a suite. */
struct run_items {
        uint32_t *items;
        size_t n;
};

struct run_listing {
        uint32_t n_items, n_groups;
        const char **ids;       /* n_items */
        uint32_t *group;        /* per item, RUN_NO_INDEX none */
        const char **group_ids; /* n_groups */
        uint32_t *group_parent; /* less than the own index, or RUN_NO_INDEX */
        bool *group_loose;      /* n_groups */
        const char *start;      /* "fork" or "spawn" */
        const char *why;
        bool ordered;           /* in collection order */
        uint32_t *serial;       /* per item the number of its serial group, from 1; 0 none. NULL: there is none */
        struct run_items alone; /* not to be dealt */
        struct run_items early; /* before all others */
        struct run_needs needs;
        char *made; /* the groups' ids, where they are not the message's */
};

struct run_exited {
        uint32_t worker;
        int status;       /* as waitpid() says it */
        bool for_memory;  /* the kernel killed it */
        uint32_t running; /* item or RUN_NO_INDEX */
        struct run_items finished;
};

struct run_result {
        json_int_t exit, passed, failed, skipped, errors;
        bool has_outcomes; /* the lists are there: what ran and is in none of them passed */
        struct run_items failed_items, skipped_items;
};

int run_message_hello(const json_t *message, struct run_hello *ret_hello);
int run_message_suite(const json_t *message, struct run_listing *ret_listing);
/* The same of what was collected, of which nothing is known but what there is. */
int run_message_collected(const json_t *message, struct run_listing *ret_listing);
void run_listing_finish(struct run_listing *listing);
/* Of a confirm: an item. */
int run_message_item(const json_t *message, uint32_t n_items, uint32_t *ret_item);
int run_message_exited(const json_t *message, uint32_t n_items, struct run_exited *ret_exited);
void run_exited_finish(struct run_exited *exited);
int run_message_result(const json_t *message, uint32_t n_items, struct run_result *ret_result);
void run_result_finish(struct run_result *result);

/* A non-negative number of at most `max`. */
int run_message_number(const json_t *message, const char *field, json_int_t max, json_int_t *ret_number);
/* A text, or "" where there is none. */
const char *run_message_text(const json_t *message, const char *field);
