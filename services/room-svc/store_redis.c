/* SPDX-License-Identifier: MIT
 *
 * Rooms in Redis, for several processes, each of which holds one seat (decisions 0027 and 0030).
 * Who holds one renews a lease; when it runs out, another one takes it, under an epoch of its own.
 * Every transaction is one script, which looks whether that epoch is still the last: so whoever was
 * forestalled, by however much, writes nothing.
 *
 * Calls wait for Redis, as those of the other back end do for the disk: for half a lease at most,
 * and when that was in vain not again for a whole one.
 */
#include "store.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/text.h"
#include "base/units.h"
#include "redis.h"
#include "room.h"

enum {
    READ_MS = 10000, /* all rooms may take longer than one transaction */
    FIELD_TEXT = CODE_MAX + 24,
};

/* The braces keep them together in a cluster of Redis. */
#define KEY "sharestream:{rooms}:"
/* Hash: how many there are now, and were at most; missing: one. */
static const char seats_key[] = KEY "seats";
/* Of each seat; those of the first are called as they were when there was but one. */
enum key { LEASE, STATE, PARTS, GATEWAYS, GIVEN, KEYS };
static const char *const keys[KEYS] = {
    [LEASE] = "lease",       /* epoch of who holds the rooms; runs out */
    [STATE] = "state",       /* hash: epoch of who took them last, number of commits, schema */
    [PARTS] = "parts",       /* hash: "CODE/002" -> data */
    [GATEWAYS] = "gateways", /* hash: place -> data */
    [GIVEN] = "given",       /* as parts: of rooms that other seats gave to this one */
};
enum { KEY_TEXT = sizeof(KEY) + 24 };
static const char schema[] = "1";

/* ARGV: lease, schema, seats. The number of seats is what whoever started last says. Returns how
 * many there ever were. */
static const char seats_script[] =
    "local seats = redis.call('HMGET', KEYS[6], 'now', 'most')\n"
    "local most = math.max(tonumber(seats[2] or 1), tonumber(ARGV[3]))\n"
    "if tonumber(seats[1] or 1) ~= tonumber(ARGV[3]) then\n"
    "  redis.call('HSET', KEYS[6], 'now', ARGV[3], 'most', most)\n"
    "end\n"
    "return most\n";

/* ARGV: lease, schema, seat. Who takes the rooms gets an epoch greater than all before, also when
 * Redis has forgotten those. */
static const char take_script[] =
    "local known = redis.call('HMGET', KEYS[6], 'now', 'most')\n"
    "local seats, most = tonumber(known[1] or 1), tonumber(known[2] or 1)\n"
    "local state = redis.call('HMGET', KEYS[2], 'epoch', 'commits', 'schema')\n"
    "local time = redis.call('TIME')\n"
    "local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"
    "if tonumber(state[3] or 0) > tonumber(ARGV[2]) then return {-1, 0, 0, 0} end\n"
    "if redis.call('EXISTS', KEYS[1]) == 1 or tonumber(ARGV[3]) >= seats and\n"
    "  redis.call('EXISTS', KEYS[3], KEYS[4], KEYS[5]) == 0 then return {0, most, 0, 0} end\n"
    "local epoch = math.max(now, tonumber(state[1] or 0) + 1)\n"
    "local text = string.format('%.0f', epoch)\n"
    "redis.call('SET', KEYS[1], text, 'PX', ARGV[1])\n"
    "redis.call('HSET', KEYS[2], 'epoch', text, 'schema', ARGV[2])\n"
    "return {epoch, tonumber(state[2] or 0), now, seats}\n";

/* ARGV: lease, schema, epoch, commits, whether it is everything; then operation, field, data of
 * each. A lease that ran out without anybody taking it is simply taken up again. */
