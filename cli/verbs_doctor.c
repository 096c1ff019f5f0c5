/* SPDX-License-Identifier: MIT
 *
 * `sharestream doctor`: is there all that the services need of this machine, and what to do where
 * it is not. It only looks; what it asks services for, anybody may.
 */
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <proto/control.pb-c.h>
#include <proto/rtc.pb-c.h>
#include <proto/svc.pb-c.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/program.h"
#include "base/settings.h"
#include "base/text.h"
#include "base/units.h"
#include "human.h"
#include "verbs.h"
#include "verbs_rtc.h"
#include "wire/turn.h"

enum {
    ANSWER_MS = 3000,
    PROBE_MS = 15000,
    SPARE_DESCRIPTORS = 64,
    WANTED_BUFFER = 2 << 20,
    CERTIFICATE_DAYS = 10,
    ADDRESS_TEXT = 160,
};

typedef Sharestream__Rtc__ProbeReply Found;
typedef Sharestream__Rtc__ProbeReply__Step Step;
typedef Sharestream__Svc__ConfigReply Config;

static __attribute__((format(printf, 4, 5))) void add(Found *found, const char *name, bool is_good,
                                                      const char *format, ...)
{
    Step *step = xcalloc(1, sizeof(*step));
    struct text text = {0};
    char line[512];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    human_clean(&text, line);
    sharestream__rtc__probe_reply__step__init(step);
    step->name = xstrdup(name);
    step->is_good = is_good;
    step->message = xstrdup(text_str(&text));
    text_fini(&text);
    found->steps = xrealloc(found->steps, (found->n_steps + 1) * sizeof(Step *));
    found->steps[found->n_steps++] = step;
}

static void clear(Found *found)
{
    for (size_t i = 0; i < found->n_steps; i++) {
        free(found->steps[i]->name);
        free(found->steps[i]->message);
        free(found->steps[i]);
    }
    free(found->steps);
}

/* ---- what the services say */

static void look_at_services(struct cli *cli, Found *found, unsigned *http_pid)
{
    Sharestream__Control__StatusRequest request = SHARESTREAM__CONTROL__STATUS_REQUEST__INIT;
    Sharestream__Control__StatusReply *status;
    size_t ready = 0;
    struct error error;
    void *reply;

    if (cli_try(cli, "supervisor", "Status", &request.base, &reply, &error) != CLI_OK) {
        add(found, "services", false, "%s", error.text);
        return;
    }
    status = reply;
    for (size_t i = 0; i < status->n_services; i++) {
        const Sharestream__Control__StatusReply__Service *service = status->services[i];
        bool is_well = strcmp(service->state, "ready") == 0 && service->degraded_text[0] == '\0';

        ready += is_well;
        if (strcmp(service->name, "http.0") == 0)
            *http_pid = service->pid;
        if (!is_well)
            add(found, service->name, !service->is_wanted, "%s%s%s; sharestream why %s",
                service->state, service->degraded_text[0] != '\0' ? ": " : "",
                service->degraded_text, service->name);
    }
    if (ready == status->n_services)
        add(found, "services", true, "all %zu are ready", ready);
    reply_free(status);
}

/* NULL when that service does not answer: then there is nothing to say of what it needs. */
static Config *config_of(struct cli *cli, const char *service)
{
    Sharestream__Svc__ConfigRequest request = SHARESTREAM__SVC__CONFIG_REQUEST__INIT;
    struct error error;
    void *reply;

    return cli_try(cli, service, "Config", &request.base, &reply, &error) == CLI_OK ? reply : NULL;
}

static const char *value_of(const Config *config, const char *name)
{
    for (size_t i = 0; config != NULL && i < config->n_settings; i++)
        if (strcmp(config->settings[i]->name, name) == 0)
            return config->settings[i]->value;
    return "";
}

