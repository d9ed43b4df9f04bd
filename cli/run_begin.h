/* The first steps of every run, until the engine goes on by itself. */
#pragma once

struct run_options;

/* Borrows CPUs, makes the run's directory and splits into the guardian and the engine, which does the rest: both end
 * here. Returns the exit status where it does not come to that; a message was printed. `python_dir` holds the plugin
 * that COMMAND's pytests are to load; NULL: none. */
int run_begin(const struct run_options *options, const char *python_dir);
