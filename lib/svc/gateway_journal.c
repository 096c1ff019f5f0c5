/* SPDX-License-Identifier: MIT
 *
 * The journal: what is said becomes numbered batches, which the actor keeps together with whatever
 * made it say so, before anything goes out. Decision 0013 says why this makes once out of at least
 * once.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "svc/gateway_private.h"

/* uthash and utlist are made of macros, whose insides the checks take for ours. */
/* NOLINTBEGIN(readability-function-cognitive-complexity,clang-analyzer-*) */

/* ---- batches */

static struct batch *batch_add(struct gateway *gateway, uint64_t number, size_t len)
{
    struct batch *batch = xcalloc(1, sizeof(*batch));

    batch->number = number;
    batch->bytes = xcalloc(1, len);
    batch->len = len;
    DL_APPEND(gateway->batches, batch);
    gateway->batch_bytes += len;
    gateway->last = number;
    return batch;
}

static void batch_free(struct gateway *gateway, struct batch *batch)
{
    DL_DELETE(gateway->batches, batch);
    gateway->batch_bytes -= batch->len;
    free(batch->bytes);
    free(batch);
}

static bool seal(struct gateways *gateways, struct gateway *gateway)
{
    Sharestream__Gateway__Actions actions = SHARESTREAM__GATEWAY__ACTIONS__INIT;
    struct batch *batch;

    if (gateway->outbox.count == 0)
        return false;
    outbox_fill(gateways, &gateway->outbox, &actions);
    batch = batch_add(gateway, gateway->last + 1,
                      sharestream__gateway__actions__get_packed_size(&actions));
    sharestream__gateway__actions__pack(&actions, batch->bytes);
    outbox_clear(&gateway->outbox);
    gateway->is_changed = true;
    return true;
}

void journal_carried(struct gateway *gateway, uint64_t number)
{
    while (gateway->batches != NULL && gateway->batches->number <= number) {
        batch_free(gateway, gateway->batches);
        gateway->is_changed = true;
    }
    /* What was said though it could not be written: the next life does not know of it. */
    gateway->last = MAX(gateway->last, number);
}

bool journal_has_unsent(const struct gateway *gateway)
{
    return gateway->batches != NULL && !gateway->batches->prev->is_sent;
}

/* ---- as messages */

static Sharestream__Gateway__Batch **list_batches(const struct gateway *gateway, bool all,
                                                  size_t *count_out)
{
    Sharestream__Gateway__Batch **list, *rows;
    const struct batch *batch;
    size_t count = 0;

    DL_COUNT(gateway->batches, batch, count);
    *count_out = 0;
    if (count == 0)
        return NULL;
    /* One block: the pointers, then what they point at. */
    list = xcalloc(count, sizeof(*list) + sizeof(*rows));
    rows = (Sharestream__Gateway__Batch *)(void *)(list + count);
    DL_FOREACH(gateway->batches, batch)
    {
        Sharestream__Gateway__Batch *row = &rows[*count_out];

        if (!all && batch->is_sent)
            continue;
        sharestream__gateway__batch__init(row);
        row->number = batch->number;
        row->actions = (ProtobufCBinaryData){.data = batch->bytes, .len = batch->len};
        list[(*count_out)++] = row;
    }
    return list;
}

void journal_fill(struct gateway *gateway, bool again, Sharestream__Gateway__Actions *actions)
{
    struct batch *batch;

    actions->batches = list_batches(gateway, again, &actions->n_batches);
    DL_FOREACH(gateway->batches, batch)
    batch->is_sent = true;
}

void journal_unfill(Sharestream__Gateway__Actions *actions)
{
    free(actions->batches);
}

/* ---- rows of the actor's storage */

static void add_row(struct gateways *gateways, const struct gateway *gateway)
{
    Sharestream__Gateway__Memory memory = SHARESTREAM__GATEWAY__MEMORY__INIT;
    Origin origin = SHARESTREAM__GATEWAY__ORIGIN__INIT;
    struct text *rows = &gateways->rows;
    size_t len;

    origin.name = gateway->name;
    origin.generation = gateway->generation;
    origin.loop = gateway->loop;
    origin.loops = gateway->loops;
    memory.gateway = &origin;
    memory.done = gateway->done;
    memory.last = gateway->last;
    memory.batches = list_batches(gateway, true, &memory.n_batches);
    len = sharestream__gateway__memory__get_packed_size(&memory);
    sharestream__gateway__memory__pack(&memory, text_grow(rows, len));
    free(memory.batches);
}

