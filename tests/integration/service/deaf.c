/* Preloaded into a service, makes it accept nobody while the file $DEAF exists, though its loop goes on turning. */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As <sys/socket.h> has it, but for its union of all kinds of address. */
int accept4(int fd, void *address, unsigned *len, int flags);

__attribute__((visibility("default"))) int accept4(int fd, void *address, unsigned *len, int flags)
{
        const char *deaf = getenv("DEAF");

        if (deaf && access(deaf, F_OK) == 0) {
                errno = EAGAIN;
                return -1;
        }
        return (int)syscall(SYS_accept4, fd, address, len, flags);
}
