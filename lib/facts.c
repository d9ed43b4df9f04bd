#include <errno.h>
#include <string.h>

#include "hw/root.h"
#include "hw/usable.h"
#include "lib/client.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static int set_quota(json_t *facts, const struct hw_allowance *allowance)
{
        if (allowance->quota <= 0)
                return 0;
        if (json_object_set_new(facts, "quota", json_real(allowance->quota)) < 0)
                return -ENOMEM;
        /* A cgroup's name need not be UTF-8; without a name the quota counts for this user's leases alone. */
        json_object_set_new(facts, "cgroup", json_string(allowance->group));
        return 0;
}

static int set_boot_id(json_t *facts)
{
        char boot_id[64];

        if (hw_root_read_line("", BOOT_ID, boot_id, sizeof(boot_id)) < 0)
                return 0;
        return json_object_set_new(facts, "bootId", json_string(boot_id)) < 0 ? -ENOMEM : 0;
}

int client_facts(json_t **ret_facts)
{
        CLEANUP_JSON json_t *facts = json_object();
        struct hw_allowance allowance;
        char list[CPUSET_TEXT_MAX];
        int r = hw_allowance_read("", 0, &allowance, NULL);

        if (r < 0)
                return r;
        r = cpuset_format(&allowance.pus, list, sizeof(list));
        if (r < 0)
                return r;
        if (json_object_set_new(facts, "allowed", json_string(list)) < 0)
                return -ENOMEM;
        if ((r = set_quota(facts, &allowance)) < 0 || (r = set_boot_id(facts)) < 0)
                return r;
        *ret_facts = TAKE(facts);
        return 0;
}
