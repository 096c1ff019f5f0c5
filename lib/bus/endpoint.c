/* SPDX-License-Identifier: MIT
 *
 * endpoint: where a service is found. Named in `peers`: there, at every address of the name; else a
 * socket in the run directory.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/must.h"
#include "base/settings.h"
#include "base/units.h"
#include "bus/ask.h"
#include "bus/bus_private.h"

/* The next "name=endpoint" item of a comma-separated list; false at the end. */
static bool next_item(const char **at, struct bytes *name, struct bytes *endpoint)
{
    struct bytes item;

    while (settings_list_next(at, &item)) {
        const uint8_t *equals = memchr(item.data, '=', item.len);

        if (equals == NULL)
            continue;
        *name = bytes_of(item.data, (size_t)(equals - item.data));
        *endpoint = bytes_of(equals + 1, item.len - name->len - 1);
        return true;
    }
    return false;
}

/* ipc: a suffix tells the two sockets apart; tcp: the port after. */
static bool write_endpoint(struct bytes base, bool events, char *out, size_t cap)
{
    char text[BUS_ENDPOINT_MAX];
    struct endpoint address;
    int len;

    if (base.len >= sizeof(text))
        return false;
    memcpy(text, base.data, base.len);
    text[base.len] = '\0';
    if (strncmp(text, "tcp://", 6) != 0) {
        len = snprintf(out, cap, "%s%s", text, events ? ".evt" : ".rpc");
        return (size_t)len < cap &&
               strlen(out) - strlen("ipc://") < sizeof(((struct sockaddr_un *)0)->sun_path);
    }
    if (!parse_endpoint(text + 6, &address) || address.port == 0 || address.port == UINT16_MAX)
        return false;
    len = snprintf(out, cap, strchr(address.host, ':') ? "tcp://[%s]:%u" : "tcp://%s:%u",
                   address.host[0] ? address.host : "0.0.0.0", address.port + (events ? 1u : 0u));
    return (size_t)len < cap;
}

bool bus_endpoint(const char *run_dir, const char *peers, const char *name, unsigned instance,
                  bool events, char *out, size_t cap)
{
    struct bytes item, endpoint;
    unsigned index = 0;
    char base[BUS_ENDPOINT_MAX];

    while (peers != NULL && next_item(&peers, &item, &endpoint))
        if (bytes_equal_text(item, name) && index++ == instance)
            return write_endpoint(endpoint, events, out, cap);
    if (index > 0) /* named, but not so many */
        return false;
    if ((size_t)snprintf(base, sizeof(base), "ipc://%s/%s.%u", run_dir, name, instance) >=
        sizeof(base))
        return false;
    return write_endpoint(bytes_of_text(base), events, out, cap);
}

static void tell(struct bytes base, endpoint_fn *fn, void *arg)
{
    char rpc[BUS_ENDPOINT_MAX], events[BUS_ENDPOINT_MAX];

    if (write_endpoint(base, false, rpc, sizeof(rpc)) &&
        write_endpoint(base, true, events, sizeof(events)))
        fn(arg, rpc, events);
    else
        log_error("bus address is unusable", "address=%.*s", (int)base.len,
                  (const char *)base.data);
}

static bool is_address(const char *host)
{
    struct in6_addr address;

    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

/* Every address of the name in `base`, if there is one. */
static bool tell_all(struct bytes base, endpoint_fn *fn, void *arg)
{
    char text[BUS_ENDPOINT_MAX];
    struct endpoint at;
    struct resolved found;

    snprintf(text, sizeof(text), "%.*s", (int)base.len, (const char *)base.data);
    if (strncmp(text, "tcp://", 6) != 0 || !parse_endpoint(text + 6, &at) || is_address(at.host)) {
        tell(base, fn, arg);
        return true;
    }
    if (!resolve(at.host, &found))
        return false;
    for (size_t i = 0; i < found.count; i++) {
        snprintf(text, sizeof(text),
                 strchr(found.addresses[i], ':') ? "tcp://[%s]:%u" : "tcp://%s:%u",
                 found.addresses[i], at.port);
        tell(bytes_of_text(text), fn, arg);
    }
    return true;
}

bool endpoint_each(const struct bus *bus, const char *name, endpoint_fn *fn, void *arg)
{
    const char *at = bus->peers_text;
    struct bytes item, endpoint;
    bool is_named = false, is_whole = true;
    char base[BUS_ENDPOINT_MAX];

    while (next_item(&at, &item, &endpoint)) {
        if (!bytes_equal_text(item, name))
            continue;
        is_named = true;
        is_whole &= tell_all(endpoint, fn, arg);
    }
    if (!is_named) {
        snprintf(base, sizeof(base), "ipc://%s/%s.0", bus->run_dir, name);
        tell(bytes_of_text(base), fn, arg);
    }
    return is_whole;
}

bool endpoint_own(const struct bus *bus, bool events, char *out, size_t cap)
{
    char base[BUS_ENDPOINT_MAX];

    if (bus->listen[0] != '\0')
        return write_endpoint(bytes_of_text(bus->listen), events, out, cap);
    /* Sockets of this machine need no "@node". */
    if ((size_t)snprintf(base, sizeof(base), "ipc://%s/%.*s", bus->run_dir,
                         (int)strcspn(bus->self, "@"), bus->self) >= sizeof(base))
        return false;
    return write_endpoint(bytes_of_text(base), events, out, cap);
}

bool bus_is_by_tcp(const struct bus *bus, const char *name)
{
    const char *at = bus->peers_text;
    struct bytes item, endpoint;

    while (next_item(&at, &item, &endpoint))
        if (bytes_equal_text(item, name) && endpoint.len > 6 &&
            memcmp(endpoint.data, "tcp://", 6) == 0)
            return true;
    return false;
}
