/* SPDX-License-Identifier: MIT
 *
 * service_life: start, tick and end of torrent-svc, as svc_def wants them.
 */
#ifndef TORRENT_SERVICE_LIFE_H
#define TORRENT_SERVICE_LIFE_H

#include "service.h"

enum err service_start(void *state, struct svc *svc, struct error *error);
void service_tick(void *state, uint64_t now_ms);
void service_reload(void *state);
void service_drain(void *state);
bool service_is_drained(void *state);
void service_stop(void *state);
void service_metrics(void *state);

#endif
