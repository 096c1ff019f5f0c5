/* SPDX-License-Identifier: MIT */
#include "http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/must.h"

enum { TOKEN_BYTES = 24, TOKEN_TEXT_MAX = 256 };

/* 1 = read, 0 = there is none, -1 = errno. A file that others can read is no secret: refused. */
static int read_secret(const char *path, char *out, size_t cap, size_t *len_out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    ssize_t len;

    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0) {
        close(fd);
        errno = EPERM;
        return -1;
    }
    len = read(fd, out, cap);
    close(fd);
    if (len < 0)
        return -1;
    *len_out = (size_t)len;
    return 1;
}

static bool write_secret(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool is_good;

    if (fd < 0)
        return false;
    is_good = write(fd, data, len) == (ssize_t)len && fsync(fd) == 0;
    close(fd);
    if (!is_good)
        unlink(path);
    return is_good;
}

static enum err random_bytes(void *out, size_t len, struct error *error)
{
    if (getrandom(out, len, 0) != (ssize_t)len)
        return error_set_errno(error, ERR_IO, "the kernel gives no random bytes");
    return ERR_NONE;
}

static enum err load_link_key(struct http *http, const char *data_dir, struct error *error)
{
    char *path = xasprintf("%s/link-key", data_dir);
    size_t len = 0;
    int got = read_secret(path, (char *)http->link_key, sizeof(http->link_key), &len);
    enum err err = ERR_NONE;

    if (got < 0)
        err = error_set_errno(error, ERR_CONFIG, "cannot read %s", path);
    else if (got == 1 && len != sizeof(http->link_key))
        err = error_set(error, ERR_CONFIG, "%s does not hold %d bytes; remove it to get a new one",
                        path, LINK_KEY_BYTES);
    else if (got == 0 &&
             (err = random_bytes(http->link_key, sizeof(http->link_key), error)) == ERR_NONE &&
             !write_secret(path, http->link_key, sizeof(http->link_key)))
        err = error_set_errno(error, ERR_CONFIG, "cannot write %s", path);
    free(path);
    return err;
}

static enum err make_token(struct http *http, const char *path, struct error *error)
{
    uint8_t raw[TOKEN_BYTES];
    char token[TOKEN_BYTES * 2];
    enum err err = random_bytes(raw, sizeof(raw), error);

    if (err != ERR_NONE)
        return err;
    base64url_encode(bytes_of(raw, sizeof(raw)), token);
    if (!write_secret(path, token, strlen(token)))
        return error_set_errno(error, ERR_CONFIG, "cannot write %s", path);
    http->token = xstrdup(token);
    /* Once, and only here: whoever reads this line started the server. */
    log_info("admin token made", "token=%s file=%s", token, path);
    return ERR_NONE;
}

static enum err load_token(struct http *http, const char *data_dir, struct error *error)
{
    char *path = xasprintf("%s/admin-token", data_dir);
    char text[TOKEN_TEXT_MAX];
    size_t len = 0;
    int got = read_secret(path, text, sizeof(text) - 1, &len);
    enum err err = ERR_NONE;

    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
        len--;
    if (got < 0)
        err = error_set_errno(error, ERR_CONFIG, "cannot read %s", path);
    else if (got == 1 && len < 16)
        err = error_set(error, ERR_CONFIG,
                        "%s holds no token of 16 characters; remove it to get a new one", path);
    else if (got == 1)
        http->token = xstrndup(text, len);
    else
        err = make_token(http, path, error);
    free(path);
    return err;
}

enum err keys_load(struct http *http, const char *data_dir, bool needs_token, struct error *error)
{
    /* Of several that begin in one folder at once, the first makes what the others take. */
    int folder = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err err;

    if (folder >= 0)
        flock(folder, LOCK_EX);
    err = load_link_key(http, data_dir, error);
    if (err == ERR_NONE && http->settings->admin_token[0] != '\0')
        http->token = xstrdup(http->settings->admin_token);
    else if (err == ERR_NONE && needs_token)
        err = load_token(http, data_dir, error);
    if (folder >= 0)
        close(folder);
    return err;
}
