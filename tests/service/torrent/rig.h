/* SPDX-License-Identifier: MIT
 *
 * rig: a real torrent-svc in a folder of its own, talked to over the bus, and real clients beside
 * it. Whatever it says is ready is compared with the original, byte by byte, as a reader in another
 * process would see it. What fails here fails the test at once, with the log.
 */
#ifndef TORRENT_RIG_H
#define TORRENT_RIG_H

#include <proto/svc.pb-c.h>
#include <proto/torrent.pb-c.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/text.h"
#include "bus/ask.h"
#include "film.h"
#include "process.h"
#include "stream/ready_map.h"

/* protobuf-c wants strings that it could change, and never does. */
static inline char *rig_text(const char *text)
{
    return (char *)(uintptr_t)text;
}

enum { RIG_CLIENTS_MAX = 4 };
#define MB ((uint64_t)1 << 20)

typedef Sharestream__Torrent__TorrentInfo Info;
typedef Sharestream__Torrent__State State;

struct rig {
    char folder[32];    /* of everything */
    char data_dir[96];  /* of the service */
    char originals[48]; /* where films are made and seeded from */
    char run_dir[48];
    char config[48];
    struct bus_config bus;
    struct process service;
    struct process clients[RIG_CLIENTS_MAX];
    uint16_t port;    /* of the service, for peers */
    char tracker[64]; /* that aria2 is told of; "" = none */
    uint32_t ask_ms;  /* deadline of the next questions; 0 = a long one */
};

/* For cmocka: makes the rig and its folder; nothing runs yet. */
int rig_setup(void **state);
int rig_teardown(void **state);
/* Starts the service. `settings` are lines of YAML for the section torrent, each "  key: value\n",
 * beside those that keep it on loopback. */
void rig_start(struct rig *rig, const char *settings);
/* Starts it again with the settings of before. */
void rig_restart(struct rig *rig);
/* A start that must fail; returns the exit code. */
int rig_start_fails(struct rig *rig, const char *settings);
/* SIGTERM; returns the exit code. */
int rig_stop(struct rig *rig);
void rig_kill(struct rig *rig);

/* Asks and must get an answer; free it with protobuf_c_message_free_unpacked(). */
void *rig_ask(struct rig *rig, const char *method, const void *request);
/* Asks and must be refused with this code; the sentence comes back, valid until the next call. */
const char *rig_refused(struct rig *rig, const char *method, const void *request, enum err code);
/* Same, with nothing expected. */
enum err rig_try(struct rig *rig, const char *method, const void *request, void **reply_out,
                 struct error *error);
void rig_free(void *reply);

/* Adds a source and waits for the metadata; the hash comes back, valid until the third call on. */
const char *rig_add(struct rig *rig, const char *source);
/* Adds the bytes of a .torrent. */
const char *rig_add_torrent(struct rig *rig, const struct film *film);
/* Adds the film as a magnet link with a peer. */
const char *rig_add_film(struct rig *rig, const struct film *film, uint16_t peer_port);
Info *rig_get(struct rig *rig, const char *hash);
State rig_state(struct rig *rig, const char *hash);
/* Asks with {info_hash} and throws the answer away: Pause, Resume, Recheck. */
void rig_order(struct rig *rig, const char *method, const char *hash);
void rig_remove(struct rig *rig, const char *hash, bool keeps_data);
void rig_limit(struct rig *rig, const char *hash, uint64_t download, uint64_t upload);
/* Opens, moves or renews a stream. */
void rig_read(struct rig *rig, const char *hash, uint64_t reader, uint32_t file, uint64_t position,
              uint64_t end);
void rig_diagnose(struct rig *rig, const char *hash, uint32_t file, char code_out[32]);
uint64_t rig_metric(struct rig *rig, const char *name);

/* Waiting, with the deadline of process.h. */
void rig_wait_state(struct rig *rig, const char *hash, State state);
void rig_wait_ready(struct rig *rig, const char *hash, uint32_t pieces);
void rig_wait_gone(struct rig *rig, const char *path);
void rig_wait_said(struct rig *rig, const char *text);

/* Opens the ready map and compares every piece in it with the film; returns how many there are.
 * `have_out` may be NULL, else gets a byte per piece. */
uint32_t rig_check_ready(struct rig *rig, const struct film *film, uint8_t *have_out);
/* Whole files, at the places the ready map tells. */
void rig_check_files(struct rig *rig, const struct film *film);

/* aria2 that has the film, and one that puts it into `folder`; return the port for peers. */
uint16_t rig_seed_with_aria2(struct rig *rig, const struct film *film, const char *upload_limit);
uint16_t rig_fetch_with_aria2(struct rig *rig, const char *source, const char *folder);
/* Slot of a client; must be there. */
struct process *rig_new_client(struct rig *rig);
char *rig_path(const struct rig *rig, const char *name);

/* A test of cmocka with a rig of its own. */
#define STORY(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

#endif
