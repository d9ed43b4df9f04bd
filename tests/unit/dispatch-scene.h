/* The dispatcher's scenes as readable traces: events in, decisions out. Every step has to keep all invariants. */
#pragma once

#include "core/dispatch.h"
#include "tests/unit/test.h"

enum { TRACE_MAX = 4096 };

#define ITEM(s, g)                                                                                                     \
        {                                                                                                              \
                .seconds = (s), .group = (g)                                                                           \
        }

struct scene {
        struct dispatch *d;
        struct dispatch_actions actions;
        char trace[TRACE_MAX];
        size_t len;
        uint64_t now;
};

extern const struct dispatch_pu two_pus[2];

/* It begins after one second, at(0). */
void scene_open(struct scene *s, const struct dispatch_params *params);
void scene_close(struct scene *s);
void step(struct scene *s, struct dispatch_event event);
/* What was decided since the last time. */
void expect(struct scene *s, const char *trace);
void pus(struct scene *s, const struct dispatch_pu *list, size_t n);
void event(struct scene *s, enum dispatch_event_type type, uint32_t worker, uint32_t item);
void at(struct scene *s, double seconds);
void recalled(struct scene *s, uint32_t worker, const uint32_t *list, size_t n);
/* Two equal PUs and a worker on each. */
void ready_both(struct scene *s);
