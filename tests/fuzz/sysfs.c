/* hw/'s readers of /sys and /proc below a root: sensors, cgroups, memory, supplies, isolated CPUs, kinds of core.
 * Whatever the files say, what is read can be counted with, and the governor has an answer to it.
 *
 * The input is parts between lines of %%. The first is the number of a machine whose files are all well; each of the
 * others replaces one: a line with its path, then its text. A path behind a ! is replaced while it is being read, by a
 * folder where there is no text.
 */
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "core/governor.h"
#include "hw/cgroup.h"
#include "hw/evidence.h"
#include "hw/kinds.h"
#include "hw/memory.h"
#include "hw/oom.h"
#include "hw/sensors.h"
#include "hw/usable.h"
#include "lib/util.h"
#include "tests/fuzz/input.h"
#include "tests/unit/sensor-sample.h"
#include "tests/unit/sensor-tree.h"

enum { REPLACED_MAX = 24, PATH_SIZE = 160, PID = 4321 };

/* A tree that stays: what an input replaces is mended after it. */
static struct model {
        const struct tree_file *files;
        size_t n_files;
        struct tree tree;
        struct machine machine;
} models[TREE_MODELS];

struct replaced {
        char path[PATH_SIZE];
        const uint8_t *text;
        size_t len;
        bool later;
};

static void make_models(void)
{
        for (unsigned i = 0; i < TREE_MODELS; i++) {
                struct model *m = &models[i];

                m->machine = tree_model_machine((enum tree_model)i);
                m->files = tree_model_files((enum tree_model)i, &m->n_files);
                tree_make(&m->tree);
                tree_write_all(&m->tree, m->files, m->n_files);
        }
}

/* Below /sys or /proc, and without ways out. */
static bool is_path(const char *path)
{
        if ((strncmp(path, "/sys/", 5) != 0 && strncmp(path, "/proc/", 6) != 0) || strstr(path, "//") ||
            strstr(path, "/.") || path[strlen(path) - 1] == '/')
                return false;
        for (const char *c = path; *c; c++)
                if (!isalnum((unsigned char)*c) && !strchr("/._-:@", *c))
                        return false;
        return true;
}

static bool read_part(const uint8_t *part, size_t len, struct replaced *ret_replaced)
{
        const uint8_t *end = memchr(part, '\n', len);
        size_t n = end ? (size_t)(end - part) : len;
        struct replaced r = {.later = n > 0 && part[0] == '!'};

        n -= r.later;
        if (n == 0 || n >= sizeof(r.path))
                return false;
        memcpy(r.path, part + r.later, n);
        r.text = end ? end + 1 : part + len;
        r.len = (size_t)(part + len - r.text);
        *ret_replaced = r;
        return is_path(r.path);
}

/* Not where another one is a folder, or the like. */
static bool fits(const struct model *m, const struct replaced *list, size_t n, const char *path)
{
        size_t len = strlen(path);

        for (size_t i = 0; i < n; i++) {
                size_t other = strlen(list[i].path), least = len < other ? len : other;

                if (strncmp(list[i].path, path, least) == 0)
                        return false;
        }
        for (size_t i = 0; i < m->n_files; i++) {
                const char *file = m->files[i].path;
                size_t other = strlen(file);

                if ((strncmp(file, path, len) == 0 && file[len] == '/') ||
                    (len > other && strncmp(file, path, other) == 0 && path[other] == '/'))
                        return false;
        }
        return true;
}

static void replace(const struct model *m, const struct replaced *r)
{
        if (r->later && r->len == 0)
                tree_folder(&m->tree, r->path);
        else
                tree_write_bytes(&m->tree, r->path, r->text, r->len);
}

static void mend(const struct model *m, const struct replaced *list, size_t n)
{
        for (size_t i = 0; i < n; i++)
                tree_remove(&m->tree, list[i].path);
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < m->n_files; k++)
                        if (strcmp(m->files[k].path, list[i].path) == 0)
                                tree_write(&m->tree, m->files[k].path, m->files[k].text);
}

/* Readers. */

static void sample(const struct model *m, struct hw_sensors *sensors, struct governor *governor, uint64_t now)
{
        struct cpuset all = machine_cpuset(&m->machine);
        struct governor_situation situation = {
                .machine = &m->machine, .usable = &all, .lent = &all, .n_runs = 1, .work_rate = -1};
        struct governor_decision decision;
        struct readings readings;

        FUZZ_CHECK(hw_sensors_read(sensors, &all, now, &readings) == 0);
        if (sample_judge(&readings))
                fprintf(stderr, "%s\n", sample_judge(&readings));
        FUZZ_CHECK(!sample_judge(&readings));
        governor_step(governor, &readings, &situation, &decision);
        FUZZ_CHECK(decision.budget >= 1 && decision.budget <= decision.usable && isfinite(decision.level));
}

