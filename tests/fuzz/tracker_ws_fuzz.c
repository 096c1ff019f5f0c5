/* SPDX-License-Identifier: MIT
 *
 * Input: a message of a WebSocket client. Whatever we make of it for others must be JSON.
 */
#include "wire/tracker_ws.h"

#include "base/must.h"
#include "wire/json.h"

/* What can be read of an id reads the same when it is written. */
static void check_id(struct bytes id)
{
    uint8_t read[WS_ID_BYTES], again[WS_ID_BYTES];
    struct text json = {0};

    if (!ws_id_read(id, read))
        return;
    ws_id_write(&json, read);
    must(ws_id_read(bytes_of(json.data, json.len), again));
    must(memcmp(read, again, sizeof(read)) == 0);
    text_fini(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_json(struct text *text)
{
    struct json json = json_of(bytes_of(text->data, text->len));

    must(json_peek(&json) == JSON_KIND_OBJECT);
    json_take(&json);
    must(json_is_done(&json));
    text_clear(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ws_message message;
    char failure[WS_FAILURE_MAX];
    struct text out = {0};
    enum ws_parsed parsed = ws_message_parse(bytes_of(data, size), &message, failure);

    if (parsed != WS_OK) {
        must(strlen(failure) < sizeof(failure));
        ws_failure_write(&out, parsed == WS_REFUSED ? &message.hash : NULL, failure);
        check_json(&out);
    } else if (message.kind == WS_ANNOUNCE) {
        must(message.offer_count <= WS_OFFERS_MAX);
        ws_reply_write(&out, &message.hash, 1, 2, 120);
        check_json(&out);
        for (size_t i = 0; i < message.offer_count; i++) {
            ws_offer_write(&out, &message.hash, message.peer_id, &message.offers[i]);
            check_json(&out);
            check_id(message.offers[i].id);
        }
    } else if (message.kind == WS_ANSWER) {
        ws_answer_write(&out, &message.hash, message.peer_id, message.answer, message.offer_id);
        check_json(&out);
        check_id(message.offer_id);
    } else {
        ws_scrape_begin(&out);
        for (size_t i = 0; i < message.scrape_count; i++)
            ws_scrape_add(&out, &message.scrape[i], 1, 2, 3);
        ws_scrape_end(&out, 60);
        check_json(&out);
    }
    text_fini(&out);
    return 0;
}
