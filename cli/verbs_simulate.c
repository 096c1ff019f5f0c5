/* SPDX-License-Identifier: MIT
 *
 * `room simulate`: reads what is wanted, prints what came of it.
 */
#include <jansson.h>
#include <proto/http.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "human.h"
#include "simulate.h"
#include "verbs.h"

enum { VIEWERS = 50, SECONDS = 30, LATENCY_MAX_MS = 5000 };

/* "20-300" or "50". */
static bool read_range(const char *text, double *from, double *to)
{
    char *end;

    *from = *to = strtod(text, &end);
    if (end != text && *end == '-') {
        text = end + 1;
        *to = strtod(text, &end);
    }
    return end != text && *end == '\0' && *from >= 0 && *from <= *to && *to <= LATENCY_MAX_MS;
}

/* A number of the option, or what holds without it. */
static double read_number(struct cli *cli, const char *option, double otherwise, double most)
{
    const char *text = args_option(&cli->args, option, 0);
    double value = otherwise;
    char *end;

    if (text == NULL)
        return otherwise;
    value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0 && value <= most))
        cli->exit = cli_refuse(cli, CLI_USAGE, ERR_INVALID, "%s \"%.40s\" is not from 0 to %.0f",
                               option, text, most);
    return value;
}

/* False after a complaint. */
static bool read_wish(struct cli *cli, struct simulation *out)
{
    const char *latency = args_option(&cli->args, "--latency", 0);
    const char *password = args_option(&cli->args, "--password", 0);

    cli->exit = CLI_OK;
    *out = (struct simulation){
        .code = args_value(&cli->args, 0),
        .password = password != NULL ? password : "",
        .viewers = (unsigned)read_number(cli, "--viewers", VIEWERS, SIMULATE_VIEWERS_MAX),
        .seconds = (unsigned)read_number(cli, "--seconds", SECONDS, SIMULATE_SECONDS_MAX),
        .jitter_ms = read_number(cli, "--jitter", -1, LATENCY_MAX_MS),
        .drift_ppm = read_number(cli, "--drift", 50, 10000),
        .stall_ms = 1000 * read_number(cli, "--stall", 0, SIMULATE_SECONDS_MAX),
    };
    if (cli->exit == CLI_OK && !read_range(latency != NULL ? latency : "20-300",
                                           &out->latency_from_ms, &out->latency_to_ms))
        cli->exit = cli_refuse(cli, CLI_USAGE, ERR_INVALID,
                               "--latency \"%.40s\" is not like 20-300, in milliseconds", latency);
    if (cli->exit == CLI_OK && (out->viewers == 0 || out->seconds == 0))
        cli->exit = cli_refuse(cli, CLI_USAGE, ERR_INVALID, "nobody, or no time, tells nothing");
    return cli->exit == CLI_OK;
}

/* Where the front is. False after a complaint. */
static bool find_server(struct cli *cli, struct endpoint *out)
{
    static const char scheme[] = "http://";
    Sharestream__Http__StatsRequest request = SHARESTREAM__HTTP__STATS_REQUEST__INIT;
    Sharestream__Http__StatsReply *reply = cli_ask(cli, "http", "Stats", &request.base);
    bool is_found;

    if (reply == NULL)
        return false;
    is_found = strncmp(reply->base_url, scheme, sizeof(scheme) - 1) == 0 &&
               parse_endpoint(reply->base_url + sizeof(scheme) - 1, out);
    if (!is_found)
        cli->exit = cli_refuse(cli, CLI_ERROR, ERR_INVALID,
                               "%.80s cannot be used for this: http, host and port are needed",
                               reply->base_url);
    reply_free(reply);
    return is_found;
}

static json_t *spread_json(const struct spread *spread)
{
    return json_pack("{s:I,s:f,s:f,s:f,s:f,s:f}", "samples", (json_int_t)spread->samples,
                     "within40Ms", spread->within, "medianMs", spread->median_ms, "p95Ms",
                     spread->p95_ms, "p99Ms", spread->p99_ms, "mostMs", spread->most_ms);
}

static void add_row(struct table *table, const char *when, const struct spread *spread)
{
    char percent[HUMAN_TEXT];

    table_cell(table, "%s", when);
    table_cell(table, "%zu", spread->samples);
    table_cell(table, "%s", human_percent(spread->within, percent));
    table_cell(table, "%.0f ms", spread->median_ms);
    table_cell(table, "%.0f ms", spread->p95_ms);
    table_cell(table, "%.0f ms", spread->p99_ms);
    table_cell(table, "%.0f ms", spread->most_ms);
}

static void print_result(const struct cli *cli, const struct simulation *wish,
                         const struct simulated *result)
{
    static const struct column columns[] = {
        {"OFF THE ROOM", false, false}, {"LOOKS", true, false}, {"WITHIN 40 MS", true, false},
        {"MEDIAN", true, false},        {"95 %", true, false},  {"99 %", true, false},
        {"MOST", true, false},
    };
    struct table table = {columns, COUNT_OF(columns), NULL, 0};

    if (cli->wants_json) {
        json_t *json = json_pack("{s:s,s:i,s:i,s:o,s:o,s:f,s:i,s:i}", "code", result->code,
                                 "viewers", (int)wish->viewers, "seconds", (int)wish->seconds,
                                 "settled", spread_json(&result->settled), "always",
                                 spread_json(&result->always), "seeks", result->seeks, "changes",
                                 (int)result->changes, "lost", (int)result->lost);

        json_dumpf(json, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
        puts("");
        json_decref(json);
        return;
    }
    add_row(&table, "settled", &result->settled);
    add_row(&table, "always", &result->always);
    print_table(&cli->term, &table);
    puts("");
    print_fact("room", "%s", result->code);
    print_fact("viewers", "%u, %u of them lost", wish->viewers, result->lost);
    print_fact("seeks", "%.1f of each", result->seeks);
    print_fact("changes", "%u of the clock", result->changes);
}

enum cli_exit do_room_simulate(struct cli *cli)
{
    struct simulated result;
    struct simulation wish;
    struct error error;

    if (!read_wish(cli, &wish) || !find_server(cli, &wish.server))
        return cli->exit;
    term_catch_interrupt();
    if (simulate(&wish, &result, &error) != ERR_NONE)
        return cli_complain(cli, CLI_ERROR, &error);
    print_result(cli, &wish, &result);
    return result.lost == 0 ? CLI_OK : CLI_ERROR;
}
