/* SPDX-License-Identifier: MIT
 *
 * verbs_rtc: browsers that are peers, as other verbs show them too.
 */
#ifndef CLI_VERBS_RTC_H
#define CLI_VERBS_RTC_H

#include <proto/rtc.pb-c.h>

#include "cli.h"

void browsers_table(const Sharestream__Rtc__PeersReply *reply, bool has_torrents,
                    const struct term *term);
/* What rtc-svc says of a torrent, or of all (NULL). */
enum cli_exit show_browsers(struct cli *cli, char *info_hash);

/* What a doctor found, as a table. */
void print_steps(const Sharestream__Rtc__ProbeReply *reply, const struct term *term);

#endif
