#include "hw/discover.h"

#include <hwloc.h>

#include "hw/cpukinds.h"
#include "hw/evidence.h"
#include "hw/root.h"
#include "hw/usable.h"
#include "lib/util.h"

static void topology_destroy(hwloc_topology_t topology)
{
        if (topology)
                hwloc_topology_destroy(topology);
}

DEFINE_CLEANUP(struct hwloc_topology, topology_destroy);

/* The machine while it is put together; cores are numbered as hwloc orders them. */
struct draft {
        struct machine_pu *pus;
        struct hw_core *cores;
        unsigned *first_pu, *kind_of_core; /* of each core */
        unsigned n_pus, n_cores;
};

static void draft_finishp(struct draft *draft)
{
        free(draft->pus);
        free(draft->cores);
        free(draft->first_pu);
        free(draft->kind_of_core);
}

static bool is_set(const char *variable)
{
        const char *value = getenv(variable);

        return value && *value;
}

static bool has_stand_in(void)
{
        return is_set("HWLOC_XMLFILE") || is_set("HWLOC_SYNTHETIC") || is_set("HWLOC_FSROOT");
}

bool hw_discover_elsewhere(void)
{
        return has_stand_in() && !is_set("HWLOC_THISSYSTEM");
}

/* Only what the model needs, since reading I/O devices takes longest. The x86 back end would bind this thread to
 * one PU after the other, isolated ones too, to ask each for its CPUID: Linux has said it all in sysfs. */
static int configure(hwloc_topology_t topology)
{
        unsigned long flags = HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED;

#if HWLOC_API_VERSION >= 0x00020800
        flags |= HWLOC_TOPOLOGY_FLAG_NO_DISTANCES | HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS;
#endif
        if (hwloc_topology_set_flags(topology, flags) < 0 ||
            hwloc_topology_set_components(topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86") < 0 ||
            hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE) < 0 ||
            hwloc_topology_set_icache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE) < 0 ||
            hwloc_topology_set_type_filter(topology, HWLOC_OBJ_L1CACHE, HWLOC_TYPE_FILTER_KEEP_NONE) < 0 ||
            hwloc_topology_set_type_filter(topology, HWLOC_OBJ_MISC, HWLOC_TYPE_FILTER_KEEP_NONE) < 0)
                return -errno;
        return 0;
}

/* Where it cannot read what its environment names, hwloc complains and describes this system instead. */
static bool stand_in_is_ignored(hwloc_topology_t topology)
{
        return hw_discover_elsewhere() && hwloc_topology_is_thissystem(topology);
}

/* What hwloc needs so that it neither gives up on sysfs nor on itself: it asserts that some node is online. */
static int check_sysfs(const char *root)
{
        struct cpuset nodes;
        int r;

        if (!hw_root_has(root, "/sys/devices/system/cpu"))
                return -ENOENT;
        r = hw_root_read_cpuset(root, "/sys/devices/system/node/online", &nodes);
        if (r == -ENOENT)
                return 0;
        return r < 0 || cpuset_is_empty(&nodes) ? -EINVAL : 0;
}

/* hwloc takes the root of /sys and /proc from its environment alone; the variable is there only while it loads. */
static int load_below(const char *root, hwloc_topology_t topology)
{
        bool prefixed = *root && !has_stand_in();
        int r = prefixed ? check_sysfs(root) : 0;

        if (r < 0)
                return r;
        if (prefixed && setenv("HWLOC_FSROOT", root, 1) < 0)
                return -ENOMEM;
        r = hwloc_topology_load(topology) < 0 ? -errno : 0;
        if (prefixed)
                unsetenv("HWLOC_FSROOT");
        return r == 0 || r == -ENOMEM ? r : -EINVAL;
}

static int load(const char *root, hwloc_topology_t *ret_topology)
{
        CLEANUP(cleanup_topology_destroyp) hwloc_topology_t topology = NULL;
        int r;

        if (hwloc_topology_init(&topology) < 0)
                return -ENOMEM;
        r = configure(topology);
        if (r >= 0)
                r = load_below(root, topology);
        if (r >= 0 && stand_in_is_ignored(topology))
                r = -EINVAL;
        if (r < 0)
                return r;
        *ret_topology = TAKE(topology);
        return 0;
}

