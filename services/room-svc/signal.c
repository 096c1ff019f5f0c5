/* SPDX-License-Identifier: MIT
 *
 * What clients of the signalling server say is read here, handed to the one whose business it is,
 * and answered.
 */
#include "signal.h"

#include <string.h>

#include "base/must.h"
#include "fields.h"
#include "room_svc.h"

enum { MS_PER_S = 1000 };

/* ---- reading */

static int64_t to_ms(double seconds)
{
    double ms = seconds * MS_PER_S;

    return (int64_t)MIN(MAX(ms, 0), CLOCK_POSITION_MAX_MS);
}

bool signal_is_object(struct bytes json)
{
    return json.len > 0 && json.data[0] == '{';
}

static void read_payload(struct said *said)
{
    struct bytes args = said->event->payload.args, first = fields_take_argument(&args);
    double time = 0, playback_time = 0, duration = 0, buffered = 0;
    struct bytes capabilities;
    enum { TIME, PLAYBACK_TIME }; /* first in the table */
    struct field fields[] = {
        [TIME] = FIELD_NUMBER_OF("time", time),
        [PLAYBACK_TIME] = FIELD_NUMBER_OF("playbackTime", playback_time),
        FIELD_NUMBER_OF("duration", duration),
        FIELD_NUMBER_OF("buffered", buffered),
        FIELD_BOOL_OF("playing", said->plays),
        FIELD_BOOL_OF("preTranscode", said->is_before_transcoding),
        FIELD_TEXT_OF("code", said->code),
        FIELD_TEXT_OF("roomCode", said->room_code),
        FIELD_TEXT_OF("requestedCode", said->requested),
        FIELD_TEXT_OF("participantId", said->participant),
        FIELD_TEXT_OF("to", said->to),
        FIELD_TEXT_OF("targetId", said->target),
        FIELD_TEXT_OF("name", said->name),
        FIELD_TEXT_OF("password", said->password),
        FIELD_TEXT_OF("magnetURI", said->magnet),
        FIELD_TEXT_OF("text", said->text),
        FIELD_TEXT_OF("id", said->id),
        FIELD_TEXT_OF("actionId", said->action),
        FIELD_RAW_OF("capabilities", capabilities),
        FIELD_RAW_OF("offer", said->offer),
        FIELD_RAW_OF("answer", said->answer),
        FIELD_RAW_OF("candidate", said->candidate),
    };

    /* Bytes beside it would not come along with what is passed on. */
    if (fields_read(first, fields, COUNT_OF(fields)) && said->event->payload.attachment_count == 0)
        said->payload = first;
    said->has_time = fields[TIME].is_there || fields[PLAYBACK_TIME].is_there;
    said->time_ms = to_ms(fields[TIME].is_there ? time : playback_time);
    said->duration_ms = to_ms(duration);
    said->buffered_ms = to_ms(buffered);
    if (said->code[0] == '\0')
        strcpy(said->code, said->room_code);
    if (said->to[0] == '\0')
        strcpy(said->to, said->target);
    if (signal_is_object(capabilities) && capabilities.len <= ROOM_CAPABILITIES_MAX) {
        memcpy(said->capabilities, capabilities.data, capabilities.len);
        said->capabilities[capabilities.len] = '\0';
    }
}

/* ---- answering */

static void add_failure(struct text *out, const struct said *said, enum room_error error)
{
    /* Clients look for these words. */
    bool is_asked_for = error == ROOM_APPROVAL_NEEDED;

    signal_add_text(out, said->row->result == TOLD_NOTHING ? "message" : "error",
                    is_asked_for ? "use join-request event to join" : room_error_sentence(error));
    signal_add_text(out, "code", room_error_word(error));
    signal_add_text(out, "event", said->row->event);
    if (is_asked_for)
        signal_add_truth(out, "requiresApproval", true);
}

void signal_answer(struct said *said, enum room_error error)
{
    enum signal_told result = said->row->result;
    struct text out = {0};

    said->is_answered = true;
    text_add(&out, "{");
    signal_add_truth(&out, "success", error == ROOM_OK);
    if (error != ROOM_OK) {
        add_failure(&out, said, error);
    } else if (said->extra.len > 0) {
        text_addf(&out, ",%s", text_str(&said->extra));
    }
    text_add(&out, "}");
    guest_ack(said->guest, said->event, text_str(&out));
    if (result == TOLD_NOTHING && error != ROOM_OK)
        result = TOLD_ERROR;
    if (result != TOLD_NOTHING && !said->is_told)
        signal_tell(said->guest, result, &out);
    text_fini(&out);
}

/* ---- dispatch */

static const struct signal_row rows[] = {
#define X(event, handle, where, result) {event, signal_##handle, where, TOLD_##result},
    SIGNAL_HEARD(X)
#undef X
};

static bool on_emitted(struct guest *guest, const struct sio_event *event)
{
    struct said said = {.guest = guest, .event = event, .now_ms = house_now(guest->svc)};
    enum room_error error;

    for (size_t i = 0; i < COUNT_OF(rows) && said.row == NULL; i++)
        if (bytes_equal_text(event->name, rows[i].event))
            said.row = &rows[i];
    if (said.row == NULL)
        return false;
    said.member = guest_member(guest, &said.room);
    read_payload(&said);
    error =
        said.row->where == IN_ROOM && said.member == NULL ? ROOM_NO_ROOM : said.row->handle(&said);
    if (!said.is_answered)
        signal_answer(&said, error);
    text_fini(&said.extra);
    return true;
}

const struct dialect signal_dialect = {
    .id = DIALECT_SIGNAL,
    .name = "signal",
    .nsp = "/",
    .on_emitted = on_emitted,
    .on_room = signal_on_room,
};
