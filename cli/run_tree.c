#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/run_tree.h"
#include "lib/util.h"

enum { LOOKS_MAX = 16 }; /* in a row, at who starts threads or processes as fast as they are pinned */

static void cleanup_closedirp(DIR **d)
{
        if (*d)
                closedir(*d);
}

void run_pids_finish(struct run_pids *pids)
{
        free(pids->items);
        *pids = (struct run_pids){0};
}

int run_pids_add(struct run_pids *pids, pid_t pid)
{
        if (pids->n == pids->allocated) {
                size_t allocated = pids->allocated ? pids->allocated * 2 : 16;
                pid_t *items = realloc(pids->items, allocated * sizeof(*items));

                if (!items)
                        return -ENOMEM;
                pids->items = items;
                pids->allocated = allocated;
        }
        pids->items[pids->n++] = pid;
        return 0;
}

/* The numbers that are names in a /proc directory. */
static int list_numbers(const char *path, struct run_pids *pids)
{
        CLEANUP(cleanup_closedirp) DIR *d = opendir(path);
        const struct dirent *entry;
        int r = 0;

        if (!d)
                return 0;
        while (r == 0 && (entry = readdir(d)))
                if (isdigit((unsigned char)entry->d_name[0]))
                        r = run_pids_add(pids, (pid_t)strtol(entry->d_name, NULL, 10));
        return r;
}

/* What a process's stat says behind its name, which is in parentheses and may hold anything: " S PARENT …". */
static bool read_stat(pid_t pid, char *buf, size_t size, const char **ret_fields)
{
        char path[64];
        CLEANUP_CLOSE int fd = -1;
        const char *after;
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        n = read(fd, buf, size - 1);
        if (n <= 0)
                return false;
        buf[n] = '\0';
        after = strrchr(buf, ')');
        if (!after || strlen(after) <= strlen(") S "))
                return false;
        *ret_fields = after + 1;
        return true;
}

pid_t run_tree_parent(pid_t pid)
{
        const char *fields;
        char buf[512];

        return read_stat(pid, buf, sizeof(buf), &fields) ? (pid_t)strtol(fields + strlen(" S "), NULL, 10) : 0;
}

size_t run_tree_count_threads(pid_t pid)
{
        CLEANUP(run_pids_finish) struct run_pids threads = {0};
        char path[32];

        snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
        (void)list_numbers(path, &threads);
        return threads.n;
}

char run_tree_state(pid_t pid)
{
        const char *fields;
        char buf[512];

        return read_stat(pid, buf, sizeof(buf), &fields) ? fields[1] : '\0';
}

bool run_pids_have(const struct run_pids *pids, pid_t pid)
{
        for (size_t i = 0; i < pids->n; i++)
                if (pids->items[i] == pid)
                        return true;
        return false;
}

/* One pass over /proc gives every process and its parent. */
static int descend_by_parents(pid_t pid, const struct run_pids *except, struct run_pids *pids)
{
        CLEANUP(run_pids_finish) struct run_pids all = {0}, parents = {0};
        size_t next = pids->n;
        int r = list_numbers("/proc", &all);

        for (size_t i = 0; r == 0 && i < all.n; i++)
                r = run_pids_add(&parents, run_tree_parent(all.items[i]));
        for (pid_t parent = pid; r == 0; parent = pids->items[next++]) {
                for (size_t i = 0; r == 0 && i < all.n; i++)
                        if (parents.items[i] == parent && !run_pids_have(except, all.items[i]))
                                r = run_pids_add(pids, all.items[i]);
                if (next == pids->n)
                        break;
        }
        return r;
}

int run_tree_descendants(pid_t pid, struct run_pids *pids)
{
        const struct run_pids none = {0};

        return descend_by_parents(pid, &none, pids);
}

int run_tree_descendants_but(pid_t pid, const struct run_pids *except, struct run_pids *pids)
{
        return descend_by_parents(pid, except, pids);
}

/* The children that one thread has started, and those left to it. -ENOENT: it is gone, or the kernel was built without
 * CONFIG_PROC_CHILDREN. */
