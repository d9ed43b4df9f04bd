/* The texts of docs/, one for each .varlink file, which embed.py turns into C when the program is built. */
#pragma once

extern const char interface_org_schedctl_Scheduler[];
extern const char interface_org_varlink_service[];