static void look_at_certificate(struct cli *cli, Found *found)
{
    static const char metric[] = "\nsharestream_http_tls_expires_seconds";
    Sharestream__Svc__MetricsRequest request = SHARESTREAM__SVC__METRICS_REQUEST__INIT;
    Sharestream__Svc__MetricsReply *metrics;
    struct error error;
    void *reply;

    if (cli_try(cli, "http", "Metrics", &request.base, &reply, &error) != CLI_OK)
        return;
    metrics = reply;
    const char *line = strstr(metrics->text, metric), *blank = line;

    if (line != NULL)
        blank = strchr(line, ' ');
    uint64_t expires_s = blank != NULL ? strtoull(blank, NULL, 10) : 0;
    int64_t days = ((int64_t)expires_s - (int64_t)(clock_unix_ms() / 1000)) / 86400;

    if (expires_s != 0)
        add(found, "certificate", days >= CERTIFICATE_DAYS,
            days >= CERTIFICATE_DAYS ? "holds for %ld days"
                                     : "holds for %ld days: renew it, then send SIGHUP",
            (long)days);
    reply_free(metrics);
}

/* ---- sockets */

static int open_towards(const char *host, uint16_t port, int type, const char **why)
{
    const struct addrinfo hints = {.ai_socktype = type};
    struct addrinfo *found;
    char number[8];
    int fd, rc;

    snprintf(number, sizeof(number), "%u", port);
    if ((rc = getaddrinfo(host, number, &hints, &found)) != 0) {
        *why = gai_strerror(rc);
        return -1;
    }
    fd = socket(found->ai_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) {
        *why = strerror(errno);
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

static bool takes_connections(const char *host, uint16_t port, const char **why)
{
    int fd = open_towards(host, port, SOCK_STREAM, why), failed = 0;
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    socklen_t len = sizeof(failed);

    if (fd < 0)
        return false;
    if (poll(&poll_fd, 1, ANSWER_MS) <= 0)
        failed = ETIMEDOUT;
    else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) != 0)
        failed = errno;
    close(fd);
    *why = strerror(failed);
    return failed == 0;
}

/* Asked by UDP: does an answer come that begins so? */
static bool answers(const char *host, uint16_t port, struct bytes question, struct bytes beginning,
                    const char **why)
{
    int fd = open_towards(host, port, SOCK_DGRAM, why);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    uint8_t answer[1500];
    ssize_t len = -1;

    if (fd < 0)
        return false;
    *why = "no answer";
    if (send(fd, question.data, question.len, 0) == (ssize_t)question.len &&
        poll(&poll_fd, 1, ANSWER_MS) > 0) {
        len = recv(fd, answer, sizeof(answer), 0);
        if (len < 0)
            *why = strerror(errno);
    }
    close(fd);
    return len >= (ssize_t)beginning.len && memcmp(answer, beginning.data, beginning.len) == 0;
}

/* An address that one listens on, as one that can be called; false: none, or any port. */
static bool callable(const char *text, struct endpoint *out)
{
    if (text[0] == '\0' || !parse_endpoint(text, out) || out->port == 0)
        return false;
    if (out->host[0] == '\0' || strcmp(out->host, "0.0.0.0") == 0)
        snprintf(out->host, sizeof(out->host), "127.0.0.1");
    else if (strcmp(out->host, "::") == 0)
        snprintf(out->host, sizeof(out->host), "::1");
    return true;
}

static void look_at_port(Found *found, const Config *config, const char *service,
                         const char *setting)
{
    struct endpoint endpoint;
    const char *why = "";
    char name[ADDRESS_TEXT];

    if (!callable(value_of(config, setting), &endpoint))
        return;
    snprintf(name, sizeof(name), "tcp %s", setting);
    if (takes_connections(endpoint.host, endpoint.port, &why))
        add(found, name, true, "%s:%u takes connections", endpoint.host, endpoint.port);
    else
        add(found, name, false,
            "%s:%u: %s; is another program there (ss -lntp), or a firewall of this machine? "
            "sharestream logs %s",
            endpoint.host, endpoint.port, why, service);
}

/* BEP 15: a connect, which is answered with action 0 and the same transaction. */
static void look_at_tracker(Found *found, const Config *config)
{
    static const uint8_t question[] = {0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80,
                                       0, 0, 0, 0,    'd',  'o',  'c',  't'};
    static const uint8_t beginning[] = {0, 0, 0, 0, 'd', 'o', 'c', 't'};
    struct endpoint endpoint;
    const char *why = "";

    if (!callable(value_of(config, "tracker.listen"), &endpoint))
        return;
    if (answers(endpoint.host, endpoint.port, bytes_of(question, sizeof(question)),
                bytes_of(beginning, sizeof(beginning)), &why))
        add(found, "udp tracker.listen", true, "%s:%u answers", endpoint.host, endpoint.port);
    else
        add(found, "udp tracker.listen", false,
            "%s:%u: %s; is a firewall of this machine in the way? sharestream logs tracker",
            endpoint.host, endpoint.port, why);
}

