/* SPDX-License-Identifier: MIT
 *
 * Verbs about rooms: who watches what together, and what the operator does there.
 */
#include <inttypes.h>
#include <jansson.h>
#include <proto/http.pb-c.h>
#include <proto/room.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "bus/pb_json.h"
#include "human.h"
#include "source.h"
#include "verbs.h"

enum { LINES_SHOWN = 10 };

typedef Sharestream__Page__Room Room;
typedef Sharestream__Room__ListReply ListReply;

static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* The room that the first word names. */
static char *code_of(struct cli *cli)
{
    return text_of(args_value(&cli->args, 0));
}

static Room *get_room(struct cli *cli)
{
    Sharestream__Room__Name request = SHARESTREAM__ROOM__NAME__INIT;

    request.code = code_of(cli);
    return cli_ask(cli, "room", "Show", &request.base);
}

/* What a reply of which only success matters means. */
static enum cli_exit say_done(struct cli *cli, ProtobufCMessage *reply, const char *done)
{
    if (reply == NULL)
        return cli->exit;
    if (cli->wants_json)
        cli_print_json(reply);
    else
        printf("%s\n", done);
    reply_free(reply);
    return CLI_OK;
}

/* ---- rooms */

static void add_rows(struct table *table, const ListReply *list)
{
    for (size_t i = 0; i < list->n_rooms; i++) {
        const Sharestream__Room__ListReply__Room *room = list->rooms[i];
        char text[HUMAN_TEXT];

        table_cell(table, "%s", room->code);
        table_cell(table, "%s", room->title);
        table_cell(table, "%u", room->members);
        table_cell(table, "%s", room->has_password ? "yes" : "");
        table_cell_in(table, room->is_playing ? COLOUR_BUSY : COLOUR_FAINT, "%s",
                      room->film[0] == '\0' ? "" : (room->is_playing ? "plays" : "paused"));
        table_cell(table, "%s", room->film);
        table_cell(table, "%s", human_time((uint64_t)room->created_ms, text));
    }
}

static ListReply *get_page(struct cli *cli, const char *service, const char *after)
{
    Sharestream__Room__ListRequest request = SHARESTREAM__ROOM__LIST_REQUEST__INIT;
    struct error error;
    void *reply;

    request.after = text_of(after);
    cli_try(cli, service, "List", &request.base, &reply, &error);
    return reply;
}

/* Takes the rooms of the next page to the first. */
static void append(ListReply *all, ListReply *next)
{
    all->rooms = xrealloc(all->rooms, (all->n_rooms + next->n_rooms) * sizeof(*all->rooms));
    for (size_t i = 0; i < next->n_rooms; i++)
        all->rooms[all->n_rooms++] = next->rooms[i];
    next->n_rooms = 0;
    char *swap = all->next;
    all->next = next->next;
    next->next = swap;
}

/* Of one process: they come page by page. NULL: it has none to tell of, for it stands by or is
 * away. */
static ListReply *get_rooms_of(struct cli *cli, const char *service)
{
    ListReply *all = get_page(cli, service, ""), *next;

    while (all != NULL && all->next[0] != '\0') {
        next = get_page(cli, service, all->next);
        if (next == NULL) {
            reply_free(all);
            return NULL;
        }
        append(all, next);
        reply_free(next);
    }
    return all;
}

static int compare_codes(const void *one, const void *other)
{
    const Sharestream__Room__ListReply__Room *const *a = one, *const *b = other;

    return strcmp((*a)->code, (*b)->code);
}

/* Each process that holds a seat has its own. NULL after a complaint. */
static ListReply *get_rooms(struct cli *cli)
{
    Sharestream__Room__ListRequest request = SHARESTREAM__ROOM__LIST_REQUEST__INIT;
    ListReply *all = NULL, *more;
    char service[16];

    for (unsigned instance = 0; instance < BUS_INSTANCES_MAX; instance++) {
        snprintf(service, sizeof(service), "room.%u", instance);
        more = cli_is_there(cli, service) ? get_rooms_of(cli, service) : NULL;
        if (more == NULL)
            continue;
        if (all == NULL) {
            all = more;
            continue;
        }
        append(all, more);
        all->total += more->total;
        reply_free(more);
    }
    if (all == NULL)
        return cli_ask(cli, "room", "List", &request.base);
    if (all->n_rooms > 1)
        qsort(all->rooms, all->n_rooms, sizeof(all->rooms[0]), compare_codes);
    return all;
}

