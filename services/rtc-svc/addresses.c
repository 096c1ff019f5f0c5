/* SPDX-License-Identifier: MIT */
#include "addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/settings.h"
#include "base/units.h"

enum { FIRST_PORT = 1024, TURN_PORT = 3478, TURNS_PORT = 5349 };

/* The next item of a list into `out`; false: there is none. *is_cut: it does not fit. */
static bool next_text(const char **at, char *out, size_t cap, bool *is_cut)
{
    struct bytes item;

    if (!settings_list_next(at, &item))
        return false;
    *is_cut = item.len >= cap;
    snprintf(out, cap, "%.*s", (int)item.len, (const char *)item.data);
    return true;
}

static bool is_address(const char *text)
{
    uint8_t ip[16];

    return inet_pton(AF_INET, text, ip) == 1 || inet_pton(AF_INET6, text, ip) == 1;
}

static enum err read_list(const char *list, const char *name, char texts[][64], const char **out,
                          size_t *count_out, struct error *error)
{
    char item[64];
    bool is_cut;

    *count_out = 0;
    while (next_text(&list, item, sizeof(item), &is_cut)) {
        if (is_cut || !is_address(item))
            return error_set(error, ERR_CONFIG, "rtc.%s: %s is no address such as 192.0.2.7", name,
                             item);
        if (*count_out == ICE_ADDRESSES_MAX)
            return error_set(error, ERR_CONFIG, "rtc.%s: more than %d addresses", name,
                             ICE_ADDRESSES_MAX);
        snprintf(texts[*count_out], sizeof(item), "%s", item);
        out[*count_out] = texts[*count_out];
        (*count_out)++;
    }
    return ERR_NONE;
}

/* Those of containers and virtual machines: nobody outside reaches them. */
static bool is_inner(const char *interface)
{
    static const char *const names[] = {"docker", "br-", "veth", "virbr", "lxc", "cni", "flannel"};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strncmp(interface, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static bool put_address(const struct ifaddrs *from, char out[64])
{
    const struct sockaddr *address = from->ifa_addr;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

    if (address == NULL || (from->ifa_flags & (IFF_UP | IFF_RUNNING)) != (IFF_UP | IFF_RUNNING) ||
        (from->ifa_flags & IFF_LOOPBACK) || is_inner(from->ifa_name))
        return false;
    if (address->sa_family == AF_INET)
        return inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, out, 64) !=
               NULL;
    return address->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) &&
           inet_ntop(AF_INET6, &v6->sin6_addr, out, 64) != NULL;
}

static void find_addresses(struct addresses *out)
{
    struct ifaddrs *all = NULL;

    if (getifaddrs(&all) == 0)
        for (struct ifaddrs *at = all; at != NULL; at = at->ifa_next)
            if (out->ice.address_count < ICE_ADDRESSES_MAX &&
                put_address(at, out->texts.text[out->ice.address_count])) {
                out->ice.addresses[out->ice.address_count] =
                    out->texts.text[out->ice.address_count];
                out->ice.address_count++;
            }
    freeifaddrs(all);
    if (out->ice.address_count > 0)
        return;
    /* No network: those of this machine can watch all the same. */
    snprintf(out->texts.text[0], sizeof(out->texts.text[0]), "127.0.0.1");
    out->ice.addresses[0] = out->texts.text[0];
    out->ice.address_count = 1;
}

static enum err read_ports(const char *text, struct addresses *out, struct error *error)
{
    unsigned first, last;
    int used = 0;

    if (sscanf(text, "%5u-%5u%n", &first, &last, &used) != 2 || text[used] != '\0' || /* NOLINT */
        first < FIRST_PORT || last > UINT16_MAX || first > last)
        return error_set(error, ERR_CONFIG, "rtc.ports: %s is not like 10000-10199", text);
    out->ice.port_min = (uint16_t)first;
    out->ice.port_max = (uint16_t)last;
    out->ports = last - first + 1;
    return ERR_NONE;
}

/* turn:host[:port][?transport=udp|tcp], turns:... (RFC 7065) */
static enum err read_relay(const char *url, char host[256], struct ice_relay *out,
                           struct error *error)
{
    struct endpoint endpoint;
    const char *query = strchr(url, '?');
    char place[256];

    out->is_tls = strncmp(url, "turns:", 6) == 0;
    out->is_tcp = out->is_tls || (query != NULL && strstr(query, "transport=tcp") != NULL);
    if (!out->is_tls && strncmp(url, "turn:", 5) != 0)
        return error_set(error, ERR_CONFIG, "rtc.turn_urls: %s is not like turn:example.org:3478",
                         url);
    url += out->is_tls ? 6 : 5;
    snprintf(place, sizeof(place), "%.*s%s", (int)strcspn(url, "?"), url,
             strpbrk(url, ":") == NULL ? ":0" : "");
    if (!parse_endpoint(place, &endpoint) || endpoint.host[0] == '\0')
        return error_set(error, ERR_CONFIG, "rtc.turn_urls: %s is no host and port", url);
    snprintf(host, 256, "%s", endpoint.host);
    out->host = host;
    out->port = endpoint.port != 0 ? endpoint.port : out->is_tls ? TURNS_PORT : TURN_PORT;
    return ERR_NONE;
}

static enum err read_relays(const struct rtc_settings *settings, struct addresses *out,
                            struct error *error)
{
    const char *at = settings->turn_urls;
    char url[256];
    bool is_cut;

    while (next_text(&at, url, sizeof(url), &is_cut)) {
        struct ice_relay *relay = &out->ice.relays[out->ice.relay_count];

        if (is_cut || out->ice.relay_count == ICE_RELAYS_MAX)
            return error_set(error, ERR_CONFIG, "rtc.turn_urls: more than %d, or too long",
                             ICE_RELAYS_MAX);
        *relay = (struct ice_relay){.username = settings->turn_username,
                                    .password = settings->turn_password};
        if (read_relay(url, out->texts.relay_hosts[out->ice.relay_count], relay, error) != ERR_NONE)
            return ERR_CONFIG;
        out->ice.relay_count++;
    }
    return ERR_NONE;
}

enum err addresses_read(const struct rtc_settings *settings, struct addresses *out,
                        struct error *error)
{
    struct ice_config *ice = &out->ice;

    *out = (struct addresses){
        .ice = {.has_udp = settings->udp, .has_tcp = settings->tcp, .is_lite = settings->lite}};
    if (!settings->udp && !settings->tcp)
        return error_set(error, ERR_CONFIG, "rtc.udp and rtc.tcp are both off");
    if (read_list(settings->addresses, "addresses", out->texts.text, ice->addresses,
                  &ice->address_count, error) != ERR_NONE ||
        read_list(settings->external_addresses, "external_addresses", out->texts.external,
                  ice->external, &ice->external_count, error) != ERR_NONE ||
        read_ports(settings->ports, out, error) != ERR_NONE ||
        read_relays(settings, out, error) != ERR_NONE)
        return ERR_CONFIG;
    if (ice->address_count == 0)
        find_addresses(out);
    return ERR_NONE;
}
