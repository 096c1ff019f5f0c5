/* SPDX-License-Identifier: MIT
 *
 * crc32c: the checksum of SCTP (RFC 9260, appendix A) by the processor's own instruction, where it
 * has one.
 */
#ifndef RTC_CRC32C_H
#define RTC_CRC32C_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

bool crc32c_is_there(void);
/* Only where it is there. */
uint32_t crc32c(struct bytes data);

#endif
