/* SPDX-License-Identifier: MIT */
#include "wire/vtt.h"

#include <inttypes.h>

#include "base/must.h"

enum {
    BOLD = 1 << 0,
    ITALIC = 1 << 1,
    UNDERLINED = 1 << 2,
    BOLD_WEIGHT = 600,
    FIELDS_BEFORE_TEXT = 8,
    SPACES_MAX = 8,
};

static const struct {
    unsigned style;
    const char *open, *close;
} tags[] = {
    {BOLD, "<b>", "</b>"},
    {ITALIC, "<i>", "</i>"},
    {UNDERLINED, "<u>", "</u>"},
};

struct pen {
    struct text *out;
    size_t begin;             /* of this cue in `out` */
    unsigned style, is_open;  /* what is wanted, and which tags are open */
    unsigned place;           /* 0: not said yet */
    unsigned spaces;          /* in front of the next character, if there comes one */
    bool is_drawing, is_line; /* is_line: a new line in front of it */
};

struct bytes vtt_event_text(struct bytes event)
{
    for (unsigned i = 0; i < FIELDS_BEFORE_TEXT; i++) {
        const uint8_t *comma = event.len > 0 ? memchr(event.data, ',', event.len) : NULL;

        if (comma == NULL)
            return bytes_of(NULL, 0);
        event.len -= (size_t)(comma + 1 - event.data);
        event.data = comma + 1;
    }
    return event;
}

/* ---- overrides: "{\i1\an8\pos(1,2)}" */

/* Cuts what lies between this and the next backslash off; brackets may hold others. */
static struct bytes take_override(struct bytes *block)
{
    struct bytes word = {block->data, 0};
    unsigned depth = 0;

    while (word.len < block->len && (depth > 0 || word.data[word.len] != '\\')) {
        if (word.data[word.len] == '(')
            depth++;
        else if (word.data[word.len] == ')' && depth > 0)
            depth--;
        word.len++;
    }
    block->data += word.len;
    block->len -= word.len;
    return word;
}

static bool takes_number(struct bytes word, const char *name, uint64_t *number)
{
    size_t len = strlen(name);

    if (word.len < len || memcmp(word.data, name, len) != 0)
        return false;
    word = bytes_of(word.data + len, word.len - len);
    /* Without a number it means the style's own, which we take for none. */
    return bytes_decimal(word, number) > 0 || word.len == 0;
}

/* The rows of the old way to say it are 0 below, 4 above, 8 in the middle. */
static unsigned place_of_old(uint64_t number)
{
    static const unsigned rows[] = {0, 6, 3};
    uint64_t column = number & 3, row = number >> 2;

    return column == 0 || row >= COUNT_OF(rows) ? VTT_PLACE_USUAL : rows[row] + (unsigned)column;
}

static void set_style(struct pen *pen, unsigned style, bool is_on)
{
    pen->style = is_on ? pen->style | style : pen->style & ~style;
}

static void override(struct pen *pen, struct bytes word)
{
    uint64_t number;

    if (takes_number(word, "an", &number)) {
        if (pen->place == 0 && number >= 1 && number <= 9)
            pen->place = (unsigned)number;
    } else if (takes_number(word, "a", &number)) {
        if (pen->place == 0 && number > 0)
            pen->place = place_of_old(number);
    } else if (takes_number(word, "i", &number)) {
        set_style(pen, ITALIC, number == 1);
    } else if (takes_number(word, "b", &number)) {
        set_style(pen, BOLD, number == 1 || number >= BOLD_WEIGHT);
    } else if (takes_number(word, "u", &number)) {
        set_style(pen, UNDERLINED, number == 1);
    } else if (takes_number(word, "p", &number)) {
        pen->is_drawing = number > 0;
    } else if (word.len > 0 && word.data[0] == 'r') {
        pen->style = 0;
    }
}

static void take_block(struct pen *pen, struct bytes block)
{
    take_override(&block); /* in front of the first backslash there may be a comment */
    while (block.len > 0) {
        block = bytes_of(block.data + 1, block.len - 1);
        override(pen, take_override(&block));
    }
}

/* ---- characters */

static void close_tags(struct pen *pen)
{
    for (size_t i = COUNT_OF(tags); i-- > 0;)
        if ((pen->is_open & tags[i].style) != 0)
            text_add(pen->out, tags[i].close);
    pen->is_open = 0;
}

