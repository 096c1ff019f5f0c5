/* SPDX-License-Identifier: MIT
 *
 * Peers that rtc-svc brings, played by plain sockets that come from its addresses and say what a
 * peer says first. Real sessions on loopback.
 */
#include "lt_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

#include "base/text.h"
#include "wire/bridge_address.h"

enum { HANDSHAKE = 68, TALKERS_MAX = 40, FILM_BYTES = 1 << 20 };

static struct node *const node = &rig_nodes[0];
static struct node *const other = &rig_nodes[1];

/* Somebody who connected to node 0. */
static struct talker {
    int fd;
    bool is_gone;
    struct text said; /* by node 0 */
} talkers[TALKERS_MAX];
static size_t talker_count;

static void add_message(struct text *out, const void *data, size_t len)
{
    uint32_t be = htonl((uint32_t)len);

    text_add_bytes(out, bytes_of(&be, sizeof(be)));
    text_add_bytes(out, bytes_of(data, len));
}

/* `extension` is the dictionary of BEP 10, or NULL. */
static void send_first_words(const struct talker *talker, const char *extension)
{
    struct text words = {0};
    uint8_t reserved[8] = {[5] = 0x10};
    char id[21];
    char message[256] = {20, 0};
    static const char interested = 2;

    snprintf(id, sizeof(id), "-WW0100-%012zu", (size_t)(talker - talkers));
    text_add(&words, "\x13"
                     "BitTorrent protocol");
    text_add_bytes(&words, bytes_of(reserved, sizeof(reserved)));
    text_add_bytes(&words, bytes_of(node->info->hashes.v1, 20));
    text_add(&words, id);
    if (extension != NULL) {
        size_t len = (size_t)snprintf(message + 2, sizeof(message) - 2, "%s", extension);

        add_message(&words, message, len + 2);
    }
    add_message(&words, &interested, 1);
    assert_int_equal(send(talker->fd, words.data, words.len, MSG_NOSIGNAL), words.len);
    text_fini(&words);
}

