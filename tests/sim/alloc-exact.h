/* The exact hierarchical weighted max-min share, in fractions of PUs: what the allocator's whole numbers are measured
 * by.
 *
 * Users are filled like water up to a common level of PUs / weight, each no further than its leases can use and no less
 * than their first PUs; then each user's leases with what the user got (Demers, Keshav and Shenker 1989 for one level).
 * Background leases are filled with what is left. Masks and quotas are left out.
 */
#pragma once

#include "core/alloc.h"

/* Of every lease by its index, with n_pus usable and the budget as it is. ret_shares has room for all. */
void exact_shares(const struct alloc *a, uint64_t now, unsigned n_pus, unsigned budget, double *ret_shares);
