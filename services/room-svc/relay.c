/* SPDX-License-Identifier: MIT
 *
 * Two connections, as one that listens may say nothing else. Both are read when there is something,
 * and written to at once: who takes nothing for a fraction of a second is cut.
 */
#include "relay.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/must.h"
#include "redis.h"
#include "room_svc.h"
#include "wire/socketio_adapter.h"

enum {
    PATIENCE_MS = 200,
    UID_BYTES = 6,
    UID_TEXT = 2 * UID_BYTES + 1,
    WAITING_MAX = 8 << 20, /* bytes to be sent; what is more is dropped */
};

struct line {
    struct relay *relay;
    redisContext *redis; /* NULL: away */
    bool listens;
};

struct relay {
    struct room_svc *svc;
    struct redis_address address;
    char uid[UID_TEXT];
    struct line said, heard;
    bool is_missed; /* it is in the log that it is away */
    struct text message, channel, json;
};

static void close_line(struct line *line)
{
    if (line->redis == NULL)
        return;
    svc_unwatch_fd(line->relay->svc->svc, line->redis->fd);
    redisFree(line->redis);
    line->redis = NULL;
}

static void lose(struct relay *relay, const char *why)
{
    if (!relay->is_missed)
        log_warn("other servers of Socket.IO are not reached", "error=%s", why);
    relay->is_missed = true;
    close_line(&relay->said);
    close_line(&relay->heard);
}

/* ---- hearing */

static void hear(struct relay *relay, struct bytes message)
{
    static struct socketio_relayed relayed;
    static struct bytes attachments[SOCKETIO_ATTACHMENTS_MAX];
    struct room_svc *svc = relay->svc;

    if (message.len > svc->settings->max_packet ||
        !socketio_adapter_parse(message, &relay->json, attachments, &relayed)) {
        svc->metrics.relay_bad_total++;
        return;
    }
    if (bytes_equal_text(relayed.uid, relay->uid))
        return;
    svc->metrics.relay_heard_total++;
    sio_hear(svc->sio, &relayed, attachments);
}

/* "pmessage", pattern, channel, message. */
static void take_reply(struct line *line, const redisReply *reply)
{
    const redisReply *message;

    if (!line->listens || reply->type != REDIS_REPLY_ARRAY || reply->elements != 4)
        return;
    message = reply->element[3];
    if (message->type == REDIS_REPLY_STRING)
        hear(line->relay, bytes_of(message->str, message->len));
}

static void on_readable(void *arg)
{
    struct line *line = arg;
    struct relay *relay = line->relay;
    struct room_svc *svc = relay->svc;
    redisReply *reply = NULL;
    bool has_failed = redisBufferRead(line->redis) != REDIS_OK;

    while (!has_failed) {
        has_failed = redisGetReplyFromReader(line->redis, (void **)&reply) != REDIS_OK;
        if (has_failed || reply == NULL)
            break;
        if (reply->type == REDIS_REPLY_ERROR)
            log_warn("Redis refuses what is said to other servers", "error=%s", reply->str);
        take_reply(line, reply);
        freeReplyObject(reply);
    }
    if (has_failed)
        lose(relay, line->redis->errstr);
    if (line->listens)
        house_flush(svc);
}

/* ---- speaking */

static bool send_all(struct line *line)
{
    int is_done = 0;

    while (line->redis != NULL && !is_done)
        if (redisBufferWrite(line->redis, &is_done) != REDIS_OK)
            return false;
    return true;
}

void relay_flush(struct room_svc *svc)
{
    struct relay *relay = svc->relay;

    if (relay != NULL && !send_all(&relay->said))
        lose(relay, relay->said.redis->errstr);
}

void relay_say(void *arg, struct bytes room, const struct socketio_packet *packet,
               const struct bytes *attachments)
{
    struct room_svc *svc = arg;
    struct relay *relay = svc->relay;

    if (relay == NULL || relay->said.redis == NULL)
        return;
    text_clear(&relay->message);
    text_clear(&relay->channel);
    socketio_adapter_channel(&relay->channel, packet->nsp, room);
    if (sdslen(relay->said.redis->obuf) > WAITING_MAX ||
        !socketio_adapter_write(&relay->message, bytes_of_text(relay->uid), room, packet,
                                attachments)) {
        svc->metrics.relay_dropped_total++;
        return;
    }
    svc->metrics.relay_said_total++;
    redisAppendCommand(relay->said.redis, "PUBLISH %b %b", relay->channel.data, relay->channel.len,
                       relay->message.data, relay->message.len);
}

/* ---- connecting */

static bool open_line(struct line *line, struct error *error)
{
    line->redis = redis_log_in(&line->relay->address, PATIENCE_MS, error);
    if (line->redis == NULL)
        return false;
    svc_watch_fd(line->relay->svc->svc, line->redis->fd, on_readable, line);
    return true;
}

static bool listen_to_all(struct relay *relay)
{
    for (size_t i = 0; dialects[i] != NULL; i++)
        if (dialects[i]->nsp != NULL) /* twice the same is once */
            redisAppendCommand(relay->heard.redis, "PSUBSCRIBE socket.io#%s#*", dialects[i]->nsp);
    return send_all(&relay->heard);
}

/* While rooms cannot be stored it is Redis that is away, and one waits for it already. */
void relay_tick(struct room_svc *svc)
{
    struct relay *relay = svc->relay;
    struct error error;

    if (relay == NULL || relay->said.redis != NULL || svc->is_store_failing)
        return;
    if (!open_line(&relay->said, &error) || !open_line(&relay->heard, &error)) {
        lose(relay, error.text);
        return;
    }
    if (!listen_to_all(relay)) {
        lose(relay, relay->heard.redis->errstr);
        return;
    }
    relay->is_missed = false;
    log_info("other servers of Socket.IO are listened to");
}

bool relay_is_away(const struct room_svc *svc)
{
    return svc->relay != NULL && svc->relay->said.redis == NULL;
}

enum err relay_start(struct room_svc *svc, struct error *error)
{
    const struct room_settings *settings = svc->settings;
    uint8_t uid[UID_BYTES];
    struct relay *relay;

    if (!settings->relay)
        return ERR_NONE;
    if (settings->redis_url[0] == '\0')
        return error_set(error, ERR_CONFIG, "room.relay goes by Redis: room.redis_url is missing");
    must(getrandom(uid, sizeof(uid), 0) == sizeof(uid));
    svc->relay = relay = xcalloc(1, sizeof(*relay));
    relay->svc = svc;
    relay->said.relay = relay->heard.relay = relay;
    relay->heard.listens = true;
    hex_encode(bytes_of(uid, sizeof(uid)), relay->uid);
    return redis_address_read(settings->redis_url, settings->redis_password, &relay->address,
                              error);
}

void relay_stop(struct room_svc *svc)
{
    struct relay *relay = svc->relay;

    if (relay == NULL)
        return;
    close_line(&relay->said);
    close_line(&relay->heard);
    text_fini(&relay->message);
    text_fini(&relay->channel);
    text_fini(&relay->json);
    free(relay);
    svc->relay = NULL;
}
