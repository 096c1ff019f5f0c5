/* SPDX-License-Identifier: MIT
 *
 * Input: lines; the first is the setting, the rest are fields of both kinds of header. Whatever
 * they hold, an untrusted peer is the client, and who is found can be written and read again.
 */
#include "forwarded.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes take_line(struct bytes *in)
{
    const uint8_t *end = in->len > 0 ? memchr(in->data, '\n', in->len) : NULL;
    size_t len = end != NULL ? (size_t)(end - in->data) : in->len;
    struct bytes line = bytes_of(in->data, len);

    in->data += len + (end != NULL);
    in->len -= len + (end != NULL);
    return line;
}

static void check(const struct trusted *trusted, const struct forwarded *forwarded)
{
    struct ip peer = {.bytes = {10, 0, 0, 1}, .len = 4}, again;
    struct ip client = forwarded_client(trusted, &peer, forwarded);
    char text[IP_TEXT];

    must(client.len == 4 || client.len == 16);
    must(trusted_has(trusted, &peer) || memcmp(&client, &peer, sizeof(peer)) == 0);
    must(ip_parse(bytes_of_text(ip_text(&client, text)), &again));
    must(again.len == client.len && memcmp(again.bytes, client.bytes, client.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size), first = take_line(&in);
    char *list = xstrndup((const char *)first.data, first.len);
    struct forwarded forwarded = {.count = 0};
    struct trusted *trusted;
    struct error error;

    if (trusted_parse(list, &trusted, &error) == ERR_NONE) {
        while (in.len > 0 && forwarded.count < FORWARDED_FIELDS_MAX)
            forwarded.fields[forwarded.count++] = take_line(&in);
        check(trusted, &forwarded);
        forwarded.is_rfc7239 = true;
        check(trusted, &forwarded);
        trusted_free(&trusted);
    }
    free(list);
    return 0;
}
