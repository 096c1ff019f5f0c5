/* SPDX-License-Identifier: MIT
 *
 * Verbs that look at all torrents.
 */
#include <proto/torrent.pb-c.h>
#include <stdio.h>

#include "base/must.h"
#include "base/units.h"
#include "follow.h"
#include "human.h"
#include "prefix.h"
#include "verbs.h"

typedef Sharestream__Torrent__TorrentInfo Info;

enum { WATCH_EVERY_MS = 1000, WATCH_LINES_EVERY_MS = 3000 };

static enum colour state_colour(Sharestream__Torrent__State state)
{
    static const enum colour colours[] = {
        [SHARESTREAM__TORRENT__STATE__METADATA] = COLOUR_ODD,
        [SHARESTREAM__TORRENT__STATE__CHECKING] = COLOUR_ODD,
        [SHARESTREAM__TORRENT__STATE__DOWNLOADING] = COLOUR_BUSY,
        [SHARESTREAM__TORRENT__STATE__FINISHED] = COLOUR_GOOD,
        [SHARESTREAM__TORRENT__STATE__SEEDING] = COLOUR_GOOD,
        [SHARESTREAM__TORRENT__STATE__PAUSED] = COLOUR_FAINT,
        [SHARESTREAM__TORRENT__STATE__FAILED] = COLOUR_BAD,
        [SHARESTREAM__TORRENT__STATE__HASHING] = COLOUR_ODD,
    };

    return (size_t)state < COUNT_OF(colours) ? colours[state] : COLOUR_NONE;
}

static void list_table(struct text *out, const Sharestream__Torrent__ListReply *list,
                       const struct term *term)
{
    static const struct column columns[] = {
        {"#", true, false},      {"HASH", false, false}, {"NAME", false, true},
        {"SIZE", true, false},   {"DONE", true, false},  {"DOWN", true, false},
        {"UP", true, false},     {"PEERS", true, false}, {"LEFT", true, false},
        {"STATE", false, false},
    };
    struct table table = {columns, COUNT_OF(columns), NULL, 0};

    for (size_t i = 0; i < list->n_torrents; i++) {
        const Info *info = list->torrents[i];
        char text[HUMAN_TEXT];

        table_cell(&table, "%zu", i + 1);
        table_cell_in(&table, COLOUR_FAINT, "%.8s", info->info_hash);
        table_cell(&table, "%s", info->name);
        table_cell(&table, "%s", info->has_metadata ? format_size(info->size_bytes, text) : "-");
        table_cell(&table, "%s", info->has_metadata ? human_percent(info->progress, text) : "-");
        table_cell(&table, "%s", human_rate(info->download_rate, text));
        table_cell(&table, "%s", human_rate(info->upload_rate, text));
        table_cell(&table, "%u", info->peers);
        table_cell(&table, "%s", info->eta_s > 0 ? format_eta(info->eta_s, text) : "");
        table_cell_in(&table, state_colour(info->state), "%s%s%s", human_state(info->state),
                      info->error[0] != '\0' ? ": " : "", info->error);
    }
    table_print(out, &table, term->width, term->has_colour);
    table_fini(&table);
}

static Sharestream__Torrent__ListReply *get_list(struct cli *cli)
{
    Sharestream__Torrent__ListRequest request = SHARESTREAM__TORRENT__LIST_REQUEST__INIT;
    Sharestream__Torrent__ListReply *list = cli_ask(cli, "torrent", "List", &request.base);

    if (list != NULL)
        torrents_sort(list->torrents, list->n_torrents);
    return list;
}

enum cli_exit do_list(struct cli *cli)
{
    Sharestream__Torrent__ListReply *list = get_list(cli);
    struct text text = {0};

    if (list == NULL)
        return cli->exit;
    if (cli->wants_json) {
        cli_print_json(&list->base);
    } else if (list->n_torrents == 0) {
        puts("no torrents yet; add one with: sharestream add");
    } else {
        list_table(&text, list, &cli->term);
        fputs(text_str(&text), stdout);
    }
    text_fini(&text);
    reply_free(list);
    return CLI_OK;
}

/* The whole list, drawn over itself on a terminal. */
static enum cli_exit watch_all(struct cli *cli)
{
    while (!term_interrupted()) {
        Sharestream__Torrent__ListReply *list = get_list(cli);
        struct text text = {0};

        if (list == NULL)
            return term_interrupted() ? CLI_OK : cli->exit;
        if (cli->wants_json) {
            cli_print_json(&list->base);
        } else {
            /* Home, clear to the end of each line and of the screen: no flicker, as nothing is
             * ever empty. */
            list_table(&text, list, &cli->term);
            fputs(cli->term.is_tty ? "\033[H\033[J" : "", stdout);
            fputs(text_str(&text), stdout);
            fflush(stdout);
        }
        text_fini(&text);
        reply_free(list);
        term_nap(cli->term.is_tty ? WATCH_EVERY_MS : WATCH_LINES_EVERY_MS);
        term_read(&cli->term); /* the window may have another size now */
    }
    return CLI_OK;
}

enum cli_exit do_watch(struct cli *cli)
{
    const char *word = args_value(&cli->args, 0);
    char info_hash[INFOHASH_TEXT];

    term_catch_interrupt();
    if (word == NULL)
        return watch_all(cli);
    if (!cli_torrent(cli, word, info_hash))
        return cli->exit;
    struct follow follow = {.info_hash = info_hash, .live = {.file = stdout}};

    return follow_torrent(cli, &follow);
}