static const char commit_script[] =
    "local state = redis.call('HMGET', KEYS[2], 'epoch', 'commits')\n"
    "local epoch, commits = tonumber(state[1] or 0), tonumber(state[2] or 0)\n"
    "if epoch > tonumber(ARGV[3]) then return -1 end\n"
    "if ARGV[5] == '1' then redis.call('DEL', KEYS[3], KEYS[4])\n"
    "elseif epoch < tonumber(ARGV[3]) or commits ~= tonumber(ARGV[4]) then return -2 end\n"
    "redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[1])\n"
    "if #ARGV == 5 then return commits end\n"
    "for i = 6, #ARGV, 3 do\n"
    "  if ARGV[i] == '+part' then redis.call('HSET', KEYS[3], ARGV[i + 1], ARGV[i + 2])\n"
    "  elseif ARGV[i] == '-part' then redis.call('HDEL', KEYS[3], ARGV[i + 1])\n"
    "  elseif ARGV[i] == '+gateway' then redis.call('HSET', KEYS[4], ARGV[i + 1], ARGV[i + 2])\n"
    "  elseif string.sub(ARGV[i], 1, 5) == '+give' then\n"
    "    redis.call('HSET', string.sub(ARGV[i], 7), ARGV[i + 1], ARGV[i + 2])\n"
    "  else redis.call('HDEL', KEYS[4], ARGV[i + 1]) end\n"
    "end\n"
    "commits = commits + 1\n"
    "redis.call('HSET', KEYS[2], 'epoch', ARGV[3], 'commits', commits, 'schema', ARGV[2])\n"
    "return commits\n";

/* ARGV: lease, schema, epoch, commits. As a commit that writes what was given. */
static const char accept_script[] =
    "local state = redis.call('HMGET', KEYS[2], 'epoch', 'commits')\n"
    "local epoch, commits = tonumber(state[1] or 0), tonumber(state[2] or 0)\n"
    "if epoch > tonumber(ARGV[3]) then return {-1} end\n"
    "if epoch < tonumber(ARGV[3]) or commits ~= tonumber(ARGV[4]) then return {-2} end\n"
    "local given = redis.call('HGETALL', KEYS[5])\n"
    "for i = 1, #given, 2 do redis.call('HSET', KEYS[3], given[i], given[i + 1]) end\n"
    "redis.call('DEL', KEYS[5])\n"
    "return {redis.call('HINCRBY', KEYS[2], 'commits', 1), given}\n";

/* ARGV: lease, schema, seat, most, field. The seat that has it, its own one if that was given it.
 */
static const char find_script[] =
    "if redis.call('HEXISTS', KEYS[5], ARGV[5]) == 1 then return tonumber(ARGV[3]) end\n"
    "for seat = 0, tonumber(ARGV[4]) - 1 do\n"
    "  local parts = seat == 0 and 'parts' or seat .. ':parts'\n"
    "  if seat ~= tonumber(ARGV[3]) and\n"
    "    redis.call('HEXISTS', '" KEY "' .. parts, ARGV[5]) == 1 then return seat end\n"
    "end\n"
    "return -1\n";

/* ARGV: lease, schema. How many seats there are, how much was given to this one, and of each
 * whether somebody holds it. */
static const char look_script[] =
    "local known = redis.call('HMGET', KEYS[6], 'now', 'most')\n"
    "local seats = tonumber(known[1] or 1)\n"
    "local out = {seats, redis.call('HLEN', KEYS[5]), tonumber(known[2] or 1)}\n"
    "for seat = 0, seats - 1 do\n"
    "  local lease = seat == 0 and 'lease' or seat .. ':lease'\n"
    "  out[seat + 4] = redis.call('EXISTS', '" KEY "' .. lease)\n"
    "end\n"
    "return out\n";

/* ARGV: lease, schema, epoch. */
static const char release_script[] =
    "if redis.call('GET', KEYS[1]) == ARGV[3] then redis.call('DEL', KEYS[1]) end\n"
    "return 0\n";

