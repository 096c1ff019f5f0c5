/* SPDX-License-Identifier: MIT
 *
 * clients: how many peers each client program has, by the first 8 bytes of Azureus-style peer ids
 * ("-TR2940-"; BEP 20). Peers remember a number of two bytes. What does not look like that, and
 * what comes when the table is full, is number 0.
 */
#ifndef TRACKER_CLIENTS_H
#define TRACKER_CLIENTS_H

#include <stddef.h>
#include <stdint.h>

enum { CLIENTS_MAX = 1024, CLIENT_NAME_BYTES = 8 };

struct clients {
    struct client {
        uint64_t name; /* the bytes as they came; 0 = free */
        uint32_t peers;
    } rows[CLIENTS_MAX];
};

/* One more peer; returns the number of its client. */
uint16_t clients_add(struct clients *clients, const uint8_t *peer_id);
/* One peer less. */
void clients_remove(struct clients *clients, uint16_t client);

#endif