/* `source` in host byte order. */
static struct talker *talk(uint32_t source, const char *extension)
{
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(node->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct talker *talker = &talkers[talker_count++];

    assert_true(talker_count <= TALKERS_MAX);
    talker->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(talker->fd, (const struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(talker->fd, (const struct sockaddr *)&to, sizeof(to)), 0);
    send_first_words(talker, extension);
    return talker;
}

static struct talker *talk_as_browser(unsigned number)
{
    return talk(bridge_address(number), NULL);
}

static void listen_to(struct talker *talker)
{
    char data[4096];
    ssize_t len;

    while (!talker->is_gone && (len = recv(talker->fd, data, sizeof(data), MSG_DONTWAIT)) != -1) {
        talker->is_gone = len == 0;
        text_add_bytes(&talker->said, bytes_of(data, (size_t)len));
    }
    talker->is_gone = talker->is_gone || (errno != EAGAIN && errno != EINTR);
}

enum { CHOKE = 0, UNCHOKE = 1 };

/* What node 0 said last of the two, in the messages after the handshake. */
static bool is_served(struct talker *talker)
{
    bool is_served = false;
    uint32_t len;

    listen_to(talker);
    for (size_t at = HANDSHAKE; at + 5 <= talker->said.len; at += 4 + ntohl(len)) {
        uint8_t type = (uint8_t)talker->said.data[at + 4];

        memcpy(&len, talker->said.data + at, sizeof(len));
        if (ntohl(len) == 1 && (type == CHOKE || type == UNCHOKE))
            is_served = type == UNCHOKE;
    }
    return is_served;
}

static int end_talk(void **state)
{
    for (size_t i = 0; i < talker_count; i++) {
        close(talkers[i].fd);
        text_fini(&talkers[i].said);
        talkers[i] = (struct talker){0};
    }
    talker_count = 0;
    return rig_teardown(state);
}

static void begin(const char *folder)
{
    char source[64];

    snprintf(source, sizeof(source), "%s/%s", rig_root, folder);
    mkdir(source, 0777);
    rig_write(rig_path(source, "film.mkv"), FILM_BYTES, 5);
    rig_seed(source, "film.mkv", false);
}

static void apply(const struct lt_config *config)
{
    struct error error;

    assert_int_equal(lt_session_apply(node->session, config, &error), ERR_NONE);
}

/* Of node 0, those with and without this flag. */
static size_t count_peers(uint32_t flag, size_t *without_out)
{
    static struct lt_peer peers[100];
    size_t count, with = 0;

    assert_int_equal(lt_peers(node->session, node->id, peers, COUNT_OF(peers), &count), ERR_NONE);
    for (size_t i = 0; i < count; i++)
        with += (peers[i].flags & flag) != 0;
    *without_out = count - with;
    return with;
}

/* ---- served at once */

static size_t count_served(void)
{
    size_t served = 0;

    for (size_t i = 0; i < talker_count; i++)
        served += is_served(&talkers[i]);
    return served;
}

static bool all_are_served(void)
{
    return count_served() == talker_count;
}

static void browsers_are_served_besides_the_upload_slots(void **state)
{
    struct lt_config config = rig_config(LT_DISK_DIRECT);

    (void)state;
    begin("slots");
    config.upload_slots = 1;
    for (int limits_local = 0; limits_local < 2; limits_local++) {
        config.limit_local_peers = limits_local;
        apply(&config);
        for (unsigned i = 0; i < 8; i++)
            talk_as_browser(talker_count + 1);
        wait_until(all_are_served);
    }
}

/* ---- limits */

static size_t wanted_browsers, wanted_others;

static bool are_there(void)
{
    size_t others, browsers = count_peers(LT_PEER_BROWSER, &others);

    for (size_t i = 0; i < talker_count; i++)
        listen_to(&talkers[i]);
    return browsers == wanted_browsers && others == wanted_others &&
           node->status.browsers == browsers;
}

static void expect(size_t browsers, size_t others)
{
    wanted_browsers = browsers;
    wanted_others = others;
    wait_until(are_there);
}

static bool three_of_six_are_gone(void)
{
    size_t gone = 0;

    for (size_t i = 12; i < talker_count; i++) {
        listen_to(&talkers[i]);
        gone += talkers[i].is_gone;
    }
    return gone == 3;
}

static void browsers_count_apart_from_the_limits(void **state)
{
    struct lt_config config = rig_config(LT_DISK_DIRECT);

    (void)state;
    begin("limits");
    config.max_connections = 4;
    apply(&config);
    assert_int_equal(lt_limits(node->session, node->id, 0, 0, 3), ERR_NONE);
    /* More than either limit. Each is waited for: where all come at once, one may have to make
     * room for the next. */
    for (size_t i = 1; i <= 12; i++) {
        talk_as_browser((unsigned)i);
        expect(i, 0);
    }
    for (size_t i = 1; i <= 3; i++) {
        talk(INADDR_LOOPBACK, NULL);
        expect(12, i);
    }
    /* They leave no place for others. */
    for (size_t i = 0; i < 12; i++)
        shutdown(talkers[i].fd, SHUT_RDWR);
    expect(0, 3);
    for (size_t i = 0; i < 3; i++)
        talk(INADDR_LOOPBACK, NULL);
    wait_until(three_of_six_are_gone);
    expect(0, 3);
}

static bool is_full(void)
{
    size_t others, browsers = count_peers(LT_PEER_BROWSER, &others);

    for (size_t i = 0; i < talker_count; i++)
        listen_to(&talkers[i]);
    return browsers + others == wanted_browsers && browsers >= wanted_browsers / 2;
}

/* libtorrent lets a new one in by the rank of its address, so that not all may be let in at the
 * first attempt; whoever is kept out comes again. */
static void full_torrents_take_browsers(void **state)
{
    (void)state;
    begin("full");
    assert_int_equal(lt_limits(node->session, node->id, 0, 0, 2), ERR_NONE);
    for (size_t i = 1; i <= 2; i++) {
        talk(INADDR_LOOPBACK, NULL);
        expect(0, i);
    }
    wanted_browsers = 10;
    for (unsigned number = 1; talker_count < TALKERS_MAX && !is_full(); number++) {
        talk_as_browser(number);
        rig_serve(all_are_served, 200);
    }
    assert_true(is_full());
}

/* ---- rates */

enum { BLOCK = 16 << 10, REQUEST = 6 };

static void ask_for_film(const struct talker *talker)
{
    struct text words = {0};

    for (uint32_t at = 0; at < FILM_BYTES; at += BLOCK) {
        uint32_t numbers[] = {htonl(at / node->info->piece_bytes),
                              htonl(at % node->info->piece_bytes), htonl(BLOCK)};
        char message[1 + sizeof(numbers)] = {REQUEST};

        memcpy(message + 1, numbers, sizeof(numbers));
        add_message(&words, message, sizeof(message));
    }
    assert_int_equal(send(talker->fd, words.data, words.len, MSG_NOSIGNAL), words.len);
    text_fini(&words);
}

static bool has_film(void)
{
    listen_to(&talkers[0]);
    return talkers[0].said.len > FILM_BYTES;
}

/* Also where they do not hold for others of this machine. */
static void rates_of_the_session_hold_for_browsers(void **state)
{
    struct lt_config config = rig_config(LT_DISK_DIRECT);
    uint64_t begun;

    (void)state;
    begin("rates");
    config.upload_limit = 512 << 10;
    apply(&config);
    talk_as_browser(1);
    wait_until(all_are_served);
    begun = rig_now_ms();
    ask_for_film(&talkers[0]);
    wait_until(has_film);
    assert_true(rig_now_ms() - begun >= 1000); /* 1 MiB at half a MiB a second */
}

/* ---- turns */

enum { VIEWERS = 5 };

static bool two_are_served(void)
{
    return count_served() == 2;
}

/* All want all of the film, at a rate at which this takes a minute. */
static void few_are_served_at_a_time_when_the_line_is_slow(void **state)
{
    struct lt_config config = rig_config(LT_DISK_DIRECT);

    (void)state;
    begin("turns");
    config.upload_limit = 64 << 10;
    apply(&config);
    for (unsigned i = 0; i < VIEWERS; i++)
        talk_as_browser(i + 1);
    wait_until(all_are_served);
    for (size_t i = 0; i < VIEWERS; i++)
        ask_for_film(&talkers[i]);
    wait_until(two_are_served);
    config.upload_limit = 0;
    apply(&config);
    wait_until(all_are_served);
}

/* ---- encryption */

static bool is_judged(void)
{
    listen_to(&talkers[1]);
    return all_are_served() || talkers[1].is_gone;
}

static bool browser_is_served(void)
{
    return is_served(&talkers[0]);
}

static bool other_has_film(void)
{
    return other->finished > 0;
}

static void browsers_need_not_encrypt_where_others_have_to(void **state)
{
    struct lt_config config = rig_config(LT_DISK_DIRECT);
    struct error error;

    (void)state;
    begin("encryption");
    config.encryption = "require";
    apply(&config);
    talk_as_browser(1);
    wait_until(browser_is_served);
    talk(INADDR_LOOPBACK, NULL);
    wait_until(is_judged);
    assert_true(talkers[1].is_gone);
    assert_true(!talkers[0].is_gone);
    /* And who does is served. */
    rig_open(1, NULL, LT_DISK_DIRECT);
    assert_int_equal(lt_session_apply(other->session, &config, &error), ERR_NONE);
    rig_add(other, (struct lt_add){.metainfo = bytes_of(node->metainfo, node->metainfo_len)});
    rig_meet(other);
    wait_until(other_has_film);
}

/* ---- addresses */

static bool is_sent_away(void)
{
    listen_to(&talkers[0]);
    return talkers[0].is_gone;
}

/* libtorrent tells others of nobody whose port it does not know. */
static void browsers_name_no_port(void **state)
{
    (void)state;
    begin("port");
    talk(bridge_address(1), "d1:md6:ut_pexi1ee1:pi6881ee");
    wait_until(is_sent_away);
    assert_false(is_served(&talkers[0]));
}

/* The last who came, of this address as peers write it. */
static bool is_told_of(uint32_t address, uint16_t port)
{
    struct talker *talker = &talkers[talker_count - 1];
    uint8_t wanted[6];
    uint32_t be = htonl(address);
    uint16_t be_port = htons(port);

    memcpy(wanted, &be, 4);
    memcpy(wanted + 4, &be_port, 2);
    listen_to(talker);
    return talker->said.len > 0 &&
           memmem(talker->said.data, talker->said.len, wanted, port == 0 ? 4 : 6) != NULL;
}

static bool is_told_of_other(void)
{
    return is_told_of(INADDR_LOOPBACK, other->port);
}

static bool other_is_connected(void)
{
    return other->status.peers > 0;
}

static void peers_are_told_of_each_other_and_of_no_browser(void **state)
{
    (void)state;
    begin("pex");
    for (unsigned i = 1; i <= 5; i++)
        talk(bridge_address(i), "d1:md6:ut_pexi1eee");
    wait_until(all_are_served);
    rig_open(1, NULL, LT_DISK_DIRECT);
    rig_add(other, (struct lt_add){.metainfo = bytes_of(node->metainfo, node->metainfo_len)});
    rig_meet(other);
    wait_until(other_is_connected);
    talk(INADDR_LOOPBACK, "d1:md6:ut_pexi1eee");
    wait_until(is_told_of_other);
    for (unsigned i = 1; i <= 5; i++)
        assert_false(is_told_of(bridge_address(i), 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(browsers_are_served_besides_the_upload_slots, end_talk),
        cmocka_unit_test_teardown(browsers_count_apart_from_the_limits, end_talk),
        cmocka_unit_test_teardown(full_torrents_take_browsers, end_talk),
        cmocka_unit_test_teardown(rates_of_the_session_hold_for_browsers, end_talk),
        cmocka_unit_test_teardown(few_are_served_at_a_time_when_the_line_is_slow, end_talk),
        cmocka_unit_test_teardown(browsers_need_not_encrypt_where_others_have_to, end_talk),
        cmocka_unit_test_teardown(browsers_name_no_port, end_talk),
        cmocka_unit_test_teardown(peers_are_told_of_each_other_and_of_no_browser, end_talk),
    };

    return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
