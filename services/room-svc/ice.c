/* SPDX-License-Identifier: MIT */
#include "ice.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

json_t *ice_servers(const struct room_settings *settings)
{
    char *list = xstrdup(settings->stun_urls), *rest = list, *url;
    json_t *servers = json_array();

    while ((url = strtok_r(rest, ", ", &rest)) != NULL)
        json_array_append_new(servers, json_pack("{s:s}", "urls", url));
    free(list);
    return servers;
}
