#include "cli/topo_rows.h"

#include <string.h>

#include "lib/util.h"

enum topo_state topo_state_of(const struct topo_view *view, unsigned pu)
{
        if (cpuset_has(view->lent, pu))
                return TOPO_IS_LENT;
        return cpuset_has(view->usable, pu) ? TOPO_FREE : TOPO_UNUSABLE;
}

static enum topo_boxes choose_boxes(const struct machine *m, unsigned *ret_n)
{
        if (m->n_packages <= TOPO_BOXES_MAX) {
                *ret_n = m->n_packages;
                return TOPO_BY_PACKAGE;
        }
        if (m->n_nodes > 1 && m->n_nodes <= TOPO_BOXES_MAX) {
                *ret_n = m->n_nodes;
                return TOPO_BY_NODE;
        }
        *ret_n = 1;
        return TOPO_WHOLE;
}

static unsigned box_of(enum topo_boxes boxes, const struct machine_pu *pu)
{
        return boxes == TOPO_BY_PACKAGE ? pu->package : boxes == TOPO_BY_NODE ? pu->node : 0;
}

static int compare(unsigned a, unsigned b)
{
        return (a > b) - (a < b);
}

/* A PU is sorted by where it is drawn. */
static int compare_places(const struct machine_pu *a, const struct machine_pu *b, enum topo_boxes boxes)
{
        int r = compare(box_of(boxes, a), box_of(boxes, b));

        if (r == 0)
                r = compare(a->node, b->node);
        if (r == 0)
                r = compare(a->kind, b->kind);
        return r == 0 ? compare(a->cache, b->cache) : r;
}

static int compare_pus(const void *a, const void *b, void *boxes)
{
        const struct machine_pu *x = a, *y = b;
        int r = compare_places(x, y, *(enum topo_boxes *)boxes);

        if (r == 0)
                r = compare(x->core, y->core);
        return r == 0 ? compare(x->smt_rank, y->smt_rank) : r;
}

static void row_add(struct topo_row *row, const struct topo_view *view, const struct machine_pu *pu)
{
        cpuset_add(&row->set, pu->os);
        row->in_state[topo_state_of(view, pu->os)]++;
        row->n_cores += pu->smt_rank == 0;
        row->n++;
}

/* Private caches say nothing that the cores do not. */
static bool caches_are_shared(const struct machine *m)
{
        return m->n_caches < m->n_cores;
}

static void make_rows(struct topo_rows *rows, const struct topo_view *view)
{
        const struct machine_pu *previous = NULL;

        for (unsigned i = 0; i < view->machine->n_pus; i++) {
                struct machine_pu *pu = &rows->pus[i];

                if (!previous || compare_places(previous, pu, rows->boxes) != 0)
                        rows->rows[rows->n++] = (struct topo_row){
                                .box = box_of(rows->boxes, pu),
                                .node = pu->node,
                                .kind = pu->kind,
                                .cache_first = pu->cache,
                                .cache_last = pu->cache,
                                .n_groups = 1,
                                .first = i,
                        };
                row_add(&rows->rows[rows->n - 1], view, pu);
                previous = pu;
        }
}

static bool is_uniform(const struct topo_row *row)
{
        return (row->in_state[TOPO_FREE] > 0) + (row->in_state[TOPO_IS_LENT] > 0) +
                       (row->in_state[TOPO_UNUSABLE] > 0) ==
               1;
}

static bool are_alike(const struct topo_row *a, const struct topo_row *b)
{
        if (a->box != b->box || a->node != b->node || a->kind != b->kind || a->n_cores != b->n_cores || a->n != b->n ||
            b->cache_first != a->cache_last + 1 || !is_uniform(a) || !is_uniform(b))
                return false;
        for (unsigned i = 0; i < TOPO_STATES; i++)
                if ((a->in_state[i] > 0) != (b->in_state[i] > 0))
                        return false;
        return true;
}

void topo_rows_merge(struct topo_rows *rows)
{
        unsigned n = 0;

        for (unsigned i = 0; i < rows->n; i++) {
                struct topo_row *last = n > 0 ? &rows->rows[n - 1] : NULL, *row = &rows->rows[i];

                if (!last || !are_alike(last, row)) {
                        rows->rows[n++] = *row;
                        continue;
                }
                last->cache_last = row->cache_last;
                last->n_groups++;
                last->set = cpuset_or(&last->set, &row->set);
                for (unsigned j = 0; j < TOPO_STATES; j++)
                        last->in_state[j] += row->in_state[j];
        }
        rows->n = n;
}

int topo_rows_init(struct topo_rows *rows, const struct topo_view *view)
{
        const struct machine *m = view->machine;
        struct topo_rows result = {.detailed = m->n_pus <= TOPO_DETAIL_MAX};

        result.boxes = choose_boxes(m, &result.n_boxes);
        result.pus = malloc(m->n_pus * sizeof(*result.pus));
        result.rows = calloc(m->n_pus, sizeof(*result.rows));
        if (!result.pus || !result.rows) {
                topo_rows_finish(&result);
                return -ENOMEM;
        }
        memcpy(result.pus, m->pus, m->n_pus * sizeof(*result.pus));
        if (!caches_are_shared(m))
                for (unsigned i = 0; i < m->n_pus; i++)
                        result.pus[i].cache = 0;
        qsort_r(result.pus, m->n_pus, sizeof(*result.pus), compare_pus, &result.boxes);
        make_rows(&result, view);
        if (!result.detailed)
                topo_rows_merge(&result);
        *rows = result;
        return 0;
}

void topo_rows_finish(struct topo_rows *rows)
{
        free(rows->pus);
        free(rows->rows);
        *rows = (struct topo_rows){0};
}
