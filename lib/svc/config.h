/* SPDX-License-Identifier: MIT
 *
 * config: finding and reading the configuration, the same way for services, supervisor and command
 * line.
 */
#ifndef SVC_CONFIG_H
#define SVC_CONFIG_H

#include "base/settings.h"
#include "svc/svc.h"

struct config {
    struct common_settings common; /* data_dir and run_dir made absolute */
    struct bus_settings bus;
    const struct settings_table *own_table; /* NULL: none */
    void *own;                              /* struct of own_table */
    struct setting_place *places[3];        /* common, bus, own */
};

/* `file` NULL: $SHARESTREAM_CONFIG, else config.yaml in the current folder if it exists. Does not
 * create folders. */
enum err config_load(const char *file, const struct settings_table *own, struct config *out,
                     struct error *error);
void config_free(struct config *config);
/* Creates data_dir and run_dir (0700). */
enum err config_make_dirs(const struct config *config, struct error *error);
void config_print_yaml(FILE *out, const struct config *config);

/* Answers --help, --version, --check, --print-config[=markdown|mdoc]; takes --config FILE. Returns
 * -1 to go on, else the exit code. Unknown arguments are EXIT_CONFIG with a sentence. */
int config_arguments(int argc, char **argv, const char *program, const char *about,
                     const struct settings_table *own, const char **file_out);

#endif
