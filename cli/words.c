/* SPDX-License-Identifier: MIT */
#include "words.h"

#include <jansson.h>
#include <string.h>

#include <proto/control.pb-c.h>

/* The value behind ` name=`; false when there is none. */
static bool field_of_logfmt(struct text *out, const char *line, const char *name)
{
    char key[16];

    snprintf(key, sizeof(key), " %s=", name);
    const char *at = strstr(line, key);

    if (at == NULL)
        return false;
    at += strlen(key);
    if (*at != '"') {
        text_add_bytes(out, bytes_of(at, strcspn(at, " ")));
        return true;
    }
    for (at++; *at != '\0' && *at != '"'; at++) {
        at += *at == '\\' && at[1] != '\0';
        text_add_bytes(out, bytes_of(at, 1));
    }
    return true;
}

static bool field_of_json(struct text *out, const json_t *json, const char *name)
{
    const char *value = json_string_value(json_object_get(json, name));

    if (value != NULL)
        text_add(out, value);
    return value != NULL;
}

void words_of_line(struct text *out, const char *line)
{
    json_t *json = line[0] == '{' ? json_loads(line, 0, NULL) : NULL;

    if (json != NULL ? !field_of_json(out, json, "error") && !field_of_json(out, json, "msg")
                     : !field_of_logfmt(out, line, "error") && !field_of_logfmt(out, line, "msg"))
        text_add(out, line);
    json_decref(json);
}

void words_of_service(struct cli *cli, const char *service, struct text *out)
{
    Sharestream__Control__WhyRequest request = SHARESTREAM__CONTROL__WHY_REQUEST__INIT;
    struct error error;
    void *reply;

    request.name = (char *)(uintptr_t)service;
    if (cli_try(cli, "supervisor", "Why", &request.base, &reply, &error) != CLI_OK)
        return;
    const Sharestream__Control__WhyReply *why = reply;

    if (why->n_deaths > 0 && why->deaths[0]->n_last_lines > 0)
        words_of_line(out, why->deaths[0]->last_lines[why->deaths[0]->n_last_lines - 1]);
    else if (why->n_deaths > 0)
        text_add(out, why->deaths[0]->cause);
    reply_free(reply);
}
