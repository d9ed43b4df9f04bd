/* The history's file: finding, opening, checking and setting it aside. For the history's own files. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <sys/types.h>

enum { HISTORY_APPLICATION_ID = 0x73636864 }; /* "schd"; file(1) and PRAGMA application_id show it */

struct history {
        sqlite3 *db;
        char *path;
        ino_t inode; /* of the file that db is */
        bool read_only;
};

/* $XDG_STATE_HOME/schedctl/history.db; NULL where neither that nor $HOME is set. -ENOMEM. */
int history_default_path(char **ret_path);

/* Opens h->path, making directories and the schema as needed. Positive: history is off and *ret_warning says why;
 * 0: open, and *ret_warning says if a file was set aside. -ENOMEM. */
int history_file_open(struct history *h, char **ret_warning);
/* Likewise, of a file that is there and stays as it is, whatever is in it. */
int history_file_look(struct history *h, char **ret_warning);
/* Whether an SQLite result means that the file is not what it should be. */
bool history_file_is_broken(int result);
/* Closes the database, renames its file and opens a new one; results as history_file_open(). */
int history_file_replace(struct history *h, char **ret_warning);