/* RFC 8489: a Binding request, which TURN servers answer to everybody. */
static void look_at_relay(Found *found, struct bytes item)
{
    uint8_t question[20] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
    static const uint8_t beginning[] = {1, 1};
    char name[ADDRESS_TEXT], server[ADDRESS_TEXT];
    struct endpoint endpoint;
    struct turn_url url;
    const char *why = "";
    bool is_udp, works;

    snprintf(name, sizeof(name), "%.*s", (int)item.len, (const char *)item.data);
    if (!turn_url_parse(item, &url)) {
        add(found, name, false, "that is no address of a TURN server: turn:example.org:3478");
        return;
    }
    snprintf(server, sizeof(server), "%.*s", (int)url.server.len, (const char *)url.server.data);
    if (!parse_endpoint(server, &endpoint) || endpoint.host[0] == '\0')
        snprintf(endpoint.host, sizeof(endpoint.host), "%.100s", server);
    is_udp = !url.is_tls && strstr(name, "transport=tcp") == NULL;
    must(getrandom(question + 8, sizeof(question) - 8, 0) == sizeof(question) - 8);
    works = is_udp ? answers(endpoint.host, url.port, bytes_of(question, sizeof(question)),
                             bytes_of(beginning, sizeof(beginning)), &why)
                   : takes_connections(endpoint.host, url.port, &why);
    if (works)
        add(found, name, true, "it %s", is_udp ? "answers" : "takes connections");
    else
        add(found, name, false, "%s; does it run, and is the port open? room.turn_urls", why);
}

static void look_at_relays(Found *found, const Config *config)
{
    const char *list = value_of(config, "room.turn_urls");
    struct bytes item;

    if (config != NULL && list[0] == '\0')
        add(found, "turn", true,
            "none: calls work where people reach each other directly (room.turn_urls)");
    while (settings_list_next(&list, &item))
        look_at_relay(found, item);
}

/* ---- this machine */

static void look_at_disk(const struct cli *cli, Found *found, const Config *torrent)
{
    const char *folder = cli->config.common.data_dir;
    uint64_t floor = 0, left;
    char text[UNITS_TEXT], wanted[UNITS_TEXT];
    struct statvfs disk;

    if (statvfs(folder, &disk) != 0) {
        add(found, "disk", false, "%s: %s; see common.data_dir", folder, strerror(errno));
        return;
    }
    left = (uint64_t)disk.f_bavail * disk.f_frsize;
    parse_size_bytes(value_of(torrent, "torrent.disk_floor"), &floor);
    if (disk.f_files != 0 && disk.f_favail == 0)
        add(found, "disk", false, "%s can hold no more files: remove some", folder);
    else if (left < 2 * floor)
        add(found, "disk", false,
            "%s: %s free, and %s are kept free: films are evicted; make room, or lower "
            "torrent.disk_quota",
            folder, format_size(left, text), format_size(floor, wanted));
    else
        add(found, "disk", true, "%s: %s free", folder, format_size(left, text));
}

static void look_at_clock(Found *found)
{
    struct timex now = {.modes = 0};

    if (adjtimex(&now) >= 0 && (now.status & STA_UNSYNC) == 0)
        add(found, "clock", true, "is kept right");
    else
        add(found, "clock", false,
            "nothing keeps it right, and links and credentials expire by it: timedatectl set-ntp "
            "true, or on the host of a container");
}

/* Of http-svc, which needs most. */
static void look_at_descriptors(Found *found, const Config *http, unsigned pid)
{
    static const char head[] = "Max open files";
    uint64_t clients = 0, wanted;
    char path[64], line[256];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%u/limits", pid);
    if (pid == 0 || !parse_count(value_of(http, "http.max_clients"), &clients) ||
        (file = fopen(path, "re")) == NULL)
        return;
    wanted = 2 * clients + SPARE_DESCRIPTORS;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, head, sizeof(head) - 1) != 0)
            continue;
        unsigned long limit = strtoul(line + sizeof(head) - 1, NULL, 10);

        if (limit >= wanted || strstr(line, "unlimited") != NULL)
            add(found, "descriptors", true, "%lu for %lu clients", limit, clients);
        else
            add(found, "descriptors", false,
                "%lu are too few for %lu clients, %lu are wanted: LimitNOFILE= in the unit, "
                "ulimits in a container, or a lower http.max_clients",
                limit, clients, wanted);
    }
    fclose(file);
}

