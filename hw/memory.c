#include "hw/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/cgroup.h"
#include "hw/root.h"
#include "lib/util.h"

/* "MemAvailable:   24154272 kB", which Linux has since 3.14. */
static uint64_t parse_available(const char *meminfo)
{
        static const char key[] = "MemAvailable:";
        const char *at = strstr(meminfo, key);
        unsigned long long kib;
        char *end;

        if (!at)
                return UINT64_MAX;
        errno = 0;
        kib = strtoull(at + strlen(key), &end, 10);
        return errno || strncmp(end, " kB", 3) != 0 || kib > UINT64_MAX / 1024 ? UINT64_MAX : kib * 1024;
}

int hw_memory_available(const char *root, int pid, uint64_t *ret_bytes)
{
        CLEANUP_FREE char *meminfo = NULL;
        char process[16] = "self";
        uint64_t left, available = UINT64_MAX;
        int r;

        if (pid > 0)
                (void)snprintf(process, sizeof(process), "%d", pid);
        r = hw_cgroup_memory_left(root, process, &left);
        if (r < 0)
                return r;
        r = hw_root_read(root, "/proc/meminfo", &meminfo, NULL);
        if (r == -ENOMEM)
                return r;
        if (r == 0)
                available = parse_available(meminfo);
        *ret_bytes = left < available ? left : available;
        return 0;
}
