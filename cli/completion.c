/* SPDX-License-Identifier: MIT
 *
 * completion: the script for bash, made from the table of verbs, so that it knows each new verb.
 * What a place takes is told by its name in the pattern: <hash>, <service>, <source> ...
 */
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "services.h"
#include "verbs.h"

static const char before[] =
    "# bash completion of sharestream; made by: sharestream completion bash\n"
    "_sharestream_hashes() {\n"
    "    sharestream --timeout 1s --json list 2>/dev/null |\n"
    "        grep -o '\"infoHash\":\"[0-9a-f]*\"' | cut -d'\"' -f4\n"
    "}\n"
    "_sharestream_codes() {\n"
    "    sharestream --timeout 1s --json rooms 2>/dev/null |\n"
    "        grep -o '\"code\":\"[^\" ]*\"' | cut -d'\"' -f4\n"
    "}\n"
    "_sharestream() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb= i\n"
    "    local options= places= words= fixed=\n";

static const char find_verb[] =
    "    COMPREPLY=()\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        --config|--run-dir|--timeout) ((i++)) ;;\n"
    "        -*) ;;\n"
    "        *)\n"
    "            verb=${verb:+$verb }${COMP_WORDS[i]}\n"
    "            case \" $pairs \" in *\" $verb \"*) ;; *) break ;; esac ;;\n"
    "        esac\n"
    "    done\n"
    "    case $before in\n"
    "    --config) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
    "    --run-dir) COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n"
    "    esac\n";

static const char after[] =
    "    esac\n"
    "    case $word in\n"
    "    -*) COMPREPLY=($(compgen -W \"$options $globals\" -- \"$word\")); return ;;\n"
    "    esac\n"
    "    case $places in\n"
    "    *hash*) words=$(_sharestream_hashes) ;;\n"
    "    *code*) words=$(_sharestream_codes) ;;\n"
    "    *verb*) words=$verbs ;;\n"
    "    *service*) words=$services ;;\n"
    "    *path*|*source*) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
    "    esac\n"
    "    COMPREPLY=($(compgen -W \"$words $fixed\" -- \"$word\"))\n"
    "}\n"
    "complete -o filenames -F _sharestream sharestream\n"
    "complete -o filenames -W '-http-port -http -port -data-dir -version -help' "
    "sharestream-engine\n"
    "complete -o filenames -W '-port -no-tunnel -data-dir -version -help' sharestream-signal\n";

/* "add" -> options and places; the levels are fixed words. */
static void print_case(const struct verb *verb)
{
    struct pattern pattern;

    pattern_read(verb->pattern, &pattern);
    printf("    \"%s%s%s\") options=\"", pattern.words[0], pattern.word_count > 1 ? " " : "",
           pattern.words[1]);
    for (unsigned i = 0; i < pattern.option_count; i++)
        printf("%s%s", i > 0 ? " " : "", pattern.options[i].name);
    printf("\" places=\"");
    for (unsigned i = 0; i < pattern.place_count; i++)
        printf("%s%s", i > 0 ? " " : "", pattern.places[i].name);
    printf("\" fixed=\"%s\" ;;\n",
           strcmp(pattern.words[0], "logs") == 0 ? "error warn info debug" : "");
}

/* Is this the first verb of two words that begins with its first word? */
static bool begins_pair(unsigned verb, struct pattern *pattern)
{
    struct pattern other;

    pattern_read(verbs[verb].pattern, pattern);
    for (unsigned i = 0; i < verb && pattern->word_count > 1; i++) {
        pattern_read(verbs[i].pattern, &other);
        if (strcmp(other.words[0], pattern->words[0]) == 0)
            return false;
    }
    return pattern->word_count > 1;
}

/* "room" -> create show ... */
static void print_pair(const struct pattern *first)
{
    struct pattern pattern;

    printf("    %s) fixed=\"", first->words[0]);
    for (unsigned i = 0; i < verb_count; i++) {
        pattern_read(verbs[i].pattern, &pattern);
        if (strcmp(pattern.words[0], first->words[0]) == 0)
            printf("%s ", pattern.words[1]);
    }
    printf("\" ;;\n");
}

static void print_words(void)
{
    struct pattern global, pattern;

    pattern_read(global_pattern, &global);
    printf("    local globals=\"");
    for (unsigned i = 0; i < global.option_count; i++)
        printf("%s%s", i > 0 ? " " : "", global.options[i].name);
    printf("\"\n    local services=\"");
    for (size_t i = 0; i < service_count; i++)
        printf("%s%s", i > 0 ? " " : "", services[i].name);
    printf("\"\n    local verbs=\"");
    for (unsigned i = 0; i < verb_count; i++)
        if (begins_pair(i, &pattern) || pattern.word_count == 1)
            printf("%s ", pattern.words[0]);
    printf("\"\n    local pairs=\"");
    for (unsigned i = 0; i < verb_count; i++)
        if (begins_pair(i, &pattern))
            printf("%s ", pattern.words[0]);
    printf("\"\n");
}

enum cli_exit do_completion_bash(struct cli *cli)
{
    (void)cli;
    struct pattern pattern;

    fputs(before, stdout);
    print_words();
    fputs(find_verb, stdout);
    puts("    case $verb in");
    for (unsigned i = 0; i < verb_count; i++) {
        print_case(&verbs[i]);
        if (begins_pair(i, &pattern))
            print_pair(&pattern);
    }
    puts("    '') places=verb ;;");
    fputs(after, stdout);
    return CLI_OK;
}
