/* SPDX-License-Identifier: MIT */
#include "clients.h"

#include <stdbool.h>
#include <string.h>

enum { PROBES_MAX = 32 };

static bool is_name(const uint8_t *id)
{
    if (id[0] != '-' || id[CLIENT_NAME_BYTES - 1] != '-')
        return false;
    for (size_t i = 1; i < CLIENT_NAME_BYTES - 1; i++)
        if (!((id[i] >= '0' && id[i] <= '9') || (id[i] >= 'A' && id[i] <= 'Z') ||
              (id[i] >= 'a' && id[i] <= 'z')))
            return false;
    return true;
}

/* Row 0 is for all others. A row nobody needs any more is given to the next name. */
uint16_t clients_add(struct clients *clients, const uint8_t *peer_id)
{
    uint16_t row = 0, unused = 0;
    uint64_t name;

    if (is_name(peer_id)) {
        memcpy(&name, peer_id, sizeof(name));
        for (unsigned i = 0; i < PROBES_MAX && row == 0; i++) {
            uint64_t mixed = name * 0x9e3779b97f4a7c15;
            uint16_t at = (uint16_t)(1 + ((mixed >> 32) + i) % (CLIENTS_MAX - 1));

            if (clients->rows[at].name == name)
                row = at;
            else if (unused == 0 && clients->rows[at].peers == 0)
                unused = at;
        }
        if (row == 0 && unused != 0) {
            row = unused;
            clients->rows[row].name = name;
        }
    }
    clients->rows[row].peers++;
    return row;
}

void clients_remove(struct clients *clients, uint16_t client)
{
    clients->rows[client].peers--;
}
