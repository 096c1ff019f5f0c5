/* SPDX-License-Identifier: MIT
 *
 * What rooms tell our page. All hear of what they did themselves, too, so that there is one way by
 * which a page learns what is so; but nobody is told that he is typing.
 *
 * Not told is what only clients of earlier systems need: to be asked where they are and corrected,
 * and each other's own messages. What they tell of a film is in the queue.
 */
#include <stdlib.h>

#include "base/must.h"
#include "bus/pb_json.h"
#include "page.h"
#include "room_svc.h"
#include "room_view.h"

#define SAME(message, core) _Static_assert((int)(message) == (int)(core), #core)
SAME(SHARESTREAM__PAGE__WHY__CLOSED, ROOM_WHY_CLOSED);
SAME(SHARESTREAM__PAGE__CAUSE__CHOICES, ROOM_CAUSE_CHOICES);
SAME(SHARESTREAM__PAGE__RELAY_KIND__OTHER, ROOM_OTHER);

typedef Sharestream__Page__Told Told;

/* What is told, and to whom. */
struct telling {
    struct room_svc *svc;
    const struct room *room;
    const struct room_event *event;
    struct guest *guest; /* instead of those who hear the event; NULL: those */
    struct view view;
};

/* ---- telling */

static void tell_text(const struct telling *telling, const char *name, const char *json)
{
    bool echoes = telling->event->kind != ROOM_TYPING;

    if (telling->guest != NULL)
        guest_emit(telling->guest, name, json);
    else
        house_tell(telling->svc, &page_dialect, telling->room, telling->event, echoes, name, json);
}

/* The event has the name of the field that is set. */
static void tell(const struct telling *telling, const Told *told)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(
        &sharestream__page__told__descriptor, told->is_case);
    json_t *whole = pb_to_json(&told->base);
    void *only = json_object_iter(whole);
    char *text;

    must(field != NULL && only != NULL);
    text = json_dumps(json_object_iter_value(only), JSON_COMPACT);
    must(text != NULL);
    tell_text(telling, json_object_iter_key(only), text);
    free(text);
    json_decref(whole);
}

/* tell() of one kind: TELL(telling, MEMBER, member, &message). */
#define TELL(telling, KIND, field, message)                                                        \
    do {                                                                                           \
        Told told_ = SHARESTREAM__PAGE__TOLD__INIT;                                                \
                                                                                                   \
        told_.is_case = SHARESTREAM__PAGE__TOLD__IS_##KIND;                                        \
        told_.field = (message);                                                                   \
        tell((telling), &told_);                                                                   \
    } while (0)

static char *id_of(const struct room_member *member)
{
    return view_text(member != NULL ? member->id : "");
}

/* ---- one function for each that is more than a line */

static void tell_member(struct telling *telling, Sharestream__Page__Change change)
{
    Sharestream__Page__MemberTold told = SHARESTREAM__PAGE__MEMBER_TOLD__INIT;

    told.member = view_member(&telling->view, telling->event->member);
    told.change = change;
    TELL(telling, MEMBER, member, &told);
}

static void tell_left(struct telling *telling)
{
    Sharestream__Page__LeftTold told = SHARESTREAM__PAGE__LEFT_TOLD__INIT;

    told.id = id_of(telling->event->member);
    told.why = (Sharestream__Page__Why)telling->event->why;
    TELL(telling, LEFT, left, &told);
}

static void tell_host(struct telling *telling)
{
    Sharestream__Page__HostTold told = SHARESTREAM__PAGE__HOST_TOLD__INIT;
    size_t count;
    struct room_member *const *members = room_members(telling->room, &count);

    told.id = id_of(telling->event->member);
    told.moderators = view_alloc(&telling->view, count * sizeof(char *));
    for (size_t i = 0; i < count; i++)
        if (room_is_present(members[i]) && members[i]->role == ROOM_MODERATOR)
            told.moderators[told.n_moderators++] = members[i]->id;
    TELL(telling, HOST, host, &told);
}

static void tell_knock_over(struct telling *telling)
{
    Sharestream__Page__Whom told = SHARESTREAM__PAGE__WHOM__INIT;

    told.id = id_of(telling->event->member);
    TELL(telling, KNOCK_OVER, knock_over, &told);
}

static void tell_answered(struct telling *telling)
{
    Sharestream__Page__AnsweredTold told = SHARESTREAM__PAGE__ANSWERED_TOLD__INIT;

    told.is_admitted = telling->event->is_on;
    TELL(telling, ANSWERED, answered, &told);
}

static void tell_expelled(struct telling *telling)
{
    Sharestream__Page__ExpelledTold told = SHARESTREAM__PAGE__EXPELLED_TOLD__INIT;

    told.why = (Sharestream__Page__Why)telling->event->why;
    TELL(telling, EXPELLED, expelled, &told);
}

static void tell_choices(struct telling *telling)
{
    Sharestream__Page__ChoicesTold told = SHARESTREAM__PAGE__CHOICES_TOLD__INIT;

    told.choices = view_choices(&telling->view, telling->room);
    told.has_password = room_has_password(telling->room);
    told.by = id_of(telling->event->member);
    TELL(telling, CHOICES, choices, &told);
}

static void tell_clock(struct telling *telling)
{
    Sharestream__Page__ClockTold told = SHARESTREAM__PAGE__CLOCK_TOLD__INIT;
    const struct room_event *event = telling->event;

    told.clock = view_clock(&telling->view, telling->room);
    told.cause = (Sharestream__Page__Cause)event->cause;
    told.by = id_of(event->member);
    if (event->key != NULL)
        told.key = view_text(event->key);
    TELL(telling, CLOCK, clock, &told);
}