enum cli_exit do_rooms(struct cli *cli)
{
    static const struct column columns[] = {
        {"CODE", false, false},     {"TITLE", false, false}, {"MEMBERS", true, false},
        {"PASSWORD", false, false}, {"STATE", false, false}, {"FILM", false, true},
        {"SINCE", false, false},
    };
    struct table table = {columns, COUNT_OF(columns), NULL, 0};
    ListReply *all = get_rooms(cli);

    if (all == NULL)
        return cli->exit;
    if (cli->wants_json) {
        cli_print_json(&all->base);
    } else if (all->n_rooms == 0) {
        puts("no rooms yet; make one with: sharestream room create");
    } else {
        add_rows(&table, all);
        print_table(&cli->term, &table);
    }
    reply_free(all);
    return CLI_OK;
}

/* ---- room show */

static void print_members(const struct term *term, const Room *room)
{
    static const struct column columns[] = {
        {"MEMBER", false, true}, {"ROLE", false, false}, {"STATE", false, false},
        {"SINCE", false, false}, {"ID", false, false},
    };
    static const char *const roles[] = {"viewer", "moderator", "host"};
    struct table table = {columns, COUNT_OF(columns), NULL, 0};
    char text[HUMAN_TEXT];

    for (size_t i = 0; i < room->n_members; i++) {
        const Sharestream__Page__Member *member = room->members[i];

        table_cell(&table, "%s", member->name);
        table_cell(&table, "%s",
                   (unsigned)member->role < COUNT_OF(roles) ? roles[member->role] : "?");
        table_cell_in(&table, member->is_here ? COLOUR_GOOD : COLOUR_ODD, "%s%s",
                      member->is_here ? "here" : "lost touch", member->is_muted ? ", muted" : "");
        table_cell(&table, "%s", human_time((uint64_t)member->joined_ms, text));
        table_cell_in(&table, COLOUR_FAINT, "%s", member->id);
    }
    puts("");
    print_table(term, &table);
}

static void print_queue(const struct term *term, const Room *room)
{
    static const struct column columns[] = {
        {"#", true, false}, {"FILM", false, true}, {"LENGTH", true, false}, {"FILE", false, false}};
    struct table table = {columns, COUNT_OF(columns), NULL, 0};
    char text[HUMAN_TEXT];

    for (size_t i = 0; i < room->n_queue; i++) {
        const Sharestream__Page__Item *item = room->queue[i];

        table_cell(&table, "%zu", i + 1);
        table_cell(&table, "%s", item->name[0] != '\0' ? item->name : item->source);
        table_cell(&table, "%s",
                   item->duration_ms > 0 ? human_position(item->duration_ms, text) : "");
        table_cell(&table, "%s", item->file);
    }
    puts("");
    print_table(term, &table);
}

static void print_chat(const Room *room)
{
    size_t first = room->n_chat > LINES_SHOWN ? room->n_chat - LINES_SHOWN : 0;

    if (room->n_chat > 0)
        puts("");
    for (size_t i = first; i < room->n_chat; i++) {
        const Sharestream__Page__Line *line = room->chat[i];
        struct text clean = {0};

        human_clean(&clean, line->id[0] != '\0' ? line->name : "*");
        text_add(&clean, ": ");
        human_clean(&clean, line->text);
        puts(text_str(&clean));
        text_fini(&clean);
    }
}

static void print_clock(const Sharestream__Page__Clock *clock)
{
    char at[HUMAN_TEXT], of[HUMAN_TEXT];
    bool is_known = clock->duration_ms > 0;

    print_fact("clock", "%s at %s%s%s%s", clock->wants_play ? "plays" : "paused",
               human_position(clock->position_ms, at), is_known ? " of " : "",
               is_known ? human_position(clock->duration_ms, of) : "",
               clock->wants_play && !clock->is_playing ? ", waits for somebody" : "");
    if (clock->wanted_rate != 1)
        print_fact("rate", "%.3g", clock->wanted_rate);
}

enum cli_exit do_room_show(struct cli *cli)
{
    Room *room = get_room(cli);
    char text[HUMAN_TEXT];

