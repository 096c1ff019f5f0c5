/* SPDX-License-Identifier: MIT */
#include "exposition.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

enum { FAMILIES_MAX = 2000, NAME_MAX_BYTES = 200 };

struct family {
    struct bytes name;
    struct text head, samples;
};

struct families {
    struct family *rows;
    size_t count;
};

static bool take_line(const char **at, struct bytes *out)
{
    size_t len = strcspn(*at, "\n");

    if (**at == '\0')
        return false;
    *out = bytes_of(*at, len);
    *at += len + ((*at)[len] == '\n' ? 1 : 0);
    return true;
}

static struct bytes word_at(struct bytes line, size_t from)
{
    size_t len = 0;

    while (from + len < line.len && strchr(" {", line.data[from + len]) == NULL)
        len++;
    return bytes_of(line.data + from, len);
}

static struct family *family_of(struct families *families, struct bytes name)
{
    /* Lines of one metric follow each other: look at the last one first. */
    for (size_t i = families->count; i > 0; i--)
        if (bytes_equal(families->rows[i - 1].name, name))
            return &families->rows[i - 1];
    if (families->count == FAMILIES_MAX || name.len == 0 || name.len > NAME_MAX_BYTES)
        return NULL;
    families->rows = xrealloc(families->rows, (families->count + 1) * sizeof(*families->rows));
    families->rows[families->count] = (struct family){.name = name};
    return &families->rows[families->count++];
}

static void add_sample(struct text *out, struct bytes line, size_t name_len, const char *service)
{
    struct bytes rest = bytes_of(line.data + name_len, line.len - name_len);

    text_add_bytes(out, bytes_of(line.data, name_len));
    text_addf(out, "{service=\"%s\"", service);
    if (rest.len > 0 && rest.data[0] == '{') {
        rest.data++;
        rest.len--;
        text_add(out, rest.len > 0 && rest.data[0] == '}' ? "" : ",");
    } else {
        text_add(out, "}");
    }
    text_add_bytes(out, rest);
    text_add(out, "\n");
}

static void add_part(struct families *families, const struct exposition_part *part)
{
    const char *at = part->text;
    struct bytes line;

    while (take_line(&at, &line)) {
        bool is_comment = line.len > 7 && (memcmp(line.data, "# HELP ", 7) == 0 ||
                                           memcmp(line.data, "# TYPE ", 7) == 0);
        struct bytes name = word_at(line, is_comment ? 7 : 0);
        struct family *family;

        if (line.len == 0 || (line.data[0] == '#' && !is_comment) ||
            (family = family_of(families, name)) == NULL)
            continue;
        if (!is_comment) {
            add_sample(&family->samples, line, name.len, part->service);
        } else if (family->samples.len == 0) {
            text_add_bytes(&family->head, line);
            text_add(&family->head, "\n");
        }
    }
}

void exposition_merge(struct text *out, const struct exposition_part *parts, size_t count)
{
    struct families families = {0};

    text_add(out, "# HELP sharestream_up does the process answer\n# TYPE sharestream_up gauge\n");
    for (size_t i = 0; i < count; i++) {
        text_addf(out, "sharestream_up{service=\"%s\"} %d\n", parts[i].service,
                  parts[i].text != NULL);
        if (parts[i].text != NULL)
            add_part(&families, &parts[i]);
    }
    for (size_t i = 0; i < families.count; i++) {
        text_add(out, text_str(&families.rows[i].head));
        text_add(out, text_str(&families.rows[i].samples));
        text_fini(&families.rows[i].head);
        text_fini(&families.rows[i].samples);
    }
    free(families.rows);
}
