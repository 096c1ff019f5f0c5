/* SPDX-License-Identifier: MIT
 *
 * fake_actor: the other end of http-svc's gateway, for tests and for measuring. It is called
 * "tracker" on the bus and does what clients tell it by messages on a WebSocket:
 *
 *     tag TEXT | join GROUP | leave GROUP | close CODE REASON
 *     all GROUP TEXT        TEXT to all of the group; "others GROUP TEXT" to all but who says it
 *     later TEXT            the same to who says it, by the next Await
 *     big BYTES COUNT       messages of so many bytes
 *     die | hang | forget   abort at once; answer nothing any more; know no gateway
 *     else                  comes back as it is, text as text and binary as binary
 *
 * A plain question is answered "ADDRESS LOCAL TARGET"; paths that begin with /announce/hang are not
 * answered, those with /announce/die abort, /announce/large has a body of 200,000 bytes. Lines on
 * standard input: "log" gives what was opened, received and closed since the last time, as JSON;
 * "push TEXT" sends TEXT to everybody by Await; "mute on|off" answers no delivery.
 *
 * With FAKE_ACTOR_NAME set it is called so. With FAKE_ACTOR_ANSWER set each question gets that many
 * bytes, and nothing is logged.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <proto/gateway.pb-c.h>
#include <uthash.h>

#include "base/must.h"
#include "svc/svc.h"

typedef Sharestream__Gateway__Gateway_Service Service;
typedef Sharestream__Gateway__Actions_Closure Closure;
typedef Sharestream__Gateway__Action Action;

enum { GATEWAYS_MAX = 16 };

struct client {
    uint64_t number;
    unsigned gateway;
    UT_hash_handle hh;
};

struct gateway {
    char name[64];
    uint64_t generation;
    uint32_t loop;
    struct client *clients;
    Closure await;
    void *await_data;
    Action **later; /* for the Await */
    size_t later_count;
};

struct fake {
    struct svc *svc;
    struct gateway gateways[GATEWAYS_MAX];
    size_t count;
    json_t *log;
    bool is_mute, is_fast;
    char *fast_body;
    /* of the reply being made */
    Action **actions;
    size_t action_count, capacity;
    char line[65536];
    size_t used;
};

static const char *text_of(ProtobufCBinaryData data)
{
    static char out[4][70000];
    static unsigned next;
    char *text = out[next++ % 4];

    snprintf(text, sizeof(out[0]), "%.*s", (int)data.len, (const char *)data.data);
    return text;
}

static const char *address_of(ProtobufCBinaryData data)
{
    static char out[2][INET6_ADDRSTRLEN];
    static unsigned next;
    char *text = out[next++ % 2];

    if ((data.len != 4 && data.len != 16) ||
        inet_ntop(data.len == 4 ? AF_INET : AF_INET6, data.data, text, sizeof(out[0])) == NULL)
        snprintf(text, sizeof(out[0]), "?");
    return text;
}

/* ---- actions are made whole, and freed with what is in them */

static Action *make_action(Sharestream__Gateway__Action__WhatCase what, void *message)
{
    Action *action = xcalloc(1, sizeof(*action));

    sharestream__gateway__action__init(action);
    action->what_case = what;
    action->send = message; /* the members are one union of pointers */
    return action;
}

static void say(struct fake *fake, Action *action)
{
    if (fake->action_count == fake->capacity) {
        fake->capacity = fake->capacity * 2 + 16;
        fake->actions = xrealloc(fake->actions, fake->capacity * sizeof(Action *));
    }
    fake->actions[fake->action_count++] = action;
}

static void say_later(struct gateway *gateway, Action *action)
{
    gateway->later = xrealloc(gateway->later, (gateway->later_count + 1) * sizeof(Action *));
    gateway->later[gateway->later_count++] = action;
}

static ProtobufCBinaryData copy_of(const void *data, size_t len)
{
    ProtobufCBinaryData copy = {.len = len, .data = len > 0 ? xcalloc(1, len) : NULL};

    if (len > 0)
        memcpy(copy.data, data, len);
    return copy;
}

static Action *make_send(uint64_t to, const char *group, const void *data, size_t len, bool binary)
{
    Sharestream__Gateway__Send *send = xcalloc(1, sizeof(*send));

    sharestream__gateway__send__init(send);
    if (to != 0) {
        send->to = xcalloc(1, sizeof(*send->to));
        send->to[0] = to;
        send->n_to = 1;
    }
    send->group = xstrdup(group);
    send->payload = copy_of(data, len);
    send->is_binary = binary;
    return make_action(SHARESTREAM__GATEWAY__ACTION__WHAT_SEND, send);
}

