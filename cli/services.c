/* SPDX-License-Identifier: MIT */
#include "services.h"

#include <string.h>

#include <proto/control.pb-c.h>
#include <proto/http.pb-c.h>
#include <proto/room.pb-c.h>
#include <proto/rtc.pb-c.h>
#include <proto/svc.pb-c.h>
#include <proto/torrent.pb-c.h>
#include <proto/tracker.pb-c.h>
#include <proto/transcode.pb-c.h>

#include "base/must.h"
#include "base/units.h"
#include "bus/bus.h"
#include "pattern.h"

const struct service services[] = {
    {"supervisor", &sharestream__control__control__descriptor},
    {"tracker", &sharestream__tracker__tracker__descriptor},
    {"torrent", &sharestream__torrent__torrent__descriptor},
    {"transcode", &sharestream__transcode__transcode__descriptor},
    {"room", &sharestream__room__room__descriptor},
    {"rtc", &sharestream__rtc__rtc__descriptor},
    {"http", &sharestream__http__http__descriptor},
};
const size_t service_count = COUNT_OF(services);

static const char *service_at(const void *list, unsigned i)
{
    return ((const struct service *)list)[i].name;
}

enum err service_find(const char *word, const struct service **out, unsigned *instance_out,
                      struct error *error)
{
    size_t len = strcspn(word, ".");
    uint64_t instance = 0;
    char name[PATTERN_NAME];

    if (word[len] == '.' &&
        (!parse_count(word + len + 1, &instance) || instance >= BUS_INSTANCES_MAX))
        return error_set(error, ERR_INVALID, "\"%.80s\" is not like \"torrent\" or \"torrent.0\"",
                         word);
    *instance_out = (unsigned)instance;
    for (size_t i = 0; i < service_count; i++) {
        if (strlen(services[i].name) == len && strncmp(services[i].name, word, len) == 0) {
            *out = &services[i];
            return ERR_NONE;
        }
    }
    memcpy(name, word, MIN(len, sizeof(name) - 1));
    name[MIN(len, sizeof(name) - 1)] = '\0';
    const char *near = near_word(name, service_at, services, (unsigned)service_count);

    if (near != NULL)
        return error_set(error, ERR_INVALID, "there is no service %s; did you mean %s?", name,
                         near);
    return error_set(error, ERR_INVALID, "there is no service %s; see: sharestream status", name);
}

static const char *method_at(const void *list, unsigned i)
{
    return ((const ProtobufCMethodDescriptor *)list)[i].name;
}

enum err service_method(const struct service *service, const char *word,
                        const ProtobufCServiceDescriptor **descriptor_out,
                        const ProtobufCMethodDescriptor **method_out, struct error *error)
{
    const ProtobufCServiceDescriptor *both[] = {service->own, &sharestream__svc__svc__descriptor};
    const char *near = NULL;

    for (size_t d = 0; d < COUNT_OF(both); d++) {
        for (unsigned i = 0; i < both[d]->n_methods; i++) {
            if (strcasecmp(both[d]->methods[i].name, word) == 0) {
                *descriptor_out = both[d];
                *method_out = &both[d]->methods[i];
                return ERR_NONE;
            }
        }
        if (near == NULL)
            near = near_word(word, method_at, both[d]->methods, both[d]->n_methods);
    }
    if (near != NULL)
        return error_set(error, ERR_INVALID, "%s has no method %.80s; did you mean %s?",
                         service->name, word, near);
    return error_set(error, ERR_INVALID, "%s has no method %.80s; see: sharestream call %s",
                     service->name, word, service->name);
}
