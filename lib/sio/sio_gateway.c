/* SPDX-License-Identifier: MIT */
#include "sio/sio_gateway.h"

#include <sys/random.h>

#include "base/clock.h"
#include "base/must.h"

/* http-svc ends the Engine.IO session; the code is for WebSockets without one. */
enum { CLOSE_NORMAL = 1000 };

static void send_one(void *arg, uint64_t connection, struct bytes payload, bool is_binary)
{
    gateway_send(arg, connection, payload, is_binary);
}

static void send_group(void *arg, const char *group, const uint64_t *except, size_t except_count,
                       struct bytes payload, bool is_binary)
{
    gateway_send_group(arg, group, except, except_count, payload, is_binary);
}

static bool join(void *arg, uint64_t connection, const char *group)
{
    return gateway_join(arg, connection, group);
}

static void leave(void *arg, uint64_t connection, const char *group)
{
    gateway_leave(arg, connection, group);
}

static void tag(void *arg, uint64_t connection, struct bytes bytes)
{
    gateway_tag(arg, connection, bytes);
}

static void close_one(void *arg, uint64_t connection)
{
    gateway_close(arg, connection, CLOSE_NORMAL, "");
}

static uint64_t now_ms(void *arg)
{
    (void)arg;
    return clock_ms();
}

static void random_bytes(void *arg, void *out, size_t len)
{
    (void)arg;
    must(getrandom(out, len, 0) == (ssize_t)len);
}

struct sio_transport sio_gateway_transport(struct gateways *gateways)
{
    return (struct sio_transport){.send = send_one,
                                  .send_group = send_group,
                                  .join = join,
                                  .leave = leave,
                                  .tag = tag,
                                  .close = close_one,
                                  .now_ms = now_ms,
                                  .random = random_bytes,
                                  .arg = gateways};
}

struct sio_connection *sio_gateway_opened(struct sio *sio, uint64_t connection,
                                          const struct gateway_client *client)
{
    return sio_opened(sio, connection,
                      &(struct sio_client){.target = client->target,
                                           .address = client->address,
                                           .origin = client->origin,
                                           .is_admin = client->is_admin},
                      client->tag);
}
