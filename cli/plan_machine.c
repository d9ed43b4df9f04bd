#include "cli/plan_machine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cli/machine_reply.h"
#include "core/placement.h"
#include "hw/usable.h"
#include "lib/client.h"
#include "lib/start.h"

#define METHOD_GET_MACHINE "org.schedctl.Scheduler.GetMachine"

extern char **environ;

/* What would have hwloc describe yet another machine, or this one in another way, is left out. */
static char **make_environment(const char *file, char **ret_setting)
{
        CLEANUP_FREE char *setting = NULL;
        char **env;
        size_t n = 0, kept = 0;

        while (environ && environ[n])
                n++;
        env = calloc(n + 2, sizeof(*env));
        if (!env || asprintf(&setting, "HWLOC_XMLFILE=%s", file ? file : "") < 0) {
                free(env);
                return NULL;
        }
        for (size_t i = 0; i < n; i++)
                if (!file || strncmp(environ[i], "HWLOC_", strlen("HWLOC_")) != 0)
                        env[kept++] = environ[i];
        if (file)
                env[kept++] = *ret_setting = TAKE(setting);
        return env;
}

/* Starts `schedd --show-machine` with its output in a pipe; what hwloc and schedd say to people is for nobody here. */
static int start_schedd(char *const *env, int output, pid_t *ret_pid)
{
        char path[PATH_MAX];
        char *const argv[] = {path, (char *)"--show-machine", NULL};
        posix_spawn_file_actions_t actions;
        int r = start_find_schedd(path), error;

        if (r < 0)
                return r;
        if (posix_spawn_file_actions_init(&actions) != 0)
                return -ENOMEM;
        if (posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) != 0 ||
            posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) != 0 ||
            posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO) != 0)
                error = ENOMEM;
        else
                error = posix_spawn(ret_pid, path, &actions, NULL, argv, env);
        posix_spawn_file_actions_destroy(&actions);
        return error > 0 ? -error : 0;
}

/* 0 where it ended well. */
static int wait_for(pid_t pid)
{
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EINVAL;
}

static int show_machine(const char *file, json_t **ret_reply)
{
        CLEANUP_FREE char *setting = NULL;
        CLEANUP_FREE char **env = make_environment(file, &setting);
        CLEANUP_FCLOSE FILE *output = NULL;
        CLEANUP_JSON json_t *reply = NULL;
        int pair[2], r;
        pid_t pid;

        if (!env)
                return -ENOMEM;
        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        r = start_schedd(env, pair[1], &pid);
        close(pair[1]);
        output = fdopen(pair[0], "r");
        if (!output)
                close(pair[0]);
        if (r < 0)
                return r;
        reply = output ? json_loadf(output, 0, NULL) : NULL;
        r = wait_for(pid);
        if (r < 0)
                return r;
        *ret_reply = TAKE(reply);
        return *ret_reply ? 0 : -EPROTO;
}

static int check_file(const char *file)
{
        struct stat st;

        if (access(file, R_OK) < 0 || stat(file, &st) < 0)
                return -errno;
        return S_ISDIR(st.st_mode) ? -EISDIR : 0;
}

static int read_reply(const json_t *reply, struct plan_machine *m)
{
        int r = machine_reply_read(reply, &m->of.machine);

        if (r < 0)
                return r;
        speeds_init(&m->of.speeds, &m->of.machine);
        m->of.asked = m->of.known = true;
        r = machine_reply_cpuset(reply, "usable", &m->usable);
        if (r < 0 || cpuset_is_empty(&m->usable))
                return r < 0 ? r : -EINVAL;
        m->of.n_usable = m->most = cpuset_count(&m->usable);
        return 0;
}

static int read_file(const char *file, struct plan_machine *m)
{
        CLEANUP_JSON json_t *reply = NULL;
        int r = check_file(file);

        if (r < 0) {
                fprintf(stderr, "schedctl plan: %s: %s\n", file, strerror(-r));
                return r;
        }
        r = show_machine(file, &reply);
        if (r == 0)
                r = read_reply(reply, m);
        if (r == -EINVAL || r == -EPROTO)
                fprintf(stderr, "schedctl plan: %s: not a machine as hwloc exports it (lstopo FILE.xml)\n", file);
        else if (r < 0)
                fprintf(stderr, "schedctl plan: %s: cannot start schedd to read it: %s\n", file, strerror(-r));
        return r;
}

/* What the affinity mask, the cpusets and the quota leave of it. */
static int narrow(struct plan_machine *m)
{
        struct hw_allowance allowance;
        struct cpuset usable;
        int r = hw_allowance_read("", 0, &allowance, NULL);

        if (r < 0)
                return r;
        usable = cpuset_and(&m->usable, &allowance.pus);
        if (!cpuset_is_empty(&usable)) /* HWLOC_XMLFILE and its like may have made the service another machine's */
                m->usable = usable;
        m->most = cpuset_count(&m->usable);
        if (allowance.quota > 0 && ceil(allowance.quota) < m->most)
                m->most = (unsigned)ceil(allowance.quota);
        return 0;
}

/* Equal CPUs, where nobody can say what they are. */
static int read_plainly(struct plan_machine *m)
{
        struct hw_allowance allowance;
        int r = hw_allowance_read("", 0, &allowance, NULL);

        if (r < 0)
                return r;
        m->usable = allowance.pus;
        return run_machine_ask(&m->of, false, &m->usable);
}

static int read_this(struct plan_machine *m)
{
        CLEANUP_JSON json_t *reply = NULL;
        CLEANUP_FREE char *error = NULL;
        int r = client_call(METHOD_GET_MACHINE, NULL, CLIENT_NO_START, &reply, &error);

        if (r != 0) {
                json_decref(reply);
                reply = NULL;
                r = show_machine(NULL, &reply);
        }
        if (r == 0)
                r = read_reply(reply, m);
        if (r < 0) {
                plan_machine_finish(m);
                r = read_plainly(m);
        }
        if (r == 0)
                r = narrow(m);
        if (r < 0)
                fprintf(stderr, "schedctl plan: cannot read the machine: %s\n", strerror(-r));
        return r;
}

int plan_machine_read(const char *file, struct plan_machine *ret_machine)
{
        struct plan_machine m = {0};
        int r = file ? read_file(file, &m) : read_this(&m);

        if (r < 0) {
                plan_machine_finish(&m);
                return r;
        }
        *ret_machine = m;
        return 0;
}

void plan_machine_finish(struct plan_machine *m)
{
        run_machine_finish(&m->of);
        *m = (struct plan_machine){0};
}

size_t plan_machine_choose(const struct plan_machine *m, const struct cpuset *of, unsigned n, struct dispatch_pu *pus,
                           struct cpuset *ret_spare)
{
        struct placement_choice order[CPUSET_MAX];
        unsigned taken[CPUSET_MAX], n_all = placement_order(&m->of.machine, NULL, of, order);
        struct cpuset set = {0};

        n = n < n_all ? n : n_all;
        for (unsigned i = 0; i < n; i++) {
                taken[i] = order[i].pu;
                cpuset_add(&set, order[i].pu);
        }
        run_machine_rate(&m->of, taken, n, pus);
        *ret_spare = cpuset_andnot(&m->usable, &set);
        return n;
}