static int add_children(pid_t pid, pid_t thread, const struct run_pids *except, struct run_pids *pids)
{
        CLEANUP_FCLOSE FILE *f = NULL;
        CLEANUP_FREE char *word = NULL;
        char path[64];
        size_t size = 0;
        int r = 0;

        snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)thread);
        f = fopen(path, "re");
        if (!f)
                return -errno;
        while (r == 0 && getdelim(&word, &size, ' ', f) > 0) {
                pid_t child = (pid_t)strtol(word, NULL, 10);

                if (child > 0 && !run_pids_have(except, child))
                        r = run_pids_add(pids, child);
        }
        return r;
}

static int add_children_of_all(pid_t pid, const struct run_pids *except, struct run_pids *pids)
{
        CLEANUP(run_pids_finish) struct run_pids threads = {0};
        char path[32];
        int r;

        snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
        r = list_numbers(path, &threads);
        for (size_t i = 0; r == 0 && i < threads.n; i++) {
                r = add_children(pid, threads.items[i], except, pids);
                r = r == -ENOMEM ? r : 0;
        }
        return r;
}

int run_tree_look_below(pid_t pid, const struct run_pids *except, struct run_pids *pids)
{
        CLEANUP(run_pids_finish) struct run_pids trial = {0};
        size_t next = pids->n;
        int r = add_children(pid, pid, except, &trial);

        if (r == -ENOENT)
                return descend_by_parents(pid, except, pids);
        for (pid_t parent = pid; r == 0; parent = pids->items[next++]) {
                r = add_children_of_all(parent, except, pids);
                if (next == pids->n)
                        break;
        }
        return r;
}

/* A parent that ends on the way up leaves its children to us: then once more. */
bool run_tree_is_below(pid_t root, pid_t pid)
{
        for (unsigned i = 0; i < LOOKS_MAX; i++) {
                pid_t at = pid;

                while (at > 1 && at != root)
                        at = run_tree_parent(at);
                if (at == root)
                        return true;
                if (run_tree_parent(pid) == 0)
                        return false;
        }
        return false;
}

/* Whoever has the number when the descriptor is opened keeps it as long as that is there: if it is found to be ours
 * after that, the signal reaches nobody else. */
int run_tree_signal_below(pid_t root, pid_t pid, int sig)
{
        CLEANUP_CLOSE int fd = (int)syscall(SYS_pidfd_open, pid, 0);
        int error = fd < 0 ? errno : 0;

        if (error && error != ENOSYS && error != EPERM) /* before Linux 5.3, or by who filters calls */
                return -error;
        if (!run_tree_is_below(root, pid))
                return -ESRCH;
        if (fd < 0)
                return kill(pid, sig) < 0 ? -errno : 0;
        return syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) < 0 ? -errno : 0;
}

int run_tree_signal(pid_t pid, int sig)
{
        return run_tree_signal_below(getpid(), pid, sig);
}

/* Sends to every descendant; returns how many could be reached. */
static size_t signal_descendants(int sig)
{
        CLEANUP(run_pids_finish) struct run_pids all = {0};
        size_t reached = 0;

        (void)run_tree_descendants(getpid(), &all); /* what memory allowed to list is ended now, the rest next time */
        for (size_t i = 0; i < all.n; i++)
                reached += run_tree_signal(all.items[i], sig) == 0;
        return reached;
}

/* Reaps what has ended; false where no child is left. */
static bool reap(int flags)
{
        pid_t pid;

        do
                pid = waitpid(-1, NULL, flags);
        while (pid > 0 && flags & WNOHANG);
        return !(pid < 0 && errno == ECHILD);
}

static struct timespec timespec_in(unsigned ms)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_sec += ms / 1000;
        t.tv_nsec += (long)(ms % 1000) * 1000000;
        if (t.tv_nsec >= 1000000000) {
                t.tv_sec++;
                t.tv_nsec -= 1000000000;
        }
        return t;
}

/* What is left until `end`; false where that is past. */
static bool timespec_left(const struct timespec *end, struct timespec *ret_left)
{
        struct timespec now;
        long long ns;

        clock_gettime(CLOCK_MONOTONIC, &now);
        ns = (end->tv_sec - now.tv_sec) * 1000000000LL + (end->tv_nsec - now.tv_nsec);
        if (ns <= 0)
                return false;
        *ret_left = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = (long)(ns % 1000000000)};
        return true;
}