static Action *make_member(Sharestream__Gateway__Action__WhatCase what, uint64_t number,
                           const char *group)
{
    Sharestream__Gateway__Member *member = xcalloc(1, sizeof(*member));

    sharestream__gateway__member__init(member);
    member->number = number;
    member->group = xstrdup(group);
    return make_action(what, member);
}

static void reply(Closure closure, void *data, Action ***list, size_t *count)
{
    Sharestream__Gateway__Actions actions = SHARESTREAM__GATEWAY__ACTIONS__INIT;

    actions.actions = *list;
    actions.n_actions = *count;
    closure(&actions, data);
    for (size_t i = 0; i < *count; i++)
        sharestream__gateway__action__free_unpacked((*list)[i], NULL);
    *count = 0;
}

static void answer_await(struct gateway *gateway)
{
    Closure closure = gateway->await;

    if (closure == NULL)
        return;
    gateway->await = NULL;
    reply(closure, gateway->await_data, &gateway->later, &gateway->later_count);
}

/* ---- what clients say */

static void obey_socket(struct fake *fake, struct gateway *gateway, uint64_t number,
                        const Sharestream__Gateway__Received *received)
{
    char *text = xstrdup(text_of(received->payload)), *save;
    char *word = strtok_r(text, " ", &save), *rest = save != NULL ? save : text;

    if (word == NULL || received->is_binary) {
        say(fake, make_send(number, "", received->payload.data, received->payload.len,
                            received->is_binary));
    } else if (strcmp(word, "die") == 0) {
        abort();
    } else if (strcmp(word, "hang") == 0) {
        fake->is_mute = true;
    } else if (strcmp(word, "forget") == 0) {
        fake->count = 0;
    } else if (strcmp(word, "tag") == 0) {
        Sharestream__Gateway__Tag *tag = xcalloc(1, sizeof(*tag));

        sharestream__gateway__tag__init(tag);
        tag->number = number;
        tag->tag = copy_of(rest, strlen(rest));
        say(fake, make_action(SHARESTREAM__GATEWAY__ACTION__WHAT_TAG, tag));
    } else if (strcmp(word, "join") == 0) {
        say(fake, make_member(SHARESTREAM__GATEWAY__ACTION__WHAT_JOIN, number, rest));
        say(fake, make_send(number, "", "joined", 6, false));
    } else if (strcmp(word, "leave") == 0) {
        say(fake, make_member(SHARESTREAM__GATEWAY__ACTION__WHAT_LEAVE, number, rest));
    } else if (strcmp(word, "all") == 0 || strcmp(word, "others") == 0) {
        uint64_t spared = word[0] == 'o' ? number : 0;
        const char *group = strtok_r(NULL, " ", &save);

        say(fake, make_send(spared, group != NULL ? group : "", save, strlen(save), false));
    } else if (strcmp(word, "later") == 0) {
        say_later(gateway, make_send(number, "", rest, strlen(rest), false));
    } else if (strcmp(word, "close") == 0) {
        Sharestream__Gateway__Close *close = xcalloc(1, sizeof(*close));

        sharestream__gateway__close__init(close);
        close->number = number;
        close->code = (uint32_t)strtoul(rest, &rest, 10);
        close->reason = xstrdup(rest[0] == ' ' ? rest + 1 : rest);
        say(fake, make_action(SHARESTREAM__GATEWAY__ACTION__WHAT_CLOSE, close));
    } else if (strcmp(word, "big") == 0) {
        size_t bytes = strtoul(rest, &rest, 10), count = strtoul(rest, NULL, 10);
        char *big = xcalloc(1, bytes + 1);

        memset(big, 'x', bytes);
        for (size_t i = 0; i < count; i++)
            say(fake, make_send(number, "", big, bytes, false));
        free(big);
    } else {
        say(fake, make_send(number, "", received->payload.data, received->payload.len, false));
    }
    free(text);
}

static void answer_question(struct fake *fake, uint64_t number,
                            const Sharestream__Gateway__Asked *asked)
{
    Sharestream__Gateway__Answer *answer = xcalloc(1, sizeof(*answer));
    const char *target = text_of(asked->target);
    char *body;

    if (strncmp(target, "/announce/die", 13) == 0)
        abort();
    if (strncmp(target, "/announce/hang", 14) == 0) {
        free(answer);
        return;
    }
    sharestream__gateway__answer__init(answer);
    answer->number = number;
    answer->status = strncmp(target, "/announce/bad", 13) == 0 ? 400 : 200;
    answer->type = xstrdup("text/plain");
    body = fake->is_fast ? xstrdup(fake->fast_body)
                         : xasprintf("%s %s %s", address_of(asked->address),
                                     address_of(asked->local), target);
    answer->body.len = strlen(body);
    if (strncmp(target, "/announce/large", 15) == 0) {
        answer->body.len = 200000;
        body = xrealloc(body, answer->body.len);
        memset(body, 'x', answer->body.len);
    }
    answer->body.data = (uint8_t *)body;
    say(fake, make_action(SHARESTREAM__GATEWAY__ACTION__WHAT_ANSWER, answer));
}

