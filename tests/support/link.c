/* SPDX-License-Identifier: MIT
 *
 * link: a long line between two network namespaces, for tests and for measuring; many kernels lack
 * netem. It needs root, puts a TUN device into each namespace and carries IPv4 packets from one to
 * the other, late and not all of them:
 *
 *     link --a NAMESPACE --b NAMESPACE [--delay-ms N] [--jitter-ms N] [--loss SHARE] [--rate SIZE]
 *          [--queue-ms N] [--seed N]
 *
 * A namespace is a name that `ip netns` knows, or a path such as /proc/PID/ns/net. Its loopback is
 * brought up, a is 10.77.0.1 and b is 10.77.0.2; all that is not local goes over the link, unless
 * there was a default route before. Each way has a rate in bytes (of IP packets) a second with a
 * queue before it, where packets that would wait longer than --queue-ms are dropped; then the delay
 * of one way, up to --jitter-ms longer, in which the share --loss (0 to 1) is lost, each packet by
 * itself. The order is kept. Which packets are lost depends on the seed and on their number only.
 *
 * "ready" on standard output: packets flow. At SIGTERM, or at the end of standard input, it prints
 * for each way what arrived (packets, bytes), what was lost, what the queue dropped, and what it
 * missed because this machine was too busy; as one line of JSON. The devices go with this process,
 * however it ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/route.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"
#include "base/units.h"

enum {
    MTU = 1500,
    RING_SLOTS = 16384,  /* packets on their way, each way; more are dropped; a power of 2 */
    BATCH = 256,         /* read in one go, so that a flood one way does not stop the other */
    PAUSE_NS = 200000,   /* after each batch: waking for single packets takes most of a core */
    DEVICE_QUEUE = 10000 /* packets that the kernel keeps for us meanwhile */
};

static const uint64_t NS_PER_MS = 1000000, NS_PER_S = 1000000000, FOREVER = UINT64_MAX;

struct settings {
    const char *a, *b;
    uint64_t delay_ns, jitter_ns, queue_ns, rate,
        seed; /* rate in bytes/s, 0: no limit, and so no queue */
    double loss;
};

struct end {
    int net; /* the namespace */
    int tun;
    char device[IFNAMSIZ];
};

struct packet {
    uint64_t due_ns;
    size_t len;
    uint8_t data[MTU];
};

struct way {
    const struct settings *settings;
    struct end *from, *to;
    uint64_t random;
    uint64_t idle_ns; /* when the wire has sent all that is before it */
    uint64_t due_ns;  /* the last one on its way arrives */
    struct packet *ring;
    uint32_t head, tail; /* run on; the slot at `tail` is always free */
    uint64_t packets, bytes, lost, dropped;
};

static _Noreturn __attribute__((format(printf, 1, 2))) void die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("link: ", stderr);
    vfprintf(stderr, format, args);
    fputs("\n", stderr);
    va_end(args);
    exit(EXIT_FAILURE);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* ---- the two ends */

static int open_namespace(const char *name)
{
    char path[256];
    int fd;

    snprintf(path, sizeof(path), strchr(name, '/') != NULL ? "%s" : "/run/netns/%s", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die("namespace %s: %m", path);
    return fd;
}

static void enter(int net)
{
    if (setns(net, CLONE_NEWNET) != 0)
        die("setns: %m");
}

static void configure(int fd, unsigned long request, void *arg, const char *what)
{
    if (ioctl(fd, request, arg) != 0)
        die("%s: %m", what);
}

static void set_address(int fd, const char *device, unsigned long request, const char *address)
{
    struct ifreq ifr = {0};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(address)};

    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", device);
    memcpy(&ifr.ifr_addr, &in, sizeof(in));
    configure(fd, request, &ifr, address);
}

static void bring_up(int fd, const char *device)
{
    struct ifreq ifr = {0};

    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", device);
    configure(fd, SIOCGIFFLAGS, &ifr, device);
    ifr.ifr_flags |= IFF_UP;
    configure(fd, SIOCSIFFLAGS, &ifr, device);
}

/* Chromium offers no address to others where no route leads anywhere. */
static void add_default_route(int fd, char *device)
{
    const struct sockaddr_in anywhere = {.sin_family = AF_INET};
    struct rtentry route = {.rt_flags = RTF_UP, .rt_dev = device};

    memcpy(&route.rt_dst, &anywhere, sizeof(anywhere));
    memcpy(&route.rt_genmask, &anywhere, sizeof(anywhere));
    if (ioctl(fd, SIOCADDRT, &route) != 0 && errno != EEXIST)
        die("route: %m");
}

/* All offloads stay off: packets are lost one by one, so they must come as they would on a wire. */
static void make_device(struct end *end)
{
    struct ifreq ifr = {.ifr_name = "link%d", .ifr_flags = IFF_TUN | IFF_NO_PI};

    end->tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (end->tun < 0)
        die("/dev/net/tun: %m");
    configure(end->tun, TUNSETIFF, &ifr, "TUNSETIFF");
    memcpy(end->device, ifr.ifr_name, sizeof(end->device));
}

