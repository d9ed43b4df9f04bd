#include "cli/run_sample.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hw/root.h"
#include "lib/util.h"

enum { LINE = 2048 }; /* bytes; a process's stat has some 400, and children are looked at up to there */

static double ticks(uint64_t n)
{
        return (double)n / (double)sysconf(_SC_CLK_TCK);
}

/* The number that is the n-th word of a line. */
static bool word(const char *line, unsigned n, uint64_t *ret_number)
{
        char *end;

        for (line += strspn(line, " "); n > 0 && *line; n--) {
                line += strcspn(line, " ");
                line += strspn(line, " ");
        }
        if (!isdigit((unsigned char)*line))
                return false;
        *ret_number = strtoull(line, &end, 10);
        return *end == '\0' || isspace((unsigned char)*end);
}

/* A list of numbers with a limit. */
struct numbers {
        pid_t items[RUN_SAMPLE_PROCESSES_MAX];
        size_t n;
};

static void add(struct numbers *list, pid_t number)
{
        if (list->n < ELEMENTSOF(list->items) && number > 0)
                list->items[list->n++] = number;
}

/* What /proc/PID/stat says of a process, its threads that have ended included. */
struct process {
        double used, of_children; /* seconds; children that were waited for */
        uint64_t n_threads;
};

static int read_process(const char *root, pid_t pid, struct process *ret_process)
{
        uint64_t user, system, children_user, children_system, threads;
        char path[64], line[LINE], *after;
        int r;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        r = hw_root_read_line(root, path, line, sizeof(line));
        if (r < 0)
                return -ESRCH;
        after = strrchr(line, ')'); /* the second field, in parentheses, may hold anything */
        /* Of the fields behind it, as proc_pid_stat(5) numbers them less 3: utime, stime, cutime, cstime, num_threads.
         */
        if (!after || !word(after + 1, 11, &user) || !word(after + 1, 12, &system) ||
            !word(after + 1, 13, &children_user) || !word(after + 1, 14, &children_system) ||
            !word(after + 1, 17, &threads))
                return -ESRCH;
        *ret_process = (struct process){.used = ticks(user + system),
                                        .of_children = ticks(children_user + children_system),
                                        .n_threads = threads};
        return 0;
}

static void list_threads(const char *root, pid_t pid, uint64_t n_threads, struct numbers *threads)
{
        char path[HW_PATH_MAX];
        const struct dirent *entry;
        DIR *d = NULL;

        if (n_threads > 1 && (size_t)snprintf(path, sizeof(path), "%s/proc/%d/task", root, (int)pid) < sizeof(path))
                d = opendir(path);
        if (!d) {
                add(threads, pid);
                return;
        }
        while ((entry = readdir(d)))
                if (isdigit((unsigned char)entry->d_name[0]))
                        add(threads, (pid_t)strtol(entry->d_name, NULL, 10));
        closedir(d);
}

static int read_thread(const char *root, pid_t pid, pid_t thread, double *ret_ran, double *ret_waited)
{
        char path[64], line[LINE], *end;

        snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)pid, (int)thread);
        if (hw_root_read_line(root, path, line, sizeof(line)) < 0)
                return -ENOENT;
        *ret_ran = (double)strtoull(line, &end, 10) / 1e9;
        *ret_waited = (double)strtoull(end, NULL, 10) / 1e9;
        return 0;
}

int run_sample_thread(const char *root, pid_t pid, double *ret_ran, double *ret_waited)
{
        return read_thread(root, pid, pid, ret_ran, ret_waited);
}

/* A kernel without CONFIG_PROC_CHILDREN shows none: they count when they have been waited for. */
static void list_children(const char *root, pid_t pid, pid_t thread, struct numbers *processes)
{
        char path[64], line[LINE], *end;
        long child;

        snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)thread);
        if (hw_root_read_line(root, path, line, sizeof(line)) < 0)
                return;
        for (char *at = line; (child = strtol(at, &end, 10)) > 0 && end > at; at = end)
                add(processes, (pid_t)child);
}

static int add_process(const char *root, pid_t pid, struct numbers *processes, double *seconds)
{
        struct numbers threads = {.n = 0};
        double used = 0, waited = 0;
        struct process process;
        int r = read_process(root, pid, &process);

        if (r < 0)
                return r;
        list_threads(root, pid, process.n_threads, &threads);
        for (size_t i = 0; i < threads.n; i++) {
                double ran = 0, ready = 0;

                (void)read_thread(root, pid, threads.items[i], &ran,
                                  &ready); /* no such file: the process's own times */
                used += ran;
                waited += ready;
                list_children(root, pid, threads.items[i], processes);
        }
        *seconds += (used > process.used ? used : process.used) + waited + process.of_children;
        return 0;
}

int run_sample_used(const char *root, pid_t pid, double *ret_seconds)
{
        struct numbers processes = {.n = 0};
        double seconds = 0;
        int r = add_process(root, pid, &processes, &seconds);

        if (r < 0)
                return r;
        for (size_t i = 0; i < processes.n; i++) /* the list grows meanwhile; who vanishes is no error */
                (void)add_process(root, processes.items[i], &processes, &seconds);
        *ret_seconds = seconds;
        return 0;
}

/* "cpu0 USER NICE SYSTEM IDLE IOWAIT …" */
static bool parse_idle(const char *line, bool with_nice, unsigned *ret_pu, uint64_t *ret_ticks)
{
        uint64_t pu, nice, idle, iowait;

        if (!word(line + strlen("cpu"), 0, &pu) || line[strlen("cpu")] == ' ' || !word(line, 2, &nice) ||
            !word(line, 4, &idle) || !word(line, 5, &iowait) || pu >= CPUSET_MAX)
                return false;
        *ret_pu = (unsigned)pu;
        *ret_ticks = idle + iowait + (with_nice ? nice : 0);
        return true;
}

static const char *next_line(const char *line)
{
        const char *end = strchr(line, '\n');

        return end ? end + 1 : NULL;
}

int run_sample_idle(const char *root, const struct cpuset *pus, bool nice, double *ret_seconds)
{
        CLEANUP_FREE char *text = NULL;
        uint64_t sum = 0, idle;
        unsigned found = 0, pu;
        int r = hw_root_read(root, "/proc/stat", &text, NULL);

        if (r < 0)
                return -ENOENT;
        for (const char *line = text; line && strncmp(line, "cpu", 3) == 0; line = next_line(line)) {
                if (!parse_idle(line, nice, &pu, &idle) || !cpuset_has(pus, pu))
                        continue;
                sum += idle;
                found++;
        }
        if (found != cpuset_count(pus))
                return -EINVAL;
        *ret_seconds = ticks(sum);
        return 0;
}

/* "Private_Dirty:      1234 kB" */
static uint64_t kib_of(const char *text, const char *key)
{
        const char *at = strstr(text, key);

        return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

uint64_t run_sample_private(const char *root, pid_t pid)
{
        CLEANUP_FREE char *text = NULL;
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
        if (hw_root_read(root, path, &text, NULL) < 0)
                return 0;
        return 1024 * (kib_of(text, "\nPrivate_Clean:") + kib_of(text, "\nPrivate_Dirty:") +
                       kib_of(text, "\nPrivate_Hugetlb:") + kib_of(text, "\nSwapPss:"));
}

uint64_t run_sample_resident(const char *root, pid_t pid)
{
        uint64_t pages;
        char path[64], line[LINE];

        snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
        if (hw_root_read_line(root, path, line, sizeof(line)) < 0 || !word(line, 1, &pages))
                return 0;
        return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
