#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/run_dir.h"
#include "cli/run_guardian.h"
#include "cli/run_nice.h"
#include "cli/run_options.h"
#include "cli/run_signals.h"
#include "cli/run_tokens.h"
#include "cli/run_tree.h"
#include "lib/util.h"

#define RUN_ENGINE_NAME "run-engine"

/* Stops as SIGTSTP would have, by its default action: not at all in an orphaned process group. */
static void stop_self(void)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTSTP);
        raise(SIGTSTP);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        sigprocmask(SIG_BLOCK, &set, NULL);
}

/* The queued value marks nothing; SI_QUEUE itself tells the engine that this is a copy. */
static void pass_on(pid_t engine, const siginfo_t *info)
{
        if (info->si_code <= 0)
                sigqueue(engine, info->si_signo, (union sigval){0});
        if (info->si_signo == SIGTSTP)
                stop_self();
}

static int wait_for_engine(pid_t engine)
{
        siginfo_t info;
        sigset_t set;
        int status;

        run_signals_forwarded(&set);
        while (waitpid(engine, &status, WNOHANG) != engine)
                if (sigwaitinfo(&set, &info) > 0 && info.si_signo != SIGCHLD)
                        pass_on(engine, &info);
        return status;
}

/* Ends as `status` says, so that whoever waits for us sees what became of COMMAND. */
static _Noreturn void end_like(int status)
{
        const struct rlimit no_core = {0, 0};
        sigset_t set;
        int sig;

        if (WIFEXITED(status))
                _exit(WEXITSTATUS(status));
        sig = WTERMSIG(status);
        setrlimit(RLIMIT_CORE, &no_core); /* the core, if any, is COMMAND's */
        signal(sig, SIG_DFL);
        sigemptyset(&set);
        sigaddset(&set, sig);
        raise(sig);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        _exit(128 + sig);
}

static _Noreturn void guard(const struct run_options *options, pid_t engine, int channel, const char *dir,
                            struct run_nice *nice, struct run_tokens *tokens)
{
        int engine_status = wait_for_engine(engine), status;
        bool told = recv(channel, &status, sizeof(status), MSG_DONTWAIT) == (ssize_t)sizeof(status);

        if (!told)
                status = engine_status;
        if (!told || WIFSIGNALED(engine_status))
                fprintf(stderr, "schedctl %s: its engine was killed; everything below it is ended\n",
                        run_options_verb(options));
        run_tree_end(0);
        run_tokens_close(tokens);
        run_dir_remove(dir);
        run_nice_restore(nice);
        end_like(status);
}

/* Reading from or writing to the terminal in the background stops the job as it stops COMMAND. */
static void allow_terminal_stop(void)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTTIN);
        sigaddset(&set, SIGTTOU);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int run_guardian_split(const struct run_options *options, const char *dir, struct run_nice *nice,
                       struct run_tokens *tokens, int *ret_channel, sigset_t *ret_before)
{
        int channel[2];
        pid_t engine;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
                return -errno;
        run_signals_block(ret_before);
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        engine = fork();
        if (engine < 0)
                return -errno;
        if (engine == 0) {
                prctl(PR_SET_CHILD_SUBREAPER, 1);
                prctl(PR_SET_NAME, RUN_ENGINE_NAME); /* `killall schedctl` is for the guardian, which forwards it */
                close(channel[0]);
                *ret_channel = channel[1];
                return 0;
        }
        close(channel[1]);
        allow_terminal_stop();
        guard(options, engine, channel[0], dir, nice, tokens);
}

void run_guardian_report(int channel, int wait_status)
{
        (void)!send(channel, &wait_status, sizeof(wait_status), MSG_NOSIGNAL);
}