    if (room == NULL)
        return cli->exit;
    if (cli->wants_json) {
        cli_print_json(&room->base);
    } else {
        print_fact("code", "%s", room->code);
        print_fact("title", "%s", room->choices->title);
        print_fact("made", "%s", human_time((uint64_t)room->created_ms, text));
        print_fact("way in", "%s%s", room->has_password ? "by password" : "open",
                   room->choices->needs_approval ? ", and somebody has to let people in" : "");
        print_clock(room->clock);
        if (room->n_members > 0)
            print_members(&cli->term, room);
        if (room->n_queue > 0)
            print_queue(&cli->term, room);
        print_chat(room);
    }
    reply_free(room);
    return CLI_OK;
}

/* ---- room create */

/* Whoever enters may not add torrents, so it is done here. NULL after a complaint. */
static Sharestream__Torrent__AddReply *add_torrent(struct cli *cli, const char *word)
{
    enum source_kind kind;
    struct error error;

    if (source_classify(word, &kind, &error) != ERR_NONE) {
        cli->exit = cli_complain(cli, CLI_ERROR, &error);
        return NULL;
    }
    if (kind == SOURCE_DATA) {
        cli->exit =
            cli_refuse(cli, CLI_ERROR, ERR_INVALID,
                       "%.120s is not a .torrent file; to share it: sharestream seed", word);
        return NULL;
    }
    return source_add(cli, word, kind, false);
}

static char *option_of(struct cli *cli, const char *name)
{
    const char *value = args_option(&cli->args, name, 0);

    return text_of(value != NULL ? value : "");
}

static Room *create(struct cli *cli, const Sharestream__Torrent__AddReply *torrent)
{
    Sharestream__Room__CreateRequest request = SHARESTREAM__ROOM__CREATE_REQUEST__INIT;

    request.code = option_of(cli, "--code");
    request.title = option_of(cli, "--title");
    request.password = option_of(cli, "--password");
    request.needs_approval = args_has(&cli->args, "--approval");
    request.source = option_of(cli, "--url");
    request.file = option_of(cli, "--file");
    if (torrent != NULL) {
        const char *link = option_of(cli, "--magnet");

        /* The link says where to find peers, for those who fetch it themselves. */
        request.source = strncasecmp(link, "magnet:", 7) == 0 ? text_of(link) : torrent->info_hash;
        if (torrent->info != NULL)
            request.name = torrent->info->name;
    }
    return cli_ask(cli, "room", "Create", &request.base);
}

static void print_created(const struct cli *cli, const Room *room, const char *base)
{
    struct text url = {0};

    text_addf(&url, "%s/room/", base);
    text_add_percent(&url, bytes_of_text(room->code), "");
    if (cli->wants_json) {
        json_t *json = json_pack("{s:s,s:s,s:o}", "code", room->code, "url", text_str(&url), "room",
                                 pb_to_json(&room->base));

        json_dumpf(json, stdout, JSON_COMPACT);
        puts("");
        json_decref(json);
    } else {
        puts(text_str(&url));
    }
    text_fini(&url);
}

enum cli_exit do_room_create(struct cli *cli)
{
    Sharestream__Http__StatsRequest about = SHARESTREAM__HTTP__STATS_REQUEST__INIT;
    const char *magnet = args_option(&cli->args, "--magnet", 0);
    Sharestream__Http__StatsReply *front;
    Sharestream__Torrent__AddReply *torrent = NULL;
    Room *room = NULL;
    enum cli_exit how = CLI_OK;

    if (magnet != NULL && args_has(&cli->args, "--url"))
        return cli_refuse(cli, CLI_USAGE, ERR_INVALID, "a film is a --magnet or a --url, not both");
    /* First: without it nobody could come. */
    front = cli_ask(cli, "http", "Stats", &about.base);
    if (front != NULL && (magnet == NULL || (torrent = add_torrent(cli, magnet)) != NULL))
        room = create(cli, torrent);
    if (room != NULL)
        print_created(cli, room, front->base_url);
    else
        how = cli->exit;
    reply_free(room);
    reply_free(torrent);
    reply_free(front);
    return how;
}

/* ---- changing one */

enum cli_exit do_room_close(struct cli *cli)
{
    Sharestream__Room__Name request = SHARESTREAM__ROOM__NAME__INIT;

    request.code = code_of(cli);
    return say_done(cli, cli_ask(cli, "room", "Close", &request.base), "closed");
}

