/* The verbs of schedctl, one file each (verb_topo is in topo.c…). argv[0] is the verb's name, options follow.
 * Each returns the exit status: 0, 1 where the work failed, 2 for a command line it does not understand.
 *
 * A new verb: its declaration here, a line in main.c's table, its file in meson.build.
 */
#pragma once

enum {
        VERB_FAILED = 1,
        VERB_USAGE = 2,
};

int verb_run(int argc, char **argv);
int verb_plan(int argc, char **argv);
int verb_history(int argc, char **argv);
int verb_merge(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_top(int argc, char **argv);
int verb_explain(int argc, char **argv);
int verb_set(int argc, char **argv);
int verb_reload(int argc, char **argv);
int verb_nproc(int argc, char **argv);
int verb_topo(int argc, char **argv);
int verb_attach(int argc, char **argv);