/* Of sockets; only long lines suffer, so it is told, and nothing is wrong. */
static void look_at_buffers(Found *found)
{
    FILE *file = fopen("/proc/sys/net/core/rmem_max", "re");
    unsigned long bytes = 0;

    if (file == NULL)
        return;
    if (fscanf(file, "%lu", &bytes) == 1)
        add(found, "udp buffers", true, "%s",
            bytes >= WANTED_BUFFER ? "large enough"
                                   : "small for browsers on long lines: sysctl "
                                     "net.core.rmem_max=2097152 net.core.wmem_max=2097152");
    fclose(file);
}

/* The worker makes a small film, in its sandbox. */
static void look_at_codecs(Found *found)
{
    char path[PATH_MAX], line[256] = "it does not start", *command;
    FILE *pipe;

    if (!program_beside("transcode-worker", path, sizeof(path)) || strchr(path, '\'') != NULL)
        return;
    command = xasprintf("'%s' --probe software 2>&1", path);
    pipe = popen(command, "re");
    free(command);
    if (pipe == NULL)
        return;
    if (fgets(line, sizeof(line), pipe) != NULL)
        line[strcspn(line, "\n")] = '\0';
    if (pclose(pipe) == 0)
        add(found, "codecs", true, "%s", line);
    else
        add(found, "codecs", false, "%s; are FFmpeg's libraries of this release installed?", line);
}

static void look_at_webrtc(struct cli *cli, Found *found)
{
    Sharestream__Rtc__ProbeRequest request = SHARESTREAM__RTC__PROBE_REQUEST__INIT;
    uint32_t usual_ms = cli->timeout_ms;
    struct error error;
    void *reply;

    cli->timeout_ms = MAX(usual_ms, (uint32_t)PROBE_MS);
    if (cli_try(cli, "rtc", "Probe", &request.base, &reply, &error) == CLI_OK) {
        const Found *probe = reply;

        for (size_t i = 0; i < probe->n_steps; i++) {
            char *name = xasprintf("webrtc %s", probe->steps[i]->name);

            add(found, name, probe->steps[i]->is_good, "%s", probe->steps[i]->message);
            free(name);
        }
        reply_free(reply);
    }
    cli->timeout_ms = usual_ms;
}

enum cli_exit do_doctor_all(struct cli *cli)
{
    Found found = SHARESTREAM__RTC__PROBE_REPLY__INIT;
    enum cli_exit how = CLI_OK;
    unsigned http_pid = 0;

    look_at_services(cli, &found, &http_pid);
    Config *http = config_of(cli, "http"), *tracker = config_of(cli, "tracker"),
           *torrent = config_of(cli, "torrent"), *room = config_of(cli, "room");

    look_at_port(&found, http, "http", "http.listen");
    look_at_port(&found, http, "http", "http.tls_listen");
    look_at_port(&found, http, "http", "http.tracker_listen");
    look_at_port(&found, http, "http", "http.signal_listen");
    look_at_port(&found, http, "http", "http.monkey_listen");
    look_at_port(&found, http, "http", "http.engine_listen");
    look_at_port(&found, torrent, "torrent", "torrent.listen");
    look_at_tracker(&found, tracker);
    look_at_certificate(cli, &found);
    look_at_disk(cli, &found, torrent);
    look_at_clock(&found);
    look_at_descriptors(&found, http, http_pid);
    look_at_buffers(&found);
    look_at_codecs(&found);
    look_at_relays(&found, room);
    look_at_webrtc(cli, &found);
    for (size_t i = 0; i < found.n_steps; i++)
        how = found.steps[i]->is_good ? how : CLI_ERROR;
    if (cli->wants_json)
        cli_print_json(&found.base);
    else
        print_steps(&found, &cli->term);
    clear(&found);
    reply_free(http);
    reply_free(tracker);
    reply_free(torrent);
    reply_free(room);
    return how;
}
