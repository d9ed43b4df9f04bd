#include "hw/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/cgroup.h"
#include "hw/root.h"
#include "lib/util.h"

/* "MemAvailable:   24154272 kB" at the start of a line; UINT64_MAX where there is no such line. */
static uint64_t parse_bytes(const char *meminfo, const char *key)
{
        const char *at = strstr(meminfo, key);
        unsigned long long kib;
        char *end;

        while (at && at != meminfo && at[-1] != '\n')
                at = strstr(at + 1, key);
        if (!at)
                return UINT64_MAX;
        errno = 0;
        kib = strtoull(at + strlen(key), &end, 10);
        return errno || strncmp(end, " kB", 3) != 0 || kib > UINT64_MAX / 1024 ? UINT64_MAX : kib * 1024;
}

int hw_meminfo_read(const char *root, uint64_t *ret_available, uint64_t *ret_total)
{
        CLEANUP_FREE char *meminfo = NULL;
        int r = hw_root_read(root, "/proc/meminfo", &meminfo, NULL);

        if (r < 0)
                return r;
        *ret_available = parse_bytes(meminfo, "MemAvailable:");
        *ret_total = parse_bytes(meminfo, "MemTotal:");
        return 0;
}

int hw_memory_available(const char *root, int pid, uint64_t *ret_bytes)
{
        struct hw_cgroup_place place;
        char process[16] = "self";
        uint64_t left, limit, available = UINT64_MAX, total;
        int r;

        if (pid > 0)
                (void)snprintf(process, sizeof(process), "%d", pid);
        r = hw_cgroup_find(root, process, "memory", &place);
        if (r < 0)
                return r;
        r = hw_meminfo_read(root, &available, &total);
        if (r == -ENOMEM)
                return r;
        left = hw_cgroup_memory_left(root, &place, &limit);
        *ret_bytes = left < available ? left : available;
        return 0;
}

uint64_t hw_swap_free(const char *root)
{
        CLEANUP_FREE char *meminfo = NULL;

        return hw_root_read(root, "/proc/meminfo", &meminfo, NULL) < 0 ? UINT64_MAX : parse_bytes(meminfo, "SwapFree:");
}