enum script { SEATS, TAKE, COMMIT, ACCEPT, FIND, LOOK, RELEASE, SCRIPTS };
static const char *const scripts[SCRIPTS] = {
    [SEATS] = seats_script,     [TAKE] = take_script, [COMMIT] = commit_script,
    [ACCEPT] = accept_script,   [FIND] = find_script, [LOOK] = look_script,
    [RELEASE] = release_script,
};
enum { SHA_TEXT = 41 };

/* Of an argument, in the heap, which moves while it grows. */
struct piece {
    size_t at, len;
};

struct redis_store {
    struct store store; /* first: one is the other */
    struct redis_address address;
    char *password;
    uint32_t lease_ms;
    unsigned seats, first; /* how many are wanted; which to ask for first */
    unsigned seat;         /* which it has or asks for */
    unsigned most;         /* there were ever; 0: the number is not yet said */
    redisContext *redis;   /* NULL: away */
    char shas[SCRIPTS][SHA_TEXT];
    uint64_t connected_ms, retry_ms; /* since then; not before */
    struct error error;              /* why it is away */
    uint64_t epoch;                  /* 0: does not hold the rooms */
    uint64_t commits;
    bool is_everything; /* what is being put takes the place of what is there */
    struct text heap;
    struct piece *pieces;
    size_t piece_count, piece_cap;
};

static struct redis_store *of(struct store *store)
{
    return (struct redis_store *)store;
}

/* ---- arguments */

static void add(struct redis_store *store, struct bytes bytes)
{
    if (store->piece_count == store->piece_cap) {
        store->piece_cap = MAX(store->piece_cap * 2, 64);
        store->pieces = xrealloc(store->pieces, store->piece_cap * sizeof(*store->pieces));
    }
    store->pieces[store->piece_count++] = (struct piece){store->heap.len, bytes.len};
    text_add_bytes(&store->heap, bytes);
}

static void add_text(struct redis_store *store, const char *text)
{
    add(store, bytes_of_text(text));
}

static void add_number(struct redis_store *store, uint64_t number)
{
    char text[REDIS_NUMBER_TEXT];

    snprintf(text, sizeof(text), "%" PRIu64, number);
    add_text(store, text);
}

static void begin_command(struct redis_store *store, const char *name)
{
    store->piece_count = 0;
    text_clear(&store->heap);
    add_text(store, name);
}

static const char *key_of(unsigned seat, enum key key, char out[KEY_TEXT])
{
    if (seat == 0)
        snprintf(out, KEY_TEXT, KEY "%s", keys[key]);
    else
        snprintf(out, KEY_TEXT, KEY "%u:%s", seat, keys[key]);
    return out;
}

static void begin_script(struct redis_store *store, enum script which)
{
    char key[KEY_TEXT];

    begin_command(store, "EVALSHA");
    add_text(store, store->shas[which]);
    add_number(store, KEYS + 1);
    for (unsigned i = 0; i < KEYS; i++)
        add_text(store, key_of(store->seat, (enum key)i, key));
    add_text(store, seats_key);
    add_number(store, store->lease_ms);
    add_text(store, schema);
}

/* ---- talking with it */

static uint32_t patience_ms(const struct redis_store *store)
{
    return store->lease_ms / 2;
}

/* Not at once again, and the less soon the longer it took to fail. */
static void put_off(struct redis_store *store, uint64_t since_ms)
{
    uint64_t now_ms = clock_ms();
    bool has_waited = now_ms - since_ms >= patience_ms(store);

    if (store->redis != NULL)
        redisFree(store->redis);
    store->redis = NULL;
    store->retry_ms = now_ms + (has_waited ? store->lease_ms : store->lease_ms / 4);
}

static void close_connection(struct redis_store *store, uint64_t since_ms, const char *why)
{
    error_set(&store->error, ERR_UNAVAILABLE, "Redis at %s:%u: %s", store->address.host,
              store->address.port, why);
    put_off(store, since_ms);
}

/* Sends what was added. NULL: it is away, which error says why. Whatever it does not like ends the
 * connection: a script that it forgot, a password, a role that changed, memory that is full. */
