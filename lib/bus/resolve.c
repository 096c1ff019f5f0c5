/* SPDX-License-Identifier: MIT
 *
 * resolve: which addresses the names of other services have now. One thread of the process looks up
 * all of them again and again, for all its buses; that is where getaddrinfo() may block.
 *
 * A name that cannot be looked up keeps what it had: a DNS server that is away for a while takes
 * nobody from the bus.
 */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/must.h"
#include "bus/bus_private.h"

struct name {
    char host[256];
    bool is_known;
    struct resolved found;
    struct name *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_new;
static struct name *names; /* they stay: as many as the configuration names */
static atomic_uint version;

static int compare(const void *one, const void *other)
{
    return strcmp(one, other);
}

/* One family only, or an instance that has both would be two. */
static void take(struct resolved *out, const struct addrinfo *list, int family)
{
    for (const struct addrinfo *at = list; at != NULL && out->count < RESOLVE_MAX; at = at->ai_next)
        if (at->ai_family == family &&
            getnameinfo(at->ai_addr, at->ai_addrlen, out->addresses[out->count],
                        sizeof(out->addresses[0]), NULL, 0, NI_NUMERICHOST) == 0)
            out->count++;
}

static bool look_up(const char *host, struct resolved *out)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(host, NULL, &hints, &list);

    *out = (struct resolved){.count = 0};
    if (rc != 0) {
        log_debug("name not found", "host=%s error=%s", host, gai_strerror(rc));
        return false;
    }
    take(out, list, AF_INET);
    if (out->count == 0)
        take(out, list, AF_INET6);
    freeaddrinfo(list);
    qsort(out->addresses, out->count, sizeof(out->addresses[0]), compare);
    return out->count > 0;
}

static void refresh(struct name *name)
{
    struct resolved found;

    if (!look_up(name->host, &found))
        return;
    pthread_mutex_lock(&lock);
    if (!name->is_known || memcmp(&name->found, &found, sizeof(found)) != 0) {
        name->found = found;
        name->is_known = true;
        version++;
        log_debug("name resolved", "host=%s addresses=%zu", name->host, found.count);
    }
    pthread_mutex_unlock(&lock);
}

static void wait_a_while(void)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += RESOLVE_EVERY_MS / 1000;
    pthread_mutex_lock(&lock);
    pthread_cond_timedwait(&has_new, &lock, &until);
    pthread_mutex_unlock(&lock);
}

static void *run(void *arg)
{
    struct name *name;

    (void)arg;
    for (;;) {
        pthread_mutex_lock(&lock);
        name = names;
        pthread_mutex_unlock(&lock);
        for (; name != NULL; name = name->next)
            refresh(name);
        wait_a_while();
    }
    return NULL;
}

static void start_thread(void)
{
    pthread_condattr_t by_clock;
    pthread_t thread;
    sigset_t all, before;

    pthread_condattr_init(&by_clock);
    pthread_condattr_setclock(&by_clock, CLOCK_MONOTONIC);
    pthread_cond_init(&has_new, &by_clock);
    pthread_condattr_destroy(&by_clock);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    must(pthread_create(&thread, NULL, run, NULL) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_detach(thread);
}

bool resolve(const char *host, struct resolved *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct name *name;
    bool is_known;

    pthread_once(&once, start_thread);
    pthread_mutex_lock(&lock);
    for (name = names; name != NULL && strcmp(name->host, host) != 0; name = name->next)
        ;
    if (name == NULL) {
        name = xcalloc(1, sizeof(*name));
        snprintf(name->host, sizeof(name->host), "%s", host);
        name->next = names;
        names = name;
        pthread_cond_signal(&has_new);
    }
    *out = name->found;
    is_known = name->is_known;
    pthread_mutex_unlock(&lock);
    return is_known;
}

unsigned resolve_version(void)
{
    return version;
}