static int draft_allocate(struct draft *draft, unsigned n_pus)
{
        if (n_pus == 0)
                return -EINVAL;
        if (n_pus > CPUSET_MAX)
                return -EOVERFLOW;
        draft->n_pus = n_pus;
        draft->pus = calloc(n_pus, sizeof(*draft->pus));
        draft->cores = calloc(n_pus, sizeof(*draft->cores));
        draft->first_pu = calloc(n_pus, sizeof(*draft->first_pu));
        draft->kind_of_core = calloc(n_pus, sizeof(*draft->kind_of_core));
        return draft->pus && draft->cores && draft->first_pu && draft->kind_of_core ? 0 : -ENOMEM;
}

/* The smallest of the PU's local memories: beside its own there may be one that the whole machine shares. */
static hwloc_obj_t node_of(hwloc_topology_t topology, hwloc_obj_t pu)
{
        hwloc_obj_t best = NULL;
        unsigned os;

        hwloc_bitmap_foreach_begin(os, pu->nodeset) hwloc_obj_t node = hwloc_get_numanode_obj_by_os_index(topology, os);

        if (node && !hwloc_bitmap_iszero(node->cpuset) &&
            (!best || hwloc_bitmap_weight(node->cpuset) < hwloc_bitmap_weight(best->cpuset)))
                best = node;
        hwloc_bitmap_foreach_end();
        return best;
}

/* The outermost cache above the PU; where none is described, what its package and its node have in common. */
static hwloc_obj_t cache_of(hwloc_topology_t topology, hwloc_obj_t pu, hwloc_obj_t package, hwloc_obj_t node)
{
        hwloc_obj_t cache = NULL;

        for (hwloc_obj_t obj = pu->parent; obj; obj = obj->parent)
                if (hwloc_obj_type_is_dcache(obj->type))
                        cache = obj;
        if (cache)
                return cache;
        if (package && node)
                return hwloc_bitmap_isincluded(node->cpuset, package->cpuset) ? node : package;
        return package ? package : node ? node : hwloc_get_root_obj(topology);
}

/* A group of PUs is known by its first PU until all are numbered. */
static unsigned first_of(hwloc_obj_t group, unsigned otherwise)
{
        int first = group ? hwloc_bitmap_first(group->cpuset) : -1;

        return first < 0 ? otherwise : (unsigned)first;
}

static int draft_read_pus(struct draft *draft, hwloc_topology_t topology)
{
        for (unsigned i = 0; i < draft->n_pus; i++) {
                hwloc_obj_t pu = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PU, i);

                if (!pu || pu->os_index >= CPUSET_MAX)
                        return pu ? -EOVERFLOW : -EINVAL;

                hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_PACKAGE, pu);
                hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_CORE, pu);
                hwloc_obj_t node = node_of(topology, pu);

                draft->pus[i] = (struct machine_pu){
                        .os = pu->os_index,
                        .core = first_of(core, pu->os_index),
                        .package = first_of(package, 0),
                        .node = first_of(node, 0),
                        .cache = first_of(cache_of(topology, pu, package, node), 0),
                };
        }
        return 0;
}

static int compare_os(const void *a, const void *b)
{
        unsigned x = ((const struct machine_pu *)a)->os, y = ((const struct machine_pu *)b)->os;

        return (x > y) - (x < y);
}

/* Numbers groups from 0 in the order of their first PUs; returns how many there are. */
static unsigned number_groups(struct draft *draft, size_t offset)
{
        unsigned number[CPUSET_MAX], n = 0;
        struct cpuset seen = {0};

        for (unsigned i = 0; i < draft->n_pus; i++)
                cpuset_add(&seen, *(unsigned *)(void *)((char *)&draft->pus[i] + offset));
        CPUSET_FOREACH (first, &seen)
                number[first] = n++;
        for (unsigned i = 0; i < draft->n_pus; i++) {
                unsigned *field = (unsigned *)(void *)((char *)&draft->pus[i] + offset);

                *field = number[*field];
        }
        return n;
}