/* By id, or by name. NULL after a complaint. */
static const Sharestream__Page__Member *find_member(struct cli *cli, const Room *room,
                                                    const char *word)
{
    for (size_t i = 0; i < room->n_members; i++)
        if (strcmp(room->members[i]->id, word) == 0)
            return room->members[i];
    for (size_t i = 0; i < room->n_members; i++)
        if (strcasecmp(room->members[i]->name, word) == 0)
            return room->members[i];
    cli->exit = cli_refuse(cli, CLI_ERROR, ERR_NOT_FOUND,
                           "there is no %.80s in this room; see: sharestream room show", word);
    return NULL;
}

enum cli_exit do_room_kick(struct cli *cli)
{
    Sharestream__Room__KickRequest request = SHARESTREAM__ROOM__KICK_REQUEST__INIT;
    Room *room = get_room(cli);
    const Sharestream__Page__Member *member =
        room != NULL ? find_member(cli, room, args_value(&cli->args, 1)) : NULL;
    enum cli_exit how = cli->exit;

    if (member != NULL) {
        request.code = room->code;
        request.id = member->id;
        request.bans = args_has(&cli->args, "--ban");
        how = say_done(cli, cli_ask(cli, "room", "Kick", &request.base),
                       request.bans ? "banned" : "out");
    }
    reply_free(room);
    return how;
}

enum cli_exit do_room_say(struct cli *cli)
{
    Sharestream__Room__SayRequest request = SHARESTREAM__ROOM__SAY_REQUEST__INIT;
    struct text words = {0};
    enum cli_exit how;

    for (unsigned i = 1; i < cli->args.value_count; i++)
        text_addf(&words, "%s%s", i > 1 ? " " : "", cli->args.values[i]);
    request.code = code_of(cli);
    request.text = text_of(text_str(&words));
    how = say_done(cli, cli_ask(cli, "room", "Say", &request.base), "said");
    text_fini(&words);
    return how;
}

static enum cli_exit command(struct cli *cli, Sharestream__Room__CommandRequest *request)
{
    Sharestream__Page__Clock *clock;

    request->code = code_of(cli);
    clock = cli_ask(cli, "room", "Command", &request->base);
    if (clock == NULL)
        return cli->exit;
    if (cli->wants_json)
        cli_print_json(&clock->base);
    else
        print_clock(clock);
    reply_free(clock);
    return CLI_OK;
}

enum cli_exit do_room_play(struct cli *cli)
{
    Sharestream__Room__CommandRequest request = SHARESTREAM__ROOM__COMMAND_REQUEST__INIT;

    request.kind = SHARESTREAM__ROOM__COMMAND_KIND__PLAY;
    return command(cli, &request);
}

enum cli_exit do_room_pause(struct cli *cli)
{
    Sharestream__Room__CommandRequest request = SHARESTREAM__ROOM__COMMAND_REQUEST__INIT;

    request.kind = SHARESTREAM__ROOM__COMMAND_KIND__PAUSE;
    return command(cli, &request);
}

enum cli_exit do_room_seek(struct cli *cli)
{
    Sharestream__Room__CommandRequest request = SHARESTREAM__ROOM__COMMAND_REQUEST__INIT;
    const char *word = args_value(&cli->args, 1);

    request.kind = SHARESTREAM__ROOM__COMMAND_KIND__SEEK;
    if (!human_parse_position(word, &request.position_ms))
        return cli_refuse(cli, CLI_USAGE, ERR_INVALID,
                          "\"%.40s\" is not a position like 1:02:03, 4:30 or 90s", word);
    return command(cli, &request);
}

enum cli_exit do_room_rate(struct cli *cli)
{
    Sharestream__Room__CommandRequest request = SHARESTREAM__ROOM__COMMAND_REQUEST__INIT;
    const char *word = args_value(&cli->args, 1);
    char *end;

    request.kind = SHARESTREAM__ROOM__COMMAND_KIND__RATE;
    request.rate = strtod(word, &end);
    if (end == word || *end != '\0' || !(request.rate >= 0.25 && request.rate <= 4))
        return cli_refuse(cli, CLI_USAGE, ERR_INVALID, "\"%.40s\" is not a rate from 0.25 to 4",
                          word);
    return command(cli, &request);
}
