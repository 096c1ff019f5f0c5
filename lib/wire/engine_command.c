/* SPDX-License-Identifier: MIT */
#include "wire/engine_command.h"

#include <stddef.h>
#include <strings.h>

#include "base/must.h"
#include "wire/json.h"
#include "wire/magnet.h"

static const char *const verbs[] = {[ENGINE_SEED] = "seed",
                                    [ENGINE_ADD] = "add",
                                    [ENGINE_STOP] = "stop",
                                    [ENGINE_INFO] = "info",
                                    [ENGINE_QUIT] = "quit"};
static const char *const schemes[] = {"ws://", "wss://", "http://", "https://", "udp://"};

struct members {
    struct bytes cmd, file_path, magnet, tracker;
};

static enum err read_text(const char *name, struct bytes value, struct text *out,
                          struct error *error)
{
    struct bytes string;

    if (value.data == NULL || !json_unquote(value, &string) || string.len == 0)
        return error_set(error, ERR_INVALID, "invalid command: %s should be a text", name);
    json_string_decode(string, out);
    if (strlen(text_str(out)) != out->len)
        return error_set(error, ERR_INVALID, "invalid command: %s has a zero in it", name);
    return ERR_NONE;
}

/* Clients make it of the address of their signalling server. */
static enum err read_tracker(struct bytes value, struct text *out, struct error *error)
{
    struct bytes string;

    if (value.data == NULL || bytes_equal_text(value, "null") ||
        (json_unquote(value, &string) && string.len == 0))
        return ERR_NONE;
    if (read_text("trackerUrl", value, out, error) != ERR_NONE)
        return ERR_INVALID;
    for (size_t i = 0; i < COUNT_OF(schemes); i++)
        if (strncasecmp(text_str(out), schemes[i], strlen(schemes[i])) == 0)
            return ERR_NONE;
    return error_set(error, ERR_INVALID,
                     "invalid command: trackerUrl should begin with ws:// or wss://");
}

static enum err read_magnet(struct bytes value, struct engine_command *out, struct error *error)
{
    struct magnet magnet;
    struct error why;

    if (read_text("magnetURI", value, &out->what, error) != ERR_NONE)
        return ERR_INVALID;
    if (strncasecmp(text_str(&out->what), "magnet:?", 8) != 0)
        return error_set(error, ERR_INVALID, "invalid magnet URI: must start with 'magnet:?'");
    if (magnet_parse(bytes_of_text(text_str(&out->what)), &magnet, &why) != ERR_NONE)
        return error_set(error, ERR_INVALID, "invalid magnet URI: %s", why.text);
    out->hash = magnet.key;
    magnet_fini(&magnet);
    return ERR_NONE;
}

static enum err read_rest(const struct members *members, struct engine_command *out,
                          struct error *error)
{
    if (out->verb != ENGINE_SEED && out->verb != ENGINE_ADD)
        return ERR_NONE;
    if (read_tracker(members->tracker, &out->tracker, error) != ERR_NONE)
        return ERR_INVALID;
    if (out->verb == ENGINE_ADD)
        return read_magnet(members->magnet, out, error);
    return read_text("filePath", members->file_path, &out->what, error);
}

enum err engine_command_read(struct bytes line, struct engine_command *out, struct error *error)
{
    static const struct json_member names[] = {
        {"cmd", offsetof(struct members, cmd)},
        {"filePath", offsetof(struct members, file_path)},
        {"magnetURI", offsetof(struct members, magnet)},
        {"trackerUrl", offsetof(struct members, tracker)},
    };
    struct members members = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    struct text word = {0};
    size_t verb = 0;

    *out = (struct engine_command){0};
    if (!utf8_valid(line) || !json_members_read(line, names, COUNT_OF(names), &members))
        return error_set(error, ERR_INVALID, "invalid command: not a JSON object in one line");
    if (read_text("cmd", members.cmd, &word, error) == ERR_NONE) {
        while (verb < COUNT_OF(verbs) && strcmp(text_str(&word), verbs[verb]) != 0)
            verb++;
        out->verb = (enum engine_verb)verb;
        if (verb == COUNT_OF(verbs))
            error_set(error, ERR_INVALID, "unknown command: %s", text_str(&word));
        else if (read_rest(&members, out, error) == ERR_NONE) {
            text_fini(&word);
            return ERR_NONE;
        }
    }
    text_fini(&word);
    engine_command_fini(out);
    return ERR_INVALID;
}

void engine_command_fini(struct engine_command *command)
{
    text_fini(&command->what);
    text_fini(&command->tracker);
    *command = (struct engine_command){0};
}
