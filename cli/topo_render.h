/* The drawing of `schedctl topo`: packages as boxes, in them a row of cores for each kind and last-level cache,
 * every core with its PUs. Machines of more than TOPO_DETAIL_MAX PUs get a row of counts in place of cells, and
 * rows alike in everything are drawn as one. Pure but for writing to `out`.
 */
#pragma once

#include <stdio.h>

#include "cli/topo_line.h"
#include "core/machine.h"

enum {
        TOPO_DETAIL_MAX = 64, /* PUs up to which every one is drawn */
        TOPO_WIDTH_MIN = 40,
        TOPO_WIDTH_MAX = 200, /* wider is not easier to read */
};

struct topo_view {
        const struct machine *machine;
        const struct cpuset *usable; /* what may be lent */
        const struct cpuset *lent;
};

/* The machine in numbers, the drawing and a legend of what it uses. -ENOMEM, or what writing failed with. */
int topo_render(const struct topo_view *view, const struct topo_style *style, FILE *out);

struct topo_choice {
        unsigned pu;
        const char *reason;
};

/* The order of lending: one paragraph a reason. */
int topo_render_order(const struct topo_choice *choices, size_t n_choices, const struct topo_style *style, FILE *out);

/* A PU list as short as it gets: cpulist with strides ("0-62:2"), which taskset reads too. Ends in "..." where the
 * buffer is too small. */
void topo_format_list(const struct cpuset *set, char *buf, size_t size);
