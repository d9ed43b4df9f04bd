#include "tests/sim/alloc-exact.h"

#include <math.h>

enum { BISECTIONS = 200 };

struct bucket {
        double weight, least, most, level;
        uint32_t uid;
};

static double clamp(double x, double least, double most)
{
        return x < least ? least : x > most ? most : x;
}

/* Fills the buckets with `water`: level = clamp(common x weight, least, most), the sum being as much as goes in. */
static void fill(struct bucket *buckets, size_t n, double water)
{
        double low = 0, high = 1e9;

        for (unsigned round = 0; round < BISECTIONS; round++) {
                double middle = (low + high) / 2, sum = 0;

                for (size_t i = 0; i < n; i++)
                        sum += clamp(middle * buckets[i].weight, buckets[i].least, buckets[i].most);
                if (sum < water)
                        low = middle;
                else
                        high = middle;
        }
        for (size_t i = 0; i < n; i++)
                buckets[i].level = clamp(high * buckets[i].weight, buckets[i].least, buckets[i].most);
}

static struct bucket bucket_of(const struct alloc_lease_view *v, uint64_t now, unsigned n_pus)
{
        const struct alloc_request *r = v->request;
        bool young = r->priority == ALLOC_INTERACTIVE && now - v->opened < ALLOC_YOUNG_US;
        struct bucket b = {.uid = r->uid, .weight = r->weight * (young ? ALLOC_INTERACTIVE_GAIN : 1.0)};

        b.most = r->paused ? 0 : fmin(r->max, n_pus);
        b.least = r->paused || r->priority == ALLOC_BATCH ? 0 : fmin(fmax(r->min, 1), b.most);
        return b;
}

/* What the heaviest of the user's leases says, of whatever class. */
static double user_weight(const struct alloc *a, uint32_t uid)
{
        double weight = 0;

        for (size_t i = 0; i < alloc_n_leases(a); i++) {
                const struct alloc_request *r = alloc_lease_at(a, i).request;

                if (r->uid == uid)
                        weight = fmax(weight, r->user_weight ? r->user_weight : ALLOC_WEIGHT_DEFAULT);
        }
        return weight;
}

/* The user of a bucket, which is added where it is new. */
static struct bucket *user_of(const struct alloc *a, struct bucket *users, size_t *n, uint32_t uid)
{
        size_t i = 0;

        while (i < *n && users[i].uid != uid)
                i++;
        if (i == *n)
                users[(*n)++] = (struct bucket){.uid = uid, .weight = user_weight(a, uid)};
        return &users[i];
}

static void fill_user(const struct bucket *user, struct bucket *leases, const bool *counted, size_t n)
{
        struct bucket own[ALLOC_LEASES_MAX];
        size_t n_own = 0;

        for (size_t i = 0; i < n; i++)
                if (counted[i] && leases[i].uid == user->uid)
                        own[n_own++] = leases[i];
        fill(own, n_own, user->level);
        n_own = 0;
        for (size_t i = 0; i < n; i++)
                if (counted[i] && leases[i].uid == user->uid)
                        leases[i].level = own[n_own++].level;
}

/* Divides `water` among the leases of one class; returns what is left of it. */
static double fill_class(const struct alloc *a, bool batch, double water, struct bucket *leases)
{
        static struct bucket users[ALLOC_LEASES_MAX];
        bool counted[ALLOC_LEASES_MAX] = {false};
        size_t n = alloc_n_leases(a), n_users = 0;

        for (size_t i = 0; i < n; i++) {
                const struct alloc_request *r = alloc_lease_at(a, i).request;

                counted[i] = (r->priority == ALLOC_BATCH) == batch;
                if (!counted[i])
                        continue;
                struct bucket *user = user_of(a, users, &n_users, r->uid);

                user->least += leases[i].least;
                user->most += leases[i].most;
        }
        fill(users, n_users, water);
        for (size_t u = 0; u < n_users; u++) {
                fill_user(&users[u], leases, counted, n);
                water -= users[u].level;
        }
        return fmax(water, 0);
}

void exact_shares(const struct alloc *a, uint64_t now, unsigned n_pus, unsigned budget, double *ret_shares)
{
        static struct bucket leases[ALLOC_LEASES_MAX];
        size_t n = alloc_n_leases(a);
        double n_first = 0, water;

        for (size_t i = 0; i < n; i++) {
                struct alloc_lease_view v = alloc_lease_at(a, i);

                leases[i] = bucket_of(&v, now, n_pus);
                n_first += leases[i].least > 0;
        }
        water = fmin(fmax(budget, n_first), n_pus);
        water = fill_class(a, false, water, leases);
        fill_class(a, true, water, leases);
        for (size_t i = 0; i < n; i++)
                ret_shares[i] = leases[i].level;
}