static redisReply *ask(struct redis_store *store, struct error *error)
{
    uint64_t since_ms = clock_ms();
    const char **args = xcalloc(store->piece_count, sizeof(*args));
    size_t *lens = xcalloc(store->piece_count, sizeof(*lens));
    redisReply *reply = NULL;

    for (size_t i = 0; i < store->piece_count; i++) {
        args[i] = store->heap.data + store->pieces[i].at;
        lens[i] = store->pieces[i].len;
    }
    if (store->redis != NULL)
        reply = redisCommandArgv(store->redis, (int)store->piece_count, args, lens);
    free(args);
    free(lens);
    if (store->redis != NULL && reply == NULL)
        close_connection(store, since_ms, store->redis->errstr);
    else if (reply != NULL && reply->type == REDIS_REPLY_ERROR)
        close_connection(store, since_ms, reply->str);
    if (store->redis != NULL)
        return reply;
    if (reply != NULL)
        freeReplyObject(reply);
    *error = store->error;
    return NULL;
}

static bool load_script(struct redis_store *store, enum script which)
{
    redisReply *reply;
    bool is_good;

    begin_command(store, "SCRIPT");
    add_text(store, "LOAD");
    add_text(store, scripts[which]);
    reply = ask(store, &store->error);
    if (reply == NULL)
        return false;
    is_good = reply->type == REDIS_REPLY_STRING && reply->len == SHA_TEXT - 1;
    if (is_good)
        memcpy(store->shas[which], reply->str, SHA_TEXT);
    freeReplyObject(reply);
    return is_good;
}

static bool is_connected(struct redis_store *store, struct error *error)
{
    uint64_t now_ms = clock_ms();
    bool is_good = true;

    if (store->redis != NULL)
        return true;
    *error = store->error;
    if (now_ms < store->retry_ms)
        return false;
    store->redis = redis_log_in(&store->address, patience_ms(store), &store->error);
    for (unsigned i = 0; is_good && i < SCRIPTS; i++)
        is_good = store->redis != NULL && load_script(store, (enum script)i);
    if (!is_good)
        put_off(store, now_ms);
    store->connected_ms = clock_ms();
    *error = store->error;
    return store->redis != NULL;
}

/* ---- holding the rooms */

static void note_most(struct redis_store *store, long long most)
{
    store->most = (unsigned)MIN(MAX(most, 1), CODE_SEATS_MAX);
}

static enum err take_answered(struct redis_store *store, const redisReply *reply,
                              struct store_seat *out, struct error *error)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 4)
        return error_set(error, ERR_PROTOCOL, "Redis answers as its scripts do not");
    if (reply->element[0]->integer < 0)
        return error_set(error, ERR_CONFIG,
                         "the rooms in Redis are of a newer version of this program");
    if (reply->element[0]->integer == 0) {
        note_most(store, reply->element[1]->integer);
        return error_set(error, ERR_BUSY, "another process holds the rooms");
    }
    store->epoch = (uint64_t)reply->element[0]->integer;
    store->commits = (uint64_t)reply->element[1]->integer;
    *out = (struct store_seat){
        .seat = store->seat,
        .seats = MIN((unsigned)reply->element[3]->integer, (unsigned)CODE_SEATS_MAX),
        .unix_ms = reply->element[2]->integer,
    };
    return ERR_NONE;
}

static enum err take_seat(struct redis_store *store, unsigned seat, struct store_seat *out,
                          struct error *error)
{
    redisReply *reply;
    enum err err;

    store->seat = seat;
    begin_script(store, TAKE);
    add_number(store, seat);
    reply = ask(store, error);
    if (reply == NULL)
        return ERR_UNAVAILABLE;
    err = take_answered(store, reply, out, error);
    freeReplyObject(reply);
    return err;
}

/* Once in a life: later others may have said something else. */
static enum err say_seats(struct redis_store *store, struct error *error)
{
    redisReply *reply;

