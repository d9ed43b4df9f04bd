/* The state file of an earlier service, which the leases are recovered from: whatever is in it the service starts,
 * lends no PU twice, and writes down what it has kept. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "daemon/leases.h"
#include "daemon/log.h"
#include "tests/fuzz/input.h"
#include "tests/unit/sensor-tree.h"

#define BOOT "11111111-2222-3333-4444-555555555555"

static void check_recovered(const struct leases *l)
{
        struct cpuset alone = {0};

        FUZZ_CHECK(!alloc_check(l->alloc));
        FUZZ_CHECK(alloc_n_leases(l->alloc) == l->n);
        for (size_t i = 0; i < l->n; i++) {
                struct alloc_lease_view v = alloc_lease_at(l->alloc, i);
                struct cpuset mine = cpuset_andnot(&v.grant->pus, &v.grant->shared);

                FUZZ_CHECK(v.detached && leases_by_id(l, v.id));
                FUZZ_CHECK(v.id < l->next_id);
                FUZZ_CHECK(!cpuset_intersects(&mine, &alone));
                alone = cpuset_or(&alone, &mine);
        }
}

/* What is kept is in the file as it was written anew, and nothing else. */
static void check_written(const char *path, const struct leases *l)
{
        struct state_leases kept = {0};
        struct state *state;

        FUZZ_CHECK(state_open(path, BOOT, &state, &kept) == 0);
        FUZZ_CHECK(kept.n == l->n);
        for (size_t i = 0; i < kept.n; i++) {
                const struct lease *lease = leases_by_id(l, kept.items[i].id);
                struct alloc_lease_view v;

                FUZZ_CHECK(lease && alloc_lease_find(l->alloc, lease->id, &v));
                FUZZ_CHECK(token_hash_equal(&lease->hash, &kept.items[i].hash));
                FUZZ_CHECK(!lease->label == !kept.items[i].label);
                FUZZ_CHECK(!lease->label || strcmp(lease->label, kept.items[i].label) == 0);
                FUZZ_CHECK(lease->nice == kept.items[i].nice);
                FUZZ_CHECK(kept.items[i].generation == v.grant->generation);
                FUZZ_CHECK(cpuset_equal(&kept.items[i].pus, &v.grant->pus));
                FUZZ_CHECK(cpuset_equal(&kept.items[i].slots, &v.grant->slots));
                FUZZ_CHECK(alloc_request_equal(&kept.items[i].request, v.request));
        }
        state_close(state);
        state_leases_finish(&kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct tree tree;
        char path[128];
        struct machine machine = tree_machine(1, 4, 2);
        struct cpuset usable = machine_cpuset(&machine);
        struct leases leases;

        if (!*tree.root) {
                tree_make(&tree);
                log_set_level(LOG_LEVEL_ERROR);
        }
        tree_write_bytes(&tree, "/state", data, size);
        (void)snprintf(path, sizeof(path), "%s/state", tree.root);
        FUZZ_CHECK(leases_init(&leases, &machine, &usable, path, BOOT) == 0);
        machine_finish(&machine);
        FUZZ_CHECK(leases.state);
        check_recovered(&leases);
        check_written(path, &leases);
        leases_tick(&leases);
        check_recovered(&leases);
        leases_finish(&leases);
        return 0;
}
