#include "tests/sim/alloc-world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t rng_next(struct rng *r)
{
        return random_next(&r->state);
}

unsigned rng_below(struct rng *r, unsigned n)
{
        return (unsigned)(rng_next(r) % n);
}

enum { LARGE_HYBRID = 24 };

static struct machine_pu pu_of(enum world_shape shape, unsigned n_pus, unsigned os)
{
        bool slow = shape == WORLD_HYBRID && os >= n_pus / 2;
        bool slowest = slow && n_pus >= LARGE_HYBRID && os >= n_pus - n_pus / 4;
        bool second = shape == WORLD_SOCKETS && os >= n_pus / 2;
        struct machine_pu pu = {.os = os, .core = os / 2, .smt_rank = os % 2};

        if (shape == WORLD_PLAIN || slow) {
                pu.core = os;
                pu.smt_rank = 0;
        }
        pu.kind = slow + slowest;
        pu.package = pu.node = pu.cache = second;
        return pu;
}

/* Dense numbers in place of those that offline PUs left holes in; they rise with the OS index in every shape. */
static void close_holes(struct machine_pu *pus, unsigned n, size_t offset)
{
        unsigned before = 0, next = 0;

        for (unsigned i = 0; i < n; i++) {
                char *field = (char *)&pus[i] + offset;
                unsigned value;

                memcpy(&value, field, sizeof(value));
                if (i > 0 && value != before)
                        next++;
                before = value;
                memcpy(field, &next, sizeof(next));
        }
}

/* A core whose first PU is offline begins with the second. */
static void close_ranks(struct machine_pu *pus, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                pus[i].smt_rank = i > 0 && pus[i].core == pus[i - 1].core ? pus[i - 1].smt_rank + 1 : 0;
}

struct machine world_machine(enum world_shape shape, unsigned n_pus, const struct cpuset *offline)
{
        struct machine_kind kinds[] = {
                {.name = "P", .speed = 1}, {.name = "E", .speed = 0.6}, {.name = "LP-E", .speed = 0.3}};
        struct machine_pu *pus = calloc(n_pus, sizeof(*pus));
        struct machine machine;
        unsigned n = 0, n_kinds = 1;

        if (!pus)
                abort();
        for (unsigned os = 0; os < n_pus; os++)
                if (!offline || !cpuset_has(offline, os))
                        pus[n++] = pu_of(shape, n_pus, os);
        close_holes(pus, n, offsetof(struct machine_pu, core));
        close_holes(pus, n, offsetof(struct machine_pu, kind));
        close_holes(pus, n, offsetof(struct machine_pu, package));
        close_holes(pus, n, offsetof(struct machine_pu, node));
        close_holes(pus, n, offsetof(struct machine_pu, cache));
        close_ranks(pus, n);
        for (unsigned i = 0; i < n; i++)
                if (pus[i].kind >= n_kinds)
                        n_kinds = pus[i].kind + 1;
        if (machine_init(pus, n, kinds, n_kinds, &machine) < 0)
                abort();
        return machine;
}

static unsigned fail_at;
static bool failed;

void world_fail_allocation(unsigned n)
{
        fail_at = n;
        failed = false;
}

bool world_allocation_failed(void)
{
        return failed;
}

static bool fails_now(void)
{
        if (fail_at == 0 || --fail_at > 0)
                return false;
        failed = true;
        return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_malloc(size_t size)
{
        return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
        return fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
        return fails_now() ? NULL : __real_realloc(p, size);
}

static void print_set(FILE *f, const char *name, const struct cpuset *set)
{
        char text[CPUSET_TEXT_MAX];

        cpuset_format(set, text, sizeof(text));
        fprintf(f, " %s=%s", name, text);
}

static void print_lease(FILE *f, const struct alloc_lease_view *v)
{
        const struct alloc_grant *g = v->grant;

        fprintf(f, "%" PRIu64 " uid=%u/%u min=%u max=%u weight=%u %s%s%s generation=%" PRIu64, v->id, v->request->uid,
                v->request->user_weight, v->request->min, v->request->max, v->request->weight,
                alloc_priority_text(v->request->priority), v->request->paused ? " paused" : "",
                v->detached ? " detached" : "", g->generation);
        print_set(f, "pus", &g->pus);
        print_set(f, "shared", &g->shared);
        print_set(f, "wanted", &g->wanted);
        print_set(f, "lost", &g->lost);
        print_set(f, "slots", &g->slots);
        print_set(f, "allowed", &v->request->allowed);
        fprintf(f, " deadline=%" PRIu64 " position=%u ends=%" PRIu64 " expected=%" PRIu64 ": %s, %s\n",
                g->wanted_deadline, g->position, v->request->ends_at, g->expected_at, alloc_reason_text(g->reason),
                alloc_reason_text(g->wanted_reason));
}

char *world_dump(const struct alloc *a)
{
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                abort();
        fprintf(f, "next deadline %" PRIu64 "\n", alloc_next_deadline(a));
        for (size_t i = 0; i < alloc_n_leases(a); i++) {
                struct alloc_lease_view v = alloc_lease_at(a, i);

                print_lease(f, &v);
        }
        if (fclose(f) != 0)
                abort();
        return text;
}
