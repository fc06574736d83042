/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/server.h"
#include "net/unix_path.h"

enum { BACKLOG = 4096 }; /* the kernel lowers it to net.core.somaxconn */

struct address {
        struct sockaddr_storage storage;
        socklen_t len;
};

/* "127.0.0.1" and "::1" (that one came in brackets). */
static bool parse_host(struct str host, bool is_six, in_port_t port, struct address *ret_address)
{
        char text[INET6_ADDRSTRLEN];
        if (host.len >= sizeof text)
                return false;
        memcpy(text, host.ptr, host.len);
        text[host.len] = '\0';
        *ret_address = (struct address){0};
        struct sockaddr_in *four = (struct sockaddr_in *)&ret_address->storage;
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)&ret_address->storage;
        if (is_six) {
                *six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
                ret_address->len = sizeof *six;
                return inet_pton(AF_INET6, text, &six->sin6_addr) == 1;
        }
        *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        ret_address->len = sizeof *four;
        return inet_pton(AF_INET, text, &four->sin_addr) == 1;
}

static enum err parse_address(struct str text, struct address *ret_address, struct err_note *note)
{
        struct str rest = text;
        bool is_six = text.len > 0 && text.ptr[0] == '[';
        struct str host;
        uint64_t port;
        if (is_six) {
                rest = (struct str){text.ptr + 1, text.len - 1};
                host = str_split(&rest, ']');
                if (!rest.ptr || rest.len == 0 || rest.ptr[0] != ':')
                        rest = (struct str){0};
                else
                        rest = (struct str){rest.ptr + 1, rest.len - 1};
        } else {
                host = str_split(&rest, ':');
        }
        struct address address;
        if (!rest.ptr || !str_to_u64(rest, &port) || port > UINT16_MAX ||
            !parse_host(host, is_six, (in_port_t)port, &address))
                return err_set(note, ERR_INVALID,
                               "\"%.*s\" is not an address such as 127.0.0.1:8080 or [::1]:8080",
                               STR_ARGS(text));
        *ret_address = address;
        return ERR_OK;
}

static bool is_loopback(const struct address *address)
{
        if (address->storage.ss_family == AF_INET6)
                return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&address->storage)->sin6_addr);
        const struct sockaddr_in *four = (const struct sockaddr_in *)&address->storage;
        return ntohl(four->sin_addr.s_addr) >> 24 == 127;
}

enum err server_is_loopback(struct str address, bool *ret_is_loopback, struct err_note *note)
{
        struct address parsed = {0};
        enum err err = parse_address(address, &parsed, note);
        if (err == ERR_OK)
                *ret_is_loopback = is_loopback(&parsed);
        return err;
}

static enum err open_listener(const struct address *address, int *ret_fd)
{
        int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return ERR_IO;
        bool is_tcp = address->storage.ss_family != AF_UNIX;
        /* A restart finds the port free although old connections linger in TIME_WAIT; and each
         * worker has a queue of its own. */
        bool is_set = !is_tcp || (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0 &&
                                  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int)) == 0);
        if (is_set && bind(fd, (const struct sockaddr *)&address->storage, address->len) == 0 &&
            listen(fd, BACKLOG) == 0) {
                *ret_fd = fd;
                return ERR_OK;
        }
        int error = errno;
        close(fd);
        errno = error;
        return error == EADDRINUSE ? ERR_BUSY : ERR_IO;
}

enum err server_listen_tcp(struct str address, int *ret_fd, struct err_note *note)
{
        struct address parsed = {0};
        enum err err = parse_address(address, &parsed, note);
        if (err != ERR_OK)
                return err;
        err = open_listener(&parsed, ret_fd);
        if (err != ERR_OK)
                return err_set(note, err, "cannot listen on %.*s: %s", STR_ARGS(address), strerror(errno));
        return ERR_OK;
}

/* The mode is right from the first moment on, whatever the umask; workers start later. */
static enum err open_unix_listener(const struct address *address, int *ret_fd)
{
        mode_t old_mask = umask(0177);
        enum err err = open_listener(address, ret_fd);
        int error = errno;
        umask(old_mask);
        errno = error;
        return err;
}

enum err server_listen_unix(const char *path, int *ret_fd, struct err_note *note)
{
        struct address address = {.len = sizeof(struct sockaddr_un)};
        struct sockaddr_un *local = (struct sockaddr_un *)&address.storage;
        struct unix_path bound;
        enum err err = unix_path_open(path, &bound, note);
        if (err != ERR_OK)
                return err;
        local->sun_family = AF_UNIX;
        memcpy(local->sun_path, bound.text, sizeof bound.text);
        struct stat st;
        if (lstat(bound.text, &st) == 0 && !S_ISSOCK(st.st_mode)) {
                err = err_set(note, ERR_EXISTS, "%s is there and is no socket", path);
        } else {
                unlink(bound.text);
                err = open_unix_listener(&address, ret_fd);
                if (err != ERR_OK)
                        err = err_set(note, err, "cannot listen on %s: %s%s", path, strerror(errno),
                                      bound.directory_fd >= 0 ? " (so long a path needs /proc)" : "");
        }
        unix_path_close(&bound);
        return err;
}

int server_port(int fd)
{
        struct sockaddr_storage address = {0};
        socklen_t len = sizeof address;
        if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
                return 0;
        if (address.ss_family == AF_INET6)
                return ntohs(((const struct sockaddr_in6 *)&address)->sin6_port);
        if (address.ss_family == AF_INET)
                return ntohs(((const struct sockaddr_in *)&address)->sin_port);
        return 0;
}
