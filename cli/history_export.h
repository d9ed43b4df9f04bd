/* `schedctl history export`'s JSON: one object, one line an item, in collection order.
 *
 *     {"schedctlHistory": 1, "runs": …, "wall": …, "collection": …, "serial": …,
 *      "items": [{"id", "seen"?, "samples", "wall", "cpu"?, "spread", "last", "lastCpu", "lastSpeed", "rss",
 * "outcome"}…], "groups": [{"id", "seen"?, "parent"?, "loose"?, "setup"?}…]}
 *
 * Times are seconds on a fast core, memory is KiB; lastCpu is as measured, on a PU of lastSpeed. The session's set-up
 * is the group "". "seen" is when it was last measured, in seconds since the epoch. Numbers are written with as many
 * digits as bring them back exactly: what is imported into an empty history and exported again is the same text. Tests
 * that are gone, and what only means something on this machine (its files' times of change, classes of PUs), are left
 * out.
 */
#pragma once

#include <stdio.h>

#include "cli/history.h"

#define HISTORY_EXPORT_KEY "schedctlHistory"

const char *history_outcome_text(enum estimate_outcome outcome);

/* -ENOMEM, or -EIO where it cannot be written. */
int history_export_write(const struct history_list *list, FILE *to);
