/* SPDX-License-Identifier: MIT
 *
 * Input: a URL of a STUN or TURN server. What is taken has a host, and is taken again when it is
 * written down shorter.
 */
#include "wire/turn.h"

#include <stdio.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TURN_URL_MAX + 8];
    struct turn_url url, again;

    turn_credential_make("a secret", bytes_of(data, size), size);
    if (!turn_url_parse(bytes_of(data, size), &url))
        return 0;
    must(size <= TURN_URL_MAX && url.server.len > 0 && url.port > 0);
    must(memchr(data, '\0', size) == NULL && memchr(data, '"', size) == NULL);
    snprintf(text, sizeof(text), "%s%s:%.*s", url.is_relay ? "turn" : "stun", url.is_tls ? "s" : "",
             (int)url.server.len, (const char *)url.server.data);
    must(turn_url_parse(bytes_of_text(text), &again));
    must(again.port == url.port && again.is_relay == url.is_relay && again.is_tls == url.is_tls);
    return 0;
}
