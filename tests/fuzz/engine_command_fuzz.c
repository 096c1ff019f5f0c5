/* SPDX-License-Identifier: MIT
 *
 * Whatever the app writes, what comes out of it are plain strings, or a sentence that is one.
 */
#include "wire/engine_command.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct engine_command command;
    struct error error = {0};

    if (engine_command_read(bytes_of(data, size), &command, &error) != ERR_NONE) {
        must(command.what.data == NULL && command.tracker.data == NULL);
        must(error.text[0] != '\0' && utf8_valid(bytes_of_text(error.text)));
        return 0;
    }
    must(command.verb <= ENGINE_QUIT);
    must(strlen(text_str(&command.what)) == command.what.len);
    must(strlen(text_str(&command.tracker)) == command.tracker.len);
    must((command.what.len > 0) == (command.verb == ENGINE_SEED || command.verb == ENGINE_ADD));
    engine_command_fini(&command);
    return 0;
}
