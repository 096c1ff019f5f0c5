/* SPDX-License-Identifier: MIT
 *
 *    RESOLVING --> CONNECTING --> ENCRYPTING --> ASKING --> OPEN --> ENDING
 *                                (wss only)                (what was said last goes out)
 *
 * From each of them it can become GONE. GLib's operations come back in any case, so the memory is
 * kept until the last one has.
 */
#include "websocket.h"

#include <gio/gio.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/must.h"
#include "base/text.h"
#include "resolve.h"
#include "wire/websocket.h"

enum {
    CLOCK_MS = 500,
    FRAME_HEAD_MAX = 14,
    IN_MAX = WEBSOCKET_MESSAGE_MAX + FRAME_HEAD_MAX,
    ANSWER_MAX = 8 << 10,
};

enum state { RESOLVING, CONNECTING, ENCRYPTING, ASKING, OPEN, ENDING, GONE };

struct websocket {
    struct websocket_config config;
    const struct websocket_events *events; /* NULL: nobody listens any more */
    void *arg;
    enum state state;
    struct resolve *resolve;
    uint8_t ips[RESOLVE_MAX][16];
    size_t ip_count, ip_next;
    GCancellable *cancellable;
    unsigned operations; /* of GLib's, that have not come back */
    GSocketConnection *connection;
    GIOStream *stream; /* what is read and written; of TLS, or the connection itself */
    guint clock;
    uint64_t deadline_ms; /* but when OPEN */
    uint64_t heard_ms, pinged_ms;
    char key[WEBSOCKET_KEY_TEXT];
    struct websocket_reader reader;
    struct text waiting, going; /* `going` is being written */
    size_t in_len;
    uint8_t in[IN_MAX];
};

static unsigned ending;

/* ---- the end */

static void free_if_done(struct websocket *socket)
{
    if (socket->state != GONE || socket->operations > 0)
        return;
    g_clear_object(&socket->stream);
    g_clear_object(&socket->connection);
    g_clear_object(&socket->cancellable);
    websocket_reader_fini(&socket->reader);
    text_fini(&socket->waiting);
    text_fini(&socket->going);
    free(socket);
    ending--;
}

/* The caller must not touch the socket after it. */
static void end(struct websocket *socket, const char *why)
{
    const struct websocket_events *events = socket->events;

    if (socket->state != GONE) {
        socket->state = GONE;
        ending += events != NULL;
        socket->events = NULL;
        resolve_free(&socket->resolve);
        g_source_remove(socket->clock);
        g_cancellable_cancel(socket->cancellable);
        /* Before the stream is: TLS would wait for room for its goodbye. */
        if (socket->connection != NULL)
            g_socket_close(g_socket_connection_get_socket(socket->connection), NULL);
        if (events != NULL)
            events->on_closed(socket->arg, why);
    }
    free_if_done(socket);
}

/* An operation came back. False: the socket is gone, and must not be touched. */
static bool came_back(struct websocket *socket)
{
    socket->operations--;
    if (socket->state != GONE)
        return true;
    free_if_done(socket);
    return false;
}

static void end_by(struct websocket *socket, GError *error)
{
    char why[160];

    g_strlcpy(why, error != NULL ? error->message : "it closed the connection", sizeof(why));
    g_clear_error(&error);
    end(socket, why);
}

/* ---- what goes */

static void write_more(struct websocket *socket);

static void on_written(GObject *object, GAsyncResult *result, gpointer arg)
{
    struct websocket *socket = arg;
    GError *error = NULL;
    bool is_written =
        g_output_stream_write_all_finish(G_OUTPUT_STREAM(object), result, NULL, &error);

    if (!came_back(socket)) {
        g_clear_error(&error);
        return;
    }
    if (!is_written) {
        end_by(socket, error);
        return;
    }
    text_clear(&socket->going);
    write_more(socket);
}

static void write_more(struct websocket *socket)
{
    struct text empty = socket->going;

    if (socket->going.len > 0)
        return;
    if (socket->waiting.len == 0) {
        if (socket->state == ENDING)
            end(socket, "");
        return;
    }
    socket->going = socket->waiting;
    socket->waiting = empty;
    socket->operations++;
    g_output_stream_write_all_async(g_io_stream_get_output_stream(socket->stream),
                                    socket->going.data, socket->going.len, G_PRIORITY_DEFAULT,
                                    socket->cancellable, on_written, socket);
}

