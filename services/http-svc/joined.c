/* SPDX-License-Identifier: MIT */
#include "joined.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/must.h"
#include "neighbours.h"

#define uthash_fatal(msg) must_fail(msg, __FILE__, __LINE__)
#include <uthash.h>

/* uthash is made of macros, whose insides the checks take for ours. */
/* NOLINTBEGIN(readability-function-cognitive-complexity,clang-analyzer-unix.Malloc) */

typedef Sharestream__Transcode__GetRequest GetRequest;
typedef Sharestream__Transcode__GetReply GetReply;

enum {
    REMEMBERED_MAX = 64,
    REMEMBERED_MS = 1000,
};

/* One that is with transcode-svc. As long as somebody waits for it. */
struct joined_question {
    struct joined *joined;
    uint8_t *key; /* the packed request */
    size_t key_len;
    GetRequest *request;
    struct joined_asker *askers; /* in the order of their deadlines, which are all equally far */
    uint64_t call;
    bool is_second; /* transcode-svc died over it once */
    UT_hash_handle hh;
};

/* The answer of one that was. */
struct remembered {
    uint8_t *key;
    size_t key_len;
    GetReply *reply;
    uint64_t until_ms;
    UT_hash_handle hh;
};

struct joined {
    struct bus *bus;
    struct bus_remote *transcode;
    struct http_metrics *metrics;
    struct joined_question *questions; /* hash */
    struct remembered *remembered;     /* hash; the oldest is the first */
};

static void on_reply(const GetReply *reply, void *arg);

static uint8_t *pack(const GetRequest *request, size_t *len_out)
{
    uint8_t *key = xcalloc(1, sharestream__transcode__get_request__get_packed_size(request) + 1);

    *len_out = sharestream__transcode__get_request__pack(request, key);
    return key;
}

/* ---- what is remembered */

static void forget(struct joined *joined, struct remembered *remembered)
{
    HASH_DEL(joined->remembered, remembered);
    sharestream__transcode__get_reply__free_unpacked(remembered->reply, NULL);
    free(remembered->key);
    free(remembered);
}

static struct remembered *recall(struct joined *joined, const uint8_t *key, size_t key_len)
{
    struct remembered *remembered;

    HASH_FIND(hh, joined->remembered, key, key_len, remembered);
    if (remembered == NULL || remembered->until_ms > clock_ms())
        return remembered;
    forget(joined, remembered);
    return NULL;
}

/* Takes the key of the question. */
static void remember(struct joined_question *question, const GetReply *reply)
{
    struct joined *joined = question->joined;
    struct remembered *remembered = xcalloc(1, sizeof(*remembered));

    remembered->key = question->key;
    remembered->key_len = question->key_len;
    question->key = NULL;
    remembered->reply = xcalloc(1, sizeof(*remembered->reply));
    sharestream__transcode__get_reply__init(remembered->reply);
    remembered->reply->type = xstrdup(reply->type);
    remembered->reply->file = xstrdup(reply->file);
    remembered->reply->size = reply->size;
    remembered->until_ms = clock_ms() + REMEMBERED_MS;
    if (HASH_COUNT(joined->remembered) >= REMEMBERED_MAX)
        forget(joined, joined->remembered);
    HASH_ADD_KEYPTR(hh, joined->remembered, remembered->key, remembered->key_len, remembered);
}

/* ---- questions */

static void question_free(struct joined_question *question)
{
    must(question->askers == NULL);
    sharestream__transcode__get_request__free_unpacked(question->request, NULL);
    free(question->key);
    free(question);
}

/* For as long as the first one waits. */
static void put(struct joined_question *question)
{
    struct joined *joined = question->joined;
    uint64_t now_ms = clock_ms(), until_ms = MAX(question->askers->deadline_ms, now_ms + 1);
    uint32_t left_ms = (uint32_t)(until_ms - now_ms);

    if (!bus_is_up(joined->transcode))
        left_ms = MIN(left_ms, (uint32_t)NEIGHBOUR_AWAY_MS);
    sharestream__transcode__transcode__get(bus_to(joined->transcode, left_ms,
                                                  bytes_of_text(question->request->info_hash),
                                                  &question->call),
                                           question->request, on_reply, question);
}

static void tell_first(struct joined_question *question, const GetReply *reply,
                       const struct error *error)
{
    struct joined_asker *asker = question->askers;

    DL_DELETE(question->askers, asker);
    asker->question = NULL;
    asker->on_got(asker->arg, reply, error);
}

