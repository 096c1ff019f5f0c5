/* SPDX-License-Identifier: MIT
 *
 * load: what the three tracker load generators share: torrents and peers by number, the clock, and
 * how a peer becomes an address. A peer is a source address 127.0.1.1 and up (by which opentracker
 * knows it) and an announced port, the same by all protocols, so that swarms filled by UDP are
 * there for HTTP.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
    LOAD_SOURCES = 8, /* addresses that peers have */
    LOAD_FIRST_PORT = 1024,
    LOAD_SEED_EVERY = 4, /* every fourth peer has everything */
    LOAD_HASH = 20,
};

static inline double load_now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static inline double load_cpu_s(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static inline void load_die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

/* splitmix64 */
static inline uint64_t load_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

static inline uint32_t load_random(uint64_t *state, uint32_t end)
{
    *state = load_mix(*state);
    return (uint32_t)((*state >> 32) * end >> 32);
}

static inline void load_hash(uint32_t number, uint8_t out[LOAD_HASH])
{
    uint64_t parts[3];

    for (unsigned i = 0; i < 3; i++)
        parts[i] = load_mix(((uint64_t)number << 2) + i);
    memcpy(out, parts, LOAD_HASH);
}

static inline unsigned load_source(uint32_t peer)
{
    return peer % LOAD_SOURCES;
}

static inline uint16_t load_port(uint32_t peer)
{
    return (uint16_t)(LOAD_FIRST_PORT + peer / LOAD_SOURCES);
}

/* A random peer of that source. */
static inline uint32_t load_peer_of(unsigned source, uint32_t peers, uint64_t *state)
{
    return load_random(state, peers / LOAD_SOURCES) * LOAD_SOURCES + source;
}

static inline struct sockaddr_in load_address(unsigned source)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(0x7f000101 + source)};
}

static inline struct sockaddr_in load_server(unsigned port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* How many of `count` compact peers are none of ours. */
static inline unsigned load_strangers(const uint8_t *compact, unsigned count, uint32_t peers)
{
    unsigned strangers = 0;

    for (unsigned i = 0; i < count; i++, compact += 6) {
        unsigned port = (unsigned)compact[4] << 8 | compact[5];

        strangers += compact[0] != 127 || compact[1] != 0 || compact[2] != 1 || compact[3] < 1 ||
                     compact[3] > LOAD_SOURCES || port < LOAD_FIRST_PORT ||
                     port > load_port(peers - 1);
    }
    return strangers;
}

#endif
