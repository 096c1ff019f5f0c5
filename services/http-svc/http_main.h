/* SPDX-License-Identifier: MIT
 *
 * http_main: the life of the process; main.c puts these into its svc_def.
 */
#ifndef HTTP_MAIN_H
#define HTTP_MAIN_H

#include "http.h"

enum err http_start(void *state, struct svc *svc, struct error *error);
void http_tick(void *state, uint64_t now_ms);
void http_reload(void *state);
void http_drain(void *state);
bool http_is_drained(void *state);
bool http_may_hand_over(void *state);
void http_stop(void *state);
void http_refresh_metrics(void *state);

#endif
