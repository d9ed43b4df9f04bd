/* Preloaded into a run, makes one PU unusable to it: a CPU that went offline, or left the cpuset, after it was lent.
 * $REFUSED_PU names it. As in the kernel, a mask that has another one besides is taken. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((visibility("default"))) int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *mask)
{
        const char *text = getenv("REFUSED_PU");
        size_t refused = text ? (size_t)strtoul(text, NULL, 10) : CPU_SETSIZE;

        if (CPU_COUNT_S(size, mask) == 1 && CPU_ISSET_S(refused, size, mask)) {
                errno = EINVAL;
                return -1;
        }
        return (int)syscall(SYS_sched_setaffinity, pid, size, mask);
}
