/* SPDX-License-Identifier: MIT */
#include "simulate.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <proto/page.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "base/text.h"
#include "bus/pb_json.h"
#include "clock_client.h"
#include "room_player.h"
#include "sio_client.h"
#include "term.h"
#include "wire/json.h"

enum {
    ASKED_KEPT = 16, /* questions for the time whose answers may be on their way */
    JOIN_ACK = 1,
    ENTER_MS = 20000,
    CLOSE_MS = 2000,
    ROUND_MS = 5,
    LOOK_MS = 100,
    SETTLED_MS = 5000,
    WITHIN_MS = 40,
    BUFFERED_MS = 10000,
    FILM_MS = 3600000,
    JUMP_MS = 600000,
};

/* Something on its way, along a line that delays it. */
struct parcel {
    double due_ms;
    char *event, *args; /* to the server */
    uint64_t ack_id;
    bool is_state; /* from it: the clock's state, else an answer about the time */
    struct clock_state state;
    double asked_ms, heard_ms, answered_ms;
    struct parcel *next;
};

struct line {
    struct parcel *first, **end;
};

/* The first one is the observer: it knows the server's time without delay, commands, and is not
 * looked at. */
struct viewer {
    struct world *world;
    struct sio_client *client;
    bool is_observer, is_in, is_lost;
    struct player player;
    struct clock_client follower;
    struct line up, down;
    uint64_t asked;
    double asked_ms[ASKED_KEPT];
    double again_ms;
};

struct world {
    const struct simulation *simulation;
    struct simulated *out;
    struct error *error;
    bool is_refused;         /* error says why */
    double began_ms, now_ms; /* of this machine's clock */
    unsigned count;          /* of viewers, with the observer */
    struct viewer *viewers;
    struct pollfd *polled;
    double changed_ms; /* when the observer last heard of another state */
    size_t settled_count, always_count, room;
    double *settled, *always;
};

static double real_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* ---- lines */

static void put(struct line *line, const struct parcel *parcel)
{
    struct parcel *copy = xcalloc(1, sizeof(*copy));

    *copy = *parcel;
    copy->next = NULL;
    if (line->first == NULL)
        line->end = &line->first;
    *line->end = copy;
    line->end = &copy->next;
}

/* NULL: none is due. */
static struct parcel *take(struct line *line, double now_ms)
{
    struct parcel *parcel = line->first;

    if (parcel == NULL || parcel->due_ms > now_ms)
        return NULL;
    line->first = parcel->next;
    return parcel;
}

static void parcel_free(struct parcel *parcel)
{
    free(parcel->event);
    free(parcel->args);
    free(parcel);
}

static void empty(struct line *line)
{
    for (struct parcel *parcel; (parcel = take(line, INFINITY)) != NULL;)
        parcel_free(parcel);
}

/* ---- what is said */

static void say(struct viewer *viewer, const char *event, uint64_t ack_id, struct text *take_args)
{
    double now_ms = viewer->world->now_ms;

    put(&viewer->up,
        &(struct parcel){.due_ms = viewer->is_observer ? now_ms
                                                       : player_sends_ms(&viewer->player, now_ms),
                         .event = xstrdup(event),
                         .args = text_take(take_args),
                         .ack_id = ack_id});
}

/* The observer is where the server is, but for what cannot be avoided. */
static double local_ms(const struct viewer *viewer)
{
    return viewer->is_observer ? viewer->world->now_ms
                               : player_clock_ms(&viewer->player, viewer->world->now_ms);
}

static void ask_time(struct viewer *viewer)
{
    double delay_ms = clock_offset_delay_ms(&viewer->follower.offset);
    struct text args = {0};

    if (delay_ms >= 0) {
        text_addf(&args, "{\"delayMs\":%.1f}", delay_ms);
        say(viewer, "delay", 0, &args);
    }
    viewer->asked++;
    viewer->asked_ms[viewer->asked % ASKED_KEPT] = local_ms(viewer);
    args = (struct text){0};
    text_add(&args, "{}");
    say(viewer, "time", JOIN_ACK + viewer->asked, &args);
}

static void report(struct viewer *viewer, const struct clock_report *report)
{
    struct text args = {0};

    text_addf(&args,
              "{\"epoch\":%" PRIu64 ",\"atMs\":%" PRId64 ",\"positionMs\":%" PRId64
              ",\"bufferedMs\":%" PRId64 "}",
              report->epoch, report->at_ms, report->position_ms, report->buffered_ms);
    say(viewer, "report", 0, &args);
}

static void command(struct viewer *viewer, const char *event, const char *json)
{
    struct text args = {0};

    text_add(&args, json);
    say(viewer, event, 0, &args);
}

