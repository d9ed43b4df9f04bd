/* One file of the configuration: sections, KEY=VALUE, comments that begin with ; or #. */
#pragma once

#include "daemon/config_keys.h"

/* What is read, before what is wrong is told: the value in force is known only after the last file. */
struct config_fault {
        char *text;          /* "FILE:LINE: what is wrong" */
        enum config_key key; /* whose value is in force; CONFIG_KEYS none's, or a user's */
        bool of_user;
        uint32_t uid;
};

struct config_reading {
        struct config *config;
        struct config_fault *faults;
        size_t n_faults;
};
void config_reading_finish(struct config_reading *reading);

/* Takes the settings of a file's text; path is what it is called. What is not understood becomes a fault. -ENOMEM. */
int config_ini_read(struct config_reading *reading, const char *path, const char *text);
