/* SPDX-License-Identifier: MIT
 *
 * Input: what Cloudflare answers. What clients are told of it is read as the same again.
 */
#include "ice_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ice_list list, again;
    json_t *json;
    char *text;

    if (!ice_list_parse(bytes_of(data, size), &list))
        return 0;
    must(list.count > 0 && list.count <= ICE_SERVERS_MAX);
    json = json_pack("{s:o}", "iceServers", ice_list_json(&list));
    text = json_dumps(json, 0);
    must(text != NULL);
    must(ice_list_parse(bytes_of_text(text), &again) && again.count == list.count);
    for (size_t i = 0; i < list.count; i++)
        must(strcmp(list.items[i].url, again.items[i].url) == 0 &&
             strcmp(list.items[i].username, again.items[i].username) == 0 &&
             strcmp(list.items[i].credential, again.items[i].credential) == 0);
    free(text);
    json_decref(json);
    return 0;
}
