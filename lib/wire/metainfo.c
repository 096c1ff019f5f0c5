/* SPDX-License-Identifier: MIT */
#include "wire/metainfo.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/must.h"

enum { PIECE_LENGTH_MAX = 256 << 20 };

/* What the value being read means to us. Everything we have no opinion on is ANYTHING, and so is
 * all inside it. */
enum place {
    ANYTHING,
    ROOT,
    INFO,
    NAME,
    NAME_UTF8,
    PIECE_LENGTH,
    PIECES,
    LENGTH,
    FILES,     /* v1: list of FILE_V1 */
    FILE_V1,   /* dictionary with `path` and `length` */
    PATH,      /* list of ELEMENT */
    ELEMENT,   /* one name on the way to a file */
    FILE_TREE, /* v2: dictionary whose keys are names, like FOLDER, but never the empty one */
    FOLDER,    /* dictionary whose keys are names, or "" with the FILE_V2 they lead to */
    FILE_V2,
};

enum kind { ANY_KIND, INTEGER, STRING, LIST, DICT };

/* The value that may stand next: where it is and what it has to be. */
struct slot {
    enum place place;
    enum kind kind;
    const char *name; /* for sentences; NULL when any kind will do */
};

/* The keys we look at: in which dictionary, and what their value must be. Each at most once, so
 * that nobody else can read another one of two than we checked. `symlink path` (BEP 47) is not
 * among them: libtorrent writes ".." there itself, drops it when reading, and turns a link that
 * leads to no file of the torrent into one to itself. */
static const struct rule {
    enum place in;
    const char *key;
    struct slot slot;
} rules[] = {
    {ROOT, "info", {INFO, DICT, "info"}},
    {INFO, "name", {NAME, STRING, "name"}},
    {INFO, "name.utf-8", {NAME_UTF8, STRING, "name.utf-8"}},
    {INFO, "piece length", {PIECE_LENGTH, INTEGER, "piece length"}},
    {INFO, "pieces", {PIECES, STRING, "pieces"}},
    {INFO, "length", {LENGTH, INTEGER, "length"}},
    {INFO, "files", {FILES, LIST, "files"}},
    {INFO, "file tree", {FILE_TREE, DICT, "file tree"}},
    {FILE_V1, "length", {LENGTH, INTEGER, "length"}},
    {FILE_V1, "path", {PATH, LIST, "path"}},
    {FILE_V1, "path.utf-8", {PATH, LIST, "path.utf-8"}},
    {FILE_V2, "length", {LENGTH, INTEGER, "length"}},
};

_Static_assert(COUNT_OF(rules) <= 32, "struct frame has a bit for each");

/* One open list or dictionary. */
struct frame {
    enum place place;
    bool is_dict;
    bool has_key;     /* dictionary: the key was read, its value comes next */
    struct slot slot; /* dictionary: what that value has to be */
    uint32_t seen;    /* dictionary: rules[] met so far, one bit each */
    const uint8_t *start;
};

struct walk {
    const uint8_t *start, *at, *end;
    struct frame stack[METAINFO_DEPTH_MAX];
    size_t depth;
    size_t items;
    int64_t total_bytes; /* of all files */
    struct metainfo *out;
    struct error *error;
};

static enum err broken(const struct walk *walk, const char *why)
{
    return error_set(walk->error, ERR_INVALID, "not bencoded at byte %zu: %s",
                     (size_t)(walk->at - walk->start), why);
}

/* 1*DIGIT without needless zeros, up to `max`. */
static enum err read_digits(struct walk *walk, uint64_t max, uint64_t *out)
{
    size_t digits = bytes_decimal(bytes_of(walk->at, (size_t)(walk->end - walk->at)), out);

    if (digits == 0)
        return broken(walk, "a digit is missing");
    if (digits > 1 && *walk->at == '0')
        return broken(walk, "a number with a leading zero");
    if (*out > max)
        return broken(walk, "a number that is too large");
    walk->at += digits;
    return ERR_NONE;
}

static enum err read_string(struct walk *walk, struct bytes *out)
{
    uint64_t len = 0;
    enum err err = read_digits(walk, METAINFO_BYTES_MAX, &len);

    if (err != ERR_NONE)
        return err;
    if (walk->at == walk->end || *walk->at != ':')
        return broken(walk, "a length without a colon");
    walk->at++;
    if (len > (uint64_t)(walk->end - walk->at))
        return broken(walk, "a string that is longer than the file");
    *out = bytes_of(walk->at, (size_t)len);
    walk->at += len;
    return ERR_NONE;
}