static void tell_queue(struct telling *telling)
{
    Sharestream__Page__QueueTold told = SHARESTREAM__PAGE__QUEUE_TOLD__INIT;

    told.queue = view_queue(&telling->view, telling->room, &told.n_queue);
    told.by = id_of(telling->event->member);
    TELL(telling, QUEUE, queue, &told);
}

static void tell_vote(struct telling *telling)
{
    Sharestream__Page__VoteTold told = SHARESTREAM__PAGE__VOTE_TOLD__INIT;
    const struct room_event *event = telling->event;

    told.id = id_of(event->member);
    told.wants = event->member != NULL && event->member->votes_to_skip;
    told.votes = event->count;
    told.needed = event->needed;
    TELL(telling, VOTE, vote, &told);
}

static void tell_ready(struct telling *telling)
{
    Sharestream__Page__ReadyTold told = SHARESTREAM__PAGE__READY_TOLD__INIT;

    told.id = id_of(telling->event->member);
    told.ready = telling->event->count;
    told.here = telling->event->needed;
    TELL(telling, READY, ready, &told);
}

static void tell_started(struct telling *telling)
{
    Sharestream__Page__StartedTold told = SHARESTREAM__PAGE__STARTED_TOLD__INIT;

    told.by = id_of(telling->event->member);
    TELL(telling, STARTED, started, &told);
}

static void tell_reaction(struct telling *telling)
{
    Sharestream__Page__ReactionTold told = SHARESTREAM__PAGE__REACTION_TOLD__INIT;
    const struct room_event *event = telling->event;

    told.id = id_of(event->member);
    told.line = event->line != NULL ? event->line->number : 0;
    told.what = view_text(event->what);
    told.is_on = event->is_on;
    TELL(telling, REACTION, reaction, &told);
}

static void tell_typing(struct telling *telling)
{
    Sharestream__Page__TypingTold told = SHARESTREAM__PAGE__TYPING_TOLD__INIT;

    told.id = id_of(telling->event->member);
    told.is_on = telling->event->is_on;
    TELL(telling, TYPING, typing, &told);
}

static void tell_relay(struct telling *telling)
{
    Sharestream__Page__RelayTold told = SHARESTREAM__PAGE__RELAY_TOLD__INIT;
    const struct room_event *event = telling->event;

    told.from = view_text(room_relay_from(event));
    told.kind = (Sharestream__Page__RelayKind)event->relay;
    told.data = view_alloc(&telling->view, event->data.len + 1);
    memcpy(told.data, event->data.data, event->data.len);
    TELL(telling, RELAY, relay, &told);
}

static void tell_rtc(struct telling *telling)
{
    Sharestream__Page__RtcTold told = SHARESTREAM__PAGE__RTC_TOLD__INIT;

    told.id = id_of(telling->event->member);
    told.offers = telling->event->is_on;
    TELL(telling, RTC, rtc, &told);
}

static void tell_event(struct telling *telling)
{
    const struct room_event *event = telling->event;

    switch (event->kind) {
    case ROOM_JOINED:
        tell_member(telling, SHARESTREAM__PAGE__CHANGE__JOINED);
        break;
    case ROOM_BACK:
        tell_member(telling, SHARESTREAM__PAGE__CHANGE__BACK);
        break;
    case ROOM_LOST_TOUCH:
        tell_member(telling, SHARESTREAM__PAGE__CHANGE__LOST);
        break;
    case ROOM_MEMBER:
        tell_member(telling, SHARESTREAM__PAGE__CHANGE__CHANGED);
        break;
    case ROOM_LEFT:
        tell_left(telling);
        break;
    case ROOM_NEW_HOST:
        tell_host(telling);
        break;
    case ROOM_KNOCK:
        TELL(telling, KNOCK, knock, view_member(&telling->view, event->member));
        break;
    case ROOM_KNOCK_OVER:
        tell_knock_over(telling);
        break;
    case ROOM_ANSWERED:
        tell_answered(telling);
        break;
    case ROOM_EXPELLED:
        tell_expelled(telling);
        break;
    case ROOM_CONFIGURED:
        tell_choices(telling);
        break;
    case ROOM_PLAYBACK:
        tell_clock(telling);
        break;
    case ROOM_QUEUED:
        tell_queue(telling);
        break;
    case ROOM_VOTED:
        tell_vote(telling);
        break;
    case ROOM_READY:
        tell_ready(telling);
        break;
    case ROOM_STARTED:
        tell_started(telling);
        break;
    case ROOM_SAID:
        TELL(telling, CHAT, chat, view_line(&telling->view, telling->room, event->line));
        break;
    case ROOM_REACTED:
        tell_reaction(telling);
        break;
    case ROOM_TYPING:
        tell_typing(telling);
        break;
    case ROOM_RELAYED:
        if (event->to != NULL)
            tell_relay(telling);
        break;
    case ROOM_RTC:
        tell_rtc(telling);
        break;
    case ROOM_FOR_SERVER:
    case ROOM_CORRECTION:
    case ROOM_SYNC_CHECK:
    case ROOM_ANNOUNCED:
    case ROOM_CLOSED: /* all were expelled */
        break;
    }
}

void page_on_room(struct room_svc *svc, const struct room *room, const struct room_event *event,
                  struct guest *guest)
{
    struct telling telling = {.svc = svc,
                              .room = room,
                              .event = event,
                              .guest = guest,
                              .view = {.now_ms = house_now(svc)}};

    tell_event(&telling);
    view_fini(&telling.view);
}

void page_tell_grant(struct room_svc *svc, const struct room *room, Sharestream__Page__Grant *grant)
{
    static const struct room_event event = {.kind = ROOM_QUEUED}; /* as it, to all */
    struct telling telling = {.svc = svc, .room = room, .event = &event};

    TELL(&telling, GRANT, grant, grant);
}
