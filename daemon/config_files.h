/* Which files the configuration is made of, and in which order. */
#pragma once

#include <stddef.h>

struct config_files {
        char **paths; /* without the root prefix; what comes later overrides */
        size_t n, allocated;
};
void config_files_finish(struct config_files *files);

/* /etc/schedd.conf, then the drop-ins of /usr/lib/schedd.conf.d, /run/schedd.conf.d and /etc/schedd.conf.d: their
 * *.conf in the order of their names whatever the directory, one of the same name in a later directory instead of that
 * in an earlier one. Then the same of the user's: schedctl/schedd.conf and schedctl/schedd.conf.d below
 * $XDG_CONFIG_HOME or ~/.config. Not all need exist. -ENOMEM; or what listing a directory failed with, and that
 * directory in *ret_path (free it). */
int config_files_list(const char *root, struct config_files *ret_files, char **ret_path);