    if (store->most != 0)
        return ERR_NONE;
    begin_script(store, SEATS);
    add_number(store, store->seats);
    reply = ask(store, error);
    if (reply == NULL)
        return ERR_UNAVAILABLE;
    note_most(store, reply->integer);
    freeReplyObject(reply);
    return ERR_NONE;
}

/* Each process begins with another one, so that they do not all wait for the same. */
static enum err on_take(struct store *base, struct store_seat *out, struct error *error)
{
    struct redis_store *store = of(base);
    enum err err;

    if (!is_connected(store, error))
        return ERR_UNAVAILABLE;
    if ((err = say_seats(store, error)) != ERR_NONE)
        return err;
    /* Redis may have been away for all of us. Who held the rooms then has gone on, and is back
     * before this time is over; the lease in Redis says nothing of it. */
    if (clock_ms() - store->connected_ms < 2 * (uint64_t)store->lease_ms)
        return error_set(error, ERR_BUSY, "another process may hold the rooms");
    err = ERR_BUSY;
    for (unsigned i = 0; err == ERR_BUSY && i < store->most; i++)
        err = take_seat(store, (store->first + i) % store->most, out, error);
    return err;
}

static enum err on_look(struct store *base, struct store_look *out, struct error *error)
{
    struct redis_store *store = of(base);
    redisReply *reply;

    if (!is_connected(store, error))
        return ERR_UNAVAILABLE;
    begin_script(store, LOOK);
    reply = ask(store, error);
    if (reply == NULL)
        return ERR_UNAVAILABLE;
    *out = (struct store_look){.seats = 1};
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements >= 3) {
        out->seats = (unsigned)MIN(MAX(reply->element[0]->integer, 1), CODE_SEATS_MAX);
        out->is_given = reply->element[1]->integer > 0;
        note_most(store, reply->element[2]->integer);
        for (size_t i = 3; i < MIN(reply->elements, (size_t)CODE_SEATS_MAX + 3); i++)
            out->held |= (uint64_t)(reply->element[i]->integer == 1) << (i - 3);
    }
    freeReplyObject(reply);
    return ERR_NONE;
}

static void on_begin(struct store *base)
{
    struct redis_store *store = of(base);

    begin_script(store, COMMIT);
    add_number(store, store->epoch);
    add_number(store, store->commits);
    add_text(store, store->is_everything ? "1" : "0");
}

static enum err commit_answered(struct redis_store *store, const redisReply *reply,
                                struct error *error)
{
    if (reply->type != REDIS_REPLY_INTEGER)
        return error_set(error, ERR_PROTOCOL, "Redis answers as its scripts do not");
    if (reply->integer == -1) {
        store->epoch = 0;
        return error_set(error, ERR_CANCELLED, "another process has taken the rooms");
    }
    store->is_everything = reply->integer < 0;
    if (reply->integer < 0)
        return error_set(error, ERR_NOT_FOUND, "Redis has not what was written last");
    store->commits = (uint64_t)reply->integer;
    return ERR_NONE;
}

static enum err on_commit(struct store *base, struct error *error)
{
    struct redis_store *store = of(base);
    redisReply *reply;
    enum err err;

    if (store->redis == NULL) {
        /* What was put is not sent: to connect needs the place. It is put again. */
        if (is_connected(store, error))
            error_set(error, ERR_UNAVAILABLE, "Redis is back just now");
        return ERR_UNAVAILABLE;
    }
    reply = ask(store, error);
    if (reply == NULL)
        return ERR_UNAVAILABLE;
    err = commit_answered(store, reply, error);
    freeReplyObject(reply);
    return err;
}

static enum err on_renew(struct store *base, struct error *error)
{
    struct redis_store *store = of(base);
    bool is_everything = store->is_everything;
    enum err err;

    /* It writes nothing, and so may not delete. */
    store->is_everything = false;
    on_begin(base);
    err = on_commit(base, error);
    store->is_everything |= is_everything;
    return err;
}

