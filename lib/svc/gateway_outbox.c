/* SPDX-License-Identifier: MIT
 *
 * The outbox: what the actor says, action by action, until it goes out in one message.
 */
#include <stdlib.h>

#include "svc/gateway_private.h"

void outbox_fill(struct gateways *gateways, struct outbox *outbox,
                 Sharestream__Gateway__Actions *actions)
{
    uint8_t *heap = (uint8_t *)outbox->heap.data;

    if (outbox->count > gateways->list_capacity) {
        gateways->list_capacity = outbox->capacity;
        gateways->list = xrealloc(gateways->list, outbox->capacity * sizeof(Action *));
    }
    for (size_t i = 0; i < outbox->count; i++) {
        struct draft *draft = &outbox->drafts[i];

        gateways->list[i] = &draft->action;
        switch (draft->action.what_case) {
        case SHARESTREAM__GATEWAY__ACTION__WHAT_SEND:
            draft->action.send = &draft->of.send;
            draft->of.send.payload.data = heap + draft->bytes_at;
            if (draft->is_group) {
                draft->of.send.group = (char *)heap + draft->text_at;
                draft->of.send.to = outbox->spared + draft->spared_at;
            } else {
                draft->of.send.to = &draft->to;
            }
            break;
        case SHARESTREAM__GATEWAY__ACTION__WHAT_TAG:
            draft->action.tag = &draft->of.tag;
            draft->of.tag.tag.data = heap + draft->bytes_at;
            break;
        case SHARESTREAM__GATEWAY__ACTION__WHAT_CLOSE:
            draft->action.close = &draft->of.close;
            draft->of.close.reason = (char *)heap + draft->text_at;
            break;
        case SHARESTREAM__GATEWAY__ACTION__WHAT_ANSWER:
            draft->action.answer = &draft->of.answer;
            draft->of.answer.body.data = heap + draft->bytes_at;
            draft->of.answer.type = (char *)heap + draft->text_at;
            break;
        case SHARESTREAM__GATEWAY__ACTION__WHAT_JOIN:
        case SHARESTREAM__GATEWAY__ACTION__WHAT_LEAVE:
            draft->action.join = &draft->of.member; /* one union of pointers */
            draft->of.member.group = (char *)heap + draft->text_at;
            break;
        case SHARESTREAM__GATEWAY__ACTION__WHAT_MOVE:
            draft->action.move = &draft->of.move;
            break;
        case SHARESTREAM__GATEWAY__ACTION__WHAT_RETURNED:
            draft->action.returned = &draft->of.returned;
            draft->of.returned.payload.data = heap + draft->bytes_at;
            break;
        case SHARESTREAM__GATEWAY__ACTION__WHAT__NOT_SET:
        case _SHARESTREAM__GATEWAY__ACTION__WHAT__CASE_IS_INT_SIZE:
            must(!"a draft of that kind");
        }
    }
    actions->n_actions = outbox->count;
    actions->actions = gateways->list;
    gateways->metrics.actions_total += outbox->count;
}

void outbox_clear(struct outbox *outbox)
{
    outbox->count = outbox->spared_count = 0;
    text_clear(&outbox->heap);
}

void outbox_fini(struct outbox *outbox)
{
    free(outbox->drafts);
    free(outbox->spared);
    text_fini(&outbox->heap);
}

static struct gateway *gateway_of(const struct gateways *gateways, uint64_t id)
{
    uint64_t place = place_of_id(id);

    return place < GATEWAYS_MAX ? gateways->all[place] : NULL;
}

struct outbox *outbox_of(const struct gateways *gateways, uint64_t id)
{
    struct gateway *gateway = gateway_of(gateways, id);

    return gateway != NULL ? &gateway->outbox : NULL;
}

size_t outbox_keep(struct outbox *outbox, struct bytes bytes)
{
    size_t at = outbox->heap.len;

    text_add_bytes(&outbox->heap, bytes);
    return at;
}

static struct draft *add_draft(struct outbox *outbox, uint64_t id)
{
    if (outbox->count == outbox->capacity) {
        outbox->capacity = MAX(outbox->capacity * 2, 16);
        outbox->drafts = xrealloc(outbox->drafts, outbox->capacity * sizeof(*outbox->drafts));
    }
    outbox->drafts[outbox->count].to = number_of(id);
    outbox->drafts[outbox->count].is_group = false;
    sharestream__gateway__action__init(&outbox->drafts[outbox->count].action);
    return &outbox->drafts[outbox->count++];
}

struct draft *outbox_add(struct gateways *gateways, struct outbox *outbox, uint64_t id,
                         size_t bytes)
{
    if (outbox == NULL)
        return NULL;
    if (outbox->count >= GATEWAY_OUTBOX_ACTIONS ||
        outbox->heap.len + gateway_of(gateways, id)->batch_bytes + bytes > GATEWAY_OUTBOX_BYTES) {
        gateways->metrics.dropped_total++;
        return NULL;
    }
    return add_draft(outbox, id);
}

