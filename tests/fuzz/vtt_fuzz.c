/* SPDX-License-Identifier: MIT
 *
 * Whatever the text of an event is, what comes out can stand in a WebVTT file: it ends no cue, no
 * file and no tag but its own.
 */
#include "wire/vtt.h"

#include "base/must.h"

enum { CLOSING_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tags(const char *text)
{
    const char *open[3];
    size_t depth = 0;

    for (const char *tag = strchr(text, '<'); tag != NULL; tag = strchr(tag + 1, '<')) {
        bool is_end = tag[1] == '/';
        const char *name = tag + 1 + is_end;

        must(*name != '\0' && strchr("biu", *name) != NULL && name[1] == '>');
        if (is_end) {
            must(depth > 0 && *open[--depth] == *name);
        } else {
            must(depth < COUNT_OF(open));
            open[depth++] = name;
        }
    }
    must(depth == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes event = vtt_event_text(bytes_of(data, size));
    struct text text = {0};
    unsigned place;

    must(event.len == 0 || event.data + event.len == data + size);
    place = vtt_add_text(&text, bytes_of(data, size));
    must(place >= 1 && place <= 9);
    must(text.len <= VTT_TEXT_MAX + CLOSING_MAX);
    must(utf8_valid(bytes_of(text.data, text.len)));
    must(strstr(text_str(&text), "-->") == NULL && strstr(text_str(&text), "\n\n") == NULL);
    must(text.len == 0 || (text.data[0] != '\n' && text.data[text.len - 1] != '\n'));
    check_tags(text_str(&text));
    text_fini(&text);
    return 0;
}