static void release(struct redis_store *store)
{
    redisReply *reply;
    struct error error;

    if (store->epoch == 0 || store->redis == NULL)
        return;
    begin_script(store, RELEASE);
    add_number(store, store->epoch);
    reply = ask(store, &error);
    if (reply != NULL)
        freeReplyObject(reply);
}

/* ---- writing */

static void put(struct redis_store *store, const char *operation, const char *field,
                struct bytes data)
{
    add_text(store, operation);
    add_text(store, field);
    add(store, data);
}

/* In the order of parts, when sorted as texts. No code has a slash. */
static const char *part_field(const char *code, unsigned part, char out[FIELD_TEXT])
{
    snprintf(out, FIELD_TEXT, "%s/%03u", code, part);
    return out;
}

static void on_put_part(struct store *base, const char *code, unsigned part, struct bytes data)
{
    char field[FIELD_TEXT];

    put(of(base), "+part", part_field(code, part, field), data);
}

static void on_delete_room(struct store *base, const char *code)
{
    char field[FIELD_TEXT];

    for (unsigned part = 0; part < ROOM_PARTS; part++)
        put(of(base), "-part", part_field(code, part, field), bytes_of(NULL, 0));
}

static void on_give_part(struct store *base, unsigned seat, const char *code, unsigned part,
                         struct bytes data)
{
    char field[FIELD_TEXT], key[KEY_TEXT], operation[KEY_TEXT + sizeof("+give ")];

    snprintf(operation, sizeof(operation), "+give %s", key_of(seat, GIVEN, key));
    put(of(base), operation, part_field(code, part, field), data);
}

static void on_put_gateway(struct store *base, uint64_t place, struct bytes data)
{
    char field[FIELD_TEXT];

    snprintf(field, sizeof(field), "%" PRIu64, place);
    put(of(base), data.len > 0 ? "+gateway" : "-gateway", field, data);
}

/* ---- reading */

static redisReply *read_all(struct redis_store *store, enum key which, struct error *error)
{
    char key[KEY_TEXT];
    redisReply *reply;

    if (!is_connected(store, error))
        return NULL;
    redisSetTimeout(store->redis, redis_timeval(READ_MS));
    begin_command(store, "HGETALL");
    add_text(store, key_of(store->seat, which, key));
    reply = ask(store, error);
    if (reply != NULL)
        redisSetTimeout(store->redis, redis_timeval(patience_ms(store)));
    return reply;
}

struct row {
    const redisReply *field, *data;
};

static int compare_rows(const void *one, const void *other)
{
    return strcmp(((const struct row *)one)->field->str, ((const struct row *)other)->field->str);
}

static struct bytes code_of(const struct row *row)
{
    return bytes_of(row->field->str, strcspn(row->field->str, "/"));
}

static void tell_rooms(const struct row *rows, size_t count, store_room_fn *on_room, void *arg)
{
    struct text parts = {0};

    for (size_t i = 0; i < count; i++) {
        struct bytes code = code_of(&rows[i]);
        char *name;

        text_add_bytes(&parts, bytes_of(rows[i].data->str, rows[i].data->len));
        if (i + 1 < count && bytes_equal(code, code_of(&rows[i + 1])))
            continue;
        name = xstrndup((const char *)code.data, code.len);
        on_room(arg, name, bytes_of(parts.data, parts.len));
        free(name);
        text_clear(&parts);
    }
    text_fini(&parts);
}

/* `list`: field, data, and so on. */
static void tell_parts(const redisReply *list, store_room_fn *on_room, void *arg)
{
    size_t count = list->elements / 2;
    struct row *rows = xcalloc(MAX(count, 1), sizeof(*rows));

    for (size_t i = 0; i < count; i++)
        rows[i] = (struct row){list->element[2 * i], list->element[2 * i + 1]};
    qsort(rows, count, sizeof(*rows), compare_rows);
    tell_rooms(rows, count, on_room, arg);
    free(rows);
}

