#include "lib/facts.h"

#include <errno.h>
#include <string.h>

#include "hw/root.h"
#include "lib/client.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define ONLINE  "/sys/devices/system/cpu/online"

static int read_online(struct cpuset *ret_online)
{
        return hw_root_read_cpuset("", ONLINE, ret_online);
}

/* An affinity that nobody has set is shown by the kernel as what is online and in the cpusets. */
static bool is_chosen(const struct hw_allowance *allowance)
{
        struct cpuset online;

        if (read_online(&online) < 0)
                return true;
        struct cpuset left = cpuset_and(&online, &allowance->cpusets);
        return !cpuset_is_subset(&left, &allowance->affinity);
}

static void take_quota(struct facts *facts, const struct hw_allowance *allowance)
{
        facts->quota = allowance->quota;
        memcpy(facts->group, allowance->group, sizeof(facts->group));
}

int facts_read(struct facts *ret_facts)
{
        struct hw_allowance allowance;
        int r = hw_allowance_read("", 0, &allowance, NULL);

        if (r < 0)
                return r;
        *ret_facts = (struct facts){
                .affinity = allowance.affinity, .chosen = is_chosen(&allowance), .allowed = allowance.pus};
        take_quota(ret_facts, &allowance);
        return 0;
}

int facts_reread(const struct facts *before, const char *unit, struct facts *ret_facts)
{
        struct hw_allowance allowance;
        struct facts facts = *before;
        struct cpuset affinity = before->affinity;
        int r = hw_allowance_read("", 0, &allowance, NULL);

        if (r < 0)
                return r;
        if (unit && (r = hw_cpusets_around("", unit, &allowance.cpusets)) < 0)
                return r;
        if (!before->chosen)
                read_online(&affinity);
        facts.allowed = cpuset_and(&affinity, &allowance.cpusets);
        take_quota(&facts, &allowance);
        *ret_facts = facts;
        return 0;
}

/* Telling. */

static int add_allowed(json_t *parameters, const struct cpuset *allowed)
{
        char list[CPUSET_TEXT_MAX];
        int r = cpuset_format(allowed, list, sizeof(list));

        if (r < 0)
                return r;
        return json_object_set_new(parameters, "allowed", json_string(list)) < 0 ? -ENOMEM : 0;
}

/* A cgroup's name need not be UTF-8; without a name the quota counts for this user's leases alone. */
static int add_quota(json_t *parameters, const struct facts *facts)
{
        if (json_object_set_new(parameters, "quota", json_real(facts->quota)) < 0)
                return -ENOMEM;
        if (facts->quota > 0)
                json_object_set_new(parameters, "cgroup", json_string(facts->group));
        return 0;
}

static int add_boot_id(json_t *parameters)
{
        char boot_id[64];

        if (hw_root_read_line("", BOOT_ID, boot_id, sizeof(boot_id)) < 0)
                return 0;
        return json_object_set_new(parameters, "bootId", json_string(boot_id)) < 0 ? -ENOMEM : 0;
}

int facts_json(const struct facts *facts, json_t **ret_json)
{
        CLEANUP_JSON json_t *json = json_object();
        int r = json ? add_allowed(json, &facts->allowed) : -ENOMEM;

        if (r == 0 && facts->quota > 0)
                r = add_quota(json, facts);
        if (r == 0)
                r = add_boot_id(json);
        if (r < 0)
                return r;
        *ret_json = TAKE(json);
        return 0;
}

static bool is_same_quota(const struct facts *a, const struct facts *b)
{
        return !(a->quota < b->quota) && !(a->quota > b->quota) && strcmp(a->group, b->group) == 0;
}

int facts_add_changes(const struct facts *before, const struct facts *now, json_t *parameters)
{
        int r = 0, changed = 0;

        if (!before || !cpuset_equal(&before->allowed, &now->allowed)) {
                r = add_allowed(parameters, &now->allowed);
                changed = 1;
        }
        if (r == 0 && (!before || !is_same_quota(before, now))) {
                r = add_quota(parameters, now);
                changed = 1;
        }
        return r < 0 ? r : changed;
}

int client_facts(json_t **ret_facts)
{
        struct facts facts;
        int r = facts_read(&facts);

        return r < 0 ? r : facts_json(&facts, ret_facts);
}
