/* SPDX-License-Identifier: MIT
 *
 * routes_page: the page that people open. What is behind /assets has a name that changes with what
 * is in it, so it is kept for good; the page itself is asked for each time.
 */
#include <stdio.h>

#include "base/must.h"
#include "page.h"
#include "routes.h"
#include "wire/range.h"

enum { TAG_TEXT = 64 };

/* What the page may do. Styles within elements are for media-chrome, whose parts bring their own in
 * shadow trees; attributes with styles nobody needs. blob: is what hls.js plays from. */
#define POLICY                                                                                     \
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "                    \
    "style-src-attr 'none'; connect-src 'self' ws: wss:; media-src 'self' blob:; "                 \
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"

/* What of the page runs as a worker, which heeds the policy of its own file only: libass, made of
 * bytes (styled.ts). */
#define WORKER_POLICY "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"

static void answer_file(struct exchange *x, const struct page_file *file)
{
    struct bytes none_match = exchange_header(x, "if-none-match");
    enum page_coding coding = page_choose(exchange_header(x, "accept-encoding"));
    const char *name = page_coding_name(coding);
    char tag[TAG_TEXT];

    snprintf(tag, sizeof(tag), "\"%s%s%s\"", file->tag, name != NULL ? "-" : "",
             name != NULL ? name : "");
    exchange_add_header(x, "etag", tag);
    exchange_add_header(x, "vary", "Accept-Encoding");
    if (none_match.data != NULL && etag_list_matches(none_match, tag, true)) {
        exchange_reply(x, 304, NULL, bytes_of(NULL, 0));
        return;
    }
    if (name != NULL)
        exchange_add_header(x, "content-encoding", name);
    exchange_reply(x, 200, file->type, file->forms[coding]);
}

static void answer_page(struct exchange *x, const char *name)
{
    const struct page_file *file = page_find(bytes_of_text(name));

    must(file != NULL);
    exchange_add_header(x, "cache-control", "no-cache");
    exchange_add_header(x, "content-security-policy", POLICY);
    exchange_add_header(x, "referrer-policy", "no-referrer");
    answer_file(x, file);
}

void on_root(struct exchange *x)
{
    static const char text[] = "ShareStream is up. This is a page for browsers; here are words.\n\n"
                               "To play something:\n"
                               "  sharestream add <magnet link>\n"
                               "  sharestream stream 1\n"
                               "The interface for programs: /api/v1/openapi.yaml\n";

    exchange_add_header(x, "vary", "Accept");
    if (page_is_for(exchange_header(x, "accept")))
        answer_page(x, "/index.html");
    else
        exchange_reply(x, 200, "text/plain; charset=utf-8", bytes_of_text(text));
}

void on_page(struct exchange *x)
{
    answer_page(x, "/index.html");
}

/* The same page one folder deeper: it names what belongs to it from where it lies, because only a
 * proxy in front knows what comes before. */
void on_page_of_room(struct exchange *x)
{
    answer_page(x, "/room.html");
}

/* The service worker: it may have an eye on what lies beside it and below, so it lies here, and not
 * among the assets. Its name does not change, so it is asked for each time. It opens nothing but
 * what is ours. */
void on_worker(struct exchange *x)
{
    const struct page_file *file = page_find(bytes_of_text("/worker.js"));

    must(file != NULL);
    exchange_add_header(x, "cache-control", "no-cache");
    exchange_add_header(x, "content-security-policy", "default-src 'none'; connect-src 'self'");
    answer_file(x, file);
}

void on_asset(struct exchange *x)
{
    const struct page_file *file = page_find(exchange_route(x)->path);

    if (file == NULL) {
        exchange_reply(x, 404, "text/plain; charset=utf-8", bytes_of_text("404 page not found\n"));
        return;
    }
    exchange_add_header(x, "cache-control", "public, max-age=31536000, immutable");
    exchange_add_header(x, "content-security-policy", WORKER_POLICY);
    answer_file(x, file);
}