static enum err on_each_room(struct store *base, store_room_fn *on_room, void *arg,
                             struct error *error)
{
    redisReply *reply = read_all(of(base), PARTS, error);

    if (reply == NULL)
        return error->code;
    tell_parts(reply, on_room, arg);
    freeReplyObject(reply);
    return ERR_NONE;
}

static enum err on_find(struct store *base, const char *code, unsigned *seat_out,
                        struct error *error)
{
    struct redis_store *store = of(base);
    char field[FIELD_TEXT];
    redisReply *reply;
    long long seat;

    if (store->most <= 1)
        return ERR_NOT_FOUND;
    if (!is_connected(store, error))
        return ERR_UNAVAILABLE;
    begin_script(store, FIND);
    add_number(store, store->seat);
    add_number(store, store->most);
    add_text(store, part_field(code, ROOM_PART_STATE, field));
    reply = ask(store, error);
    if (reply == NULL)
        return ERR_UNAVAILABLE;
    seat = reply->type == REDIS_REPLY_INTEGER ? reply->integer : -1;
    freeReplyObject(reply);
    if (seat < 0 || seat >= CODE_SEATS_MAX)
        return ERR_NOT_FOUND;
    *seat_out = (unsigned)seat;
    return ERR_NONE;
}

static enum err on_accept(struct store *base, store_room_fn *on_room, void *arg,
                          struct error *error)
{
    struct redis_store *store = of(base);
    redisReply *reply;
    enum err err;

    if (!is_connected(store, error))
        return ERR_UNAVAILABLE;
    begin_script(store, ACCEPT);
    add_number(store, store->epoch);
    add_number(store, store->commits);
    reply = ask(store, error);
    if (reply == NULL)
        return ERR_UNAVAILABLE;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1)
        err = error_set(error, ERR_PROTOCOL, "Redis answers as its scripts do not");
    else
        err = commit_answered(store, reply->element[0], error);
    if (err == ERR_NONE && reply->elements == 2)
        tell_parts(reply->element[1], on_room, arg);
    freeReplyObject(reply);
    return err;
}

static enum err on_each_gateway(struct store *base, store_gateway_fn *on_gateway, void *arg,
                                struct error *error)
{
    redisReply *reply = read_all(of(base), GATEWAYS, error);
    uint64_t place;

    if (reply == NULL)
        return error->code;
    for (size_t i = 0; i + 1 < reply->elements; i += 2)
        if (parse_count(reply->element[i]->str, &place))
            on_gateway(arg, place,
                       bytes_of(reply->element[i + 1]->str, reply->element[i + 1]->len));
    freeReplyObject(reply);
    return ERR_NONE;
}

/* ---- opening */

static void on_close(struct store *base)
{
    struct redis_store *store = of(base);

    release(store);
    if (store->redis != NULL)
        redisFree(store->redis);
    text_fini(&store->heap);
    free(store->pieces);
    free(store->password);
    free(store);
}

enum err store_redis_open(const struct store_redis_config *config, struct store **out,
                          struct error *error)
{
    static const struct store_back back = {
        .close = on_close,
        .take = on_take,
        .renew = on_renew,
        .look = on_look,
        .begin = on_begin,
        .commit = on_commit,
        .put_part = on_put_part,
        .delete_room = on_delete_room,
        .give_part = on_give_part,
        .find = on_find,
        .accept = on_accept,
        .put_gateway = on_put_gateway,
        .each_room = on_each_room,
        .each_gateway = on_each_gateway,
    };
    struct redis_store *store = xcalloc(1, sizeof(*store));
    enum err err;

    store->store.back = &back;
    store->password = xstrdup(config->password);
    store->lease_ms = config->lease_ms;
    store->seats = config->seats;
    store->first = config->first;
    *out = &store->store;
    err = redis_address_read(config->url, store->password, &store->address, error);
    if (err != ERR_NONE)
        store_close(out);
    return err;
}