static void read_processes(const char *root)
{
        struct hw_notes notes = {0};
        struct hw_allowance allowance;
        struct hw_cgroup_place place;
        struct cpuset around;
        char path[HW_PATH_MAX];
        uint64_t n, limit;

        FUZZ_CHECK(hw_allowance_read(root, PID, &allowance, &notes) == 0);
        FUZZ_CHECK(isfinite(allowance.quota) && allowance.quota >= 0);
        FUZZ_CHECK(strnlen(allowance.group, sizeof(allowance.group)) < sizeof(allowance.group));
        FUZZ_CHECK(hw_allowance_read(root, 0, &allowance, NULL) == 0);
        FUZZ_CHECK(hw_cpusets_around(root, "run-1.scope", &around) == 0);
        FUZZ_CHECK(hw_cgroup_find(root, "self", "memory", &place) == 0);
        FUZZ_CHECK(hw_cgroup_memory_left(root, &place, &limit) <= limit || limit == UINT64_MAX);
        while (*place.directory && hw_cgroup_up(&place))
                ;
        FUZZ_CHECK(hw_memory_available(root, PID, &n) == 0);
        (void)hw_swap_free(root);
        FUZZ_CHECK(hw_oom_counter(root, PID, path) == 0);
        if (*path)
                (void)hw_oom_count(root, path, &n);
        (void)hw_isolated(root, &notes);
}

static void read_kinds(const struct model *m)
{
        struct machine_kind kinds[MACHINE_KINDS_MAX];
        unsigned n_kinds = 0, n_cores = m->machine.n_cores;
        CLEANUP_FREE struct hw_core *cores = calloc(n_cores, sizeof(*cores));
        CLEANUP_FREE unsigned *first_pu = calloc(n_cores, sizeof(*first_pu));
        CLEANUP_FREE unsigned *kind_of = calloc(n_cores, sizeof(*kind_of));

        FUZZ_CHECK(cores && first_pu && kind_of);
        for (unsigned i = 0; i < m->machine.n_pus; i++)
                if (m->machine.pus[i].smt_rank == 0)
                        first_pu[m->machine.pus[i].core] = m->machine.pus[i].os;
        for (unsigned i = 0; i < n_cores; i++)
                cores[i].rank = -1;
        FUZZ_CHECK(hw_evidence_from_sysfs(m->tree.root, first_pu, cores, n_cores) == 0);
        FUZZ_CHECK(hw_kinds_decide(cores, n_cores, kinds, &n_kinds, kind_of) == 0);
        FUZZ_CHECK(n_kinds >= 1 && n_kinds <= MACHINE_KINDS_MAX);
        for (unsigned i = 0; i < n_kinds; i++)
                FUZZ_CHECK(kinds[i].speed > 0 && kinds[i].speed <= 1);
        for (unsigned i = 0; i < n_cores; i++)
                FUZZ_CHECK(kind_of[i] < n_kinds);
}

static void read_all(const struct model *m, const struct replaced *list, size_t n)
{
        struct governor_settings settings = {.policy = GOVERNOR_QUIET, .reserve = -1};
        struct governor *governor;
        struct hw_sensors *sensors;
        struct hw_notes notes = {0};

        FUZZ_CHECK(governor_create(&settings, &governor) == 0);
        FUZZ_CHECK(hw_sensors_open(m->tree.root, &m->machine, &sensors, &notes) == 0);
        sample(m, sensors, governor, UINT64_C(1) << 40);
        for (size_t i = 0; i < n; i++)
                if (list[i].later)
                        replace(m, &list[i]);
        sample(m, sensors, governor, (UINT64_C(1) << 40) + GOVERNOR_PERIOD_US);
        hw_sensors_close(sensors);
        governor_destroy(governor);
        read_processes(m->tree.root);
        read_kinds(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = {data, size};
        struct replaced list[REPLACED_MAX];
        const uint8_t *part;
        const struct model *m;
        size_t len, n = 0;

        if (!models[0].files)
                make_models();
        if (!input_part(&in, "%%", &part, &len) || len == 0)
                return 0;
        m = &models[part[0] % TREE_MODELS];
        while (n < REPLACED_MAX && input_part(&in, "%%", &part, &len)) {
                if (!read_part(part, len, &list[n]) || !fits(m, list, n, list[n].path))
                        continue;
                if (!list[n].later)
                        replace(m, &list[n]);
                n++;
        }
        read_all(m, list, n);
        mend(m, list, n);
        return 0;
}
