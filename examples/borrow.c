/* Borrows CPUs in ten lines: build with `cc borrow.c $(pkg-config --cflags --libs schedctl)`. */
#include <schedctl.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
        struct schedctl_lease *lease;
        int r = schedctl_acquire(NULL, &lease);

        if (r < 0) {
                fprintf(stderr, "borrow: no CPUs: %s\n", strerror(-r));
                return 1;
        }
        for (size_t i = 0; i < schedctl_lease_n_pus(lease); i++)
                printf("CPU %u\n", schedctl_lease_pu(lease, i)); /* here: start a thread, pin it to this CPU */
        schedctl_lease_release(lease);
        return 0;
}
