/* SPDX-License-Identifier: MIT
 *
 * confine: what a service can no longer do once it works, whoever makes it try (seccomp(2)).
 */
#ifndef SVC_CONFINE_H
#define SVC_CONFINE_H

#include <stdbool.h>

#include "base/error.h"

/* For the rest of the process, all of its threads and children: no new privileges, none of the
 * system calls by which kernels are attacked or machines administered; without `starts_programs`
 * no other program either, and no memory that is written and run. What is refused fails with EPERM.
 * ERR_UNAVAILABLE: the kernel cannot. */
enum err confine(bool starts_programs, struct error *error);

#endif
