/* schedctl run: the order of things. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/run_options.h"
#include "cli/verbs.h"

/* What shells answer for a command that is not there or cannot be run. */
enum { EXIT_NOT_FOUND = 127, EXIT_NOT_EXECUTABLE = 126 };

static int exec_command(char **command)
{
        int error;

        execvp(command[0], command);
        error = errno;
        fprintf(stderr, "schedctl run: %s: %s\n", command[0], strerror(error));
        return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

int verb_run(int argc, char **argv)
{
        struct run_options options;

        switch (run_options_parse(argc, argv, &options)) {
        case RUN_OPTIONS_HELP:
                return 0;
        case RUN_OPTIONS_USAGE:
                return VERB_USAGE;
        case RUN_OPTIONS_OK:
                break;
        }
        return exec_command(options.command);
}
