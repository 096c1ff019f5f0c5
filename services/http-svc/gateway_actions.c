/* SPDX-License-Identifier: MIT
 *
 * gateway_actions: what the actor wants done, in its order. Connections and questions that are gone
 * are passed over: the actor could not know.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "base/must.h"
#include "exchange.h"
#include "gateway_private.h"

#define uthash_fatal(msg) must_fail(msg, __FILE__, __LINE__)
#include <uthash.h>

/* uthash is made of macros, whose insides the checks take for ours. */
/* NOLINTBEGIN(readability-function-cognitive-complexity,clang-analyzer-unix.Malloc) */

typedef Sharestream__Gateway__Action Action;

/* One socket in one group: in the list of both. */
struct membership {
    struct group *group;
    struct gateway_socket *socket;
    struct membership *prev, *next; /* of the group */
    struct membership *prev_of_socket, *next_of_socket;
};

struct group {
    char *name;
    struct membership *members;
    UT_hash_handle hh;
};

static struct bytes view(ProtobufCBinaryData data)
{
    return bytes_of(data.data, data.len);
}

/* NULL as well for one that goes to another seat: what this one says of it is over. */
static struct gateway_socket *own_socket(const struct gateway *gateway, uint64_t number)
{
    struct gateway_socket *socket = gateway_socket(gateway, number);

    return socket != NULL && socket->move == NULL ? socket : NULL;
}

/* ---- groups */

static struct group *find_group(const struct gateway *gateway, const char *name)
{
    struct group *group;

    HASH_FIND_STR(gateway->groups, name, group);
    return group;
}

static struct membership *find_membership(const struct gateway_socket *socket,
                                          const struct group *group)
{
    struct membership *membership;

    DL_FOREACH2(socket->memberships, membership, next_of_socket)
    if (membership->group == group)
        return membership;
    return NULL;
}

static void join(struct gateway *gateway, struct gateway_socket *socket, const char *name)
{
    struct group *group = find_group(gateway, name);
    struct membership *membership;

    if (group != NULL && find_membership(socket, group) != NULL)
        return;
    if (socket->group_count == GATEWAY_GROUPS_MAX || name[0] == '\0' ||
        strlen(name) > GATEWAY_GROUP_NAME_MAX) {
        log_debug("join refused", "gateway=%s groups=%u", gateway->name, socket->group_count);
        return;
    }
    if (group == NULL) {
        group = xcalloc(1, sizeof(*group));
        group->name = xstrdup(name);
        HASH_ADD_KEYPTR(hh, gateway->groups, group->name, strlen(group->name), group);
    }
    membership = xcalloc(1, sizeof(*membership));
    membership->group = group;
    membership->socket = socket;
    DL_APPEND(group->members, membership);
    DL_APPEND2(socket->memberships, membership, prev_of_socket, next_of_socket);
    socket->group_count++;
}

static void leave(struct membership *membership)
{
    struct gateway_socket *socket = membership->socket;
    struct group *group = membership->group;

    DL_DELETE(group->members, membership);
    DL_DELETE2(socket->memberships, membership, prev_of_socket, next_of_socket);
    socket->group_count--;
    free(membership);
    if (group->members != NULL)
        return;
    HASH_DEL(socket->gateway->groups, group);
    free(group->name);
    free(group);
}

void actions_leave_all(struct gateway_socket *socket)
{
    while (socket->memberships != NULL)
        leave(socket->memberships);
}

void actions_forget_groups(struct gateway *gateway)
{
    /* With its last member a group goes too. */
    while (gateway->groups != NULL)
        leave(gateway->groups->members);
}

/* ---- one action */

static void send_to(struct gateway *gateway, const Sharestream__Gateway__Send *send)
{
    struct gateway_socket *socket;

    for (size_t i = 0; i < send->n_to; i++)
        if ((socket = own_socket(gateway, send->to[i])) != NULL)
            socket->carrier->send(socket, view(send->payload), send->is_binary);
}

static void send_to_group(struct gateway *gateway, const Sharestream__Gateway__Send *send)
{
    struct group *group = find_group(gateway, send->group);
    struct gateway_socket *socket;
    struct membership *membership;

    if (group == NULL)
        return;
    gateway->sends++;
    for (size_t i = 0; i < send->n_to; i++)
        if ((socket = own_socket(gateway, send->to[i])) != NULL)
            socket->spared_by = gateway->sends;
    DL_FOREACH(group->members, membership)
    if (membership->socket->spared_by != gateway->sends)
        membership->socket->carrier->send(membership->socket, view(send->payload), send->is_binary);
}