static void note(struct fake *fake, const Sharestream__Gateway__Event *event, bool is_first)
{
    const Sharestream__Gateway__Opened *opened = event->opened;

    if (fake->is_fast || json_array_size(fake->log) > 20000)
        return;
    switch (event->what_case) {
    case SHARESTREAM__GATEWAY__EVENT__WHAT_OPENED:
        json_array_append_new(
            fake->log, json_pack("{s:s s:I s:b s:s s:s s:s s:s s:s}", "what", "opened", "number",
                                 (json_int_t)event->number, "first", is_first, "target",
                                 text_of(opened->target), "address", address_of(opened->address),
                                 "local", address_of(opened->local), "tag", text_of(opened->tag),
                                 "origin", text_of(opened->origin)));
        break;
    case SHARESTREAM__GATEWAY__EVENT__WHAT_RECEIVED:
        json_array_append_new(fake->log, json_pack("{s:s s:I s:i s:b}", "what", "received",
                                                   "number", (json_int_t)event->number, "bytes",
                                                   (int)event->received->payload.len, "binary",
                                                   event->received->is_binary));
        break;
    case SHARESTREAM__GATEWAY__EVENT__WHAT_CLOSED:
        json_array_append_new(fake->log, json_pack("{s:s s:I}", "what", "closed", "number",
                                                   (json_int_t)event->number));
        break;
    case SHARESTREAM__GATEWAY__EVENT__WHAT_ASKED:
        json_array_append_new(fake->log, json_pack("{s:s s:s}", "what", "asked", "target",
                                                   text_of(event->asked->target)));
        break;
    case SHARESTREAM__GATEWAY__EVENT__WHAT__NOT_SET:
    case _SHARESTREAM__GATEWAY__EVENT__WHAT__CASE_IS_INT_SIZE:
        must(!"an event of a kind that exists");
    }
}

static void handle(struct fake *fake, unsigned at, const Sharestream__Gateway__Event *event,
                   bool is_first)
{
    struct gateway *gateway = &fake->gateways[at];
    struct client *client;

    must(event->number != 0 && event->number >> 48 == 0);
    note(fake, event, is_first);
    if (event->what_case == SHARESTREAM__GATEWAY__EVENT__WHAT_ASKED) {
        answer_question(fake, event->number, event->asked);
        return;
    }
    HASH_FIND(hh, gateway->clients, &event->number, sizeof(event->number), client);
    if (event->what_case == SHARESTREAM__GATEWAY__EVENT__WHAT_OPENED) {
        must(client == NULL); /* nobody is opened twice */
        client = xcalloc(1, sizeof(*client));
        client->number = event->number;
        HASH_ADD(hh, gateway->clients, number, sizeof(client->number), client);
    } else if (client == NULL) {
        return;
    } else if (event->what_case == SHARESTREAM__GATEWAY__EVENT__WHAT_CLOSED) {
        HASH_DEL(gateway->clients, client);
        free(client);
    } else {
        obey_socket(fake, gateway, event->number, event->received);
    }
}

/* ---- the bus */

static struct gateway *find(struct fake *fake, const Sharestream__Gateway__Origin *from)
{
    for (size_t i = 0; i < fake->count; i++)
        if (strcmp(fake->gateways[i].name, from->name) == 0 &&
            fake->gateways[i].generation == from->generation &&
            fake->gateways[i].loop == from->loop)
            return &fake->gateways[i];
    return NULL;
}

static void forget_clients(struct gateway *gateway)
{
    struct client *client, *next;

    HASH_ITER(hh, gateway->clients, client, next)
    {
        HASH_DEL(gateway->clients, client);
        free(client);
    }
}

static void say_needs_first(Closure closure, void *data)
{
    Sharestream__Gateway__Actions actions = SHARESTREAM__GATEWAY__ACTIONS__INIT;

    actions.needs_first = true;
    closure(&actions, data);
}

