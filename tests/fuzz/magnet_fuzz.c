/* SPDX-License-Identifier: MIT
 *
 * What is taken out of a magnet link keeps its promises, and printed as a link again it parses to
 * the same.
 */
#include "wire/magnet.h"

#include <inttypes.h>
#include <strings.h>

#include "base/must.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_list(char *const *list, size_t count, const char *const *prefixes)
{
    must(count <= MAGNET_LIST_MAX);
    for (size_t i = 0; i < count; i++) {
        must(utf8_valid(bytes_of_text(list[i])));
        must(strpbrk(list[i], " \t\r\n") == NULL);
        for (size_t j = 0; j < i; j++)
            must(strcmp(list[i], list[j]) != 0);
        bool known = prefixes == NULL;
        for (size_t j = 0; !known && prefixes[j] != NULL; j++)
            known = strncasecmp(list[i], prefixes[j], strlen(prefixes[j])) == 0;
        must(known);
    }
}

static void check_promises(const struct magnet *magnet)
{
    static const char *const web[] = {"http://", "https://", NULL};
    static const char *const tracker[] = {"udp://", "http://", "https://", "ws://", "wss://", NULL};

    must(magnet->has_v1 || magnet->has_v2);
    must(memcmp(&magnet->key, magnet->has_v1 ? magnet->v1.bytes : magnet->v2,
                sizeof(magnet->key)) == 0);
    must(magnet->name == NULL ||
         (magnet->name[0] != '\0' && utf8_valid(bytes_of_text(magnet->name))));
    check_list(magnet->trackers, magnet->tracker_count, tracker);
    check_list(magnet->web_seeds, magnet->web_seed_count, web);
    check_list(&magnet->source, magnet->source != NULL, web);
    check_list(magnet->peers, magnet->peer_count, NULL);
    must(magnet->selected_count <= MAGNET_SO_MAX);
    for (size_t i = 1; i < magnet->selected_count; i++)
        must(magnet->selected[i - 1] < magnet->selected[i]);
}

static void add_param(struct text *text, const char *key, const char *value)
{
    text_addf(text, "&%s=", key);
    text_add_percent(text, bytes_of_text(value), "");
}

static void add_list(struct text *text, const char *key, char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_param(text, key, list[i]);
}

static void add_selected(struct text *text, const uint32_t *selected, size_t count)
{
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && selected[end] == selected[end - 1] + 1;)
            end++;
        text_addf(text, "%s%" PRIu32 "-%" PRIu32, i == 0 ? "&so=" : ",", selected[i],
                  selected[end - 1]);
    }
}

static void print_magnet(const struct magnet *magnet, struct text *text)
{
    char hash[65];

    text_add(text, "magnet:?");
    if (magnet->has_v1)
        text_addf(text, "&xt=urn:btih:%s", infohash_text(&magnet->v1, hash));
    if (magnet->has_v2)
        text_addf(text, "&xt=urn:btmh:1220%s", hex_encode(bytes_of(magnet->v2, 32), hash));
    if (magnet->name != NULL)
        add_param(text, "dn", magnet->name);
    add_list(text, "tr", magnet->trackers, magnet->tracker_count);
    add_list(text, "ws", magnet->web_seeds, magnet->web_seed_count);
    add_list(text, "x.pe", magnet->peers, magnet->peer_count);
    add_list(text, "xs", &magnet->source, magnet->source != NULL);
    add_selected(text, magnet->selected, magnet->selected_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct magnet magnet;
    struct error error = {0};
    struct text first = {0}, second = {0};

    if (magnet_parse(bytes_of(data, size), &magnet, &error) != ERR_NONE) {
        must(error.text[0] != '\0');
        must(magnet.trackers[0] == NULL && magnet.selected == NULL && magnet.name == NULL);
        return 0;
    }
    check_promises(&magnet);
    print_magnet(&magnet, &first);
    magnet_fini(&magnet);
    /* Encoded, it may have grown past the limit. */
    if (first.len <= MAGNET_BYTES_MAX) {
        must(magnet_parse(bytes_of(first.data, first.len), &magnet, &error) == ERR_NONE);
        print_magnet(&magnet, &second);
        must(strcmp(text_str(&first), text_str(&second)) == 0);
        magnet_fini(&magnet);
    }
    text_fini(&first);
    text_fini(&second);
    return 0;
}
