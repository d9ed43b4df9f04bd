/* Prints what hw/ finds and placement makes of it, as the golden files have it: the model, the order with reasons,
 * the drawing in ASCII and UTF-8.
 *
 * usage: show-machine [--lent LIST] [ROOT]; HWLOC_XMLFILE and HWLOC_SYNTHETIC work as ever.
 */
#include <string.h>

#include "cli/topo_render.h"
#include "core/placement.h"
#include "hw/discover.h"
#include "hw/usable.h"
#include "lib/util.h"

static void machine_finishp(struct machine *m)
{
        machine_finish(m);
}

static void print_set(const char *name, const struct cpuset *set)
{
        char text[CPUSET_TEXT_MAX] = "";

        (void)cpuset_format(set, text, sizeof(text));
        printf("%s: %s\n", name, text);
}

static void print_model(const struct machine *m)
{
        printf("PUs %u, cores %u, packages %u, nodes %u, caches %u, kinds %u\n", m->n_pus, m->n_cores, m->n_packages,
               m->n_nodes, m->n_caches, m->n_kinds);
        for (unsigned kind = 0; kind < m->n_kinds; kind++) {
                struct cpuset set = machine_kind_cpuset(m, kind);

                printf("kind \"%s\", speed %.3f, cores %u; ", m->kinds[kind].name, m->kinds[kind].speed,
                       m->kinds[kind].n_cores);
                print_set("PUs", &set);
        }
        printf("%6s %5s %4s %5s %8s %5s %6s\n", "PU", "core", "rank", "kind", "package", "node", "cache");
        for (unsigned i = 0; i < m->n_pus; i++) {
                const struct machine_pu *pu = &m->pus[i];

                printf("%6u %5u %4u %5u %8u %5u %6u\n", pu->os, pu->core, pu->smt_rank, pu->kind, pu->package, pu->node,
                       pu->cache);
        }
}

/* What a client on this machine could be lent: the inode in the cgroup's name is the file system's own. */
static int narrow(const char *root, struct cpuset *usable, struct hw_notes *notes)
{
        struct hw_allowance allowance;
        int r = hw_allowance_read(root, 0, &allowance, notes);

        if (r < 0)
                return r;
        *usable = cpuset_and(usable, &allowance.pus);
        print_set("usable", usable);
        if (allowance.quota > 0)
                printf("quota: %.2f PUs by %.*s\n", allowance.quota, (int)strcspn(allowance.group, "#"),
                       allowance.group);
        return 0;
}

static int draw_order(const struct machine *m, const struct cpuset *usable, const struct topo_style *style)
{
        CLEANUP_FREE struct placement_choice *order = calloc(m->n_pus, sizeof(*order));
        CLEANUP_FREE struct topo_choice *choices = calloc(m->n_pus, sizeof(*choices));
        unsigned n;

        if (!order || !choices)
                return -ENOMEM;
        n = placement_order(m, NULL, usable, order);
        for (unsigned i = 0; i < n; i++)
                choices[i] = (struct topo_choice){order[i].pu, placement_reason_text(order[i].reason)};
        return topo_render_order(choices, n, style, stdout);
}

static int draw(const struct machine *m, const struct cpuset *usable, const struct cpuset *lent)
{
        const struct topo_view view = {.machine = m, .usable = usable, .lent = lent};
        const struct topo_style plain = {.width = 80}, fine = {.width = 100, .utf8 = true};
        int r;

        putchar('\n');
        r = draw_order(m, usable, &plain);
        putchar('\n');
        if (r >= 0)
                r = topo_render(&view, &fine, stdout);
        putchar('\n');
        return r < 0 ? r : topo_render(&view, &plain, stdout);
}

static int show(const char *root, const struct cpuset *lent)
{
        CLEANUP(machine_finishp) struct machine m = {0};
        struct hw_notes notes = {0};
        struct cpuset usable, own;
        int r = hw_discover(root, &m, &usable, &notes);

        if (r < 0)
                return r;
        print_model(&m);
        if (*root)
                r = narrow(root, &usable, &notes);
        else
                print_set("usable", &usable);
        own = cpuset_and(lent, &usable);
        if (r >= 0)
                r = draw(&m, &usable, &own);
        for (unsigned i = 0; i < notes.n && i < HW_NOTES_MAX; i++)
                printf("note: %s\n", notes.text[i]);
        return r;
}

int main(int argc, char **argv)
{
        struct cpuset lent = {0};
        int r = 0;

        if (argc > 2 && strcmp(argv[1], "--lent") == 0) {
                r = cpuset_parse(argv[2], strlen(argv[2]), &lent);
                argc -= 2;
                argv += 2;
        }
        if (r >= 0)
                r = show(argc > 1 ? argv[1] : "", &lent);
        if (r < 0)
                printf("refused: %s\n", strerror(-r));
        return r < 0;
}