static void set_tag(struct gateway *gateway, const Sharestream__Gateway__Tag *tag)
{
    struct gateway_socket *socket = own_socket(gateway, tag->number);

    if (socket == NULL)
        return;
    if (tag->tag.len > GATEWAY_TAG_MAX) {
        log_warn("tag is too large and was not kept", "gateway=%s bytes=%zu", gateway->name,
                 tag->tag.len);
        return;
    }
    if (tag->tag.len != socket->tag_len) {
        free(socket->tag);
        socket->tag = tag->tag.len > 0 ? xcalloc(1, tag->tag.len) : NULL;
        socket->tag_len = (uint32_t)tag->tag.len;
    }
    if (tag->tag.len > 0)
        memcpy(socket->tag, tag->tag.data, tag->tag.len);
}

static void answer(struct gateway *gateway, const Sharestream__Gateway__Answer *given)
{
    struct gateway_question *question = gateway_question(gateway, given->number);

    if (question == NULL)
        return;
    question_take(question);
    exchange_answer_question(question, (int)given->status, given->type, view(given->body));
}

static void carry_out(struct gateway *gateway, const Action *action)
{
    struct gateway_socket *socket;
    struct membership *membership;

    switch (action->what_case) {
    case SHARESTREAM__GATEWAY__ACTION__WHAT_SEND:
        if (action->send->group[0] != '\0')
            send_to_group(gateway, action->send);
        else
            send_to(gateway, action->send);
        break;
    case SHARESTREAM__GATEWAY__ACTION__WHAT_TAG:
        set_tag(gateway, action->tag);
        break;
    case SHARESTREAM__GATEWAY__ACTION__WHAT_CLOSE:
        if ((socket = own_socket(gateway, action->close->number)) != NULL)
            socket->carrier->close(socket, action->close->code,
                                   bytes_of_text(action->close->reason));
        break;
    case SHARESTREAM__GATEWAY__ACTION__WHAT_ANSWER:
        answer(gateway, action->answer);
        break;
    case SHARESTREAM__GATEWAY__ACTION__WHAT_JOIN:
        if ((socket = own_socket(gateway, action->join->number)) != NULL)
            join(gateway, socket, action->join->group);
        break;
    case SHARESTREAM__GATEWAY__ACTION__WHAT_LEAVE: {
        struct group *group = find_group(gateway, action->leave->group);

        socket = own_socket(gateway, action->leave->number);
        if (socket != NULL && group != NULL &&
            (membership = find_membership(socket, group)) != NULL)
            leave(membership);
        break;
    }
    case SHARESTREAM__GATEWAY__ACTION__WHAT_MOVE:
        move_begin(gateway, action->move);
        break;
    case SHARESTREAM__GATEWAY__ACTION__WHAT_RETURNED:
        move_returned(gateway, action->returned);
        break;
    case SHARESTREAM__GATEWAY__ACTION__WHAT__NOT_SET:
    case _SHARESTREAM__GATEWAY__ACTION__WHAT__CASE_IS_INT_SIZE:
        break; /* of a newer actor */
    }
}

static void carry_out_all(struct gateway *gateway, const Sharestream__Gateway__Actions *actions)
{
    gateway->metrics->gateway_actions_total += actions->n_actions;
    for (size_t i = 0; i < actions->n_actions; i++)
        carry_out(gateway, actions->actions[i]);
}

/* False: one before it is missing. */
static bool carry_out_batch(struct gateway *gateway, const Sharestream__Gateway__Batch *batch)
{
    Sharestream__Gateway__Actions *actions;

    if (batch->number <= gateway->carried)
        return true;
    if (batch->number != gateway->carried + 1)
        return false;
    gateway->carried = batch->number;
    actions = sharestream__gateway__actions__unpack(NULL, batch->actions.len, batch->actions.data);
    if (actions == NULL) {
        log_error("actions that make no sense", "gateway=%s batch=%" PRIu64, gateway->name,
                  batch->number);
        return true;
    }
    carry_out_all(gateway, actions);
    sharestream__gateway__actions__free_unpacked(actions, NULL);
    return true;
}

bool actions_carry_out(struct gateway *gateway, const Sharestream__Gateway__Actions *actions)
{
    bool is_whole = true;

    for (size_t i = 0; is_whole && i < actions->n_batches; i++)
        is_whole = carry_out_batch(gateway, actions->batches[i]);
    /* These have no order among them: answers to questions, or all that an actor has to say that
     * keeps no journal. */
    carry_out_all(gateway, actions);
    return is_whole;
}
/* NOLINTEND(readability-function-cognitive-complexity,clang-analyzer-unix.Malloc) */