static void add_move(struct outbox *outbox, uint64_t id, unsigned seat)
{
    struct draft *draft = add_draft(outbox, id);

    draft->action.what_case = SHARESTREAM__GATEWAY__ACTION__WHAT_MOVE;
    sharestream__gateway__move__init(&draft->of.move);
    draft->of.move.number = draft->to;
    draft->of.move.seat = seat;
}

/* A gateway has to hear these, however much waits: there is one Move for a connection, and a Return
 * for what came by itself. */
void outbox_move(struct gateways *gateways, uint64_t id, unsigned seat)
{
    add_move(outbox_of(gateways, id), id, seat);
    gateways->metrics.moved_total++;
}

void outbox_return(struct gateways *gateways, uint64_t id, struct bytes payload, bool is_binary)
{
    struct outbox *outbox = outbox_of(gateways, id);
    struct draft *draft = add_draft(outbox, id);

    draft->action.what_case = SHARESTREAM__GATEWAY__ACTION__WHAT_RETURNED;
    sharestream__gateway__return__init(&draft->of.returned);
    draft->of.returned.number = draft->to;
    draft->of.returned.is_binary = is_binary;
    draft->of.returned.payload.len = payload.len;
    draft->bytes_at = outbox_keep(outbox, payload);
}

void gateway_send(struct gateways *gateways, uint64_t connection, struct bytes payload,
                  bool is_binary)
{
    struct outbox *outbox = outbox_of(gateways, connection);
    struct draft *draft = outbox_add(gateways, outbox, connection, payload.len);

    if (draft == NULL)
        return;
    draft->action.what_case = SHARESTREAM__GATEWAY__ACTION__WHAT_SEND;
    sharestream__gateway__send__init(&draft->of.send);
    draft->of.send.n_to = 1;
    draft->of.send.is_binary = is_binary;
    draft->of.send.payload.len = payload.len;
    draft->bytes_at = outbox_keep(outbox, payload);
}

void gateway_tag(struct gateways *gateways, uint64_t connection, struct bytes tag)
{
    struct outbox *outbox = outbox_of(gateways, connection);
    struct draft *draft = outbox_add(gateways, outbox, connection, tag.len);

    if (draft == NULL)
        return;
    draft->action.what_case = SHARESTREAM__GATEWAY__ACTION__WHAT_TAG;
    sharestream__gateway__tag__init(&draft->of.tag);
    draft->of.tag.number = draft->to;
    draft->of.tag.tag.len = tag.len;
    draft->bytes_at = outbox_keep(outbox, tag);
}

void gateway_close(struct gateways *gateways, uint64_t connection, uint16_t code,
                   const char *reason)
{
    struct outbox *outbox = outbox_of(gateways, connection);
    struct draft *draft = outbox_add(gateways, outbox, connection, strlen(reason) + 1);

    if (draft == NULL)
        return;
    draft->action.what_case = SHARESTREAM__GATEWAY__ACTION__WHAT_CLOSE;
    sharestream__gateway__close__init(&draft->of.close);
    draft->of.close.number = draft->to;
    draft->of.close.code = code;
    draft->text_at = outbox_keep(outbox, bytes_of(reason, strlen(reason) + 1));
}

/* Of answers to questions, which are not kept. */
static struct outbox *answers_of(const struct gateways *gateways, uint64_t question)
{
    struct gateway *gateway = gateway_of(gateways, question);

    return gateway != NULL && has_journal(gateways) ? &gateway->answers
                                                    : outbox_of(gateways, question);
}

void gateway_pass_on(struct gateways *gateways, uint64_t question, unsigned seat)
{
    struct outbox *outbox = answers_of(gateways, question);

    if (outbox != NULL)
        add_move(outbox, question, seat);
}

void gateway_answer(struct gateways *gateways, uint64_t question, unsigned status, const char *type,
                    struct bytes body)
{
    struct outbox *outbox = answers_of(gateways, question);
    struct draft *draft = outbox_add(gateways, outbox, question, body.len + strlen(type) + 1);

    if (draft == NULL)
        return;
    draft->action.what_case = SHARESTREAM__GATEWAY__ACTION__WHAT_ANSWER;
    sharestream__gateway__answer__init(&draft->of.answer);
    draft->of.answer.number = draft->to;
    draft->of.answer.status = status;
    draft->of.answer.body.len = body.len;
    draft->text_at = outbox_keep(outbox, bytes_of(type, strlen(type) + 1));
    draft->bytes_at = outbox_keep(outbox, body);
}
