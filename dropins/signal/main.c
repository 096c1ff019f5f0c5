/* SPDX-License-Identifier: MIT
 *
 * sharestream-signal: takes the place of the signalling servers of the ShareStream app: rooms by
 * Socket.IO and a tracker for browsers, on one port. It sets what it takes, and becomes
 * sharestreamd.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/flags.h"
#include "base/must.h"
#include "base/text.h"
#include "base/units.h"
#include "environment.h"
#include "svc/contract.h"
#include "svc/supervise.h"

enum { PORT = 3001, PORT_MAX = 65535 };

static const char about[] = "rooms of the ShareStream app, and a tracker, on one port";

struct given {
    const char *port, *data_dir;
    bool has_no_tunnel;
};

/* Whether http-svc will be able to listen there: it would do without a port that is taken, and
 * nobody would notice. */
static bool can_listen(const struct sockaddr *address, socklen_t len)
{
    static const int on = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool can = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
               bind(fd, address, len) == 0;
    int saved = errno;

    if (fd >= 0)
        close(fd);
    errno = saved;
    return can;
}

/* All addresses, of both kinds where there are both. */
static enum err choose_address(uint16_t port, struct text *out, struct error *error)
{
    const struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    const struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    bool has_six = can_listen((const struct sockaddr *)&six, sizeof(six));

    if (!has_six && errno == EADDRINUSE)
        return error_set(error, ERR_BUSY,
                         "port %u is taken by another program; stop that, or choose with -port",
                         port);
    if (!has_six && !can_listen((const struct sockaddr *)&four, sizeof(four)))
        return error_set_errno(error, ERR_IO, "cannot listen on port %u", port);
    text_addf(out, "%s:%u", has_six ? "[::]" : "0.0.0.0", port);
    return ERR_NONE;
}

static enum err settle(const struct given *given, struct error *error)
{
    const char *text = given->port != NULL ? given->port : getenv("PORT");
    struct text listen = {0};
    uint64_t port = PORT;

    if (text != NULL && (!parse_count(text, &port) || port == 0 || port > PORT_MAX))
        return error_set(error, ERR_INVALID, "the port is 1 to 65535, not '%.40s'", text);
    if (choose_address((uint16_t)port, &listen, error) != ERR_NONE)
        return error->code;
    supervise_set("HTTP_SIGNAL_LISTEN", text_str(&listen));
    text_fini(&listen);
    environment_read_turn();
    supervise_set("SUPERVISOR_SERVICES", "tracker,room,http");
    supervise_set("HTTP_LISTEN", "127.0.0.1:0");
    supervise_set("HTTP_TRACKER_LISTEN", "");
    supervise_set_default("TRACKER_LISTEN", "");
    supervise_set_default("HTTP_SOCKETIO_ALLOW_EIO3", "true");
    supervise_set_default("ROOM_PUBLIC_TURN", "true");
    return supervise_place("sharestream-signal", "supervisor.0",
                           given->data_dir != NULL ? given->data_dir : "~/.sharestream/signal",
                           error);
}

int main(int argc, char **argv)
{
    struct given given = {NULL};
    const struct flag flags[] = {
        {"port", "N", "where clients connect; or PORT in the environment [3001]", &given.port,
         NULL},
        {"no-tunnel", NULL, "understood, and always so: PUBLIC_URL is the address that is told",
         NULL, &given.has_no_tunnel},
        {"data-dir", "DIR", "folder for the rooms [~/.sharestream/signal]", &given.data_dir, NULL},
    };
    const struct flags_program program = {"sharestream-signal", about, SHARESTREAM_VERSION, flags,
                                          COUNT_OF(flags)};
    struct error error;
    int code = flags_begin(&program, argc, argv);

    if (code >= 0)
        return code;
    if (settle(&given, &error) != ERR_NONE) {
        fprintf(stderr, "%s: %s\n", program.name, error.text);
        return error.code == ERR_INVALID ? FLAGS_EXIT_USAGE : EXIT_FAILED;
    }
    supervise_become();
    return EXIT_FAILED;
}
