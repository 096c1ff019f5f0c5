/* SPDX-License-Identifier: MIT */
#include "charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <strings.h>
#include <uchardet/uchardet.h>

#include "base/must.h"

enum {
    CHUNK_BYTES = 16 << 10,
    /* Of a text in UTF-16 without a mark, a half or so of one of each two bytes is 0. */
    ZEROS_PART = 5,
};

/* Names that uchardet gives, and which glibc knows as well. */
static const char *const names[] = {
    "WINDOWS-1252", /* the usual one comes first */
    "UTF-16LE",     "UTF-16BE",     "UTF-32LE",     "UTF-32BE",     "WINDOWS-1250", "WINDOWS-1251",
    "WINDOWS-1253", "WINDOWS-1254", "WINDOWS-1255", "WINDOWS-1256", "WINDOWS-1257", "WINDOWS-1258",
    "ISO-8859-1",   "ISO-8859-2",   "ISO-8859-3",   "ISO-8859-4",   "ISO-8859-5",   "ISO-8859-6",
    "ISO-8859-7",   "ISO-8859-8",   "ISO-8859-9",   "ISO-8859-10",  "ISO-8859-13",  "ISO-8859-15",
    "ISO-8859-16",  "KOI8-R",       "IBM852",       "IBM855",       "IBM866",       "MAC-CYRILLIC",
    "BIG5",         "EUC-JP",       "EUC-KR",       "EUC-TW",       "GB18030",      "SHIFT_JIS",
    "TIS-620",      "UHC",          "VISCII",
};
static iconv_t converters[COUNT_OF(names)];

static const iconv_t none = (iconv_t)-1;

void charset_prepare(void)
{
    for (size_t i = 0; i < COUNT_OF(names); i++)
        converters[i] = iconv_open("UTF-8", names[i]);
}

static const char *name_by_zeros(struct bytes in)
{
    size_t even = 0, odd = 0;

    for (size_t i = 0; i + 1 < in.len; i += 2) {
        even += in.data[i] == 0;
        odd += in.data[i + 1] == 0;
    }
    if (odd > in.len / 2 / ZEROS_PART && odd > even)
        return "UTF-16LE";
    return even > in.len / 2 / ZEROS_PART ? "UTF-16BE" : NULL;
}

static iconv_t converter(const char *name)
{
    for (size_t i = 0; name != NULL && i < COUNT_OF(names); i++)
        if (strcasecmp(names[i], name) == 0 && converters[i] != none)
            return converters[i];
    return converters[0];
}

static iconv_t choose(struct bytes in)
{
    const char *name = name_by_zeros(in);
    uchardet_t detector;
    iconv_t found;

    if (name != NULL)
        return converter(name);
    detector = uchardet_new();
    must(detector != NULL);
    uchardet_handle_data(detector, (const char *)in.data, in.len);
    uchardet_data_end(detector);
    found = converter(uchardet_get_charset(detector));
    uchardet_delete(detector);
    return found;
}

static void convert(iconv_t by, struct bytes in, struct text *out)
{
    static const char unknown[] = "\xef\xbf\xbd";
    char *from = (char *)(uintptr_t)in.data, chunk[CHUNK_BYTES], *to;
    size_t left = in.len, room;

    iconv(by, NULL, NULL, NULL, NULL);
    while (left > 0) {
        size_t rc;

        to = chunk;
        room = sizeof(chunk);
        rc = iconv(by, &from, &left, &to, &room);
        text_add_bytes(out, bytes_of(chunk, sizeof(chunk) - room));
        if (rc != (size_t)-1 || errno == E2BIG)
            continue;
        text_add(out, unknown);
        if (errno != EILSEQ)
            break; /* cut off in the middle of the last character */
        from++;
        left--;
    }
}

static bool takes_mark(struct bytes *in, const char *mark, size_t len)
{
    if (in->len < len || memcmp(in->data, mark, len) != 0)
        return false;
    *in = bytes_of(in->data + len, in->len - len);
    return true;
}

void charset_to_utf8(struct bytes in, struct text *out)
{
    iconv_t by = none;

    if (takes_mark(&in, "\xff\xfe\0\0", 4))
        by = converter("UTF-32LE");
    else if (takes_mark(&in, "\0\0\xfe\xff", 4))
        by = converter("UTF-32BE");
    else if (takes_mark(&in, "\xff\xfe", 2))
        by = converter("UTF-16LE");
    else if (takes_mark(&in, "\xfe\xff", 2))
        by = converter("UTF-16BE");
    else if (!takes_mark(&in, "\xef\xbb\xbf", 3) && !utf8_valid(in))
        by = choose(in);
    if (by != none)
        convert(by, in, out);
    else
        text_add_bytes(out, in);
}
