#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "ops/npub.h"
#include "output.h"
#include "signer.h"

enum { MAX_FILE = 1024 };

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct slice trim(struct slice s)
{
    while (s.len > 0 && is_space(s.ptr[0]))
        s = slice_of(s.ptr + 1, s.len - 1);
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool secret_parse(struct slice text, uint8_t out[SECRET_BYTES])
{
    struct slice word = trim(text);

    return hex_decode(word, out, SECRET_BYTES) || nsec_decode(word, out);
}

static void warn_if_shared(int fd, const char *path)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0)
        output_error("warning: others may read %s; chmod 600 it", path);
}

static enum err load_file(const char *path, uint8_t out[SECRET_BYTES])
{
    char text[MAX_FILE];
    ssize_t n;
    bool ok;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        output_error("the key file %s: %s", path, strerror(errno));
        return ERR_IO;
    }
    warn_if_shared(fd, path);
    n = read(fd, text, sizeof(text));
    close(fd);
    ok = n > 0 && secret_parse(slice_of(text, (size_t)n), out);
    explicit_bzero(text, sizeof(text));
    if (ok)
        return OK;
    output_error("the key file %s holds neither an nsec nor 64 lower-case hex digits", path);
    return ERR_INVALID;
}

static enum err load_environment(uint8_t out[SECRET_BYTES])
{
    char *text = getenv("TANDEM_KEY");
    bool ok;

    if (!text || text[0] == '\0')
        return ERR_GONE;
    ok = secret_parse(slice_str(text), out);
    explicit_bzero(text, strlen(text));
    if (ok)
        return OK;
    output_error("TANDEM_KEY is neither an nsec nor 64 lower-case hex digits");
    return ERR_INVALID;
}

enum err secret_load(char *given, uint8_t out[SECRET_BYTES])
{
    if (!given)
        return load_environment(out);
    if (!secret_parse(slice_str(given), out)) {
        if (!slice_has_prefix(slice_str(given), SLICE("nsec1")))
            return load_file(given, out);
        output_error("--key: the nsec is mistyped"); /* and still no business of the terminal's */
        return ERR_INVALID;
    }
    explicit_bzero(given, strlen(given));
    output_error("warning: a key on the command line is seen by others on this machine and stays "
                 "in the shell's history; put it into a file");
    return OK;
}

bool secret_load_signer(char *given, struct signer **out)
{
    uint8_t secret[SECRET_BYTES];
    enum err err = secret_load(given, secret);

    *out = NULL;
    if (err == OK) {
        *out = signer_new(secret);
        explicit_bzero(secret, sizeof(secret));
        if (!*out)
            output_error("the key is no valid secret key");
        return *out != NULL;
    }
    return err == ERR_GONE;
}

/* The file must not exist yet: a key that is overwritten is lost for good. */
bool secret_store(const char *path, const uint8_t secret[SECRET_BYTES])
{
    char text[NPUB_LETTERS + 1];
    bool ok;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0) {
        output_error("%s: %s", path, strerror(errno));
        return false;
    }
    nsec_encode(secret, text);
    text[NPUB_LETTERS] = '\n';
    ok = write(fd, text, sizeof(text)) == (ssize_t)sizeof(text) && fsync(fd) == 0;
    explicit_bzero(text, sizeof(text));
    if (close(fd) != 0 || !ok) {
        output_error("%s: %s", path, strerror(errno));
        unlink(path);
        return false;
    }
    return true;
}
