/* SPDX-License-Identifier: MIT
 *
 * services: who answers what, by the generated descriptors.
 */
#ifndef CLI_SERVICES_H
#define CLI_SERVICES_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "base/error.h"

struct service {
    const char *name;
    const ProtobufCServiceDescriptor *own; /* next to svc.Svc, which all answer */
};

/* The supervisor first, then the rows of services.def (a test compares). */
extern const struct service services[];
extern const size_t service_count;

/* "torrent" or "torrent.1", any of the table. ERR_INVALID with a near match. */
enum err service_find(const char *word, const struct service **out, unsigned *instance_out,
                      struct error *error);
/* The method of any case ("get"), and the descriptor that holds it. */
enum err service_method(const struct service *service, const char *word,
                        const ProtobufCServiceDescriptor **descriptor_out,
                        const ProtobufCMethodDescriptor **method_out, struct error *error);

#endif