static void enter(struct viewer *viewer)
{
    const struct simulation *simulation = viewer->world->simulation;
    bool makes = viewer->is_observer && strcmp(simulation->code, "new") == 0;
    unsigned number = (unsigned)(viewer - viewer->world->viewers);
    struct text args = {0};

    text_addf(&args, "{\"id\":\"simulated-%u-%.0f\",\"secret\":\"%032.0f\",\"name\":\"Viewer %u\"",
              number, viewer->world->began_ms, viewer->world->began_ms, number);
    if (!makes) {
        text_add(&args, ",\"code\":");
        json_string_add(&args, bytes_of_text(viewer->world->out->code));
        text_add(&args, ",\"password\":");
        json_string_add(&args, bytes_of_text(simulation->password));
    }
    text_add(&args, "}");
    sio_client_emit(viewer->client, makes ? "create" : "join", text_str(&args), JOIN_ACK);
    text_fini(&args);
}

/* ---- what is heard */

static void hear_state(struct viewer *viewer, const json_t *json)
{
    Sharestream__Page__Clock *clock;
    struct world *world = viewer->world;
    struct parcel parcel = {.is_state = true};

    if (json == NULL ||
        pb_from_json(&sharestream__page__clock__descriptor, json, (void *)&clock, NULL) != ERR_NONE)
        return;
    parcel.state = (struct clock_state){.epoch = clock->epoch,
                                        .at_ms = clock->at_ms,
                                        .position_ms = clock->position_ms,
                                        .rate_permille = (uint32_t)lround(clock->rate * 1000),
                                        .is_playing = clock->is_playing};
    protobuf_c_message_free_unpacked(&clock->base, NULL);
    if (viewer->is_observer) {
        clock_client_state(&viewer->follower, &parcel.state);
        world->changed_ms = world->now_ms;
        world->out->changes++;
        return;
    }
    parcel.due_ms = player_hears_ms(&viewer->player, world->now_ms);
    put(&viewer->down, &parcel);
}

static void refused(struct viewer *viewer, const json_t *answer)
{
    const char *why =
        json_string_value(json_object_get(json_object_get(answer, "error"), "message"));

    viewer->is_lost = true;
    if (!viewer->world->is_refused)
        error_set(viewer->world->error, ERR_DENIED, "the server says: %.120s",
                  why != NULL ? why : "no");
    viewer->world->is_refused = true;
}

static void hear_entered(struct viewer *viewer, const json_t *answer)
{
    const json_t *room = json_object_get(answer, "room");
    const char *code = json_string_value(json_object_get(room, "code"));

    if (!json_is_true(json_object_get(answer, "ok")) || code == NULL) {
        refused(viewer, answer);
        return;
    }
    viewer->is_in = true;
    snprintf(viewer->world->out->code, SIMULATE_CODE_TEXT, "%s", code);
    hear_state(viewer, json_object_get(room, "clock"));
}

static void hear_time(struct viewer *viewer, uint64_t id, const json_t *answer)
{
    struct world *world = viewer->world;
    struct parcel parcel = {
        .asked_ms = viewer->asked_ms[(id - JOIN_ACK) % ASKED_KEPT],
        .heard_ms = json_number_value(json_object_get(answer, "heardMs")),
        .answered_ms = json_number_value(json_object_get(answer, "answeredMs")),
    };

    if (viewer->is_observer) {
        clock_client_answer(&viewer->follower, parcel.asked_ms, parcel.heard_ms, parcel.answered_ms,
                            world->now_ms);
        return;
    }
    parcel.due_ms = player_hears_ms(&viewer->player, world->now_ms);
    put(&viewer->down, &parcel);
}

static void on_packet(void *arg, const struct socketio_packet *packet)
{
    struct viewer *viewer = arg;
    bool is_clock = packet->type == SOCKETIO_EVENT && bytes_equal_text(packet->name, "clock");
    json_t *json;

    if (packet->type == SOCKETIO_CONNECT)
        enter(viewer);
    /* Most of what is told is about people. */
    if (packet->type != SOCKETIO_ACK && !is_clock)
        return;
    json = json_loadb((const char *)packet->args.data, packet->args.len, 0, NULL);
    if (is_clock)
        hear_state(viewer, json_object_get(json, "clock"));
    else if (packet->id == JOIN_ACK)
        hear_entered(viewer, json);
    else
        hear_time(viewer, packet->id, json);
    json_decref(json);
}

/* ---- a moment in the life of a viewer */

