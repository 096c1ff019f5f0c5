/* SPDX-License-Identifier: MIT */
#include "web.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void send_all(int fd, struct bytes data)
{
    while (data.len > 0) {
        ssize_t n = send(fd, data.data, data.len, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        data = bytes_of(data.data + n, data.len - (size_t)n);
    }
}

static const struct web_page *find(const struct web_page *pages, const char *request)
{
    static const struct web_page missing = {.path = "", .status = 404};
    size_t len = strcspn(request + strlen("GET "), " ");

    for (; pages->path != NULL; pages++)
        if (strlen(pages->path) == len && strncmp(pages->path, request + strlen("GET "), len) == 0)
            return pages;
    return &missing;
}

static void answer(int fd, const struct web_page *pages)
{
    char request[4096] = "", head[512];
    size_t used = 0;
    ssize_t n;

    while (strstr(request, "\r\n\r\n") == NULL &&
           (n = recv(fd, request + used, sizeof(request) - 1 - used, 0)) > 0)
        used += (size_t)n;
    if (strncmp(request, "GET ", 4) != 0)
        return;
    const struct web_page *page = find(pages, request);
    if (page->status == 0) {
        recv(fd, request, sizeof(request), 0); /* until the other side has enough */
        return;
    }
    snprintf(head, sizeof(head),
             "HTTP/1.1 %d So\r\nContent-Length: %zu\r\nConnection: close\r\n%s%s\r\n\r\n",
             page->status, page->body.len, page->location != NULL ? "Location: " : "X-None: ",
             page->location != NULL ? page->location : "0");
    send_all(fd, bytes_of_text(head));
    send_all(fd, page->body);
}

static _Noreturn void serve(int listener, const struct web_page *pages)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGCHLD, SIG_IGN); /* no zombies */
    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd >= 0 && fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            answer(fd, pages);
            _exit(0);
        }
        close(fd);
    }
}

void web_start(struct web *web, const struct web_page *pages)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    web->port = ntohs(address.sin_port);
    fflush(NULL);
    web->pid = fork();
    if (web->pid == 0)
        serve(fd, pages);
    assert_true(web->pid > 0);
    close(fd);
}

void web_stop(struct web *web)
{
    kill(web->pid, SIGKILL);
    waitpid(web->pid, NULL, 0);
}

bool web_says(uint16_t port, const char *path, const char *text)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char got[4096] = "", request[512];
    size_t used = 0;
    ssize_t n;

    snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        send_all(fd, bytes_of_text(request));
        while ((n = recv(fd, got + used, sizeof(got) - 1 - used, 0)) > 0)
            used += (size_t)n;
    }
    close(fd);
    return strstr(got, text) != NULL;
}
