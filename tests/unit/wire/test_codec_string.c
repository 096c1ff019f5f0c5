/* SPDX-License-Identifier: MIT
 *
 * The headers and packets are what ffmpeg 5.1 with x264 and x265 writes for testsrc=s=320x180.
 */
#include "wire/codec_string.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"

static const char avc_high[] =
    "0164000cffe1001a6764000cacd941419f9f011000000300100000030320f1429960"
    "01000668ebe3cb22c0fdf8f800";
static const char avc_baseline[] =
    "0142c00cffe100196742c00cd901419f9f011000000300100000030320f142a4"
    "8001000568cb83cb20";
static const char avc_high10[] =
    "016e000cffe1001a676e000ca6cd941419f9f011000003000100000300320f1429"
    "9601000668ebe3cb22c0fdfafa00";
static const char hevc_main[] =
    "0101600000009000000000003cf000fcfdf8f800000f03a00001001840010c01ffff016000000300900000030000"
    "03003c959809a10001002b42010101600000030090000003000003003ca00a080b9f796566924caf016808000003"
    "000800000300c840a2000100074401c172b46240";
static const char hevc_main10[] =
    "0102200000009000000000003cf000fcfdfafa00000f03a00001001840010c01ffff022000000300900000030000"
    "03003c959809a10001002a42010102200000030090000003000003003ca00a080b9f6d96566924caf01680800000"
    "03008000000c84a2000100074401c172b46240";
static const char hevc_rext[] =
    "0104080000009e08000000001ef000fcfff8f800000f03a00001001740010c01ffff0408000003009e0800000300"
    "001e959809a10001002c4201010408000003009e0800000300001e90041020b2cacd24995e02dc08080010000003"
    "0010000003019080a2000100084401c172860c4224";

static struct bytes read_hex(const char *hex, uint8_t *room, size_t cap)
{
    size_t len = strlen(hex) / 2;

    must(len <= cap && hex_decode(bytes_of_text(hex), room, len));
    return bytes_of(room, len);
}

static void headers_become_the_names_browsers_want(void **state)
{
    static const struct {
        const char *name, *hex;
        bool is_hevc;
        const char *result; /* NULL: refused */
    } cases[] = {
        {"High", avc_high, false, "avc1.64000c"},
        {"Baseline", avc_baseline, false, "avc1.42c00c"},
        {"High 10", avc_high10, false, "avc1.6e000c"},
        {"HEVC Main", hevc_main, true, "hvc1.1.6.L60.90"},
        {"HEVC Main 10", hevc_main10, true, "hvc1.2.4.L60.90"},
        {"HEVC 4:4:4, two bytes of constraints", hevc_rext, true, "hvc1.4.10.L30.9e.8"},
        {"profile space, high tier, every constraint, every flag",
         "01ffffffffffffffffffffffff0000000000000000000000", true,
         "hvc1.C31.ffffffff.H255.ff.ff.ff.ff.ff.ff"},
        {"no constraints", "0101600000000000000000003cf000fcfdf8f800000f0300", true,
         "hvc1.1.6.L60"},
        {"zero between constraints", "0101600000009000010000003cf000fcfdf8f800000f0300", true,
         "hvc1.1.6.L60.90.0.1"},
        {"nothing", "", false, NULL},
        {"nothing", "", true, NULL},
        {"too short", "0164000cffe1", false, NULL},
        {"too short", "0101600000009000000000003cf000fcfdf8f800000f", true, NULL},
        {"another version", "0264000cffe100", false, NULL},
        {"start codes", "0000000167640010", false, NULL},
        {"start codes", "0000000140010c01ffff01600000030090000003000003003c95", true, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t room[256];
        char out[CODEC_STRING_TEXT] = "";
        struct bytes header = read_hex(cases[i].hex, room, sizeof(room));
        bool is_good =
            cases[i].is_hevc ? codec_string_hevc(header, out) : codec_string_avc(header, out);

        if (is_good != (cases[i].result != NULL) || (is_good && strcmp(out, cases[i].result) != 0))
            fail_msg("%s: '%s'", cases[i].name, out);
    }
    assert_false(codec_string_hevc(bytes_of(NULL, 0), (char[CODEC_STRING_TEXT]){0}));
}

static void headers_say_how_long_lengths_are(void **state)
{
    uint8_t room[256];

    (void)state;
    assert_int_equal(nal_length_bytes(read_hex(avc_high, room, sizeof(room)), false), 4);
    assert_int_equal(nal_length_bytes(read_hex(hevc_main, room, sizeof(room)), true), 4);
    assert_int_equal(nal_length_bytes(read_hex("0164000cfce100", room, sizeof(room)), false), 1);
    assert_int_equal(nal_length_bytes(read_hex("0164000cfde100", room, sizeof(room)), false), 2);
    /* Annex B, as in MPEG-TS. */
    assert_int_equal(nal_length_bytes(read_hex("0000000167640010", room, sizeof(room)), false), 0);
    assert_int_equal(nal_length_bytes(bytes_of(NULL, 0), false), 0);
}

static void pictures_that_nothing_looks_back_over_are_found(void **state)
{
    static const struct {
        const char *name, *hex;
        unsigned length_bytes;
        bool is_hevc, has_idr;
    } cases[] = {
        {"IDR of x264", "00000008658884002fffef29", 4, false, true},
        {"IDR behind parameters", "0000000267640000000268eb00000003658884", 4, false, true},
        {"IDR behind SEI", "0000000306051100000003658884", 4, false, true},
        {"open GOP: recovery point and an I picture", "00000003060601000000036188840f", 4, false,
         false},
        {"P picture", "00000003419a24", 4, false, false},
        {"lengths of two bytes", "00020605000365888400", 2, false, true},
        {"lengths of one byte", "02060503658884", 1, false, true},
        {"HEVC IDR_N_LP of x265", "000000082801af1d62a7042a", 4, true, true},
        {"HEVC IDR_W_RADL", "000000042601af1d", 4, true, true},
        {"HEVC CRA, the second keyframe of x265", "000000082a01ac64594889c6", 4, true, false},
        {"Annex B", "00000001674d00000001688800000165888400", 0, false, true},
        {"Annex B, open GOP", "000000010606010000000161888400", 0, false, false},
        {"Annex B of HEVC", "0000000140010c0000012601af", 0, true, true},

        {"nothing", "", 4, false, false},
        {"only a length", "00000004", 4, false, false},
        {"nothing, Annex B", "", 0, false, false},
        {"start code and no more", "000001", 0, false, false},
        {"cut off in the middle of an IDR", "0000ffff658884", 4, false, true},
        {"length beyond the end hides nothing", "0000ffff4188840000000365888400", 4, false, false},
        {"a unit of no bytes is none: 65 is a length", "0000000065000000", 4, false, false},
        {"units of no bytes, one length each", "000000000000000000", 4, false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t room[256];
        struct bytes packet = read_hex(cases[i].hex, room, sizeof(room));

        if (nal_has_idr(packet, cases[i].length_bytes, cases[i].is_hevc) != cases[i].has_idr)
            fail_msg("%s: wrong", cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_become_the_names_browsers_want),
        cmocka_unit_test(headers_say_how_long_lengths_are),
        cmocka_unit_test(pictures_that_nothing_looks_back_over_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
