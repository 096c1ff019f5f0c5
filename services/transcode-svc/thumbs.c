/* SPDX-License-Identifier: MIT */
#include "thumbs.h"

#include <inttypes.h>

#include "base/must.h"

typedef Sharestream__Worker__Media Media;
typedef Sharestream__Worker__Stream Stream;

enum {
    SECOND_US = 1000 * 1000,
    HEIGHT_MAX = 4 * THUMBS_WIDTH, /* of one picture, whatever shape it claims to have */
    HEIGHT_MIN = 16,
    LONGEST_S = 10 * 365 * 86400, /* what is said to last longer does not */
    POSTER_PART = 10,             /* of the film are over by then: the titles as well */
    BUDGET_BYTES = 32 << 20,
    BUDGET_FACTOR = 3,
};

struct grid {
    int64_t interval_us;
    uint32_t pictures, sheets;
    uint32_t width, height; /* of one picture */
};

/* ---- which pictures */

static double aspect_of(const Stream *video)
{
    double aspect = 16.0 / 9;

    if (video->width > 0 && video->height > 0 && video->pixel_aspect > 0)
        aspect = video->pixel_aspect * video->width / video->height;
    return video->turns % 2 == 0 ? aspect : 1 / aspect;
}

static struct grid grid_of(const Media *media)
{
    const Stream *video = choice_stream(media, media->video);
    struct grid grid = {.interval_us = (int64_t)THUMBS_INTERVAL_S * SECOND_US,
                        .width = THUMBS_WIDTH};
    int64_t end_us = media->duration_us;

    if (end_us <= 0 && media->n_keyframes_us > 0)
        end_us = media->keyframes_us[media->n_keyframes_us - 1] + 1;
    if (video == NULL || end_us <= 0)
        return grid;
    end_us = MIN(end_us, (int64_t)LONGEST_S * SECOND_US);
    while ((end_us - 1) / grid.interval_us >= THUMBS_MAX)
        grid.interval_us *= 2;
    grid.pictures = (uint32_t)((end_us - 1) / grid.interval_us) + 1;
    grid.sheets = (grid.pictures + THUMBS_PER_SHEET - 1) / THUMBS_PER_SHEET;
    /* Colours of JPEG have half the lines. */
    grid.height =
        2 * (uint32_t)(MAX(MIN(grid.width / aspect_of(video), HEIGHT_MAX), HEIGHT_MIN) / 2 + 0.5);
    return grid;
}

