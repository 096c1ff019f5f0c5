/* SPDX-License-Identifier: MIT */
#include "log_ring.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "obituary.h"

void log_ring_add(struct log_ring *ring, const char *name, struct bytes line, uint64_t now_unix_ms)
{
    struct log_ring_line *slot = &ring->lines[ring->count++ % LOG_RING_LINES];

    if (line.len > 0 && line.data[line.len - 1] == '\n')
        line.len--;
    if (slot->text != NULL)
        ring->last_forgotten = slot->number;
    free(slot->text);
    ring->last = MAX(ring->last + 1, now_unix_ms * 1000);
    slot->number = ring->last;
    snprintf(slot->name, sizeof(slot->name), "%s", name);
    slot->has_level = log_read_level(line, &slot->level);
    slot->text = xstrndup((const char *)line.data, MIN(line.len, (size_t)LOG_RING_LINE_MAX - 1));
}

void log_ring_fini(struct log_ring *ring)
{
    for (size_t i = 0; i < LOG_RING_LINES; i++)
        free(ring->lines[i].text);
    *ring = (struct log_ring){.count = 0};
}

static bool is_wanted(const struct log_ring_line *line, const struct log_ring_question *question)
{
    return line->number > question->after && (!line->has_level || line->level <= question->level) &&
           (question->name[0] == '\0' || obituary_name_matches(line->name, question->name));
}

size_t log_ring_read(const struct log_ring *ring, const struct log_ring_question *question,
                     const struct log_ring_line **out, uint64_t *next_out)
{
    size_t oldest = ring->count > LOG_RING_LINES ? ring->count - LOG_RING_LINES : 0, given = 0;
    size_t from = ring->count;

    must(question->limit > 0 && question->limit <= LOG_RING_ASKED_MAX);
    *next_out = MAX(ring->last, question->after);
    /* Back to where the answer begins: behind what is known, or where enough of the newest are. */
    for (size_t found = 0; from > oldest && (question->after != 0 || found < question->limit);
         from--)
        found += is_wanted(&ring->lines[(from - 1) % LOG_RING_LINES], question);
    for (; from < ring->count; from++) {
        const struct log_ring_line *line = &ring->lines[from % LOG_RING_LINES];

        if (!is_wanted(line, question))
            continue;
        if (given == question->limit) {
            *next_out = out[given - 1]->number;
            break;
        }
        out[given++] = line;
    }
    return given;
}

bool log_ring_missed(const struct log_ring *ring, uint64_t after)
{
    return after != 0 && after < ring->last_forgotten;
}
