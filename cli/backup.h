/* SPDX-License-Identifier: MIT
 *
 * backup: the state of a server as one folder: its databases, copied while they are written to, its
 * keys, what people uploaded besides films, and the configuration. Films themselves are not in it.
 */
#ifndef CLI_BACKUP_H
#define CLI_BACKUP_H

#include "base/error.h"

/* Makes `folder`, which must not exist; it appears when all is in it. `config_file` may be NULL. */
enum err backup_make(const char *data_dir, const char *config_file, const char *folder,
                     struct error *error);
/* Puts a backup into data_dir, which must not have a state of its own; nothing may run there. */
enum err backup_restore(const char *folder, const char *data_dir, struct error *error);

#endif