static enum err read_integer(struct walk *walk, int64_t *out)
{
    uint64_t value = 0;

    walk->at++; /* i */
    bool is_negative = walk->at < walk->end && *walk->at == '-';
    walk->at += is_negative;
    enum err err = read_digits(walk, INT64_MAX, &value);

    if (err != ERR_NONE)
        return err;
    if (is_negative && value == 0)
        return broken(walk, "minus zero");
    if (walk->at == walk->end || *walk->at != 'e')
        return broken(walk, "an integer without an end");
    walk->at++;
    *out = is_negative ? -(int64_t)value : (int64_t)value;
    return ERR_NONE;
}

static enum err check_element(const struct walk *walk, struct bytes name)
{
    if (name.len == 0)
        return error_set(walk->error, ERR_INVALID, "a path element is empty");
    if (bytes_equal_text(name, ".") || bytes_equal_text(name, ".."))
        return error_set(walk->error, ERR_INVALID, "a path element is \".\" or \"..\"");
    if (memchr(name.data, '/', name.len) != NULL || memchr(name.data, '\0', name.len) != NULL)
        return error_set(walk->error, ERR_INVALID, "a path element holds a slash or a NUL");
    return ERR_NONE;
}

static enum err take_string(struct walk *walk, enum place place, struct bytes value)
{
    if (place == PIECES)
        walk->out->has_v1 = true;
    if (place == NAME)
        walk->out->name = value;
    /* A torrent whose name is empty goes by its hash. */
    if (place == ELEMENT || ((place == NAME || place == NAME_UTF8) && value.len > 0))
        return check_element(walk, value);
    return ERR_NONE;
}

static enum err take_integer(struct walk *walk, enum place place, int64_t value)
{
    if (place == PIECE_LENGTH) {
        if (value <= 0 || value > PIECE_LENGTH_MAX)
            return error_set(walk->error, ERR_INVALID,
                             "the piece length %" PRId64 " is not between 1 and %d", value,
                             PIECE_LENGTH_MAX);
        walk->out->piece_length = (uint64_t)value;
    }
    if (place == LENGTH) {
        if (value < 0)
            return error_set(walk->error, ERR_INVALID, "a file has a negative length");
        if (value > INT64_MAX - walk->total_bytes)
            return error_set(walk->error, ERR_INVALID, "the lengths of the files overflow");
        walk->total_bytes += value;
    }
    return ERR_NONE;
}

static enum err open_container(struct walk *walk, enum place place, bool is_dict)
{
    if (walk->depth == METAINFO_DEPTH_MAX)
        return error_set(walk->error, ERR_TOO_LARGE, "lists and dictionaries nest deeper than %d",
                         METAINFO_DEPTH_MAX);
    if (place == FILE_TREE)
        walk->out->has_v2 = true;
    walk->stack[walk->depth++] =
        (struct frame){.place = place, .is_dict = is_dict, .start = walk->at};
    walk->at++;
    return ERR_NONE;
}

static enum err close_container(struct walk *walk)
{
    const struct frame *frame = &walk->stack[walk->depth - 1];

    if (frame->has_key)
        return broken(walk, "a key without a value");
    walk->at++;
    walk->depth--;
    if (frame->place == INFO)
        walk->out->info = bytes_of(frame->start, (size_t)(walk->at - frame->start));
    return ERR_NONE;
}

/* Which value belongs to `key` in this dictionary. */
static enum err slot_of_key(const struct walk *walk, struct frame *frame, struct bytes key)
{
    frame->slot = (struct slot){0};
    if (frame->place == FOLDER && key.len == 0) {
        frame->slot = (struct slot){FILE_V2, DICT, "a file of the file tree"};
        return ERR_NONE;
    }
    if (frame->place == FILE_TREE || frame->place == FOLDER) {
        frame->slot = (struct slot){FOLDER, DICT, "a name of the file tree"};
        return check_element(walk, key);
    }
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        if (rules[i].in != frame->place || !bytes_equal_text(key, rules[i].key))
            continue;
        if (frame->seen & UINT32_C(1) << i)
            return error_set(walk->error, ERR_INVALID, "the key \"%s\" comes twice", rules[i].key);
        frame->seen |= UINT32_C(1) << i;
        frame->slot = rules[i].slot;
    }
    return ERR_NONE;
}

