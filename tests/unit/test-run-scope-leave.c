/* A run does not get away from limits of the unit that it was started in. */
#include "cli/run_scope_leave.h"

#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/sensor-tree.h"
#include "tests/unit/test.h"

#define MOUNTS  "1 0 0:1 / /cg rw - cgroup2 cgroup2 rw\n"
#define SESSION "/user.slice/user-7.slice/session-3.scope"
#define MANAGER "/user.slice/user-7.slice/user@7.service/init.scope"

enum { ASK_SKIPPED = 77 }; /* no namespaces are to be had */

/* The machine: this process is in one group, the manager (PID 9) in another; a file of the first says something. */
static bool leaves(const char *own, const char *manager, const char *path, const char *text, char why[static 128])
{
        struct tree tree;
        bool does;

        why[0] = '\0';
        tree_make(&tree);
        tree_write(&tree, "/proc/self/mountinfo", MOUNTS);
        tree_write(&tree, "/proc/9/mountinfo", MOUNTS);
        tree_write(&tree, "/proc/self/cgroup", own);
        tree_write(&tree, "/proc/9/cgroup", manager);
        tree_write(&tree, path, text);
        does = run_scope_leaves(tree.root, "9", 128, why);
        tree_finish(&tree);
        return does;
}

static bool session_leaves(const char *path, const char *text)
{
        char why[128];

        return leaves("0::" SESSION "\n", "0::" MANAGER "\n", path, text, why);
}

static void test_nothing_is_set(void)
{
        CHECK(!session_leaves("/cg" SESSION "/cpuset.cpus", "\n"));
        CHECK(!session_leaves("/cg" SESSION "/cpu.max", "max 100000\n"));
        CHECK(!session_leaves("/cg" SESSION "/memory.max", "max\n"));
        CHECK(!session_leaves("/cg" SESSION "/pids.max", "100\n"));
}

static void test_its_own_unit(void)
{
        CHECK(session_leaves("/cg" SESSION "/cpuset.cpus", "2-3\n"));
        CHECK(session_leaves("/cg" SESSION "/cpu.max", "150000 100000\n"));
        CHECK(session_leaves("/cg" SESSION "/memory.high", "1048576\n"));
        CHECK(session_leaves("/cg" SESSION "/memory.max", "0\n"));
}

/* What the manager's units are below limits a scope too. */
static void test_shared(void)
{
        CHECK(!session_leaves("/cg/user.slice/user-7.slice/memory.max", "1048576\n"));
        CHECK(!session_leaves("/cg/user.slice/cpuset.cpus", "0\n"));
}

static void test_above_its_own(void)
{
        char why[128];

        CHECK(leaves("0::/ci.slice/job.slice/a.service\n", "0::/init.scope\n", "/cg/ci.slice/cpu.max", "50000 100000\n",
                     why));
        CHECK_STR(why, "ci.slice limits its CPU time, which a scope of its own would leave");
        CHECK(!leaves("0::/ci.slice/job.slice/a.service\n", "0::/ci.slice/init.scope\n", "/cg/ci.slice/cpu.max",
                      "50000 100000\n", why));
        /* of the same letters at the beginning */
        CHECK(leaves("0::/ci.slice\n", "0::/ci.slice2/init.scope\n", "/cg/ci.slice/cpu.max", "50000 100000\n", why));
}

/* Version 1, no manager, a process at the root of what can be seen: nothing is known, and nothing forbidden. */
static void test_unknown(void)
{
        char why[128];

        CHECK(!leaves("1:cpu:/a\n", "0::/init.scope\n", "/cg/a/cpu.max", "50000 100000\n", why));
        CHECK(!leaves("0::/a\n", "1:cpu:/a\n", "/cg/a/cpu.max", "50000 100000\n", why));
        CHECK(!leaves("0::/\n", "0::/init.scope\n", "/cg/cpu.max", "50000 100000\n", why));
}

static pid_t peer_of(const struct sockaddr_un *address)
{
        struct ucred peer = {.pid = -1};
        socklen_t length = sizeof(peer);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK(connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0);
        CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0);
        close(fd);
        return peer.pid;
}

/* In a namespace of PIDs of its own, where the manager that listens has no number. */
static int ask_from_within(const struct sockaddr_un *address)
{
        char why[128];
        int status;
        pid_t pid;

        if (unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0)
                return ASK_SKIPPED;
        pid = fork();
        if (pid == 0)
                _exit(run_scope_leaves_for(peer_of(address), sizeof(why), why) &&
                      strstr(why, "outside of this container"));
        return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : ASK_SKIPPED;
}

static void test_outside(void)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status;
        pid_t pid;

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/schedctl-leave-%d", (int)getpid());
        unlink(address.sun_path); /* of a process that had this number */
        CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 4) == 0);
        pid = fork();
        if (pid == 0)
                _exit(ask_from_within(&address));
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == 1 || WEXITSTATUS(status) == ASK_SKIPPED);
        unlink(address.sun_path);
        close(fd);
}

int main(void)
{
        test_nothing_is_set();
        test_its_own_unit();
        test_shared();
        test_above_its_own();
        test_unknown();
        test_outside();
        return 0;
}
