/* include/schedctl.h: what a lease holds, as of its last grant. */
#include "lib/lease.h"

size_t schedctl_lease_n_pus(const struct schedctl_lease *lease)
{
        return lease->grant.n_pus;
}

unsigned schedctl_lease_pu(const struct schedctl_lease *lease, size_t index)
{
        return lease->grant.pus[index];
}

size_t schedctl_lease_n_slots(const struct schedctl_lease *lease)
{
        return lease->grant.n_slots;
}

unsigned schedctl_lease_slot(const struct schedctl_lease *lease, size_t index)
{
        return lease->grant.slots[index];
}

size_t schedctl_lease_n_wanted(const struct schedctl_lease *lease)
{
        return lease->grant.n_wanted;
}

unsigned schedctl_lease_wanted(const struct schedctl_lease *lease, size_t index)
{
        return lease->grant.wanted[index];
}

unsigned schedctl_lease_wanted_within_ms(const struct schedctl_lease *lease)
{
        return lease->grant.wanted_within;
}

int schedctl_lease_is_shared(const struct schedctl_lease *lease, size_t index)
{
        return cpuset_has(&lease->grant.shared, lease->grant.pus[index]);
}

const char *schedctl_lease_reason(const struct schedctl_lease *lease)
{
        if (lease->grant.wanted_reason)
                return lease->grant.wanted_reason;
        return lease->grant.reason ? lease->grant.reason : "";
}

unsigned schedctl_lease_position(const struct schedctl_lease *lease)
{
        return lease->grant.position;
}

uint64_t schedctl_lease_expected_ms(const struct schedctl_lease *lease)
{
        return lease->grant.expected_ms;
}

int schedctl_lease_is_paused(const struct schedctl_lease *lease)
{
        return lease->grant.paused;
}

int schedctl_lease_nice(const struct schedctl_lease *lease)
{
        return lease->grant.nice;
}

int schedctl_lease_fd(const struct schedctl_lease *lease)
{
        return lease->poller.fd;
}

const struct client_grant *client_lease_grant(const struct schedctl_lease *lease)
{
        return &lease->grant;
}

const char *schedctl_lease_id(const struct schedctl_lease *lease)
{
        return lease->id;
}

bool client_lease_is_connected(const struct schedctl_lease *lease)
{
        return lease->state == LEASE_CONNECTED;
}

bool client_lease_is_answered(const struct schedctl_lease *lease)
{
        return lease->state == LEASE_CONNECTED && lease->calls.waiting == 0;
}

bool client_lease_is_over(const struct schedctl_lease *lease)
{
        return lease->state == LEASE_ENDED;
}
