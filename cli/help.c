/* SPDX-License-Identifier: MIT
 *
 * help: what --help and `help <verb>` print, from the table of verbs.
 */
#include "help.h"

#include <string.h>

void help_all(FILE *out)
{
    size_t widest = 0;

    fputs("sharestream: watch torrents while they load, together\n\n"
          "usage: sharestream [options] <verb> ...\n\n",
          out);
    for (unsigned i = 0; i < verb_count; i++)
        if (strlen(verbs[i].pattern) > widest && strlen(verbs[i].pattern) <= 32)
            widest = strlen(verbs[i].pattern);
    for (unsigned i = 0; i < verb_count; i++) {
        if (strlen(verbs[i].pattern) > widest)
            fprintf(out, "  %s\n  %*s  %s\n", verbs[i].pattern, (int)widest, "", verbs[i].help);
        else
            fprintf(out, "  %-*s  %s\n", (int)widest, verbs[i].pattern, verbs[i].help);
    }
    fputs("\nA <hash> is an info-hash, its first 4 or more digits, or a number of `list`.\n"
          "A <service> is a name that `status` shows, like torrent or torrent.0.\n\n"
          "options, before or after the verb:\n"
          "  --config <file>     configuration (default: $SHARESTREAM_CONFIG, else ./config.yaml)\n"
          "  --run-dir <folder>  where the sockets of the services are\n"
          "  --timeout <time>    how long to wait for an answer (default: 10s)\n"
          "  --json              one JSON object per line, for programs\n"
          "  --help, --version\n\n"
          "exit codes: 0 done; 1 refused or failed; 2 wrong usage; 3 nothing runs, or no answer\n",
          out);
}

void help_verb(FILE *out, const struct verb *verb)
{
    fprintf(out, "usage: sharestream %s\n\n%s\n", verb->pattern, verb->help);
    if (verb->more != NULL)
        fprintf(out, "\n%s", verb->more);
}

enum cli_exit do_help(struct cli *cli)
{
    const char *word = args_value(&cli->args, 0);

    if (word == NULL) {
        help_all(stdout);
        return CLI_OK;
    }
    bool is_known = false;

    /* By its first word, so that "help logs" finds "logs level". */
    for (unsigned i = 0; i < verb_count; i++) {
        size_t len = strcspn(verbs[i].pattern, " ");

        if (strlen(word) != len || strncmp(verbs[i].pattern, word, len) != 0)
            continue;
        help_verb(stdout, &verbs[i]);
        is_known = true;
    }
    if (is_known)
        return CLI_OK;
    const char *near = verb_near(word);

    return cli_refuse(cli, CLI_USAGE, ERR_INVALID, "there is no verb \"%.80s\"%s%s%s", word,
                      near != NULL ? "; did you mean " : "", near != NULL ? near : "",
                      near != NULL ? "?" : "");
}
