/* SPDX-License-Identifier: MIT */
#include "term.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "human.h"

enum { LINE_EVERY_MS = 3000, WIDTH_UNKNOWN = 80 };

static volatile sig_atomic_t interrupted;

static unsigned width_of(FILE *file)
{
    struct winsize size;

    if (!isatty(fileno(file)))
        return 0;
    if (ioctl(fileno(file), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return WIDTH_UNKNOWN;
    return size.ws_col;
}

void term_read(struct term *out)
{
    const char *no_colour = getenv("NO_COLOR"), *kind = getenv("TERM");

    out->is_tty = isatty(STDOUT_FILENO) != 0;
    out->has_colour = out->is_tty && (no_colour == NULL || no_colour[0] == '\0') &&
                      (kind == NULL || strcmp(kind, "dumb") != 0);
    out->width = width_of(stdout);
}

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

void term_catch_interrupt(void)
{
    /* Without SA_RESTART: a wait for an answer ends too. */
    const struct sigaction action = {.sa_handler = on_interrupt};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

bool term_interrupted(void)
{
    return interrupted != 0;
}

void term_clear_interrupt(void)
{
    interrupted = 0;
}

void term_nap(unsigned ms)
{
    if (!term_interrupted())
        poll(NULL, 0, (int)ms);
}

void live_draw(struct live *live, const char *line, bool is_news)
{
    unsigned width = width_of(live->file);
    uint64_t now_ms = clock_ms();

    if (live->is_quiet)
        return;
    if (width > 0) {
        struct text cut = {0};

        text_add_cut(&cut, line, width - 1);
        fprintf(live->file, "\r%s\033[K", text_str(&cut));
        live->is_drawn = true;
        text_fini(&cut);
    } else if (is_news || live->last_ms == 0 || now_ms - live->last_ms >= LINE_EVERY_MS) {
        fprintf(live->file, "%s\n", line);
        live->last_ms = now_ms;
    }
    fflush(live->file);
}

void live_end(struct live *live)
{
    if (live->is_drawn)
        fputc('\n', live->file);
    live->is_drawn = false;
    fflush(live->file);
}

void live_erase(struct live *live)
{
    if (live->is_drawn)
        fputs("\r\033[K", live->file);
    live->is_drawn = false;
    fflush(live->file);
}

void print_table(const struct term *term, struct table *table)
{
    struct text text = {0};

    table_print(&text, table, term->width, term->has_colour);
    fputs(text_str(&text), stdout);
    text_fini(&text);
    table_fini(table);
}

void print_fact(const char *name, const char *format, ...)
{
    struct text clean = {0};
    va_list args;
    char value[2048];

    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    if (value[0] == '\0')
        return;
    human_clean(&clean, value);
    printf("%-11s  %s\n", name, text_str(&clean));
    text_fini(&clean);
}
