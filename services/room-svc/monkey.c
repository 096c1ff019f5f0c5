/* SPDX-License-Identifier: MIT
 *
 * monkey: the dialect of TorrentMonkey: a WebSocket at /monkey/ws on which each message
 * {"type":..,"data":..} goes to all clients, its sender included. It knows no rooms, ids or
 * errors: what makes no sense, or comes too often, goes to nobody.
 */
#include <stdlib.h>

#include "base/must.h"
#include "fields.h"
#include "room_svc.h"
#include "wire/websocket.h"

/* A browser that connects to another has some dozen candidates. */
static const struct bucket_rule rule = {.burst = 60, .per_1000s = 20000};
static const char group[] = "monkey";

/* The state of a guest is its bucket; nothing is kept, so that it is opened again when this process
 * begins anew. */
static void on_opened(struct guest *guest)
{
    struct room_svc *svc = guest->svc;

    if (svc->monkeys >= svc->settings->monkey_max) {
        guest_close(guest, WEBSOCKET_TRY_LATER, "too many are here");
        return;
    }
    svc->monkeys++;
    guest->state = xcalloc(1, sizeof(struct bucket));
    gateway_join(svc->gateways, guest->connection, group);
}

static void on_gone(struct guest *guest)
{
    if (guest->state == NULL)
        return;
    guest->svc->monkeys--;
    free(guest->state);
}

/* What its server made of a message: type is a text, data anything; what is missing is "" or null.
 * False: it made nothing of it. */
static bool write_message(struct bytes payload, struct text *out)
{
    struct bytes type, data;
    struct field fields[] = {FIELD_RAW_OF("type", type), FIELD_RAW_OF("data", data)};

    if (payload.len > ROOM_BLOB_MAX || !fields_read(payload, fields, COUNT_OF(fields)))
        return false;
    if (type.len == 0 || bytes_equal_text(type, "null"))
        type = bytes_of_text("\"\"");
    if (type.data[0] != '"')
        return false;
    text_add(out, "{\"type\":");
    text_add_bytes(out, type);
    text_add(out, ",\"data\":");
    text_add_bytes(out, data.len > 0 ? data : bytes_of_text("null"));
    text_add(out, "}");
    return true;
}

static void on_message(struct guest *guest, struct bytes payload, bool is_binary)
{
    struct room_svc *svc = guest->svc;
    struct text out = {0};

    if (guest->state == NULL || is_binary || !bucket_take(guest->state, &rule, 1, house_now(svc)))
        return;
    if (write_message(payload, &out))
        gateway_send_group(svc->gateways, group, NULL, 0, bytes_of(out.data, out.len), false);
    text_fini(&out);
}

const struct dialect monkey_dialect = {
    .id = DIALECT_MONKEY,
    .name = "monkey",
    .path = "/monkey/ws",
    .is_for_all = true,
    .on_opened = on_opened,
    .on_message = on_message,
    .on_gone = on_gone,
};