static void on_deliver(Service *service, const Sharestream__Gateway__Delivery *delivery,
                       Closure closure, void *data)
{
    struct fake *fake = bus_state(data);
    struct gateway *gateway = find(fake, delivery->from);

    (void)service;
    if (fake->is_mute)
        return;
    if (gateway == NULL && delivery->is_first) {
        must(fake->count < GATEWAYS_MAX);
        gateway = &fake->gateways[fake->count++];
        forget_clients(gateway);
        gateway->await = NULL;
        snprintf(gateway->name, sizeof(gateway->name), "%s", delivery->from->name);
        gateway->generation = delivery->from->generation;
        gateway->loop = delivery->from->loop;
    }
    if (gateway == NULL) {
        say_needs_first(closure, data);
        return;
    }
    if (delivery->is_first)
        forget_clients(gateway);
    for (size_t i = 0; i < delivery->n_events; i++)
        handle(fake, (unsigned)(gateway - fake->gateways), delivery->events[i], delivery->is_first);
    if (fake->is_mute)
        return;
    reply(closure, data, &fake->actions, &fake->action_count);
    if (gateway->later_count > 0)
        answer_await(gateway);
}

static void on_await(Service *service, const Sharestream__Gateway__AwaitRequest *request,
                     Closure closure, void *data)
{
    struct fake *fake = bus_state(data);
    struct gateway *gateway = find(fake, request->from);

    (void)service;
    if (gateway == NULL) {
        say_needs_first(closure, data);
        return;
    }
    gateway->await = closure;
    gateway->await_data = data;
    if (gateway->later_count > 0)
        answer_await(gateway);
}

/* ---- the test */

static void push(struct fake *fake, const char *text)
{
    for (size_t i = 0; i < fake->count; i++) {
        struct gateway *gateway = &fake->gateways[i];
        struct client *client, *next;

        HASH_ITER(hh, gateway->clients, client, next)
        say_later(gateway, make_send(client->number, "", text, strlen(text), false));
        answer_await(gateway);
    }
}

static void obey(struct fake *fake, char *line)
{
    if (strcmp(line, "log") == 0) {
        char *text = json_dumps(fake->log, JSON_COMPACT);

        printf("%s\n", text);
        free(text);
        json_array_clear(fake->log);
    } else {
        if (strncmp(line, "push ", 5) == 0)
            push(fake, line + 5);
        else if (strncmp(line, "mute ", 5) == 0)
            fake->is_mute = strcmp(line + 5, "on") == 0;
        else
            must(!"a command of the table above");
        printf("ok\n");
    }
    fflush(stdout);
}

static void on_input(void *arg)
{
    struct fake *fake = arg;
    ssize_t got = read(STDIN_FILENO, fake->line + fake->used, sizeof(fake->line) - fake->used - 1);
    char *end;

    if (got <= 0) {
        svc_unwatch_fd(fake->svc, STDIN_FILENO);
        svc_shutdown(fake->svc);
        return;
    }
    fake->used += (size_t)got;
    fake->line[fake->used] = '\0';
    while ((end = strchr(fake->line, '\n')) != NULL) {
        *end = '\0';
        obey(fake, fake->line);
        fake->used -= (size_t)(end + 1 - fake->line);
        memmove(fake->line, end + 1, fake->used + 1);
    }
}

static Service service = SHARESTREAM__GATEWAY__GATEWAY__INIT(on_);

static enum err start(void *state, struct svc *svc, struct error *error)
{
    struct fake *fake = state;
    const char *fast = getenv("FAKE_ACTOR_ANSWER");

    (void)error;
    fake->svc = svc;
    fake->log = json_array();
    if (fast != NULL) {
        size_t bytes = strtoul(fast, NULL, 10);

        fake->is_fast = true;
        fake->fast_body = xcalloc(1, bytes + 1);
        memset(fake->fast_body, 'x', bytes);
    }
    svc_watch_fd(svc, STDIN_FILENO, on_input, fake);
    return ERR_NONE;
}

static void stop(void *state)
{
    struct fake *fake = state;

    for (size_t i = 0; i < GATEWAYS_MAX; i++) {
        struct gateway *gateway = &fake->gateways[i];

        forget_clients(gateway);
        for (size_t k = 0; k < gateway->later_count; k++)
            sharestream__gateway__action__free_unpacked(gateway->later[k], NULL);
        free(gateway->later);
    }
    json_decref(fake->log);
    free(fake->actions);
    free(fake->fast_body);
}

int main(int argc, char **argv)
{
    const struct svc_def def = {
        .name = getenv("FAKE_ACTOR_NAME") != NULL ? getenv("FAKE_ACTOR_NAME") : "tracker",
        .about = "an actor behind the gateway for tests",
        .service = &service.base,
        .state_size = sizeof(struct fake),
        .start = start,
        .stop = stop,
    };

    return svc_main(argc, argv, &def);
}
