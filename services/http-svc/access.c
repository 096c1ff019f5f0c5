/* SPDX-License-Identifier: MIT */
#include "access.h"

#include <strings.h>

#include "base/settings.h"
#include "wire/link.h"
#include "wire/secret.h"

static bool list_has(const char *list, struct bytes wanted)
{
    struct bytes item;

    while (settings_list_next(&list, &item))
        if (bytes_equal_ignoring_case(item, wanted))
            return true;
    return false;
}

/* "name:port" without its port; the brackets of an IPv6 address stay. */
static struct bytes without_port(struct bytes host)
{
    for (size_t i = host.len; i > 0; i--) {
        uint8_t c = host.data[i - 1];

        if (c == ':')
            return bytes_of(host.data, i - 1);
        if (c < '0' || c > '9')
            break;
    }
    return host;
}

static bool ends_with(struct bytes text, const char *ending)
{
    size_t len = strlen(ending);

    return text.len >= len && bytes_equal_ignoring_case(bytes_of(text.data + text.len - len, len),
                                                        bytes_of(ending, len));
}

static bool is_dotted_loopback(struct bytes host)
{
    unsigned dots = 0;

    if (host.len < 9 || host.len > 15 || memcmp(host.data, "127.", 4) != 0)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        if (host.data[i] == '.')
            dots++;
        else if (host.data[i] < '0' || host.data[i] > '9')
            return false;
    }
    return dots == 3;
}

static bool is_loopback_host(struct bytes host)
{
    struct bytes name = without_port(host);

    return bytes_equal_ignoring_case(name, bytes_of_text("localhost")) ||
           ends_with(name, ".localhost") || bytes_equal_text(name, "[::1]") ||
           is_dotted_loopback(name);
}

/* What follows "scheme://"; nothing for "null" and other things without authority. */
static struct bytes authority_of(struct bytes origin)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i]);

        if (origin.len > len && memcmp(origin.data, schemes[i], len) == 0)
            return bytes_of(origin.data + len, origin.len - len);
    }
    return bytes_of(NULL, 0);
}

bool access_allows_origin(const struct access_policy *policy, struct bytes host,
                          struct bytes origin)
{
    struct bytes authority = authority_of(origin);

    if (authority.len > 0 && bytes_equal_ignoring_case(authority, host))
        return true;
    if (policy->cors_origins[0] != '\0')
        return access_lists_origin(policy->cors_origins, origin);
    /* A token is no ambient right: a page that has it was given it. */
    return policy->needs_token || is_loopback_host(authority);
}

bool access_lists_origin(const char *list, struct bytes origin)
{
    return list_has(list, bytes_of_text("*")) || list_has(list, origin);
}

static bool is_token(const struct access_policy *policy, struct bytes given)
{
    return policy->token[0] != '\0' && secret_equal(bytes_of_text(policy->token), given);
}

static struct bytes bearer_of(struct bytes authorization)
{
    static const char scheme[] = "bearer ";
    size_t len = sizeof(scheme) - 1;

    if (authorization.len <= len || strncasecmp((const char *)authorization.data, scheme, len) != 0)
        return bytes_of(NULL, 0);
    return bytes_of(authorization.data + len, authorization.len - len);
}

bool access_read_expiry(struct bytes text, uint64_t *out)
{
    return text.len > 0 && bytes_decimal(text, out) == text.len;
}

static bool is_signed_for(const struct access_policy *policy, const struct access_request *request,
                          const char *path)
{
    uint64_t expires_s;

    return path != NULL && access_read_expiry(request->expires, &expires_s) &&
           link_verify(policy->link_key, path, expires_s, request->signature, request->now_s);
}

static bool takes_signature(enum route_need need)
{
    return need == NEED_LINK || need == NEED_GRANT;
}

static enum access_verdict judge_by_token(const struct access_policy *policy,
                                          const struct access_request *request)
{
    struct bytes bearer = bearer_of(request->authorization);

    if (is_token(policy, bearer) || is_token(policy, request->token))
        return ACCESS_ADMIN;
    if (takes_signature(request->need) && request->signature.data != NULL)
        return is_signed_for(policy, request, request->link_path) ||
                       is_signed_for(policy, request, request->grant_path)
                   ? ACCESS_VIEWER
                   : ACCESS_BAD_LINK;
    return bearer.data == NULL && request->token.data == NULL ? ACCESS_NO_TOKEN : ACCESS_BAD_TOKEN;
}

enum access_verdict access_judge(const struct access_policy *policy,
                                 const struct access_request *request)
{
    enum access_verdict verdict = ACCESS_ADMIN;
    bool is_foreign;

    if (request->need == NEED_NOTHING || request->need == NEED_OPEN)
        return ACCESS_VIEWER;
    if (policy->needs_token) {
        verdict = judge_by_token(policy, request);
        if (verdict != ACCESS_ADMIN)
            return verdict;
    } else if (!is_loopback_host(request->host) &&
               !list_has(policy->names, without_port(request->host))) {
        return ACCESS_BAD_HOST;
    }
    is_foreign = request->origin.data != NULL
                     ? !access_allows_origin(policy, request->host, request->origin)
                     : !policy->needs_token && bytes_equal_text(request->fetch_site, "cross-site");
    if (is_foreign && (request->need == NEED_CHANGE || request->changes_state))
        return ACCESS_BAD_ORIGIN;
    return is_foreign ? ACCESS_VIEWER : ACCESS_ADMIN;
}

const char *access_reason(enum access_verdict verdict, const char **advice_out)
{
    *advice_out = NULL;
    switch (verdict) {
    case ACCESS_NO_TOKEN:
        *advice_out = "send the admin token as 'Authorization: Bearer ...' or ?token=...";
        return "this needs the admin token";
    case ACCESS_BAD_TOKEN:
        *advice_out = "the token is in the setting http.admin_token or the file admin-token in "
                      "the data folder";
        return "this is not the admin token";
    case ACCESS_BAD_LINK:
        *advice_out = "ask whoever sent the link for a new one";
        return "this link has expired or was changed";
    case ACCESS_BAD_HOST:
        *advice_out = "use localhost, or put the name into the setting http.names";
        return "this server does not go by that name";
    case ACCESS_BAD_ORIGIN:
        *advice_out = "put the origin of the page into the setting http.cors_origins";
        return "pages of other sites may not do this";
    case ACCESS_ADMIN:
    case ACCESS_VIEWER:
        break;
    }
    return "";
}
