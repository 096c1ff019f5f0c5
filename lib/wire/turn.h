/* SPDX-License-Identifier: MIT
 *
 * turn: URLs of STUN and TURN servers (RFC 7064, RFC 7065), and credentials as coturn makes out of
 * a secret that it shares with us (TURN REST: "use-auth-secret").
 */
#ifndef WIRE_TURN_H
#define WIRE_TURN_H

#include <stdbool.h>

#include "base/bytes.h"

enum {
    TURN_URL_MAX = 255,
    TURN_USER_MAX = 64,
    TURN_USERNAME_TEXT = 20 + 1 + TURN_USER_MAX + 1,
    TURN_PASSWORD_TEXT = 28 + 1,
};

struct turn_url {
    bool is_relay, is_tls;
    struct bytes server; /* "example.org:3478", "[::1]": host, and port if there is one */
    uint16_t port;       /* the usual one if there is none */
};

/* Views into `text`. False when no browser would take it. */
bool turn_url_parse(struct bytes text, struct turn_url *out);

struct turn_credential {
    char username[TURN_USERNAME_TEXT], password[TURN_PASSWORD_TEXT];
};

/* `user` appears in coturn's log and is what its quota counts; what is not a letter, digit, '-' or
 * '_' in it becomes '_', and it is cut at TURN_USER_MAX. */
struct turn_credential turn_credential_make(const char *secret, struct bytes user,
                                            uint64_t expires_s);

#endif
