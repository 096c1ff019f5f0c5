/* SPDX-License-Identifier: MIT
 *
 * clock: the two clocks. Only edges (main loops, handlers) read them; cores are given `now_ms`.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_ms(void);      /* monotonic: intervals, deadlines */
uint64_t clock_us(void);      /* monotonic: measuring */
uint64_t clock_unix_ms(void); /* wall clock: what people and links see */

#endif
