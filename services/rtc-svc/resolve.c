/* SPDX-License-Identifier: MIT */
#include "resolve.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/must.h"

struct resolve {
    GCancellable *cancellable;
    resolve_fn *on_resolved; /* NULL: nobody waits any more */
    void *arg;
};

static size_t take_addresses(GList *list, uint8_t ips[RESOLVE_MAX][16])
{
    size_t count = 0;

    for (GList *at = list; at != NULL && count < RESOLVE_MAX; at = at->next, count++) {
        GInetAddress *address = at->data;
        const guint8 *raw = g_inet_address_to_bytes(address);

        if (g_inet_address_get_family(address) == G_SOCKET_FAMILY_IPV4)
            address_map(raw, ips[count]);
        else
            memcpy(ips[count], raw, 16);
    }
    return count;
}

static void on_done(GObject *resolver, GAsyncResult *result, gpointer arg)
{
    struct resolve *resolve = arg;
    uint8_t ips[RESOLVE_MAX][16];
    GList *list = g_resolver_lookup_by_name_finish(G_RESOLVER(resolver), result, NULL);
    size_t count = take_addresses(list, ips);

    g_resolver_free_addresses(list);
    g_object_unref(resolver);
    g_clear_object(&resolve->cancellable);
    if (resolve->on_resolved != NULL)
        resolve->on_resolved(resolve->arg, ips, count);
    else
        free(resolve);
}

struct resolve *resolve_begin(const char *host, resolve_fn *on_resolved, void *arg)
{
    struct resolve *resolve = xcalloc(1, sizeof(*resolve));

    *resolve = (struct resolve){
        .cancellable = g_cancellable_new(), .on_resolved = on_resolved, .arg = arg};
    g_resolver_lookup_by_name_async(g_resolver_get_default(), host, resolve->cancellable, on_done,
                                    resolve);
    return resolve;
}

void resolve_free(struct resolve **resolve)
{
    if (*resolve == NULL)
        return;
    (*resolve)->on_resolved = NULL;
    if ((*resolve)->cancellable != NULL)
        g_cancellable_cancel((*resolve)->cancellable); /* on_done() frees it */
    else
        free(*resolve);
    *resolve = NULL;
}
