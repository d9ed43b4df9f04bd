/* The allocator's errors and reasons as people read them. */
#include "core/alloc.h"

const char *alloc_error_text(enum alloc_error error)
{
        switch (error) {
        case ALLOC_ERROR_NONE:
                return "no error";
        case ALLOC_ERROR_NO_SUCH_LEASE:
                return "no such lease";
        case ALLOC_ERROR_INVALID:
                return "the request's numbers do not fit together";
        case ALLOC_ERROR_NO_USABLE_PU:
                return "no CPU is both usable and allowed";
        case ALLOC_ERROR_TOO_MANY_LEASES:
                return "too many leases";
        case ALLOC_ERROR_TOO_MANY_OF_UID:
                return "too many leases of this user";
        case ALLOC_ERROR_TOO_MANY_SLOTS:
                return "no slot is left";
        case ALLOC_ERROR_EXISTS:
                return "the lease exists already";
        }
        return "unknown error";
}

const char *alloc_reason_text(enum alloc_reason reason)
{
        switch (reason) {
        case ALLOC_OK:
                return "all it may use";
        case ALLOC_GROWN:
                return "CPUs became free";
        case ALLOC_FAIR_SHARE:
                return "fair share";
        case ALLOC_BUDGET:
                return "budget";
        case ALLOC_MACHINE_CHANGED:
                return "the machine changed";
        case ALLOC_QUOTA:
                return "the cgroup's quota";
        case ALLOC_NOT_ALLOWED:
                return "outside the allowed CPUs";
        case ALLOC_MAX:
                return "its maximum";
        case ALLOC_UNUSABLE:
                return "cannot be pinned to";
        case ALLOC_UNANSWERED:
                return "wanted back in vain";
        case ALLOC_ALL_LENT:
                return "every CPU is lent";
        case ALLOC_SHARED_FIRST:
                return "shared, every CPU is lent";
        case ALLOC_CLAIMED:
                return "claimed";
        case ALLOC_PAUSED:
                return "paused";
        case ALLOC_HOLD:
                return "memory pressure";
        case ALLOC_REASONS:
                break;
        }
        return "unknown reason";
}

const char *alloc_priority_text(enum alloc_priority priority)
{
        switch (priority) {
        case ALLOC_NORMAL:
                return "normal";
        case ALLOC_BATCH:
                return "batch";
        case ALLOC_INTERACTIVE:
                return "interactive";
        case ALLOC_PRIORITIES:
                break;
        }
        return "unknown priority";
}
