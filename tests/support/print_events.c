/* SPDX-License-Identifier: MIT
 *
 * print_events: hears what tracker-svc publishes, as a server peer does, and prints each event as a
 * line of JSON; for tests. {"up": true} is a line too: whenever a life of the tracker greets. Ends
 * when standard input does.
 *
 * Usage: print_events RUN_DIR
 */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include <jansson.h>
#include <proto/tracker.pb-c.h>

#include "base/clock.h"
#include "base/must.h"
#include "bus/bus.h"
#include "bus/pb_json.h"

static void print(json_t *take)
{
    char *text = json_dumps(take, JSON_COMPACT);

    puts(text);
    fflush(stdout);
    free(text);
    json_decref(take);
}

static void on_event(void *arg, unsigned instance, const ProtobufCMessage *event)
{
    (void)arg;
    (void)instance;
    print(pb_to_json(event));
}

static void on_up(void *arg, unsigned instance)
{
    (void)arg;
    (void)instance;
    print(json_pack("{s:b}", "up", 1));
}

int main(int argc, char **argv)
{
    const struct bus_watch watch = {
        .event = &sharestream__tracker__event__descriptor, .on_event = on_event, .on_up = on_up};
    struct bus_config config = {
        .self = "test.0", .listen = "", .peers = "", .secret = "", .run_dir = argv[argc - 1]};
    struct error error;
    uint64_t tick_ms = 0;

    must(argc == 2);
    config.generation = clock_unix_ms();
    struct bus *bus = bus_new(&config, &error);

    must(bus != NULL);
    bus_watch(bus_remote(bus, "tracker", &sharestream__tracker__tracker__descriptor), &watch);
    for (;;) {
        struct pollfd fds[] = {{.fd = bus_fd(bus), .events = POLLIN},
                               {.fd = STDIN_FILENO, .events = POLLIN}};

        poll(fds, COUNT_OF(fds), BUS_TICK_MS);
        if (fds[1].revents != 0)
            break;
        bus_dispatch(bus);
        if (clock_ms() - tick_ms >= BUS_TICK_MS) {
            bus_tick(bus);
            tick_ms = clock_ms();
        }
    }
    bus_free(&bus);
    return 0;
}