/* Waits for the children to end by themselves; true where none is left. */
static bool wait_for_children(unsigned grace_ms)
{
        struct timespec end = timespec_in(grace_ms), left;
        sigset_t set;
        int sig;

        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        while (reap(WNOHANG)) {
                if (!timespec_left(&end, &left))
                        return false;
                sig = sigtimedwait(&set, NULL, &left);
                if (sig == SIGINT || sig == SIGTERM)
                        return false;
        }
        return true;
}

void run_tree_end(unsigned grace_ms)
{
        if (!reap(WNOHANG))
                return;
        signal_descendants(SIGTERM);
        signal_descendants(SIGCONT); /* a stopped process notices only then */
        if (wait_for_children(grace_ms))
                return;
        /* Whoever forks while it is being killed leaves a child to us: again until there is none. */
        while (reap(WNOHANG) && signal_descendants(SIGKILL) > 0)
                if (!reap(0))
                        return;
}

/* Whoever is not yet among those that are pinned. *ret_any: there was somebody. */
static int pin_new_threads(pid_t pid, const struct cpuset *pus, struct run_pids *pinned, bool *ret_any)
{
        CLEANUP(run_pids_finish) struct run_pids threads = {0};
        char path[64];
        int r;

        snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
        r = list_numbers(path, &threads);
        *ret_any = false;
        for (size_t i = 0; r == 0 && i < threads.n; i++) {
                if (run_pids_have(pinned, threads.items[i]))
                        continue;
                if (sched_setaffinity(threads.items[i], sizeof(pus->word), (const cpu_set_t *)pus->word) < 0 &&
                    errno != ESRCH)
                        return -errno;
                *ret_any = true;
                r = run_pids_add(pinned, threads.items[i]);
        }
        return r;
}

/* A thread begins with the affinity that the one has which starts it: where none was new all are pinned. */
int run_tree_pin(pid_t pid, const struct cpuset *pus)
{
        CLEANUP(run_pids_finish) struct run_pids pinned = {0};
        bool any = true;
        int r = 0;

        for (unsigned i = 0; r == 0 && any && i < LOOKS_MAX; i++)
                r = pin_new_threads(pid, pus, &pinned, &any);
        if (r < 0)
                return r;
        return pinned.n == 0 ? -ESRCH : 0;
}

static bool pin_new_processes(pid_t pid, const struct run_pids *except, const struct cpuset *pus, bool thorough,
                              struct run_pids *pinned)
{
        CLEANUP(run_pids_finish) struct run_pids below = {0};
        bool any = false;

        if (thorough)
                (void)descend_by_parents(pid, except, &below);
        else
                (void)run_tree_look_below(pid, except, &below);
        for (size_t i = 0; i < below.n; i++) {
                if (run_pids_have(pinned, below.items[i]))
                        continue;
                (void)run_tree_pin(below.items[i], pus);
                any |= run_pids_add(pinned, below.items[i]) == 0;
        }
        return any;
}

void run_tree_pin_below(pid_t pid, const struct run_pids *except, const struct cpuset *pus, bool thorough)
{
        CLEANUP(run_pids_finish) struct run_pids pinned = {0};

        for (unsigned i = 0; i < LOOKS_MAX; i++)
                if (!pin_new_processes(pid, except, pus, thorough, &pinned) || !thorough)
                        return;
}

bool run_tree_may_use(unsigned pu)
{
        struct cpuset before = {0}, only = {0};
        bool may;

        cpuset_add(&only, pu);
        if (sched_getaffinity(0, sizeof(before.word), (cpu_set_t *)before.word) < 0)
                return true; /* nothing can be said against it */
        may = sched_setaffinity(0, sizeof(only.word), (const cpu_set_t *)only.word) == 0 || errno != EINVAL;
        (void)sched_setaffinity(0, sizeof(before.word), (const cpu_set_t *)before.word);
        return may;
}

static ssize_t read_texts(pid_t pid, const char *name, char *buf, size_t size)
{
        CLEANUP_CLOSE int fd = -1;
        char path[64];
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        n = read(fd, buf, size - 1);
        if (n < 0)
                return -errno;
        buf[n] = '\0';
        return n;
}

ssize_t run_tree_cmdline(pid_t pid, char *buf, size_t size)
{
        return read_texts(pid, "cmdline", buf, size);
}

ssize_t run_tree_environ(pid_t pid, char *buf, size_t size)
{
        return read_texts(pid, "environ", buf, size);
}

uint64_t run_tree_cost(void)
{
        struct timespec t;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}