static void deliver(struct viewer *viewer)
{
    struct parcel *parcel;

    while ((parcel = take(&viewer->up, viewer->world->now_ms)) != NULL) {
        sio_client_emit(viewer->client, parcel->event, parcel->args, parcel->ack_id);
        parcel_free(parcel);
    }
    while ((parcel = take(&viewer->down, viewer->world->now_ms)) != NULL) {
        if (parcel->is_state)
            clock_client_state(&viewer->follower, &parcel->state);
        else
            clock_client_answer(&viewer->follower, parcel->asked_ms, parcel->heard_ms,
                                parcel->answered_ms, local_ms(viewer));
        viewer->again_ms = -INFINITY;
        parcel_free(parcel);
    }
}

static void watch(struct viewer *viewer)
{
    double now_ms = viewer->world->now_ms, here_ms = local_ms(viewer);
    struct player *player = &viewer->player;
    struct clock_action action;
    struct clock_report told;

    if (here_ms < viewer->again_ms)
        return;
    struct clock_player seen = {
        .position_ms = player_reads_ms(player),
        .is_playing = player->is_playing,
        .is_seeking = player->is_seeking,
    };
    clock_client_step(&viewer->follower, &seen, here_ms, &action);
    if (action.seeks)
        player_seek(player, action.seek_to_ms, now_ms);
    if (action.plays)
        player_play(player, now_ms);
    if (action.pauses)
        player_pause(player);
    player->rate = action.rate;
    viewer->again_ms = here_ms + fmax(action.again_ms, 1);
    if (clock_client_reports(&viewer->follower, &seen,
                             now_ms < player->stall_until_ms ? 0 : BUFFERED_MS, here_ms, &told))
        report(viewer, &told);
}

static void live(struct viewer *viewer, double passed_ms)
{
    if (viewer->is_lost || !viewer->is_in)
        return;
    if (!viewer->is_observer) {
        player_advance(&viewer->player, viewer->world->now_ms, passed_ms);
        watch(viewer);
    }
    if (clock_client_asks(&viewer->follower, local_ms(viewer)))
        ask_time(viewer);
    deliver(viewer);
}

/* ---- looking */

