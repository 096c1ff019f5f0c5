/* SPDX-License-Identifier: MIT
 *
 * clock: the two clocks. Only edges (main loops, handlers) read them; cores are given `now_ms`.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum { CLOCK_BOOT_TEXT = 36 }; /* a UUID as the kernel prints it */

uint64_t clock_ms(void);      /* monotonic: intervals, deadlines */
uint64_t clock_us(void);      /* monotonic: measuring */
uint64_t clock_unix_ms(void); /* wall clock: what people and links see */
/* Which boot of which machine this is: monotonic times mean the same wherever it is the same. Not
 * NUL-terminated. False: the kernel does not tell. */
bool clock_boot(char out[CLOCK_BOOT_TEXT]);

#endif
