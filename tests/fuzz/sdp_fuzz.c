/* SPDX-License-Identifier: MIT
 *
 * Input: a session description of a stranger, or a candidate of one. What is taken, is taken again
 * when it is written down, and is the same.
 */
#include "wire/sdp.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same_candidate(const struct sdp_candidate *a, const struct sdp_candidate *b)
{
    must(bytes_equal(a->foundation, b->foundation) && a->priority == b->priority);
    must(a->type == b->type && a->transport == b->transport && a->port == b->port);
    must(memcmp(a->ip, b->ip, sizeof(a->ip)) == 0);
}

static void check_candidate(struct bytes line)
{
    struct sdp_candidate candidate, again;
    struct text out = {0};

    if (!sdp_candidate_parse(line, &candidate))
        return;
    must(candidate.foundation.len >= 1 && candidate.foundation.len <= 32);
    sdp_candidate_write(&out, &candidate);
    must(sdp_candidate_parse(bytes_of(out.data, out.len), &again));
    check_same_candidate(&candidate, &again);
    text_fini(&out);
}

static void check_same(const struct sdp *a, const struct sdp *b)
{
    must(a->setup == b->setup && a->sctp_port == b->sctp_port);
    must(a->max_message_bytes == b->max_message_bytes && b->skipped_count == 0);
    must(bytes_equal(a->mid, b->mid) && bytes_equal(a->ufrag, b->ufrag));
    must(bytes_equal(a->pwd, b->pwd));
    must(memcmp(a->fingerprint, b->fingerprint, sizeof(a->fingerprint)) == 0);
    must(a->candidate_count == b->candidate_count);
    for (size_t i = 0; i < a->candidate_count; i++)
        check_same_candidate(&a->candidates[i], &b->candidates[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sdp sdp, again;
    struct text out = {0};
    struct error error = {0};
    enum err err = sdp_parse(bytes_of(data, size), &sdp, &error);

    check_candidate(bytes_of(data, size));
    must(err == error.code);
    if (err != ERR_NONE)
        return 0;
    must(size <= SDP_MAX && sdp.candidate_count <= SDP_CANDIDATES_MAX);
    must(sdp.mid.len <= SDP_MID_MAX && sdp.ufrag.len <= SDP_UFRAG_MAX);
    must(sdp.pwd.len <= SDP_PWD_MAX && sdp.sctp_port > 0);
    sdp_write(&out, &sdp, size);
    must(sdp_parse(bytes_of(out.data, out.len), &again, &error) == ERR_NONE);
    check_same(&sdp, &again);
    text_fini(&out);
    return 0;
}
