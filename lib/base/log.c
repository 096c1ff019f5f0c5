/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/text.h"

enum { LINE_MAX_BYTES = 2048, VALUE_MAX_BYTES = 768, HEAD_MAX_BYTES = 64 };

static struct {
    char service[64];
    _Atomic enum log_level level;
    bool as_json;
    log_also_fn *also;
    void *also_arg;
} config = {.service = "-", .level = LOG_LEVEL_INFO};

static _Thread_local uint64_t current_trace;

static const char *const level_words[] = {"error", "warn", "info", "debug"};

void log_init(const char *service, enum log_level level, bool as_json)
{
    snprintf(config.service, sizeof(config.service), "%s", service);
    config.level = level;
    config.as_json = as_json;
}

void log_set_level(enum log_level level)
{
    config.level = level;
}

enum log_level log_get_level(void)
{
    return config.level;
}

bool log_level_parse(const char *word, enum log_level *out)
{
    for (size_t i = 0; i < COUNT_OF(level_words); i++) {
        if (strcmp(word, level_words[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

const char *log_level_word(enum log_level level)
{
    return level_words[level];
}

bool log_read_level(struct bytes line, enum log_level *out)
{
    /* The time comes first; its length is no matter of ours. */
    static const struct {
        const char *start, *level, *end;
    } shapes[] = {{"ts=", " lvl=", " "}, {"{\"ts\":\"", "\",\"lvl\":\"", "\""}};

    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        char head[HEAD_MAX_BYTES], *level, *end;
        size_t len = MIN(line.len, sizeof(head) - 1);

        memcpy(head, line.data, len);
        head[len] = '\0';
        if (strncmp(head, shapes[i].start, strlen(shapes[i].start)) != 0 ||
            (level = strstr(head, shapes[i].level)) == NULL)
            continue;
        level += strlen(shapes[i].level);
        if ((end = strstr(level, shapes[i].end)) == NULL)
            continue;
        *end = '\0';
        return log_level_parse(level, out);
    }
    return false;
}

void log_also(log_also_fn *fn, void *arg)
{
    config.also = fn;
    config.also_arg = arg;
}

void log_set_trace(uint64_t trace)
{
    current_trace = trace;
}

uint64_t log_trace(void)
{
    return current_trace;
}

struct line {
    char data[LINE_MAX_BYTES];
    size_t len;
};

/* Whole pieces only, so that neither quotes nor braces stay open; room for what closes them. */
enum { CLOSING_BYTES = 3 };

static bool add(struct line *line, const char *text)
{
    size_t len = strlen(text);

    if (line->len + len > sizeof(line->data) - CLOSING_BYTES)
        return false;
    memcpy(line->data + line->len, text, len);
    line->len += len;
    return true;
}

static bool is_plain(const char *value)
{
    if (*value == '\0')
        return false;
    for (; *value != '\0'; value++)
        if ((unsigned char)*value <= ' ' || (unsigned char)*value >= 0x7f ||
            strchr("\"\\=", *value) != NULL)
            return false;
    return true;
}

/* Escapes are JSON's. What is no UTF-8 becomes U+FFFD, and control characters of either kind (C1
 * too: terminals obey them) are spelt out. */
static bool add_quoted(struct line *line, const char *value)
{
    bool fits = add(line, "\"");

    if (!fits)
        return false;
    while (*value != '\0' && fits) {
        uint32_t code = 0;
        size_t len = utf8_next(bytes_of(value, strnlen(value, 4)), &code);
        char escaped[8];

        if (code == '"' || code == '\\')
            snprintf(escaped, sizeof(escaped), "\\%c", *value);
        else if (code == '\n')
            snprintf(escaped, sizeof(escaped), "\\n");
        else if (len == 0)
            snprintf(escaped, sizeof(escaped), "\\ufffd");
        else if (code < ' ' || (code >= 0x7f && code < 0xa0))
            snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned)code);
        else
            snprintf(escaped, sizeof(escaped), "%.*s", (int)len, value);
        fits = add(line, escaped);
        value += MAX(len, 1);
    }
    line->data[line->len++] = '"';
    return true;
}

static void add_field(struct line *line, const char *key, const char *value)
{
    size_t before = line->len;
    bool fits =
        config.as_json
            ? add(line, line->len == 0 ? "{\"" : ",\"") && add(line, key) && add(line, "\":")
            : (line->len == 0 || add(line, " ")) && add(line, key) && add(line, "=");

    if (fits && !config.as_json && is_plain(value))
        fits = add(line, value);
    else if (fits)
        fits = add_quoted(line, value);
    if (!fits)
        line->len = before;
}

/* Formats the one conversion `spec` (a whole %... with its letter) with its argument from `args`.
 * The compiler has checked the pairs already (format attribute); what matters here is only the
 * width of the argument. A width or precision of '*' comes before it, at most one of them. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#define FORMAT(type)                                                                               \
    (has_star ? snprintf(out, cap, spec, star, va_arg(*args, type))                                \
              : snprintf(out, cap, spec, va_arg(*args, type)))
static int format_one(char *out, size_t cap, const char *spec, va_list *args)
{
    char letter = spec[strlen(spec) - 1];
    bool is_long = strpbrk(spec, "lzjt") != NULL, has_star = strchr(spec, '*') != NULL;
    int star = has_star ? va_arg(*args, int) : 0;

    if (letter == 's')
        return FORMAT(const char *);
    if (letter == 'p')
        return FORMAT(void *);
    if (strchr("aAeEfFgG", letter) != NULL)
        return FORMAT(double);
    if (strchr("%m", letter) != NULL) /* these take none; errno is still what it was */
        return snprintf(out, cap, "%s", letter == 'm' ? strerror(errno) : "%");
    must(strchr("diouxXc", letter) != NULL);
    if (is_long)
        return FORMAT(long);
    return FORMAT(int);
}
#undef FORMAT
#pragma GCC diagnostic pop

/* One key=format pair beginning at `at`; returns where the next begins. */
static const char *add_pair(struct line *line, const char *at, va_list *args)
{
    char key[48], value[VALUE_MAX_BYTES] = "";
    size_t used = 0, key_len = strcspn(at, "=");

    snprintf(key, sizeof(key), "%.*s", (int)key_len, at);
    at += key_len + (at[key_len] == '=');
    while (*at != '\0' && *at != ' ') {
        if (*at != '%') {
            if (used + 1 < sizeof(value))
                value[used++] = *at;
            at++;
            continue;
        }
        char spec[16];
        size_t spec_len = 1 + strspn(at + 1, "-+ #0123456789.*lhzjt") + 1;

        must(spec_len < sizeof(spec));
        memcpy(spec, at, spec_len);
        spec[spec_len] = '\0';
        int len = format_one(value + used, sizeof(value) - used, spec, args);
        used = MIN(used + (size_t)MAX(len, 0), sizeof(value) - 1);
        at += spec_len;
    }
    value[used] = '\0';
    add_field(line, key, value);
    return at;
}

static void add_head(struct line *line, enum log_level level, const char *message)
{
    uint64_t now = clock_unix_ms();
    time_t seconds = (time_t)(now / 1000);
    struct tm utc;
    char stamp[40], trace[24];
    size_t len;

    gmtime_r(&seconds, &utc);
    len = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(stamp + len, sizeof(stamp) - len, ".%03uZ", (unsigned)(now % 1000));
    add_field(line, "ts", stamp);
    add_field(line, "lvl", level_words[level]);
    add_field(line, "svc", config.service);
    add_field(line, "msg", message);
    if (current_trace != 0) {
        snprintf(trace, sizeof(trace), "%012llx", (unsigned long long)current_trace);
        add_field(line, "trace", trace);
    }
}

void log_line(enum log_level level, const char *message, const char *fields, ...)
{
    struct line line = {.len = 0};
    int saved = errno;
    va_list args;

    if (level > config.level)
        return;
    add_head(&line, level, message);
    va_start(args, fields);
    errno = saved;
    for (const char *at = fields; *at != '\0';)
        at = *at == ' ' ? at + 1 : add_pair(&line, at, &args);
    va_end(args);
    if (config.as_json)
        line.data[line.len++] = '}';
    line.data[line.len++] = '\n';
    /* One write per line, so that lines of different threads and processes do not mix. */
    if (write(STDERR_FILENO, line.data, line.len) < 0) {
        /* whoever read our log is gone; nothing useful can be done */
    }
    if (config.also != NULL)
        config.also(config.also_arg, bytes_of(line.data, line.len));
    errno = saved;
}
