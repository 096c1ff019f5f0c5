/* SPDX-License-Identifier: MIT
 *
 * fingerprint: a number that two programs share exactly when they were built from the same service
 * and messages. Made from the descriptors that protobuf-c generates, so nobody has to bump a
 * version by hand.
 */
#include "bus/bus_private.h"

enum { SEEN_MAX = 512 };

struct walk {
    uint64_t hash;
    const void *seen[SEEN_MAX];
    size_t seen_count;
};

static void mix_text(struct walk *walk, const char *text)
{
    walk->hash = bytes_hash(bytes_of(text, strlen(text) + 1), walk->hash);
}

static void mix_number(struct walk *walk, uint32_t number)
{
    walk->hash = bytes_hash(bytes_of(&number, sizeof(number)), walk->hash);
}

static bool is_new(struct walk *walk, const void *descriptor)
{
    for (size_t i = 0; i < walk->seen_count; i++)
        if (walk->seen[i] == descriptor)
            return false;
    if (walk->seen_count == SEEN_MAX)
        return false;
    walk->seen[walk->seen_count++] = descriptor;
    return true;
}

static void mix_enum(struct walk *walk, const ProtobufCEnumDescriptor *values)
{
    if (!is_new(walk, values))
        return;
    for (unsigned i = 0; i < values->n_values; i++) {
        mix_text(walk, values->values[i].name);
        mix_number(walk, (uint32_t)values->values[i].value);
    }
}

/* Depth is that of our own messages, a handful. */
static void mix_message(struct walk *walk,
                        const ProtobufCMessageDescriptor *message) // NOLINT(misc-no-recursion)
{
    mix_text(walk, message->name);
    if (!is_new(walk, message))
        return;
    for (unsigned i = 0; i < message->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->fields[i];

        mix_text(walk, field->name);
        mix_number(walk, field->id);
        mix_number(walk, (uint32_t)field->label);
        mix_number(walk, (uint32_t)field->type);
        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
            mix_message(walk, field->descriptor);
        else if (field->type == PROTOBUF_C_TYPE_ENUM)
            mix_enum(walk, field->descriptor);
    }
}

uint64_t bus_fingerprint(const ProtobufCServiceDescriptor *service)
{
    struct walk walk = {0};

    mix_text(&walk, service->name);
    for (unsigned i = 0; i < service->n_methods; i++) {
        mix_text(&walk, service->methods[i].name);
        mix_message(&walk, service->methods[i].input);
        mix_message(&walk, service->methods[i].output);
    }
    return walk.hash;
}