static size_t list_rows(struct gateways *gateways, struct gateway_memory *rows)
{
    size_t at[GATEWAYS_MAX], count = 0;

    text_clear(&gateways->rows);
    for (uint64_t place = 0; place < gateways->places; place++) {
        if (gateways->all[place] == NULL || !gateways->all[place]->is_changed)
            continue;
        at[count] = gateways->rows.len;
        rows[count].place = place;
        add_row(gateways, gateways->all[place]);
        rows[count].bytes.len = gateways->rows.len - at[count];
        count++;
    }
    for (size_t i = 0; i < count; i++)
        rows[i].bytes.data = (const uint8_t *)gateways->rows.data + at[i];
    return count;
}

/* False: nothing was said. */
static bool seal_all(struct gateways *gateways)
{
    bool has_sealed = false;

    for (uint64_t place = 0; place < gateways->places; place++)
        if (gateways->all[place] != NULL && seal(gateways, gateways->all[place]))
            has_sealed = true;
    return has_sealed;
}

static void commit_rows(struct gateways *gateways, const struct gateway_memory *rows, size_t count)
{
    if (!gateways->journal.commit(gateways->journal.arg, rows, count))
        return;
    for (size_t i = 0; i < count; i++)
        gateways->all[rows[i].place]->is_changed = false;
}

void journal_commit(struct gateways *gateways)
{
    const struct gateway_journal *journal = &gateways->journal;
    struct gateway_memory rows[GATEWAYS_MAX];

    if (has_journal(gateways) && (seal_all(gateways) || journal->has_changed(journal->arg)))
        commit_rows(gateways, rows, list_rows(gateways, rows));
}

void journal_drop(struct gateway *gateway)
{
    while (gateway->batches != NULL)
        batch_free(gateway, gateway->batches);
}

/* With what has changed in others, such as what they are told of it. */
void journal_forget(struct gateways *gateways, uint64_t place)
{
    struct gateway *gateway = gateways->all[place];
    struct gateway_memory rows[GATEWAYS_MAX];
    size_t count;

    if (has_journal(gateways))
        seal_all(gateways);
    journal_drop(gateway);
    if (!has_journal(gateways))
        return;
    gateway->is_changed = false;
    count = list_rows(gateways, rows);
    rows[count++] = (struct gateway_memory){.place = place};
    commit_rows(gateways, rows, count);
}

static bool take_batches(struct gateway *gateway, const Sharestream__Gateway__Memory *memory)
{
    for (size_t i = 0; i < memory->n_batches; i++) {
        const Sharestream__Gateway__Batch *stored = memory->batches[i];
        struct batch *batch;

        if (gateway->batches != NULL && stored->number != gateway->last + 1)
            return false;
        batch = batch_add(gateway, stored->number, stored->actions.len);
        memcpy(batch->bytes, stored->actions.data, stored->actions.len);
    }
    gateway->last = memory->last;
    gateway->done = memory->done;
    return gateway->batches == NULL || gateway->batches->prev->number == memory->last;
}

bool gateways_recall(struct gateways *gateways, const struct gateway_memory *row)
{
    Sharestream__Gateway__Memory *memory =
        sharestream__gateway__memory__unpack(NULL, row->bytes.len, row->bytes.data);
    bool is_good = memory != NULL && memory->gateway != NULL && row->place < GATEWAYS_MAX &&
                   gateways->all[row->place] == NULL &&
                   take_batches(gateway_place(gateways, row->place, memory->gateway), memory);

    sharestream__gateway__memory__free_unpacked(memory, NULL);
    return is_good;
}

void gateways_remember(struct gateways *gateways, const struct gateway_journal *journal)
{
    gateways->journal = *journal;
}

void gateways_rewrite(struct gateways *gateways)
{
    for (uint64_t place = 0; place < gateways->places; place++)
        if (gateways->all[place] != NULL)
            gateways->all[place]->is_changed = true;
}

bool gateways_are_heard(const struct gateways *gateways)
{
    for (uint64_t place = 0; place < gateways->places; place++)
        if (gateways->all[place] != NULL &&
            (gateways->all[place]->batches != NULL || gateways->all[place]->outbox.count > 0))
            return false;
    return true;
}

bool gateways_are_settled(const struct gateways *gateways)
{
    for (uint64_t place = 0; place < gateways->places; place++)
        if (gateways->all[place] != NULL && !gateways->all[place]->is_replayed)
            return false;
    return true;
}
/* NOLINTEND(readability-function-cognitive-complexity,clang-analyzer-*) */
