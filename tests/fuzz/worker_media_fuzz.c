/* SPDX-License-Identifier: MIT
 *
 * Input: a Media message as a worker sends it, which a stranger's file may have taken over.
 * Whatever it says, plans are in order and playlists are made of whole lines.
 */
#include <proto/worker.pb-c.h>
#include <string.h>

#include "base/must.h"
#include "playlist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef Sharestream__Worker__Media Media;

static void check_plan(const struct plan *plan)
{
    must(plan->count > 0 && plan->count <= PLAN_SEGMENTS_MAX);
    for (size_t i = 0; i < plan->count; i++)
        must(plan->starts[i] < plan->starts[i + 1]);
    must(plan_target_s(plan) > 0);
}

static void check_plans(const Media *media)
{
    struct plan plan;

    if (plan_keyframes(&plan, media->keyframes_us, media->n_keyframes_us, media->duration_us,
                       6000000))
        check_plan(&plan);
    plan_fini(&plan);
    if (plan_grid(&plan, media->duration_us, 6000000))
        check_plan(&plan);
    plan_fini(&plan);
}

/* Every line is a tag of ours or an address, and quotes in it are closed. */
static void check_lines(char *text)
{
    char *rest = text, *line;

    while ((line = strtok_r(rest, "\n", &rest)) != NULL) {
        unsigned quotes = 0;

        must(strncmp(line, "#EXT", 4) == 0 || strstr(line, "/index.m3u8") != NULL);
        for (; *line != '\0'; line++) {
            must((unsigned char)*line >= ' ');
            quotes += *line == '"';
        }
        must(quotes % 2 == 0);
    }
}

static void check_master(const Media *media, const struct choice_client *client)
{
    const Sharestream__Worker__Stream *video = choice_stream(media, media->video);
    struct playlist_sizes sizes = {.has_original = true};
    struct captions captions = {0};
    struct text out = {0};
    const char *why = NULL;

    choice_way(media, client, true, &why);
    must(why != NULL);
    if (video != NULL)
        sizes.count = ladder_of(video, 1080, sizes.rungs);
    captions_add_streams(&captions, media);
    captions_name(&captions);
    playlist_master(&out, media, &captions, client, &sizes, "sig=1");
    captions_fini(&captions);
    check_lines(out.data);
    text_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char avc[] = "avc1", ac3[] = "ac-3", *can[] = {avc, ac3};
    const struct choice_client anybody = {0}, somebody = {can, COUNT_OF(can)};
    Media *media = sharestream__worker__media__unpack(NULL, size, data);

    if (media == NULL)
        return 0;
    check_plans(media);
    check_master(media, &anybody);
    check_master(media, &somebody);
    sharestream__worker__media__free_unpacked(media, NULL);
    return 0;
}
