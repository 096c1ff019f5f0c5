/* SPDX-License-Identifier: MIT
 *
 * ts_joint: counters of MPEG-TS packets that go on over the joins of segments, no matter who made
 * the segment before, or when. Packets of a stream are counted modulo 16, and a player that misses
 * a number believes that data was lost. So every stream begins each segment with 0 and ends it with
 * 15: as many packets as are missing are made by spreading one of its last packets over several.
 * Tables (PAT, PMT, SDT) are kept once for each segment, and count segments. Pure.
 */
#ifndef WIRE_TS_JOINT_H
#define WIRE_TS_JOINT_H

#include "base/text.h"

enum { TS_PACKET = 188 };

struct ts_joint;

/* For the segment with that number, from 0. */
struct ts_joint *ts_joint_new(unsigned number);
/* Clears the pointer, accepts NULL. */
void ts_joint_free(struct ts_joint **joint);

/* Takes the next packet, and adds to `out` those that are finished. False when it is no packet, or
 * of one stream too many. Keeps what comes behind the last packet of each stream that can be
 * spread. */
bool ts_joint_put(struct ts_joint *joint, const uint8_t packet[TS_PACKET], struct text *out);
/* The rest. A stream that has no packet to spread ends where it ends. */
void ts_joint_end(struct ts_joint *joint, struct text *out);

#endif
