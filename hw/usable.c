#include "hw/usable.h"

#include <sched.h>
#include <string.h>

#include "hw/cgroup.h"
#include "hw/root.h"
#include "lib/util.h"

static struct cpuset every_pu(void)
{
        struct cpuset set = {0};

        cpuset_add_range(&set, 0, CPUSET_MAX - 1);
        return set;
}

struct cpuset hw_isolated(const char *root, struct hw_notes *notes)
{
        const char *path = "/sys/devices/system/cpu/isolated";
        struct cpuset set = {0};
        int r = hw_root_read_cpuset(root, path, &set);

        if (r < 0 && r != -ENOENT)
                hw_note(notes, "%s%s: %s; taking no CPU to be isolated", root, path, strerror(-r));
        return set;
}

/* glibc's cpu_set_t ends at 1,024 PUs, so a larger one is allocated. */
static int own_affinity(struct cpuset *ret_set)
{
        size_t size = CPU_ALLOC_SIZE(CPUSET_MAX);
        CLEANUP_FREE cpu_set_t *mask = CPU_ALLOC(CPUSET_MAX);
        struct cpuset set = {0};

        if (!mask)
                return -ENOMEM;
        CPU_ZERO_S(size, mask);
        if (sched_getaffinity(0, size, mask) < 0)
                return -errno;
        for (unsigned pu = 0; pu < CPUSET_MAX; pu++)
                if (CPU_ISSET_S(pu, size, mask))
                        cpuset_add(&set, pu);
        *ret_set = set;
        return 0;
}

/* Cpus_allowed_list of /proc/PID/status. */
static int affinity_of(const char *root, const char *process, struct cpuset *ret_set)
{
        static const char key[] = "\nCpus_allowed_list:";
        CLEANUP_FREE char *text = NULL;
        char path[64];
        const char *list;
        int r;

        (void)snprintf(path, sizeof(path), "/proc/%s/status", process);
        r = hw_root_read(root, path, &text, NULL);
        if (r < 0)
                return r;
        list = strstr(text, key);
        if (!list)
                return -ENOENT;
        list += sizeof(key) - 1;
        return cpuset_parse(list, strcspn(list, "\n"), ret_set);
}

int hw_allowance_read(const char *root, pid_t pid, struct hw_allowance *ret_allowance, struct hw_notes *notes)
{
        struct hw_allowance allowance = {.affinity = every_pu(), .cpusets = every_pu()};
        char process[32] = "self";
        int r;

        if (pid > 0)
                (void)snprintf(process, sizeof(process), "%ld", (long)pid);
        r = pid == 0 && !*root ? own_affinity(&allowance.affinity) : affinity_of(root, process, &allowance.affinity);
        if (r == -ENOMEM)
                return r;
        if (r < 0 && r != -ENOENT)
                hw_note(notes, "affinity of process %s: %s; taken as unlimited", process, strerror(-r));

        r = hw_cgroup_read(root, process, &allowance.cpusets, &allowance, notes);
        if (r < 0)
                return r;
        allowance.pus = cpuset_and(&allowance.affinity, &allowance.cpusets);
        *ret_allowance = allowance;
        return 0;
}

int hw_cpusets_around(const char *root, const char *name, struct cpuset *ret_cpusets)
{
        struct cpuset cpusets = every_pu();
        int r = hw_cgroup_cpuset_around(root, name, &cpusets);

        if (r < 0)
                return r;
        *ret_cpusets = cpusets;
        return 0;
}
