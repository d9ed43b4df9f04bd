#include "core/seats.h"

static bool is_among(unsigned pu, const struct dispatch_pu *pus, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (pus[i].os == pu)
                        return true;
        return false;
}

static bool is_free(unsigned pu, const struct seat *seats, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (seats[i].taken && seats[i].pu == pu)
                        return false;
        return true;
}

void seats_settle(struct seat *seats, size_t n, const struct dispatch_pu *pus, size_t n_pus)
{
        size_t next = 0;

        for (size_t i = 0; i < n; i++)
                if (!seats[i].taken || !is_among(seats[i].pu, pus, n_pus))
                        seats[i].pu = DISPATCH_FLOATING;
        for (size_t i = 0; i < n; i++) {
                if (!seats[i].taken || seats[i].pu != DISPATCH_FLOATING)
                        continue;
                while (next < n_pus && !is_free(pus[next].os, seats, n))
                        next++;
                if (next == n_pus)
                        return;
                seats[i].pu = pus[next++].os;
        }
}
