#include "core/machine.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_os(const void *a, const void *b)
{
        unsigned x = ((const struct machine_pu *)a)->os, y = ((const struct machine_pu *)b)->os;

        return (x > y) - (x < y);
}

static bool kinds_are_valid(const struct machine_kind *kinds, unsigned n_kinds)
{
        if (n_kinds == 0 || n_kinds > MACHINE_KINDS_MAX)
                return false;
        for (unsigned i = 0; i < n_kinds; i++) {
                if (!(kinds[i].speed > 0) || kinds[i].speed > 1)
                        return false;
                if (i > 0 && kinds[i].speed > kinds[i - 1].speed)
                        return false;
                if (!(kinds[i].power >= 0) || isinf(kinds[i].power))
                        return false;
                if (!memchr(kinds[i].name, '\0', sizeof(kinds[i].name)))
                        return false;
        }
        return true;
}

/* The largest number in use, plus one, where every smaller one is used as well; 0 where there is a gap.
 * A number cannot be CPUSET_MAX or more in a dense set, since no more PUs than that exist. */
static unsigned count_dense(const struct machine_pu *pus, unsigned n_pus, size_t offset)
{
        struct cpuset seen = {0};
        unsigned largest = 0;

        for (unsigned i = 0; i < n_pus; i++) {
                unsigned value;

                memcpy(&value, (const char *)&pus[i] + offset, sizeof(value));
                if (value >= CPUSET_MAX)
                        return 0;
                cpuset_add(&seen, value);
                if (value > largest)
                        largest = value;
        }
        return cpuset_count(&seen) == largest + 1 ? largest + 1 : 0;
}

/* Sorted by OS index already. */
static bool os_indices_are_valid(const struct machine_pu *pus, unsigned n_pus)
{
        for (unsigned i = 1; i < n_pus; i++)
                if (pus[i].os == pus[i - 1].os)
                        return false;
        return pus[n_pus - 1].os < CPUSET_MAX;
}

/* The PUs of one core are of one kind and have the ranks 0 to k - 1, each once. */
static bool cores_are_valid(const struct machine_pu *pus, unsigned n_pus, unsigned n_cores)
{
        uint32_t ranks[CPUSET_MAX] = {0};
        uint8_t kind[CPUSET_MAX];

        for (unsigned i = 0; i < n_pus; i++) {
                const struct machine_pu *pu = &pus[i];

                if (pu->smt_rank >= 32 || (ranks[pu->core] & (UINT32_C(1) << pu->smt_rank)))
                        return false;
                if (ranks[pu->core] != 0 && kind[pu->core] != pu->kind)
                        return false;
                kind[pu->core] = (uint8_t)pu->kind;
                ranks[pu->core] |= UINT32_C(1) << pu->smt_rank;
        }
        for (unsigned i = 0; i < n_cores; i++)
                if (ranks[i] & (ranks[i] + 1))
                        return false;
        return true;
}

int machine_init(struct machine_pu *pus, unsigned n_pus, const struct machine_kind *kinds, unsigned n_kinds,
                 struct machine *ret_machine)
{
        struct machine m = {.pus = pus, .n_pus = n_pus, .n_kinds = n_kinds, .smt_gain = MACHINE_SMT_GAIN_DEFAULT};

        if (n_pus == 0 || n_pus > CPUSET_MAX || !kinds_are_valid(kinds, n_kinds))
                return -EINVAL;
        qsort(pus, n_pus, sizeof(*pus), compare_os);
        if (!os_indices_are_valid(pus, n_pus))
                return -EINVAL;

        m.n_cores = count_dense(pus, n_pus, offsetof(struct machine_pu, core));
        m.n_packages = count_dense(pus, n_pus, offsetof(struct machine_pu, package));
        m.n_nodes = count_dense(pus, n_pus, offsetof(struct machine_pu, node));
        m.n_caches = count_dense(pus, n_pus, offsetof(struct machine_pu, cache));
        if (!m.n_cores || !m.n_packages || !m.n_nodes || !m.n_caches ||
            count_dense(pus, n_pus, offsetof(struct machine_pu, kind)) != n_kinds)
                return -EINVAL;
        if (!cores_are_valid(pus, n_pus, m.n_cores))
                return -EINVAL;

        memcpy(m.kinds, kinds, n_kinds * sizeof(*kinds));
        for (unsigned i = 0; i < n_kinds; i++) {
                m.kinds[i].n_cores = 0;
                if (!(kinds[i].power > 0))
                        m.kinds[i].power = kinds[i].speed * kinds[i].speed;
        }
        for (unsigned i = 0; i < n_pus; i++)
                if (pus[i].smt_rank == 0)
                        m.kinds[pus[i].kind].n_cores++;
        *ret_machine = m;
        return 0;
}

void machine_finish(struct machine *m)
{
        if (!m)
                return;
        free(m->pus);
        *m = (struct machine){0};
}

int machine_copy(const struct machine *m, struct machine *ret_copy)
{
        struct machine copy = *m;

        copy.pus = NULL;
        if (m->n_pus > 0) {
                copy.pus = malloc(m->n_pus * sizeof(*m->pus));
                if (!copy.pus)
                        return -ENOMEM;
                memcpy(copy.pus, m->pus, m->n_pus * sizeof(*m->pus));
        }
        *ret_copy = copy;
        return 0;
}

const struct machine_pu *machine_find(const struct machine *m, unsigned os)
{
        const struct machine_pu key = {.os = os};

        if (m->n_pus == 0)
                return NULL;
        return bsearch(&key, m->pus, m->n_pus, sizeof(*m->pus), compare_os);
}

struct cpuset machine_cpuset(const struct machine *m)
{
        struct cpuset set = {0};

        for (unsigned i = 0; i < m->n_pus; i++)
                cpuset_add(&set, m->pus[i].os);
        return set;
}

struct cpuset machine_siblings(const struct machine *m, unsigned os)
{
        const struct machine_pu *pu = machine_find(m, os);
        struct cpuset set = {0};

        for (unsigned i = 0; pu && i < m->n_pus; i++)
                if (m->pus[i].core == pu->core)
                        cpuset_add(&set, m->pus[i].os);
        return set;
}

struct cpuset machine_kind_cpuset(const struct machine *m, unsigned kind)
{
        struct cpuset set = {0};

        for (unsigned i = 0; i < m->n_pus; i++)
                if (m->pus[i].kind == kind)
                        cpuset_add(&set, m->pus[i].os);
        return set;
}

double machine_pu_speed(const struct machine *m, unsigned os, const struct cpuset *busy)
{
        const struct machine_pu *pu = machine_find(m, os);
        unsigned n_busy = 1;

        if (!pu)
                return 0;
        for (unsigned i = 0; i < m->n_pus; i++) {
                const struct machine_pu *other = &m->pus[i];

                if (other->core == pu->core && other->os != os && cpuset_has(busy, other->os))
                        n_busy++;
        }
        return m->kinds[pu->kind].speed * (1 + m->smt_gain * (n_busy - 1)) / n_busy;
}