static void open_end(struct end *end, const char *name, const char *address)
{
    struct ifreq ifr = {0};
    int fd;

    end->net = open_namespace(name);
    enter(end->net);
    make_device(end);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket: %m");
    memcpy(ifr.ifr_name, end->device, sizeof(ifr.ifr_name));
    ifr.ifr_mtu = MTU;
    configure(fd, SIOCSIFMTU, &ifr, "MTU");
    ifr.ifr_qlen = DEVICE_QUEUE;
    configure(fd, SIOCSIFTXQLEN, &ifr, "length of the queue");
    set_address(fd, end->device, SIOCSIFADDR, address);
    set_address(fd, end->device, SIOCSIFNETMASK, "255.255.255.252");
    bring_up(fd, "lo");
    bring_up(fd, end->device);
    add_default_route(fd, end->device);
    close(fd);
}

/* What the kernel threw away because we were too late to read it: this line was then worse than
 * asked for. */
static uint64_t count_missed(const struct end *end)
{
    char line[512], device[IFNAMSIZ];
    uint64_t missed, found = 0;
    FILE *file;

    enter(end->net);
    file = fopen("/proc/thread-self/net/dev", "re");
    if (file == NULL)
        die("/proc/thread-self/net/dev: %m");
    /* eight numbers of what was received; then bytes, packets, errors, drops of what was sent */
    while (fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, " %15[^:]: %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %" SCNu64, device,
                   &missed) == 2 &&
            strcmp(device, end->device) == 0)
            found = missed;
    fclose(file);
    return found;
}

/* ---- one way */

/* SplitMix64 (Steele, Lea, Flood 2014), as a number from 0 up to 1. */
static double next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return (double)((x ^ x >> 31) >> 11) * 0x1p-53;
}

/* Decides on the packet that lies at the tail. */
static void judge(struct way *way, struct packet *packet)
{
    const struct settings *settings = way->settings;
    uint64_t now = now_ns(), start = MAX(now, way->idle_ns), late_ns;

    if (packet->data[0] >> 4 != 4)
        return; /* IPv6 looking for neighbours: would only blur the counters */
    if (way->tail - way->head == RING_SLOTS - 1 ||
        (settings->rate > 0 && start - now > settings->queue_ns)) {
        way->dropped++;
        return;
    }
    way->idle_ns = start + (settings->rate > 0 ? packet->len * NS_PER_S / settings->rate : 0);
    if (next_random(&way->random) < settings->loss) {
        way->lost++; /* behind the queue: the wire was busy with it */
        return;
    }
    late_ns = settings->jitter_ns > 0
                  ? (uint64_t)(next_random(&way->random) * (double)settings->jitter_ns)
                  : 0;
    packet->due_ns = MAX(way->idle_ns + settings->delay_ns + late_ns, way->due_ns);
    way->due_ns = packet->due_ns;
    way->tail++;
}

static bool take_in(struct way *way)
{
    for (int i = 0; i < BATCH; i++) {
        struct packet *packet = &way->ring[way->tail % RING_SLOTS];
        ssize_t got = read(way->from->tun, packet->data, MTU);

        if (got < 0 && errno == EAGAIN)
            return i > 0;
        if (got <= 0)
            die("reading from %s: %m", way->from->device);
        packet->len = (size_t)got;
        judge(way, packet);
    }
    return true;
}

static bool give_out(struct way *way)
{
    uint64_t now = now_ns();
    uint32_t before = way->head;

    for (; way->head != way->tail; way->head++) {
        struct packet *packet = &way->ring[way->head % RING_SLOTS];

        if (packet->due_ns > now)
            break;
        if (write(way->to->tun, packet->data, packet->len) < 0)
            die("writing to %s: %m", way->to->device);
        way->packets++;
        way->bytes += packet->len;
    }
    return way->head != before;
}

static uint64_t next_due(const struct way *way)
{
    return way->head == way->tail ? FOREVER : way->ring[way->head % RING_SLOTS].due_ns;
}

/* ---- both ways */

static int open_signals(void)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (fd < 0)
        die("signalfd: %m");
    return fd;
}

/* Sleeps until something is due, or comes; while packets flow just for a moment, so that they come
 * and go in small batches. False: it is over. */
static bool rest(struct pollfd fds[4], bool is_flowing, uint64_t due_ns)
{
    uint64_t now = now_ns(), ns = is_flowing ? PAUSE_NS : due_ns > now ? due_ns - now : 0;
    struct timespec time = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
    bool is_endless = !is_flowing && due_ns == FOREVER;
    char byte;

    if (ppoll(fds, is_flowing ? 2 : 4, is_endless ? NULL : &time, NULL) <= 0)
        return true;
    return fds[0].revents == 0 && (fds[1].revents == 0 || read(STDIN_FILENO, &byte, 1) > 0);
}

