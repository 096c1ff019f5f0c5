/* SPDX-License-Identifier: MIT */
#include "place.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/units.h"

enum { HTTP_PORT = 42069, TORRENT_PORT = 6881, PORT_MAX = 65535 };

/* One that is free now. Chosen here, so that it stays when a service is started anew, and is the
 * same on all addresses. */
static uint16_t free_port(void)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
    } address = {.in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}};
    socklen_t len = sizeof(address.in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is =
        fd >= 0 && bind(fd, &address.any, len) == 0 && getsockname(fd, &address.any, &len) == 0;

    if (fd >= 0)
        close(fd);
    return is ? ntohs(address.in.sin_port) : 0;
}

static enum err read_port(const char *flag, const char *text, uint64_t *port_out,
                          struct error *error)
{
    if (text != NULL && (!parse_count(text, port_out) || *port_out > PORT_MAX))
        return error_set(error, ERR_INVALID, "-%s takes a port, 0 to 65535, not '%.40s'", flag,
                         text);
    return ERR_NONE;
}

enum err place_read(const char *http_port, const char *http, const char *port, struct place *out,
                    struct error *error)
{
    uint64_t http_number = HTTP_PORT, torrent_number = TORRENT_PORT;
    struct endpoint endpoint = {.host = ""};

    if (http != NULL && !parse_endpoint(http, &endpoint))
        return error_set(error, ERR_INVALID,
                         "-http takes an address such as :0 or localhost:42069, not '%.40s'", http);
    if (http != NULL)
        http_number = endpoint.port;
    if (read_port("http-port", http_port, &http_number, error) != ERR_NONE ||
        read_port("port", port, &torrent_number, error) != ERR_NONE)
        return ERR_INVALID;
    if (endpoint.host[0] == '\0')
        snprintf(endpoint.host, sizeof(endpoint.host), "127.0.0.1");
    if (!endpoint_is_loopback(&endpoint))
        return error_set(error, ERR_INVALID,
                         "-http: the engine serves players of this machine only; sharestreamd "
                         "serves others");
    http_number = http_number != 0 ? http_number : free_port();
    torrent_number = torrent_number != 0 ? torrent_number : free_port();
    snprintf(out->http, sizeof(out->http), strchr(endpoint.host, ':') != NULL ? "[%s]:%u" : "%s:%u",
             endpoint.host, (unsigned)http_number);
    snprintf(out->torrent, sizeof(out->torrent), "0.0.0.0:%u,[::]:%u", (unsigned)torrent_number,
             (unsigned)torrent_number);
    return ERR_NONE;
}