static void open_tags(struct pen *pen)
{
    for (size_t i = 0; i < COUNT_OF(tags); i++)
        if ((pen->style & tags[i].style) != 0)
            text_add(pen->out, tags[i].open);
    pen->is_open = pen->style;
}

/* What was put off because nothing might have followed it. */
static void begin_character(struct pen *pen)
{
    bool changes = pen->style != pen->is_open;

    if (changes)
        close_tags(pen);
    if (pen->out->len > pen->begin) {
        if (pen->is_line)
            text_add(pen->out, "\n");
        for (unsigned i = 0; i < pen->spaces; i++)
            text_add(pen->out, " ");
    }
    pen->is_line = false;
    pen->spaces = 0;
    if (changes)
        open_tags(pen);
}

static void put(struct pen *pen, struct bytes character)
{
    begin_character(pen);
    if (bytes_equal_text(character, "&"))
        text_add(pen->out, "&amp;");
    else if (bytes_equal_text(character, "<"))
        text_add(pen->out, "&lt;");
    else if (bytes_equal_text(character, ">"))
        text_add(pen->out, "&gt;"); /* "-->" would end the cue */
    else
        text_add_bytes(pen->out, character);
}

static void end_line(struct pen *pen)
{
    pen->is_line = true;
    pen->spaces = 0;
}

static void put_space(struct pen *pen)
{
    if (pen->spaces < SPACES_MAX)
        pen->spaces++;
}

/* One character, or one of the backslash words; returns its bytes. */
static size_t take_character(struct pen *pen, struct bytes rest)
{
    static const char unknown[] = "\xef\xbf\xbd", hard_space[] = "\xc2\xa0";
    uint32_t code;
    size_t len = utf8_next(rest, &code);

    if (rest.len >= 2 && rest.data[0] == '\\' && strchr("Nnh", rest.data[1]) != NULL &&
        rest.data[1] != '\0') {
        if (pen->is_drawing)
            return 2;
        if (rest.data[1] == 'N')
            end_line(pen);
        else if (rest.data[1] == 'n')
            put_space(pen);
        else
            put(pen, bytes_of_text(hard_space));
        return 2;
    }
    if (pen->is_drawing)
        return MAX(len, 1);
    if (len == 0 && rest.data[0] != '\0')
        put(pen, bytes_of_text(unknown));
    else if (len > 0 && code == '\n')
        end_line(pen);
    else if (len > 0 && (code == ' ' || code == '\t'))
        put_space(pen);
    else if (len > 0 && code > ' ' && code != 0x7f)
        put(pen, bytes_of(rest.data, len));
    return MAX(len, 1);
}

unsigned vtt_add_text(struct text *out, struct bytes ass)
{
    struct pen pen = {.out = out, .begin = out->len};

    while (ass.len > 0 && out->len - pen.begin < VTT_TEXT_MAX) {
        const uint8_t *end = ass.data[0] == '{' ? memchr(ass.data, '}', ass.len) : NULL;
        size_t len;

        if (end != NULL) {
            len = (size_t)(end + 1 - ass.data);
            take_block(&pen, bytes_of(ass.data + 1, len - 2));
        } else {
            len = take_character(&pen, ass);
        }
        ass = bytes_of(ass.data + len, ass.len - len);
    }
    close_tags(&pen);
    return pen.place != 0 ? pen.place : VTT_PLACE_USUAL;
}

/* ---- the file */

void vtt_add_header(struct text *out, bool is_segment)
{
    text_add(out, "WEBVTT\n");
    if (is_segment)
        text_add(out, "X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n");
}

static void add_time(struct text *out, int64_t ms)
{
    ms = MAX(ms, 0);
    text_addf(out, "%02" PRId64 ":%02" PRId64 ":%02" PRId64 ".%03" PRId64, ms / 3600000,
              ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

void vtt_add_cue(struct text *out, const struct vtt_cue *cue)
{
    static const char *const rows[] = {"", " line:50%", " line:0"};
    static const char *const columns[] = {" align:start", "", " align:end"};
    unsigned place = cue->place >= 1 && cue->place <= 9 ? cue->place - 1 : VTT_PLACE_USUAL - 1;

    text_add(out, "\n");
    add_time(out, cue->from_ms);
    text_add(out, " --> ");
    add_time(out, cue->until_ms);
    text_addf(out, "%s%s\n%s\n", rows[place / 3], columns[place % 3], cue->text);
}