static void carry(struct way ways[2])
{
    struct pollfd fds[4] = {{.fd = open_signals(), .events = POLLIN},
                            {.fd = STDIN_FILENO, .events = POLLIN},
                            {.fd = ways[0].from->tun, .events = POLLIN},
                            {.fd = ways[1].from->tun, .events = POLLIN}};
    bool is_flowing;

    puts("ready");
    fflush(stdout);
    do {
        is_flowing = false;
        for (int i = 0; i < 2; i++)
            is_flowing |= take_in(&ways[i]);
        for (int i = 0; i < 2; i++)
            is_flowing |= give_out(&ways[i]);
    } while (rest(fds, is_flowing, MIN(next_due(&ways[0]), next_due(&ways[1]))));
}

static void print_way(const char *name, const struct way *way)
{
    printf("\"%s\":{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"lost\":%" PRIu64
           ",\"dropped\":%" PRIu64 ",\"missed\":%" PRIu64 "}",
           name, way->packets, way->bytes, way->lost, way->dropped, count_missed(way->from));
}

static void print_counters(const struct way ways[2])
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    printf("{");
    print_way("aToB", &ways[0]);
    printf(",");
    print_way("bToA", &ways[1]);
    printf(",\"cpuMs\":%ld}\n", (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                                    (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000);
}

/* ---- options */

static uint64_t parse_ms(const char *name, const char *text)
{
    uint64_t ms;

    if (!parse_count(text, &ms) || ms > 60000)
        die("--%s: %s is no number from 0 to 60000", name, text);
    return ms * NS_PER_MS;
}

static void parse_option(struct settings *settings, const char *name, const char *text)
{
    char *end;

    if (strcmp(name, "a") == 0) {
        settings->a = text;
    } else if (strcmp(name, "b") == 0) {
        settings->b = text;
    } else if (strcmp(name, "delay-ms") == 0) {
        settings->delay_ns = parse_ms(name, text);
    } else if (strcmp(name, "jitter-ms") == 0) {
        settings->jitter_ns = parse_ms(name, text);
    } else if (strcmp(name, "queue-ms") == 0) {
        settings->queue_ns = parse_ms(name, text);
    } else if (strcmp(name, "loss") == 0) {
        settings->loss = strtod(text, &end);
        if (end == text || *end != '\0' || !(settings->loss >= 0 && settings->loss <= 1))
            die("--loss: %s is no share from 0 to 1", text);
    } else if (strcmp(name, "rate") == 0) {
        if (!parse_size_bytes(text, &settings->rate))
            die("--rate: %s is no size such as 50MB", text);
    } else if (!parse_count(text, &settings->seed)) {
        die("--seed: %s is no number", text);
    }
}

static struct settings parse_options(int argc, char **argv)
{
    static const struct option options[] = {{"a", required_argument, NULL, 0},
                                            {"b", required_argument, NULL, 0},
                                            {"delay-ms", required_argument, NULL, 0},
                                            {"jitter-ms", required_argument, NULL, 0},
                                            {"loss", required_argument, NULL, 0},
                                            {"rate", required_argument, NULL, 0},
                                            {"queue-ms", required_argument, NULL, 0},
                                            {"seed", required_argument, NULL, 0},
                                            {NULL, 0, NULL, 0}};
    struct settings settings = {.queue_ns = 100 * NS_PER_MS, .seed = 1};
    int index, got;

    while ((got = getopt_long(argc, argv, "", options, &index)) == 0)
        parse_option(&settings, options[index].name, optarg);
    if (got != -1 || optind < argc || settings.a == NULL || settings.b == NULL)
        die("see the top of tests/support/link.c for how it is used");
    return settings;
}

/* A wire does not get longer because the machine is busy. We do little and rest after each batch,
 * so going before others costs them little. Where that is not allowed we go without. */
static void be_punctual(void)
{
    const struct sched_param first = {.sched_priority = 1};

    sched_setscheduler(0, SCHED_RR, &first);
    prctl(PR_SET_TIMERSLACK, 1); /* else each sleep is 50 us longer */
}

int main(int argc, char **argv)
{
    struct settings settings = parse_options(argc, argv);
    struct end a, b;
    struct way ways[2] = {{.settings = &settings, .from = &a, .to = &b, .random = settings.seed},
                          {.settings = &settings, .from = &b, .to = &a, .random = ~settings.seed}};

    open_end(&a, settings.a, "10.77.0.1");
    open_end(&b, settings.b, "10.77.0.2");
    for (int i = 0; i < 2; i++)
        ways[i].ring = xcalloc(RING_SLOTS, sizeof(struct packet));
    be_punctual();
    carry(ways);
    print_counters(ways);
    for (int i = 0; i < 2; i++)
        free(ways[i].ring);
    return EXIT_SUCCESS;
}
