/* SPDX-License-Identifier: MIT
 *
 * Groups: how many members each gateway has, so that what a group is told goes to those that have
 * some, once. Who they are is kept by the gateways.
 */
#include <stdlib.h>

#include "svc/gateway_private.h"

/* uthash and utlist are made of macros, whose insides the checks take for ours. */
/* NOLINTBEGIN(readability-function-cognitive-complexity,clang-analyzer-*) */

/* How many members of a group one gateway has. */
struct share {
    uint64_t place;
    size_t members; /* > 0 */
};

struct group {
    char *name;
    struct share *shares;
    size_t share_count;
    UT_hash_handle hh;
};

static struct membership *find_membership(const struct connection *connection, const char *name)
{
    struct membership *membership;

    LL_FOREACH(connection->memberships, membership)
    if (strcmp(membership->group->name, name) == 0)
        return membership;
    return NULL;
}

static struct share *find_share(const struct group *group, uint64_t place)
{
    for (size_t i = 0; i < group->share_count; i++)
        if (group->shares[i].place == place)
            return &group->shares[i];
    return NULL;
}

static void add_member(struct gateways *gateways, struct connection *connection, const char *name)
{
    struct membership *membership = xcalloc(1, sizeof(*membership));
    uint64_t place = place_of_id(connection->id);
    struct group *group;
    struct share *share;

    HASH_FIND_STR(gateways->groups, name, group);
    if (group == NULL) {
        group = xcalloc(1, sizeof(*group));
        group->name = xstrdup(name);
        HASH_ADD_KEYPTR(hh, gateways->groups, group->name, strlen(group->name), group);
    }
    if ((share = find_share(group, place)) == NULL) {
        group->shares = xrealloc(group->shares, (group->share_count + 1) * sizeof(*group->shares));
        share = &group->shares[group->share_count++];
        *share = (struct share){.place = place};
    }
    share->members++;
    membership->group = group;
    LL_PREPEND(connection->memberships, membership);
    connection->group_count++;
}

static void remove_member(struct gateways *gateways, struct connection *connection,
                          struct membership *membership)
{
    struct group *group = membership->group;
    struct share *share = find_share(group, place_of_id(connection->id));

    LL_DELETE(connection->memberships, membership);
    connection->group_count--;
    free(membership);
    if (--share->members > 0)
        return;
    *share = group->shares[--group->share_count];
    if (group->share_count > 0)
        return;
    HASH_DEL(gateways->groups, group);
    free(group->shares);
    free(group->name);
    free(group);
}

static bool add_member_draft(struct gateways *gateways, uint64_t id,
                             Sharestream__Gateway__Action__WhatCase what, const char *name)
{
    struct outbox *outbox = outbox_of(gateways, id);
    struct draft *draft = outbox_add(gateways, outbox, id, strlen(name) + 1);

    if (draft == NULL)
        return false;
    draft->action.what_case = what;
    sharestream__gateway__member__init(&draft->of.member);
    draft->of.member.number = draft->to;
    draft->text_at = outbox_keep(outbox, bytes_of(name, strlen(name) + 1));
    return true;
}

bool gateway_join(struct gateways *gateways, uint64_t id, const char *name)
{
    struct connection *connection = connection_find(gateways, id);

    if (connection == NULL || name[0] == '\0' || strlen(name) > GATEWAY_GROUP_NAME_MAX)
        return false;
    if (find_membership(connection, name) != NULL)
        return true;
    if (connection->group_count == GATEWAY_GROUPS_MAX ||
        !add_member_draft(gateways, id, SHARESTREAM__GATEWAY__ACTION__WHAT_JOIN, name))
        return false;
    add_member(gateways, connection, name);
    return true;
}

void gateway_leave(struct gateways *gateways, uint64_t id, const char *name)
{
    struct connection *connection = connection_find(gateways, id);
    struct membership *membership = connection != NULL ? find_membership(connection, name) : NULL;

    if (membership == NULL)
        return;
    add_member_draft(gateways, id, SHARESTREAM__GATEWAY__ACTION__WHAT_LEAVE, name);
    remove_member(gateways, connection, membership);
}

static void spare(struct outbox *outbox, uint64_t number)
{
    if (outbox->spared_count == outbox->spared_capacity) {
        outbox->spared_capacity = MAX(outbox->spared_capacity * 2, 16);
        outbox->spared =
            xrealloc(outbox->spared, outbox->spared_capacity * sizeof(*outbox->spared));
    }
    outbox->spared[outbox->spared_count++] = number;
}

static void send_to_share(struct gateways *gateways, uint64_t place, const char *name,
                          const uint64_t *except, size_t except_count, struct bytes payload,
                          bool is_binary)
{
    struct outbox *outbox = outbox_of(gateways, place << NUMBER_BITS);
    struct draft *draft =
        outbox_add(gateways, outbox, place << NUMBER_BITS, payload.len + strlen(name) + 1);

    if (draft == NULL)
        return;
    draft->is_group = true;
    draft->spared_at = outbox->spared_count;
    for (size_t i = 0; i < except_count; i++)
        if (place_of_id(except[i]) == place)
            spare(outbox, number_of(except[i]));
    draft->action.what_case = SHARESTREAM__GATEWAY__ACTION__WHAT_SEND;
    sharestream__gateway__send__init(&draft->of.send);
    draft->of.send.n_to = outbox->spared_count - draft->spared_at;
    draft->of.send.is_binary = is_binary;
    draft->of.send.payload.len = payload.len;
    draft->text_at = outbox_keep(outbox, bytes_of(name, strlen(name) + 1));
    draft->bytes_at = outbox_keep(outbox, payload);
}

void groups_leave_all(struct gateways *gateways, struct connection *connection)
{
    while (connection->memberships != NULL)
        remove_member(gateways, connection, connection->memberships);
}

void gateway_send_group(struct gateways *gateways, const char *name, const uint64_t *except,
                        size_t except_count, struct bytes payload, bool is_binary)
{
    struct group *group;

    HASH_FIND_STR(gateways->groups, name, group);
    for (size_t i = 0; group != NULL && i < group->share_count; i++)
        send_to_share(gateways, group->shares[i].place, name, except, except_count, payload,
                      is_binary);
}
/* NOLINTEND(readability-function-cognitive-complexity,clang-analyzer-*) */
