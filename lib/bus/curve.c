/* SPDX-License-Identifier: MIT
 *
 * curve: encryption of tcp connections. All machines share one secret; from it comes one CURVE key
 * pair that is both the servers' and the clients' (a cluster is one party). A ZAP handler (RFC 27)
 * admits only that key, so who does not know the secret can neither read nor call.
 */
#include <openssl/evp.h>

#include "base/log.h"
#include "bus/bus_private.h"

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"

enum err curve_make_keys(struct bus *bus, const char *secret, struct error *error)
{
    uint8_t key[32];
    struct bytes input = bytes_of_text(secret);

    if (!zmq_has("curve"))
        return error_set(error, ERR_CONFIG,
                         "this libzmq has no CURVE; set bus.plaintext to go without");
    if (input.len < 16)
        return error_set(error, ERR_CONFIG, "bus.secret is too short: at least 16 characters");
    if (EVP_Digest(input.data, input.len, key, NULL, EVP_sha256(), NULL) != 1 ||
        zmq_z85_encode(bus->secret_key, key, sizeof(key)) == NULL ||
        zmq_curve_public(bus->public_key, bus->secret_key) != 0)
        return error_set(error, ERR_INTERNAL, "cannot make the bus keys");
    bus->has_keys = true;
    return ERR_NONE;
}

void curve_apply(const struct bus *bus, void *socket, bool is_server)
{
    int on = 1;

    if (!bus->has_keys)
        return;
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, bus->secret_key, strlen(bus->secret_key));
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, bus->public_key, strlen(bus->public_key));
    if (is_server) {
        zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &on, sizeof(on));
        zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, "bus", 3);
    } else {
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, bus->public_key, strlen(bus->public_key));
    }
}

enum err curve_zap_bind(struct bus *bus, struct error *error)
{
    if (!bus->has_keys || bus->zap != NULL)
        return ERR_NONE;
    bus->zap = zmq_socket(bus_context(), ZMQ_REP);
    if (bus->zap == NULL || zmq_bind(bus->zap, ZAP_ENDPOINT) != 0)
        return error_set(error, ERR_INTERNAL, "cannot bind the key check: %s",
                         zmq_strerror(zmq_errno()));
    bus_watch_socket(bus, bus->zap, curve_zap, bus);
    return ERR_NONE;
}

static bool is_our_key(const struct bus *bus, struct bytes key)
{
    char text[BUS_KEY_TEXT];

    return key.len == 32 && zmq_z85_encode(text, key.data, key.len) != NULL &&
           strcmp(text, bus->public_key) == 0;
}

/* Request frames: version, request id, domain, address, identity, mechanism, client key. */
static void answer(struct bus *bus, const zmq_msg_t *request_id, bool is_welcome)
{
    const char *reply[] = {is_welcome ? "200" : "400", is_welcome ? "OK" : "unknown key", "bus",
                           ""};

    zmq_send(bus->zap, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(bus->zap, zmq_msg_data((zmq_msg_t *)(uintptr_t)request_id), zmq_msg_size(request_id),
             ZMQ_SNDMORE);
    for (size_t i = 0; i < 4; i++)
        zmq_send(bus->zap, reply[i], strlen(reply[i]), i < 3 ? ZMQ_SNDMORE : 0);
    bus_check_after_send(bus, bus->zap);
    if (!is_welcome)
        log_debug("bus refused a stranger's key");
}

unsigned curve_zap(void *owner, unsigned budget)
{
    struct bus *bus = owner;
    unsigned used = 0;
    zmq_msg_t frame, id;

    zmq_msg_init(&id);
    while (used < budget && bus_receive(bus->zap, &frame)) {
        bool is_welcome = false, has_more = bus_frame_has_more(&frame);

        zmq_msg_close(&frame);
        for (unsigned i = 1; has_more && bus_receive(bus->zap, &frame); i++) {
            has_more = bus_frame_has_more(&frame);
            if (i == 1)
                zmq_msg_copy(&id, &frame);
            if (i == 6)
                is_welcome = is_our_key(bus, bus_frame_bytes(&frame));
            zmq_msg_close(&frame);
        }
        answer(bus, &id, is_welcome);
        used++;
    }
    zmq_msg_close(&id);
    return used;
}