/* It is in the table no more: who is told may ask the same again, and others may leave. */
static void end(struct joined_question *question, const GetReply *reply, const struct error *error)
{
    HASH_DEL(question->joined->questions, question);
    if (reply != NULL && reply->file[0] != '\0' && !reply->may_change)
        remember(question, reply);
    while (question->askers != NULL)
        tell_first(question, reply, error);
    question_free(question);
}

static void drop(struct joined_question *question)
{
    HASH_DEL(question->joined->questions, question);
    question_free(question);
}

/* Else transcode-svc itself says that something did not come in time. */
static bool is_our_deadline(const struct joined_question *question, const struct error *error)
{
    return error->code == ERR_TIMEOUT && question->askers->deadline_ms <= clock_ms();
}

/* Who came later goes on waiting. */
static void on_timeout(struct joined_question *question, const struct error *error)
{
    while (question->askers != NULL && question->askers->deadline_ms <= clock_ms())
        tell_first(question, NULL, error);
    if (question->askers != NULL)
        put(question);
    else
        drop(question);
}

static void on_reply(const GetReply *reply, void *arg)
{
    struct joined_question *question = arg;
    struct bus_remote *transcode = question->joined->transcode;
    struct error error = *bus_error(transcode);

    question->call = 0;
    neighbour_explain(NEIGHBOUR_transcode, bus_is_up(transcode), &error);
    if (reply == NULL && bus_error(transcode)->code == ERR_UNAVAILABLE && !question->is_second) {
        question->is_second = true; /* its next life is waited for */
        put(question);
    } else if (reply == NULL && is_our_deadline(question, &error)) {
        on_timeout(question, &error);
    } else {
        end(question, reply, &error);
    }
}

/* Takes the key. */
static struct joined_question *new_question(struct joined *joined, uint8_t *key, size_t key_len)
{
    struct joined_question *question = xcalloc(1, sizeof(*question));

    question->joined = joined;
    question->key = key;
    question->key_len = key_len;
    question->request = sharestream__transcode__get_request__unpack(NULL, key_len, key);
    must(question->request != NULL);
    HASH_ADD_KEYPTR(hh, joined->questions, question->key, question->key_len, question);
    return question;
}

void joined_get(struct joined *joined, const GetRequest *request, struct joined_asker *asker,
                uint32_t deadline_ms, joined_fn *on_got, void *arg)
{
    size_t key_len;
    uint8_t *key = pack(request, &key_len);
    struct remembered *remembered = recall(joined, key, key_len);
    struct joined_question *question;

    must(asker->question == NULL);
    if (remembered != NULL) {
        joined->metrics->hls_remembered_total++;
        free(key);
        on_got(arg, remembered->reply, NULL); /* which may make it be forgotten */
        return;
    }
    HASH_FIND(hh, joined->questions, key, key_len, question);
    if (question != NULL) {
        joined->metrics->hls_joined_total++;
        free(key);
    } else {
        question = new_question(joined, key, key_len);
    }
    *asker = (struct joined_asker){.question = question,
                                   .on_got = on_got,
                                   .arg = arg,
                                   .deadline_ms = clock_ms() + deadline_ms};
    DL_APPEND(question->askers, asker);
    if (question->askers == asker)
        put(question);
}

void joined_leave(struct joined_asker *asker)
{
    struct joined_question *question = asker->question;

    if (question == NULL)
        return;
    asker->question = NULL;
    DL_DELETE(question->askers, asker);
    if (question->askers != NULL || question->call == 0)
        return; /* 0: it is being answered */
    bus_cancel(question->joined->bus, question->call);
    drop(question);
}

void joined_forget(struct joined *joined, const GetRequest *request)
{
    size_t key_len;
    uint8_t *key = pack(request, &key_len);
    struct remembered *remembered = recall(joined, key, key_len);

    if (remembered != NULL)
        forget(joined, remembered);
    free(key);
}

/* ---- life */

struct joined *joined_new(struct bus *bus, struct bus_remote *transcode,
                          struct http_metrics *metrics)
{
    struct joined *joined = xcalloc(1, sizeof(*joined));

    joined->bus = bus;
    joined->transcode = transcode;
    joined->metrics = metrics;
    return joined;
}

void joined_free(struct joined **joined_p)
{
    struct joined *joined = *joined_p;

    if (joined == NULL)
        return;
    while (joined->questions != NULL)
        joined_leave(joined->questions->askers);
    while (joined->remembered != NULL)
        forget(joined, joined->remembered);
    free(joined);
    *joined_p = NULL;
}
/* NOLINTEND(readability-function-cognitive-complexity,clang-analyzer-unix.Malloc) */
