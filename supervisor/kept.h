/* SPDX-License-Identifier: MIT
 *
 * kept: the listening sockets of a service, held open from one life to the next
 * (lib/svc/contract.h, CONTRACT_KEEP_FD).
 */
#ifndef SUPERVISOR_KEPT_H
#define SUPERVISOR_KEPT_H

#include <stdbool.h>
#include <stddef.h>

#include "svc/contract.h"

struct kept {
    struct kept_socket {
        char name[KEPT_NAME];
        int fd;
    } sockets[KEPT_MAX];
    size_t count;
};

/* Takes all that the service has said on `from`; false when it will say nothing more. */
bool kept_read(struct kept *kept, int from);
/* Closes all: who connects is refused from now on. */
void kept_clear(struct kept *kept);
/* For CONTRACT_SOCKETS; free() it. */
char *kept_text(const struct kept *kept);

#endif
