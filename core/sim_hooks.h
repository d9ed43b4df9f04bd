/* What the dispatcher's tests add to a simulated run: faults, and eyes. All callbacks may be NULL. They are called in
 * the order in which things happen; each may count on what those before it have been told. `data` is the caller's.
 */
#pragma once

#include "core/dispatch.h"

struct sim_hooks {
        void *data;

        /* Faults: whether this is to happen now. */
        bool (*no_start)(void *data, uint32_t worker);
        bool (*missing)(void *data, uint32_t worker, uint32_t item); /* it does not have the item that it takes */
        bool (*crash)(void *data, uint32_t worker, uint32_t item);   /* dies at the item's end, which is lost */
        bool (*kill)(void *data, uint32_t worker);                   /* dies while it waits for items */
        double stop_at; /* seconds from the beginning: DISPATCH_STOP; 0: never */

        /* Peak memory of the worker after this item, KiB; without it 0. */
        uint64_t (*rss)(void *data, uint32_t worker, uint32_t item);

        /* Eyes. Times are seconds from the beginning. */
        void (*event)(void *data, double now, const struct dispatch_event *event);    /* before it is told */
        void (*action)(void *data, double now, const struct dispatch_action *action); /* before it is carried out */
        void (*stepped)(void *data, double now, const struct dispatch *d);     /* all its actions are carried out */
        void (*begun)(void *data, double now, uint32_t worker, uint32_t item); /* set-ups that it needs come first */
        void (*ended)(void *data, double now, uint32_t worker, uint32_t item); /* or crashed */
        void (*gone)(void *data, double now, uint32_t worker);          /* the process; the engine hears of it later */
        void (*over)(void *data, double now, const struct dispatch *d); /* nothing can happen any more */
        void (*complain)(void *data, double now, const char *what);     /* before -EPROTO */
};
