/* Holds a lease by the public API alone and says what becomes of it: one line for each change,
 *
 *     held 0 1 wanted 1 slots 0 1
 *
 * with " paused" and " nice N" at its end where that is so, or "gone" where the service is. Commands on standard input,
 * one a line: return PU, unusable PU, max N; its end ends the lease. Exits 1 with the errno's name where something
 * fails.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <schedctl.h>

static void print_lease(const struct schedctl_lease *lease)
{
        printf("held");
        for (size_t i = 0; i < schedctl_lease_n_pus(lease); i++)
                printf(" %u", schedctl_lease_pu(lease, i));
        printf(" wanted");
        for (size_t i = 0; i < schedctl_lease_n_wanted(lease); i++)
                printf(" %u", schedctl_lease_wanted(lease, i));
        printf(" slots");
        for (size_t i = 0; i < schedctl_lease_n_slots(lease); i++)
                printf(" %u", schedctl_lease_slot(lease, i));
        if (schedctl_lease_is_paused(lease))
                printf(" paused");
        if (schedctl_lease_nice(lease) > 0)
                printf(" nice %d", schedctl_lease_nice(lease));
        printf("\n");
        fflush(stdout);
}

/* The number after the word, or -1. */
static long argument(const char *command, const char *word)
{
        size_t len = strlen(word);

        return strncmp(command, word, len) == 0 ? strtol(command + len, NULL, 10) : -1;
}

static int obey(struct schedctl_lease *lease, const char *command)
{
        struct schedctl_request request = {.size = sizeof(request)};
        long returned = argument(command, "return "), unusable = argument(command, "unusable ");
        long max = argument(command, "max ");

        if (returned >= 0)
                return schedctl_lease_return(lease, &(unsigned){(unsigned)returned}, 1);
        if (unusable >= 0)
                return schedctl_lease_unusable(lease, &(unsigned){(unsigned)unusable}, 1);
        if (max <= 0)
                return -EINVAL;
        request.max = (unsigned)max;
        return schedctl_lease_update(lease, &request);
}

static int hold(struct schedctl_lease *lease)
{
        struct pollfd fds[] = {{.fd = 0, .events = POLLIN}, {.fd = schedctl_lease_fd(lease), .events = POLLIN}};
        char command[64];
        int r;

        for (;;) {
                if (poll(fds, 2, -1) < 0)
                        return -errno;
                if (fds[1].revents) {
                        r = schedctl_lease_dispatch(lease);
                        if (r == 1)
                                print_lease(lease);
                        else if (r == -ENOTCONN)
                                puts("gone"), fflush(stdout);
                        else if (r < 0)
                                return r;
                }
                if (fds[0].revents) {
                        if (!fgets(command, sizeof(command), stdin))
                                return 0;
                        r = obey(lease, command);
                        if (r < 0)
                                return r;
                }
        }
}

int main(void)
{
        struct schedctl_lease *lease;
        int r = schedctl_acquire(NULL, &lease);

        if (r == 0) {
                setvbuf(stdin, NULL, _IONBF, 0); /* poll() must see every line */
                print_lease(lease);
                r = hold(lease);
                schedctl_lease_release(lease);
        }
        if (r < 0)
                puts(strerrorname_np(-r));
        return r < 0;
}