/* Which value may stand next, between keys: the root, a list's item, or what the key asked for. */
static struct slot next_slot(struct walk *walk)
{
    static const struct slot root = {ROOT, DICT, "the .torrent file"};
    static const struct slot file = {FILE_V1, DICT, "a file of files"};
    static const struct slot element = {ELEMENT, STRING, "a path element"};

    if (walk->depth == 0)
        return root;
    struct frame *frame = &walk->stack[walk->depth - 1];

    frame->has_key = false;
    if (frame->is_dict)
        return frame->slot;
    if (frame->place == FILES)
        return file;
    return frame->place == PATH ? element : (struct slot){0};
}

static enum kind kind_ahead(const struct walk *walk)
{
    switch (*walk->at) {
    case 'i':
        return INTEGER;
    case 'l':
        return LIST;
    case 'd':
        return DICT;
    default:
        return STRING; /* or no bencode at all, which read_string() notices */
    }
}

static enum err read_value(struct walk *walk)
{
    static const char *const words[] = {
        [INTEGER] = "an integer",
        [STRING] = "a string",
        [LIST] = "a list",
        [DICT] = "a dictionary",
    };
    struct slot slot = next_slot(walk);
    enum kind kind = kind_ahead(walk);
    struct bytes string = {0};
    int64_t integer = 0;
    enum err err;

    if (slot.kind != ANY_KIND && slot.kind != kind)
        return error_set(walk->error, ERR_INVALID, "%s is not %s", slot.name, words[slot.kind]);
    if (kind == LIST || kind == DICT)
        return open_container(walk, slot.place, kind == DICT);
    if (kind == INTEGER) {
        err = read_integer(walk, &integer);
        return err != ERR_NONE ? err : take_integer(walk, slot.place, integer);
    }
    err = read_string(walk, &string);
    return err != ERR_NONE ? err : take_string(walk, slot.place, string);
}

static enum err read_key(struct walk *walk, struct frame *frame)
{
    struct bytes key = {0};
    enum err err = read_string(walk, &key);

    if (err != ERR_NONE)
        return err;
    frame->has_key = true;
    return slot_of_key(walk, frame, key);
}

/* Reads one key, one plain value, or one edge of a container. */
static enum err step(struct walk *walk)
{
    struct frame *frame = walk->depth > 0 ? &walk->stack[walk->depth - 1] : NULL;

    if (walk->at == walk->end)
        return broken(walk, "the file ends too early");
    if (frame != NULL && *walk->at == 'e')
        return close_container(walk);
    if (walk->items++ == METAINFO_ITEMS_MAX)
        return error_set(walk->error, ERR_TOO_LARGE, "more than %d keys and values",
                         METAINFO_ITEMS_MAX);
    if (frame != NULL && frame->is_dict && !frame->has_key)
        return read_key(walk, frame);
    return read_value(walk);
}

static enum err check(struct walk *walk)
{
    enum err err;

    do
        err = step(walk);
    while (err == ERR_NONE && walk->depth > 0);
    if (err != ERR_NONE)
        return err;
    /* Line ends that an editor or a download script added do no harm, and others accept them. */
    while (walk->at < walk->end && (*walk->at == '\r' || *walk->at == '\n'))
        walk->at++;
    if (walk->at < walk->end)
        return broken(walk, "something follows the end");
    if (walk->out->info.len == 0)
        return error_set(walk->error, ERR_INVALID, "no info dictionary");
    return ERR_NONE;
}

enum err metainfo_check(struct bytes in, struct metainfo *out, struct error *error)
{
    *out = (struct metainfo){0};
    if (in.len == 0)
        return error_set(error, ERR_INVALID, "the .torrent file is empty");
    if (in.len > METAINFO_BYTES_MAX)
        return error_set(error, ERR_TOO_LARGE, "the .torrent file is larger than %d MiB",
                         METAINFO_BYTES_MAX >> 20);
    struct walk walk = {
        .start = in.data, .at = in.data, .end = in.data + in.len, .out = out, .error = error};
    enum err err = check(&walk);

    if (err != ERR_NONE)
        *out = (struct metainfo){0};
    return err;
}

void metainfo_hash(const struct metainfo *metainfo, struct infohash *out)
{
    uint8_t digest[EVP_MAX_MD_SIZE];

    must(EVP_Digest(metainfo->info.data, metainfo->info.len, digest, NULL,
                    metainfo->has_v1 ? EVP_sha1() : EVP_sha256(), NULL) == 1);
    memcpy(out->bytes, digest, sizeof(out->bytes));
}