static void add_frame(struct websocket *socket, enum websocket_opcode opcode, struct bytes payload)
{
    uint8_t mask[WEBSOCKET_MASK];

    must(getrandom(mask, sizeof(mask), 0) == sizeof(mask));
    websocket_add_masked(&socket->waiting, opcode, payload, mask);
}

bool websocket_send(struct websocket *socket, struct bytes text)
{
    if (socket->state != OPEN || socket->waiting.len + text.len > WEBSOCKET_QUEUE_MAX)
        return false;
    add_frame(socket, WEBSOCKET_TEXT, text);
    write_more(socket);
    return true;
}

/* ---- what comes */

/* False: the socket is gone. */
static bool take_message(struct websocket *socket, const struct websocket_message *message)
{
    switch (message->opcode) {
    case WEBSOCKET_TEXT:
        if (socket->events != NULL)
            socket->events->on_text(socket->arg, message->payload);
        break;
    case WEBSOCKET_PING:
        if (socket->waiting.len > WEBSOCKET_QUEUE_MAX) {
            end(socket, "it does not take what it is sent");
            return false;
        }
        add_frame(socket, WEBSOCKET_PONG, message->payload);
        write_more(socket);
        break;
    case WEBSOCKET_CLOSE:
        end(socket, "it closed the WebSocket");
        return false;
    case WEBSOCKET_PART:
    case WEBSOCKET_BINARY:
    case WEBSOCKET_PONG:
        break;
    }
    return true;
}

/* False: the socket is gone. */
static bool read_frames(struct websocket *socket)
{
    struct websocket_message message;
    enum websocket_read read;
    size_t used = 0;

    do {
        read = websocket_read(&socket->reader, socket->in + used, socket->in_len - used, &message);
        used += message.used;
        if (read == WEBSOCKET_FAULT) {
            end(socket, message.fault == WEBSOCKET_TOO_LARGE ? "a message is too large"
                                                             : "it breaks the protocol");
            return false;
        }
        if (read == WEBSOCKET_READ && !take_message(socket, &message))
            return false;
    } while (read == WEBSOCKET_READ);
    memmove(socket->in, socket->in + used, socket->in_len - used);
    socket->in_len -= used;
    return true;
}

/* False: the socket is gone. */
static bool read_answer(struct websocket *socket)
{
    char why[64];
    unsigned status;
    size_t used;

    switch (
        websocket_answer_read(bytes_of(socket->in, socket->in_len), socket->key, &used, &status)) {
    case WEBSOCKET_SHAKING:
        if (socket->in_len < ANSWER_MAX)
            return true;
        end(socket, "its answer is too long");
        return false;
    case WEBSOCKET_REFUSED:
        g_snprintf(why, sizeof(why), "it is no WebSocket (status %u)", status);
        end(socket, why);
        return false;
    case WEBSOCKET_SHAKEN:
        break;
    }
    memmove(socket->in, socket->in + used, socket->in_len - used);
    socket->in_len -= used;
    socket->state = OPEN;
    socket->pinged_ms = socket->heard_ms;
    socket->events->on_open(socket->arg);
    return true;
}

static void read_more(struct websocket *socket);

static void on_read(GObject *object, GAsyncResult *result, gpointer arg)
{
    struct websocket *socket = arg;
    GError *error = NULL;
    gssize len = g_input_stream_read_finish(G_INPUT_STREAM(object), result, &error);

    if (!came_back(socket)) {
        g_clear_error(&error);
        return;
    }
    if (len <= 0) {
        end_by(socket, error);
        return;
    }
    socket->in_len += (size_t)len;
    socket->heard_ms = clock_ms();
    if (socket->state == ASKING && !read_answer(socket))
        return;
    if (socket->state == ASKING || read_frames(socket))
        read_more(socket);
}

