#include "daemon/describe.h"

#include <string.h>

#include "daemon/interfaces.h"
#include "lib/util.h"

static const struct {
        const char *name;
        const char *text;
} interfaces[] = {
        {"org.schedctl.Scheduler", interface_org_schedctl_Scheduler},
        {"org.varlink.service", interface_org_varlink_service},
};

json_t *describe_service(void)
{
        json_t *names = json_array();

        for (size_t i = 0; i < ELEMENTSOF(interfaces); i++)
                json_array_append_new(names, json_string(interfaces[i].name));
        return json_pack("{s:s, s:s, s:s, s:s, s:o}", "vendor", "schedctl", "product", "schedd", "version",
                         SCHEDCTL_VERSION, "url", "man:schedd(8)", "interfaces", names);
}

const char *describe_interface(const char *name, size_t len)
{
        for (size_t i = 0; i < ELEMENTSOF(interfaces); i++)
                if (strlen(interfaces[i].name) == len && memcmp(interfaces[i].name, name, len) == 0)
                        return interfaces[i].text;
        return NULL;
}