static void draft_number(struct draft *draft)
{
        unsigned n_of_core[CPUSET_MAX] = {0};

        qsort(draft->pus, draft->n_pus, sizeof(*draft->pus), compare_os);
        draft->n_cores = number_groups(draft, offsetof(struct machine_pu, core));
        number_groups(draft, offsetof(struct machine_pu, package));
        number_groups(draft, offsetof(struct machine_pu, node));
        number_groups(draft, offsetof(struct machine_pu, cache));
        for (unsigned i = 0; i < draft->n_pus; i++) {
                struct machine_pu *pu = &draft->pus[i];

                pu->smt_rank = n_of_core[pu->core]++;
                if (pu->smt_rank == 0)
                        draft->first_pu[pu->core] = pu->os;
        }
}

static void draft_read_l3(struct draft *draft, hwloc_topology_t topology)
{
        for (unsigned i = 0; i < draft->n_cores; i++) {
                hwloc_obj_t pu = hwloc_get_pu_obj_by_os_index(topology, draft->first_pu[i]);

                draft->cores[i].rank = -1;
                draft->cores[i].has_l3 = pu && hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_L3CACHE, pu);
        }
}

static int draft_finish_kinds(struct draft *draft, const char *root, hwloc_topology_t topology,
                              struct machine_kind *ret_kinds, unsigned *ret_n_kinds)
{
        int r;

        draft_read_l3(draft, topology);
        r = hw_cpukinds_read(topology, draft->pus, draft->n_pus, draft->cores);
        if (r >= 0 && (*root || !has_stand_in()))
                r = hw_evidence_from_sysfs(root, draft->first_pu, draft->cores, draft->n_cores);
        if (r >= 0)
                r = hw_kinds_decide(draft->cores, draft->n_cores, ret_kinds, ret_n_kinds, draft->kind_of_core);
        for (unsigned i = 0; r >= 0 && i < draft->n_pus; i++)
                draft->pus[i].kind = draft->kind_of_core[draft->pus[i].core];
        return r;
}

static struct cpuset allowed_of(hwloc_topology_t topology)
{
        hwloc_const_bitmap_t allowed = hwloc_topology_get_allowed_cpuset(topology);
        struct cpuset set = {0};
        unsigned os;

        hwloc_bitmap_foreach_begin(os, allowed) cpuset_add(&set, os);
        hwloc_bitmap_foreach_end();
        return set;
}

static struct cpuset lendable_of(const struct machine *m, const char *root, hwloc_topology_t topology,
                                 struct hw_notes *notes)
{
        struct cpuset pus = machine_cpuset(m), set;

        if (!*root && has_stand_in()) {
                set = allowed_of(topology);
                return cpuset_and(&pus, &set);
        }
        set = hw_isolated(root, notes);
        return cpuset_andnot(&pus, &set);
}

int hw_discover(const char *root, struct machine *ret_machine, struct cpuset *ret_lendable, struct hw_notes *notes)
{
        CLEANUP(cleanup_topology_destroyp) hwloc_topology_t topology = NULL;
        CLEANUP(draft_finishp) struct draft draft = {0};
        struct machine_kind kinds[MACHINE_KINDS_MAX];
        struct machine machine;
        unsigned n_kinds;
        int r = load(root, &topology);

        if (r < 0)
                return r;
        r = draft_allocate(&draft, (unsigned)hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU));
        if (r >= 0)
                r = draft_read_pus(&draft, topology);
        if (r < 0)
                return r;
        draft_number(&draft);
        r = draft_finish_kinds(&draft, root, topology, kinds, &n_kinds);
        if (r >= 0)
                r = machine_init(draft.pus, draft.n_pus, kinds, n_kinds, &machine);
        if (r < 0)
                return r;
        draft.pus = NULL;
        *ret_machine = machine;
        *ret_lendable = lendable_of(&machine, root, topology, notes);
        return 0;
}
