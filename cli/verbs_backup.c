/* SPDX-License-Identifier: MIT
 *
 * Verbs that keep the state of a server, and bring it back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backup.h"
#include "services.h"
#include "svc/contract.h"
#include "verbs.h"

static const char *config_file_of(const struct cli *cli)
{
    const char *file = cli->config_file != NULL ? cli->config_file : getenv(CONTRACT_CONFIG);

    return file != NULL ? file : "config.yaml";
}

enum cli_exit do_backup(struct cli *cli)
{
    const char *folder = args_value(&cli->args, 0);
    struct error error;

    if (backup_make(cli->config.common.data_dir, config_file_of(cli), folder, &error) != ERR_NONE)
        return cli_complain(cli, CLI_ERROR, &error);
    if (!cli->wants_json)
        printf("%s holds the state of %s; keep it where others cannot read it: keys are in it\n",
               folder, cli->config.common.data_dir);
    return CLI_OK;
}

enum cli_exit do_restore(struct cli *cli)
{
    const char *folder = args_value(&cli->args, 0);
    struct error error;

    for (size_t i = 0; i < service_count; i++)
        if (cli_is_there(cli, services[i].name))
            return cli_refuse(cli, CLI_ERROR, ERR_BUSY, "%s runs; stop everything first",
                              services[i].name);
    if (config_make_dirs(&cli->config, &error) != ERR_NONE ||
        backup_restore(folder, cli->config.common.data_dir, &error) != ERR_NONE)
        return cli_complain(cli, CLI_ERROR, &error);
    if (cli->wants_json)
        return CLI_OK;
    printf("restored to %s; now start it\n", cli->config.common.data_dir);
    printf("the configuration of then is %s/config.yaml, for you to compare\n", folder);
    return CLI_OK;
}
