/* SPDX-License-Identifier: MIT
 *
 * sockets: listening sockets that outlive the process. Whoever started us (sharestreamd, or
 * systemd) keeps them and hands them to the next life, so that who connects in between waits a
 * moment instead of being refused. Each goes by a name, the setting with its address:
 * "http.listen".
 */
#ifndef SVC_SOCKETS_H
#define SVC_SOCKETS_H

#include <stddef.h>

#include "svc/svc.h"

/* Those that were handed to us by this name; the caller's from now on. At most `max`. */
size_t sockets_take(struct svc *svc, const char *name, int *fds, size_t max);
/* Have them kept. Nobody there who would: nothing happens. */
void sockets_keep(struct svc *svc, const char *name, const int *fds, size_t count);
/* And no longer. */
void sockets_drop(struct svc *svc, const char *name);

#endif