static void read_more(struct websocket *socket)
{
    /* There is room: a frame that fits is taken when it is whole, another is a fault at its head.
     */
    socket->operations++;
    g_input_stream_read_async(g_io_stream_get_input_stream(socket->stream),
                              socket->in + socket->in_len, IN_MAX - socket->in_len,
                              G_PRIORITY_DEFAULT, socket->cancellable, on_read, socket);
}

/* ---- how it is opened */

static void ask(struct websocket *socket)
{
    const struct tracker_url *url = &socket->config.url;
    bool is_v6 = strchr(url->place.host, ':') != NULL,
         is_usual = url->place.port == (url->is_tls ? 443 : 80);
    uint8_t random[WEBSOCKET_KEY_RANDOM];

    must(getrandom(random, sizeof(random), 0) == sizeof(random));
    websocket_key(random, socket->key);
    text_addf(&socket->waiting, "GET %s%s HTTP/1.1\r\nHost: %s%s%s",
              url->target[0] == '/' ? "" : "/", url->target, is_v6 ? "[" : "", url->place.host,
              is_v6 ? "]" : "");
    if (!is_usual)
        text_addf(&socket->waiting, ":%u", url->place.port);
    text_addf(&socket->waiting,
              "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: %s\r\nUser-Agent: ShareStream/" SHARESTREAM_VERSION "\r\n\r\n",
              socket->key);
    socket->state = ASKING;
    write_more(socket);
    read_more(socket);
}

static void on_encrypted(GObject *object, GAsyncResult *result, gpointer arg)
{
    struct websocket *socket = arg;
    GError *error = NULL;
    bool is_encrypted = g_tls_connection_handshake_finish(G_TLS_CONNECTION(object), result, &error);

    if (!came_back(socket)) {
        g_clear_error(&error);
        return;
    }
    if (is_encrypted)
        ask(socket);
    else
        end_by(socket, error);
}

/* NULL: *error says why. */
static GTlsDatabase *read_ca(const char *file, GError **error)
{
    char *absolute = g_canonicalize_filename(file, NULL); /* others are passed over */
    GTlsDatabase *ca = g_tls_file_database_new(absolute, error);

    g_free(absolute);
    return ca;
}

/* Likewise. */
static GIOStream *tls_new(const struct websocket *socket, GError **error)
{
    const struct endpoint *place = &socket->config.url.place;
    GSocketConnectable *name = g_network_address_new(place->host, place->port);
    GIOStream *stream = g_tls_client_connection_new(G_IO_STREAM(socket->connection), name, error);
    GTlsDatabase *ca;

    g_object_unref(name);
    if (stream == NULL || socket->config.ca_file[0] == '\0')
        return stream;
    ca = read_ca(socket->config.ca_file, error);
    if (ca == NULL) {
        g_object_unref(stream);
        return NULL;
    }
    g_tls_connection_set_database(G_TLS_CONNECTION(stream), ca);
    g_object_unref(ca);
    return stream;
}

static void encrypt(struct websocket *socket)
{
    GError *error = NULL;

    socket->state = ENCRYPTING;
    socket->stream = tls_new(socket, &error);
    if (socket->stream == NULL) {
        end_by(socket, error);
        return;
    }
    socket->operations++;
    g_tls_connection_handshake_async(G_TLS_CONNECTION(socket->stream), G_PRIORITY_DEFAULT,
                                     socket->cancellable, on_encrypted, socket);
}

static void try_next(struct websocket *socket);

static void on_connected(GObject *object, GAsyncResult *result, gpointer arg)
{
    struct websocket *socket = arg;
    GError *error = NULL;
    GSocketConnection *connection =
        g_socket_client_connect_finish(G_SOCKET_CLIENT(object), result, &error);

    if (!came_back(socket)) {
        g_clear_object(&connection);
        g_clear_error(&error);
    } else if (connection == NULL && socket->ip_next < socket->ip_count) {
        g_clear_error(&error);
        try_next(socket);
    } else if (connection == NULL) {
        end_by(socket, error);
    } else {
        socket->connection = connection;
        g_socket_set_timeout(g_socket_connection_get_socket(connection), 0);
        if (socket->config.url.is_tls) {
            encrypt(socket);
        } else {
            socket->stream = g_object_ref(G_IO_STREAM(connection));
            ask(socket);
        }
    }
}