/* The last keyframe that is not later; the first, where all are. */
static size_t keyframe_at(const Media *media, int64_t us)
{
    size_t low = 0, high = media->n_keyframes_us;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (media->keyframes_us[middle] <= us)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* ---- what is here */

static bool is_whole(const struct thumbs_film *film)
{
    return film->is_here(film->arg, 0, film->size);
}

/* What lies between it and the next. Several may begin at the same cluster of a file. */
static bool is_keyframe_here(const struct thumbs_film *film, size_t keyframe)
{
    const uint64_t *offsets = film->media->keyframe_offsets;
    size_t next = keyframe + 1;

    while (next < film->media->n_keyframe_offsets && offsets[next] <= offsets[keyframe])
        next++;
    return film->is_here(film->arg, offsets[keyframe],
                         next < film->media->n_keyframe_offsets ? offsets[next] : film->size);
}

static uint32_t pictures_before(const struct grid *grid, uint32_t sheet)
{
    return MIN(sheet * THUMBS_PER_SHEET, grid->pictures);
}

static uint32_t count_here(const struct thumbs_film *film, const struct grid *grid, uint32_t sheet)
{
    uint32_t first = pictures_before(grid, sheet), end = pictures_before(grid, sheet + 1);
    size_t keyframe, before = SIZE_MAX;
    bool is_here = false;
    uint32_t count = 0;

    if (film->media->n_keyframes_us == 0)
        return is_whole(film) ? end - first : 0;
    for (uint32_t i = first; i < end; i++, before = keyframe) {
        keyframe = keyframe_at(film->media, i * grid->interval_us);
        if (keyframe != before)
            is_here = is_keyframe_here(film, keyframe);
        count += is_here;
    }
    return count;
}

static bool is_ready(const struct thumbs_film *film, const struct grid *grid, uint32_t sheet)
{
    return film->is_made(film->arg, sheet) ||
           count_here(film, grid, sheet) ==
               pictures_before(grid, sheet + 1) - pictures_before(grid, sheet);
}

/* ---- posters */

static const Stream *cover_of(const Media *media)
{
    for (size_t i = 0; i < media->n_streams; i++)
        if (media->streams[i]->is_picture)
            return media->streams[i];
    return NULL;
}

uint32_t thumbs_poster(const struct thumbs_film *film)
{
    const Media *media = film->media;
    size_t keyframe = keyframe_at(media, media->duration_us / POSTER_PART);

    if (media->video < 0)
        return 0; /* the cover */
    if (media->n_keyframes_us == 0)
        return is_whole(film);
    while (keyframe > 0 && !is_keyframe_here(film, keyframe))
        keyframe--;
    return (uint32_t)keyframe;
}

static int64_t poster_us(const Media *media, uint32_t number)
{
    if (media->n_keyframes_us > 0)
        return media->keyframes_us[number];
    return number * (media->duration_us / POSTER_PART);
}

/* ---- what can be made */

static enum err check_sheet(const struct thumbs_film *film, uint32_t number, struct error *error)
{
    struct grid grid = grid_of(film->media);

    if (grid.sheets == 0)
        return error_set(error, ERR_NOT_FOUND, "there are no pictures of it");
    if (number >= grid.sheets)
        return error_set(error, ERR_NOT_FOUND, "there are only %u sheets of pictures", grid.sheets);
    if (!is_ready(film, &grid, number))
        return error_set(error, ERR_BUSY, "not all pictures of this sheet are here yet");
    return ERR_NONE;
}

static enum err check_poster(const struct thumbs_film *film, uint32_t number, struct error *error)
{
    const Media *media = film->media;

    if (media->video < 0 && cover_of(media) == NULL)
        return error_set(error, ERR_NOT_FOUND, "there is neither picture nor cover in it");
    if (media->video < 0 || media->n_keyframes_us == 0)
        return ERR_NONE; /* the beginning was here when it was opened */
    if (number >= media->n_keyframes_us)
        return error_set(error, ERR_NOT_FOUND, "there is no such picture");
    if (!is_keyframe_here(film, number))
        return error_set(error, ERR_BUSY, "its first picture is not here yet");
    return ERR_NONE;
}

static enum err check_waveform(const struct thumbs_film *film, struct error *error)
{
    if (film->media->video >= 0 || film->media->audio < 0)
        return error_set(error, ERR_NOT_FOUND, "a waveform is made of what has no picture");
    if (film->media->duration_us <= 0)
        return error_set(error, ERR_NOT_FOUND, "its length is not known");
    if (!is_whole(film))
        return error_set(error, ERR_BUSY, "it is not all here yet");
    return ERR_NONE;
}

enum err thumbs_check(const struct thumbs_film *film, const struct path *path, struct error *error)
{
    switch (path->rendition.kind) {
    case RENDITION_THUMBS:
        return check_sheet(film, path->number, error);
    case RENDITION_POSTER:
        return check_poster(film, path->number, error);
    case RENDITION_WAVEFORM:
        return check_waveform(film, error);
    case RENDITION_VIDEO:
    case RENDITION_AUDIO:
    case RENDITION_TS:
    case RENDITION_SUBTITLE:
    case RENDITION_EXTERNAL:
    case RENDITION_UPLOAD:
        break;
    }
    return error_set(error, ERR_NOT_FOUND, "that is no picture");
}

/* ---- orders */

static void fill_sheet(struct thumbs_order *order, const Media *media, uint32_t number)
{
    struct grid grid = grid_of(media);
    uint32_t first = pictures_before(&grid, number), end = pictures_before(&grid, number + 1);

    for (uint32_t i = first; i < end; i++) {
        int64_t us = i * grid.interval_us;

        order->at_us[i - first] =
            media->n_keyframes_us > 0 ? media->keyframes_us[keyframe_at(media, us)] : us;
    }
    order->pictures.n_at_us = end - first;
    order->pictures.columns = THUMBS_COLUMNS;
    order->pictures.width = grid.width;
    order->pictures.height = grid.height;
}

static void fill_poster(struct thumbs_order *order, const Media *media, uint32_t number)
{
    const Stream *cover = cover_of(media);

    if (media->video < 0 && cover != NULL)
        order->track.stream = cover->index;
    else
        order->at_us[0] = poster_us(media, number);
    order->pictures.n_at_us = 1;
    order->pictures.columns = 1;
    order->pictures.width = THUMBS_POSTER_WIDTH;
}

void thumbs_fill(struct thumbs_order *order, const struct thumbs_film *film,
                 const struct path *path)
{
    const Media *media = film->media;

    sharestream__worker__cut__init(&order->cut);
    sharestream__worker__track__init(&order->track);
    sharestream__worker__pictures__init(&order->pictures);
    order->tracks[0] = &order->track;
    order->cut.tracks = order->tracks;
    order->cut.n_tracks = 1;
    order->cut.budget = BUDGET_BYTES + BUDGET_FACTOR * film->size;
    order->track.stream = (uint32_t)(media->video >= 0 ? media->video : media->audio);
    order->pictures.at_us = order->at_us;
    order->at_us[0] = 0;
    if (path->rendition.kind == RENDITION_WAVEFORM) {
        order->cut.container = SHARESTREAM__WORKER__CONTAINER__WAVEFORM;
        order->cut.until_us = media->duration_us;
        return;
    }
    order->cut.container = SHARESTREAM__WORKER__CONTAINER__JPEG;
    order->cut.pictures = &order->pictures;
    if (path->rendition.kind == RENDITION_THUMBS)
        fill_sheet(order, media, path->number);
    else
        fill_poster(order, media, path->number);
}

/* ---- texts */

static void add_time(struct text *out, int64_t us)
{
    int64_t ms = us / 1000;

    text_addf(out, "%02" PRId64 ":%02" PRId64 ":%02" PRId64 ".%03" PRId64, ms / 3600000,
              ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

static void add_cue(struct text *out, const struct grid *grid, uint32_t picture, const char *query)
{
    uint32_t place = picture % THUMBS_PER_SHEET;

    add_time(out, picture * grid->interval_us);
    text_add(out, " --> ");
    add_time(out, (picture + 1) * grid->interval_us);
    text_addf(out, "\nthumbs/%u.jpg%s%s#xywh=%u,%u,%u,%u\n\n", picture / THUMBS_PER_SHEET,
              query[0] != '\0' ? "?" : "", query, place % THUMBS_COLUMNS * grid->width,
              place / THUMBS_COLUMNS * grid->height, grid->width, grid->height);
}

void thumbs_cues(struct text *out, const struct thumbs_film *film, const char *query)
{
    struct grid grid = grid_of(film->media);
    struct text cues = {0};
    uint32_t ready = 0;

    for (uint32_t sheet = 0; sheet < grid.sheets; sheet++) {
        if (!is_ready(film, &grid, sheet))
            continue;
        ready++;
        for (uint32_t i = pictures_before(&grid, sheet); i < pictures_before(&grid, sheet + 1); i++)
            add_cue(&cues, &grid, i, query);
    }
    text_addf(out, "WEBVTT\n\nNOTE %u of %u sheets can be shown\n\n", ready, grid.sheets);
    text_add(out, text_str(&cues));
    text_fini(&cues);
}

void thumbs_progress(struct text *out, const struct thumbs_film *film)
{
    struct grid grid = grid_of(film->media);
    uint32_t ready = 0, here = 0;

    for (uint32_t sheet = 0; sheet < grid.sheets; sheet++) {
        if (is_ready(film, &grid, sheet)) {
            ready++;
            here += pictures_before(&grid, sheet + 1) - pictures_before(&grid, sheet);
        } else {
            here += count_here(film, &grid, sheet);
        }
    }
    text_addf(out,
              "{\"interval_s\":%" PRId64 ",\"width\":%u,\"height\":%u,\"columns\":%d,\"rows\":%d,"
              "\"total\":%u,\"ready\":%u,\"pictures\":%u,\"pictures_here\":%u}\n",
              grid.interval_us / SECOND_US, grid.width, grid.height, THUMBS_COLUMNS, THUMBS_ROWS,
              grid.sheets, ready, grid.pictures, here);
}
