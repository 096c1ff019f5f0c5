/* SPDX-License-Identifier: MIT
 *
 * glib_loop: GLib's main loop drives this process, because libnice needs one; the skeleton's is a
 * guest in it (docs/decisions/0016).
 */
#ifndef RTC_GLIB_LOOP_H
#define RTC_GLIB_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct svc;

/* Runs until the skeleton says that it is over, then until `is_done` (at most 2 s). `on_turn` is
 * called after each round: everything that may not be done inside of a callback. It returns true
 * when it wants to be called again at once. */
void loop_run(struct svc *svc, bool (*on_turn)(void *arg), bool (*is_done)(void *arg), void *arg);

/* One round of GLib's; `waits` until something happens. */
void loop_turn(bool waits);

typedef void loop_timer_fn(void *arg);
struct loop_timer;
struct loop_timer *loop_every(uint32_t every_ms, loop_timer_fn *on_time, void *arg);
/* Clears the pointer, accepts NULL. */
void loop_stop(struct loop_timer **timer);

#endif
