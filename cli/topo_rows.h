/* What the drawing consists of: boxes (packages, or NUMA nodes where packages are many) and in them rows of like cores.
 */
#pragma once

#include "cli/topo_render.h"

enum {
        TOPO_BOXES_MAX = 8, /* more packages than these are drawn by node, more nodes as one box */
};

enum topo_boxes {
        TOPO_BY_PACKAGE,
        TOPO_BY_NODE,
        TOPO_WHOLE,
};

enum topo_state {
        TOPO_FREE,
        TOPO_IS_LENT,
        TOPO_UNUSABLE,
        TOPO_STATES,
};

/* Cores of one kind that share a cache, or several such groups where they are alike. */
struct topo_row {
        unsigned box;
        unsigned node, kind;
        unsigned cache_first, cache_last;
        unsigned n_groups; /* of caches drawn together */
        unsigned n_cores;  /* in each of them */
        unsigned first, n; /* of topo_rows.pus: the first group's */
        struct cpuset set; /* of all groups */
        unsigned in_state[TOPO_STATES];
};

struct topo_rows {
        enum topo_boxes boxes;
        unsigned n_boxes;
        bool detailed;          /* every PU is drawn */
        struct machine_pu *pus; /* in the order of the drawing */
        struct topo_row *rows;
        unsigned n;
};

int topo_rows_init(struct topo_rows *rows, const struct topo_view *view);
void topo_rows_finish(struct topo_rows *rows);
/* Makes one of neighbouring rows that are alike; topo_rows_init() does so where not every PU is drawn. */
void topo_rows_merge(struct topo_rows *rows);

enum topo_state topo_state_of(const struct topo_view *view, unsigned pu);
