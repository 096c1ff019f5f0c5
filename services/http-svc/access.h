/* SPDX-License-Identifier: MIT
 *
 * access: who may do what. Pure: the policy and what a request says go in, a verdict comes out.
 *
 * Bound to loopback and without a token, everybody on this machine is the admin, but pages of other
 * sites in a browser on this machine are not: their requests carry a Host or an Origin that gives
 * them away (DNS rebinding, cross-site requests). Else the admin token is asked for; a signed link
 * opens the one file it was made for, and a grant, which is signed likewise, what there is to see
 * of one torrent.
 */
#ifndef HTTP_ACCESS_H
#define HTTP_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "route.h"

struct access_policy {
    bool needs_token;
    const char *token;        /* never empty when needs_token */
    const char *names;        /* "a, b": host names of ours besides those of loopback */
    const char *cors_origins; /* "https://a, https://b" or "*"; empty: by the rules above */
    const uint8_t *link_key;  /* LINK_KEY_BYTES */
};

struct access_request {
    enum route_need need;
    bool changes_state;                    /* by its method */
    const char *link_path;                 /* what a link would have to be signed for, or NULL */
    const char *grant_path;                /* likewise a grant */
    struct bytes host, origin, fetch_site; /* header values; no data when absent */
    struct bytes authorization;            /* header value */
    struct bytes token;                    /* ?token=, decoded */
    struct bytes expires, signature;       /* ?exp= and ?sig= */
    uint64_t now_s;                        /* unix time */
};

enum access_verdict {
    ACCESS_ADMIN,
    ACCESS_VIEWER, /* may read what is asked for, and cause nothing */
    ACCESS_NO_TOKEN,
    ACCESS_BAD_TOKEN,
    ACCESS_BAD_LINK,
    ACCESS_BAD_HOST,
    ACCESS_BAD_ORIGIN,
};

enum access_verdict access_judge(const struct access_policy *policy,
                                 const struct access_request *request);
/* ?exp= as a number; false: it is none. */
bool access_read_expiry(struct bytes text, uint64_t *out);
/* May a page of `origin` read our answers? `host` is what the browser thinks we are called. */
bool access_allows_origin(const struct access_policy *policy, struct bytes host,
                          struct bytes origin);
/* Is it in a setting's list of origins, or everything? */
bool access_lists_origin(const char *list, struct bytes origin);
/* A sentence for whoever was refused, and what to do about it (may be NULL). */
const char *access_reason(enum access_verdict verdict, const char **advice_out);

#endif