static void try_next(struct websocket *socket)
{
    const uint8_t *ip = socket->ips[socket->ip_next++];
    bool is_v4 = IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)ip);
    GInetAddress *address = g_inet_address_new_from_bytes(
        is_v4 ? ip + 12 : ip, is_v4 ? G_SOCKET_FAMILY_IPV4 : G_SOCKET_FAMILY_IPV6);
    GSocketAddress *to = g_inet_socket_address_new(address, socket->config.url.place.port);
    GSocketClient *client = g_socket_client_new();

    g_socket_client_set_enable_proxy(client, FALSE);
    g_socket_client_set_timeout(client, WEBSOCKET_TRY_S);
    socket->state = CONNECTING;
    socket->operations++;
    g_socket_client_connect_async(client, G_SOCKET_CONNECTABLE(to), socket->cancellable,
                                  on_connected, socket);
    g_object_unref(client);
    g_object_unref(to);
    g_object_unref(address);
}

static void on_resolved(void *arg, const uint8_t (*ips)[16], size_t count)
{
    struct websocket *socket = arg;

    resolve_free(&socket->resolve);
    for (size_t i = 0; i < count; i++)
        if (socket->config.allows_private || !address_is_private(AF_INET6, ips[i]))
            memcpy(socket->ips[socket->ip_count++], ips[i], sizeof(socket->ips[0]));
    if (socket->ip_count > 0)
        try_next(socket);
    else
        end(socket, count == 0 ? "there is no such host"
                               : "its address is private (rtc.allow_private_urls is off)");
}

/* ---- time */

static gboolean on_clock(gpointer arg)
{
    struct websocket *socket = arg;
    uint64_t now_ms = clock_ms();

    if (socket->state != OPEN && now_ms >= socket->deadline_ms) {
        end(socket, "it took too long");
    } else if (socket->state != OPEN) {
        return G_SOURCE_CONTINUE;
    } else if (now_ms - socket->heard_ms >= WEBSOCKET_SILENCE_MS) {
        end(socket, "it says nothing any more");
    } else if (now_ms - socket->pinged_ms >= WEBSOCKET_PING_MS) {
        socket->pinged_ms = now_ms;
        add_frame(socket, WEBSOCKET_PING, bytes_of(NULL, 0));
        write_more(socket);
    }
    return G_SOURCE_CONTINUE; /* unless end() has removed it */
}

struct websocket *websocket_connect(const struct websocket_config *config,
                                    const struct websocket_events *events, void *arg)
{
    struct websocket *socket = xcalloc(1, sizeof(*socket));

    socket->config = *config;
    socket->events = events;
    socket->arg = arg;
    socket->reader =
        (struct websocket_reader){.max_message = WEBSOCKET_MESSAGE_MAX, .is_client = true};
    socket->cancellable = g_cancellable_new();
    socket->deadline_ms = clock_ms() + WEBSOCKET_CONNECT_MS;
    socket->clock = g_timeout_add(CLOCK_MS, on_clock, socket);
    socket->resolve = resolve_begin(config->url.place.host, on_resolved, socket);
    return socket;
}

void websocket_end(struct websocket **socket)
{
    static const uint8_t going_away[] = {WEBSOCKET_GOING_AWAY >> 8, WEBSOCKET_GOING_AWAY & 0xff};
    struct websocket *it = *socket;

    *socket = NULL;
    if (it == NULL)
        return;
    it->events = NULL;
    ending++;
    if (it->state != OPEN) {
        end(it, "");
        return;
    }
    it->state = ENDING;
    it->deadline_ms = clock_ms() + WEBSOCKET_LINGER_MS;
    add_frame(it, WEBSOCKET_CLOSE, bytes_of(going_away, sizeof(going_away)));
    write_more(it);
}

unsigned websockets_ending(void)
{
    return ending;
}

bool websocket_ca_is_good(const char *file, struct error *error)
{
    GError *why = NULL;
    GTlsDatabase *ca = read_ca(file, &why);
    bool is_good = ca != NULL;

    if (!is_good)
        error_set(error, ERR_CONFIG, "rtc.tracker_ca: %s", why->message);
    g_clear_error(&why);
    g_clear_object(&ca);
    return is_good;
}
