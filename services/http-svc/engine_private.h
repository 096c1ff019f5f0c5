/* SPDX-License-Identifier: MIT
 *
 * What the files of Engine.IO share. engine.c: sessions; engine_front.c: where clients come.
 *
 *     engine_front.c --(POLL, POST, KNOCK, LEFT, OPEN, SAYS, GONE)--> engine.c
 *                    <--------(ANSWER, SAY, HANG_UP)----------------
 */
#ifndef HTTP_ENGINE_PRIVATE_H
#define HTTP_ENGINE_PRIVATE_H

#include "engine.h"
#include "loop.h"
#include "slots.h"
#include "websocket.h"
#include "wire/engineio.h"

/* Somebody on a loop: a request that waits, or a WebSocket. Number 0: nobody. */
struct engine_guest {
    struct loop *loop;
    uint64_t number;
};

enum engine_word {
    /* To a session. */
    ENGINE_POLL,  /* a GET: wants what there is to hear */
    ENGINE_POST,  /* `data` is what the client says */
    ENGINE_KNOCK, /* may a WebSocket of this session be opened? */
    ENGINE_LEFT,  /* the client did not wait for the answer to its GET */
    ENGINE_OPEN,  /* a WebSocket of the session is open */
    ENGINE_SAYS,  /* `data` came by it */
    ENGINE_GONE,  /* it is gone */
    /* To a guest. */
    ENGINE_ANSWER,  /* to a request: `data`, or `fault` */
    ENGINE_SAY,     /* `data` is to go out by the WebSocket */
    ENGINE_HANG_UP, /* close it, with `code` */
};

/* From loop to loop. */
struct engine_mail {
    struct loop_mail mail;
    enum engine_word word;
    struct engine_guest guest; /* who speaks, or who is spoken to */
    uint8_t sid[ENGINEIO_SID_BYTES];
    enum engineio_fault fault;
    unsigned code;
    bool is_binary; /* `data` */
    size_t len;
    uint8_t data[];
};

struct engine {
    struct loop *loop;
    struct shards *actor;
    struct slots sessions;             /* struct session in engine.c */
    struct slots requests, sockets;    /* guests, in engine_front.c */
    h2o_linklist_t all, over, probing; /* sessions */
    h2o_timeout_t ping_timeout, pong_timeout;
    h2o_timeout_t silence_timeout; /* of clients that ping us */
    struct text scratch;
    struct later flush;
};

/* ---- engine.c */
/* Does what the mail to a session says. */
void session_take(struct engine *engine, const struct engine_mail *mail, struct bytes data);
struct session_wish {
    struct engine_guest socket; /* the WebSocket that is to carry it; nobody: polling */
    struct address address;
    struct engineio_dialect dialect;
    struct gateway_client *client; /* taken if it becomes one */
};
/* A new one. `answer`: what to say to whoever polls; by a WebSocket it is said already. False: too
 * many. */
bool session_begin(struct engine *engine, struct session_wish *wish,
                   uint8_t sid_out[ENGINEIO_SID_BYTES], struct text *answer);

/* ---- engine_front.c */
/* Does what the mail to a guest says. */
void guest_take(struct engine *engine, const struct engine_mail *mail, struct bytes data);

/* To wherever it belongs: at once when that is here. `data` is copied if it has to travel. */
void engine_post(struct engine *from, struct loop *to, const struct engine_mail *mail,
                 struct bytes data);
struct loop *engine_loop_of(struct engine *engine, const uint8_t sid[ENGINEIO_SID_BYTES]);

#endif
