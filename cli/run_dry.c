#include "cli/run_dry.h"

#include <errno.h>
#include <stdio.h>

#include "cli/plan.h"
#include "lib/util.h"

/* The stream owns its text until it is closed. */
static int print(const struct plan_input *in, const struct plan_result *plan, char **ret_text)
{
        CLEANUP_FREE char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        int r;

        if (!out)
                return -ENOMEM;
        r = plan_print(in, plan, true, out);
        if (fclose(out) != 0 || !text)
                return -ENOMEM;
        if (r == 0)
                *ret_text = TAKE(text);
        return r;
}

static int describe(struct run_suite *s, const struct plan_input *in, const struct plan_result *plan)
{
        int r = print(in, plan, &s->dry_text);

        if (r < 0)
                return r;
        s->dry = plan_json(in, plan, true);
        return s->dry ? 0 : -ENOMEM;
}

int run_dry_plan(struct run_suite *s, const struct dispatch_params *params, uint32_t n_known)
{
        const struct plan_input in = {
                .suite = params,
                .pus = s->pus,
                .n_pus = s->n_pus,
                .ids = s->listing.ids,
                .group_ids = s->listing.group_ids,
                .machine = &s->run->machine,
                .beside = -1,
                .n_known = n_known,
        };
        CLEANUP(plan_result_finish) struct plan_result plan = {0};
        int r = s->n_pus > 0 ? plan_predict(&in, &plan) : 0;

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return run_dry_inline(s, "no plan could be made");
        if (s->n_pus == 0)
                return run_dry_inline(s, "other suites of this run have all its CPUs");
        return describe(s, &in, &plan);
}

int run_dry_inline(struct run_suite *s, const char *why)
{
        s->dry = json_object();
        if (!s->dry || asprintf(&s->dry_text, "%u test%s run by pytest itself: %s\n", s->listing.n_items,
                                s->listing.n_items == 1 ? "" : "s", why) < 0)
                return -ENOMEM;
        return 0;
}