static void look(struct world *world)
{
    const struct viewer *observer = &world->viewers[0];
    double server_ms = clock_client_server_ms(&observer->follower, world->now_ms);
    double room_ms = (double)clock_position(&observer->follower.state, (int64_t)server_ms);
    bool is_settled = world->now_ms - world->changed_ms >= SETTLED_MS;

    if (!observer->follower.state.is_playing ||
        clock_offset_delay_ms(&observer->follower.offset) < 0)
        return;
    room_ms += server_ms - floor(server_ms);
    for (unsigned i = 1; i < world->count && world->always_count < world->room; i++) {
        const struct viewer *viewer = &world->viewers[i];
        double off_ms = fabs(viewer->player.position_ms - room_ms);

        if (viewer->is_lost)
            continue;
        world->always[world->always_count++] = off_ms;
        if (is_settled)
            world->settled[world->settled_count++] = off_ms;
    }
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

static double at_percent(const double *sorted, size_t count, unsigned percent)
{
    return count > 0 ? sorted[(count - 1) * percent / 100] : 0;
}

static struct spread spread_of(double *samples, size_t count)
{
    size_t within = 0;

    if (count > 0)
        qsort(samples, count, sizeof(*samples), compare);
    while (within < count && samples[within] <= WITHIN_MS)
        within++;
    return (struct spread){
        .samples = count,
        .within = count > 0 ? (double)within / (double)count : 0,
        .median_ms = at_percent(samples, count, 50),
        .p95_ms = at_percent(samples, count, 95),
        .p99_ms = at_percent(samples, count, 99),
        .most_ms = at_percent(samples, count, 100),
    };
}

/* ---- all of it */

static void lose(struct viewer *viewer)
{
    viewer->is_lost = true;
    viewer->world->out->lost++;
}

/* Until something comes, but no longer than a round. */
static void talk(struct world *world)
{
    for (unsigned i = 0; i < world->count; i++) {
        const struct viewer *viewer = &world->viewers[i];
        bool is_there = viewer->client != NULL && !viewer->is_lost;

        world->polled[i] =
            (struct pollfd){.fd = is_there ? sio_client_fd(viewer->client) : -1, .events = POLLIN};
        if (is_there && sio_client_wants_write(viewer->client))
            world->polled[i].events |= POLLOUT;
    }
    poll(world->polled, world->count, ROUND_MS);
    world->now_ms = real_ms();
    for (unsigned i = 0; i < world->count; i++) {
        struct viewer *viewer = &world->viewers[i];

        if (world->polled[i].revents != 0 && !sio_client_work(viewer->client) && !viewer->is_lost)
            lose(viewer);
    }
}

/* Waits until they are in. False: one is not. */
static bool all_enter(struct world *world, unsigned first, unsigned end)
{
    double until_ms = real_ms() + ENTER_MS;
    unsigned entered = 0;

    for (unsigned i = first; i < end; i++)
        if ((world->viewers[i].client =
                 sio_client_open(&world->simulation->server, "/room", on_packet, &world->viewers[i],
                                 world->error)) == NULL)
            return false;
    while (entered < end - first && !world->is_refused && world->out->lost == 0 &&
           real_ms() < until_ms && !term_interrupted()) {
        talk(world);
        entered = 0;
        for (unsigned i = first; i < end; i++)
            entered += world->viewers[i].is_in;
    }
    if (entered < end - first && !world->is_refused)
        error_set(world->error, ERR_TIMEOUT, "%u of %u could not enter the room",
                  end - first - entered, end - first);
    return entered == end - first;
}

static void run(struct world *world)
{
    struct viewer *observer = &world->viewers[0];
    bool is_ours = strcmp(world->simulation->code, "new") == 0, is_over_half = false;
    double start_ms = real_ms(), end_ms = start_ms + world->simulation->seconds * 1e3;
    double look_ms = 0, before_ms = start_ms;
    char json[160];

    if (is_ours) {
        snprintf(json, sizeof(json),
                 "{\"source\":\"https://example.org/simulated.mp4\",\"durationMs\":%d}", FILM_MS);
        command(observer, "queueAdd", json);
        command(observer, "play", "{}");
    }
    while (world->now_ms < end_ms && !term_interrupted()) {
        talk(world);
        for (unsigned i = 0; i < world->count; i++)
            live(&world->viewers[i], world->now_ms - before_ms);
        before_ms = world->now_ms;
        if (world->now_ms >= look_ms) {
            look(world);
            look_ms = world->now_ms + LOOK_MS;
        }
        if (!is_over_half && world->now_ms >= (start_ms + end_ms) / 2) {
            is_over_half = true;
            snprintf(json, sizeof(json), "{\"positionMs\":%d}", JUMP_MS);
            if (is_ours)
                command(observer, "seek", json);
            if (world->count > 1)
                world->viewers[1].player.stall_until_ms =
                    world->now_ms + world->simulation->stall_ms;
        }
    }
}

/* A room that was made for this is of no use to anybody. */
static void close_room(struct world *world)
{
    const struct viewer *observer = &world->viewers[0];
    double until_ms = real_ms() + CLOSE_MS;

    if (strcmp(world->simulation->code, "new") != 0 || !observer->is_in || observer->is_lost)
        return;
    sio_client_emit(observer->client, "close", "{}", 0);
    while (sio_client_wants_write(observer->client) && !observer->is_lost && real_ms() < until_ms)
        talk(world);
}

static void init(struct world *world, const struct simulation *simulation)
{
    uint64_t random = 1;

    world->began_ms = world->now_ms = world->changed_ms = real_ms();
    world->count = simulation->viewers + 1;
    world->viewers = xcalloc(world->count, sizeof(*world->viewers));
    world->polled = xcalloc(world->count, sizeof(*world->polled));
    world->room = (size_t)simulation->viewers * simulation->seconds * (1000 / LOOK_MS);
    world->settled = xcalloc(world->room, sizeof(double));
    world->always = xcalloc(world->room, sizeof(double));
    for (unsigned i = 0; i < world->count; i++) {
        struct viewer *viewer = &world->viewers[i];

        viewer->world = world;
        viewer->is_observer = i == 0;
        clock_client_init(&viewer->follower);
        player_init(&viewer->player,
                    player_random(&random, simulation->latency_from_ms, simulation->latency_to_ms),
                    simulation->drift_ppm, i + 1);
        if (simulation->jitter_ms >= 0)
            viewer->player.jitter_ms = simulation->jitter_ms;
    }
}

static void fini(struct world *world)
{
    for (unsigned i = 0; i < world->count; i++) {
        sio_client_free(&world->viewers[i].client);
        empty(&world->viewers[i].up);
        empty(&world->viewers[i].down);
    }
    free(world->viewers);
    free(world->polled);
    free(world->settled);
    free(world->always);
}

enum err simulate(const struct simulation *simulation, struct simulated *out, struct error *error)
{
    struct world world = {.simulation = simulation, .out = out, .error = error};
    bool is_good;

    *out = (struct simulated){.lost = 0};
    snprintf(out->code, sizeof(out->code), "%s", simulation->code);
    init(&world, simulation);
    is_good = all_enter(&world, 0, 1) && all_enter(&world, 1, world.count);
    if (is_good)
        run(&world);
    close_room(&world);
    out->settled = spread_of(world.settled, world.settled_count);
    out->always = spread_of(world.always, world.always_count);
    for (unsigned i = 1; i < world.count; i++)
        out->seeks += (double)world.viewers[i].player.seeks / simulation->viewers;
    fini(&world);
    return is_good ? ERR_NONE : error->code;
}
