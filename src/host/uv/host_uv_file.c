/* host_uv_file.c: files of the host on libuv.
 *
 * Plain system calls: libuv's file functions without a callback are these very calls and need a
 * loop. An open file is its descriptor, kept in the handle's address, so that nothing is allocated
 * for it. Callers: through the tables of host.h and host_file.h.
 */
#include "host/uv/host_uv_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "host/host_file.h"

/* ---- whole files, directories ---- */

int uvh_file_load(host_t *h, const char *path, uint8_t **data, size_t *len) {
    (void)h;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int r = 0;
    uint8_t *buf = NULL;
    size_t used = 0, cap = 0;
    struct stat st;
    if (fstat(fd, &st) < 0)
        r = -errno;
    else if (S_ISDIR(st.st_mode))
        r = -EISDIR;
    else
        cap = st.st_size > 0 ? (size_t)st.st_size + 1 : 4096; /* one more to see the end */
    while (r == 0) {
        if (!buf || used == cap) {
            size_t size = buf ? cap * 2 : cap;
            uint8_t *bigger = realloc(buf, size);
            if (!bigger) {
                r = -ENOMEM;
                break;
            }
            buf = bigger;
            cap = size;
        }
        ssize_t n = read(fd, buf + used, cap - used);
        if (n == 0) break;
        if (n > 0)
            used += (size_t)n;
        else if (errno != EINTR)
            r = -errno;
    }
    close(fd);
    if (r) {
        free(buf);
        return r;
    }
    *data = buf;
    *len = used;
    return 0;
}

void uvh_file_free(host_t *h, uint8_t *data, size_t len) {
    (void)h, (void)len;
    free(data);
}

int uvh_dir_list(host_t *h, const char *path, bool (*fn)(void *user, const char *name),
                 void *user) {
    (void)h;
    DIR *d = opendir(path);
    if (!d) return -errno;
    int r = 0;
    for (;;) {
        errno = 0;
        struct dirent *e = readdir(d);
        if (!e) r = -errno;
        if (!e) break;
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && !fn(user, e->d_name))
            break;
    }
    closedir(d);
    return r;
}

/* ---- open files ---- */

static host_file_t *file_of(int fd) { return (host_file_t *)((intptr_t)fd + 1); }
static int fd_of(host_file_t *f) { return (int)((intptr_t)f - 1); }

static int result(int64_t r) { return r < 0 ? -errno : 0; }

static int uvh_open(host_t *h, const char *path, unsigned flags, uint32_t permissions,
                    host_file_t **out) {
    (void)h;
    static const struct {
        unsigned flag;
        int system;
    } map[] = {{HOST_FILE_CREATE, O_CREAT},  {HOST_FILE_TRUNCATE, O_TRUNC},
               {HOST_FILE_APPEND, O_APPEND}, {HOST_FILE_EXCLUSIVE, O_EXCL},
               {HOST_FILE_SYNC, O_SYNC},     {HOST_FILE_DIRECTORY, O_DIRECTORY}};
    unsigned access = flags & (HOST_FILE_READ | HOST_FILE_WRITE);
    int how = access == (HOST_FILE_READ | HOST_FILE_WRITE) ? O_RDWR
              : access == HOST_FILE_WRITE                  ? O_WRONLY
                                                           : O_RDONLY;
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (flags & map[i].flag) how |= map[i].system;
    int fd;
    do fd = open(path, how | O_CLOEXEC, (mode_t)permissions);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) return -errno;
    *out = file_of(fd);
    return 0;
}

/* Linux gives the descriptor back even where close reports an interruption. */
static int uvh_close_file(host_t *h, host_file_t *f) {
    (void)h;
    return close(fd_of(f)) < 0 && errno != EINTR ? -errno : 0;
}

static int uvh_from_number(host_t *h, int number, host_file_t **out) {
    (void)h;
    if (fcntl(number, F_GETFD) < 0) return -errno;
    *out = file_of(number);
    return 0;
}

static int uvh_number(host_t *h, host_file_t *f) {
    (void)h;
    return fd_of(f);
}

/* Bytes moved, again where a signal came first. */
#define AGAIN(n, call)                                                                             \
    do (n) = (call);                                                                               \
    while ((n) < 0 && errno == EINTR)

static int64_t uvh_read(host_t *h, host_file_t *f, uint8_t *buf, size_t len) {
    (void)h;
    ssize_t n;
    AGAIN(n, read(fd_of(f), buf, len));
    return n < 0 ? -errno : n;
}

static int64_t uvh_pread(host_t *h, host_file_t *f, int64_t at, uint8_t *buf, size_t len) {
    (void)h;
    ssize_t n;
    AGAIN(n, pread(fd_of(f), buf, len, at));
    return n < 0 ? -errno : n;
}

enum { IOV_PIECES = 64 };

static int iov_fill(struct iovec *to, const host_iov_t *iov, unsigned n) {
    if (n > IOV_PIECES) n = IOV_PIECES;
    for (unsigned i = 0; i < n; i++) to[i] = (struct iovec){iov[i].data, iov[i].len};
    return (int)n;
}

static int64_t uvh_write(host_t *h, host_file_t *f, const host_iov_t *iov, unsigned n) {
    (void)h;
    struct iovec v[IOV_PIECES];
    int count = iov_fill(v, iov, n);
    ssize_t done;
    AGAIN(done, writev(fd_of(f), v, count));
    return done < 0 ? -errno : done;
}

static int64_t uvh_pwrite(host_t *h, host_file_t *f, int64_t at, const host_iov_t *iov,
                          unsigned n) {
    (void)h;
    struct iovec v[IOV_PIECES];
    int count = iov_fill(v, iov, n);
    ssize_t done;
    AGAIN(done, pwritev(fd_of(f), v, count, at));
    return done < 0 ? -errno : done;
}

static int64_t uvh_seek(host_t *h, host_file_t *f, int64_t offset, int whence) {
    (void)h;
    off_t at = lseek(fd_of(f), offset, whence);
    return at < 0 ? -errno : at;
}

static int uvh_sync(host_t *h, host_file_t *f, bool data_only) {
    (void)h;
    int r;
    AGAIN(r, data_only ? fdatasync(fd_of(f)) : fsync(fd_of(f)));
    return result(r);
}

static int uvh_truncate(host_t *h, host_file_t *f, int64_t size) {
    (void)h;
    int r;
    AGAIN(r, ftruncate(fd_of(f), size));
    return result(r);
}

static int uvh_allocate(host_t *h, host_file_t *f, int64_t offset, int64_t len) {
    (void)h;
    int r;
    do r = posix_fallocate(fd_of(f), offset, len);
    while (r == EINTR);
    return -r;
}

static int uvh_advise(host_t *h, host_file_t *f, int64_t offset, int64_t len, int advice) {
    (void)h;
    static const int map[] = {POSIX_FADV_NORMAL,   POSIX_FADV_RANDOM,   POSIX_FADV_SEQUENTIAL,
                              POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED, POSIX_FADV_NOREUSE};
    return -posix_fadvise(fd_of(f), offset, len, map[advice]);
}

/* ---- what is known about a file ---- */

static void info_fill(host_file_info_t *to, const struct stat *st) {
    memset(to, 0, sizeof *to);
    to->size = st->st_size;
    to->atime = st->st_atime;
    to->mtime = st->st_mtime;
    to->ctime = st->st_ctime;
    to->inode = st->st_ino;
    to->mode = st->st_mode;
    to->type = S_ISREG(st->st_mode)                           ? HOST_FILE_REGULAR
               : S_ISDIR(st->st_mode)                         ? HOST_FILE_DIR
               : S_ISLNK(st->st_mode)                         ? HOST_FILE_SYMLINK
               : S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode) ? HOST_FILE_DEVICE
                                                              : HOST_FILE_OTHER;
    to->links = (uint32_t)st->st_nlink;
    to->device = (uint32_t)st->st_dev;
    to->rdevice = (uint32_t)st->st_rdev;
    to->uid = st->st_uid;
    to->gid = st->st_gid;
}

/* There is no access() for descriptors: the mode's bits are asked. */
static int uvh_info(host_t *h, host_file_t *f, host_file_info_t *out) {
    (void)h;
    struct stat st;
    if (fstat(fd_of(f), &st) < 0) return -errno;
    info_fill(out, &st);
    unsigned shift = st.st_uid == getuid() ? 6 : st.st_gid == getgid() ? 3 : 0;
    out->readable = st.st_mode >> shift & 4;
    out->writable = st.st_mode >> shift & 2;
    return 0;
}

static int uvh_path_info(host_t *h, const char *path, bool follow, host_file_info_t *out) {
    (void)h;
    struct stat st;
    if ((follow ? stat(path, &st) : lstat(path, &st)) < 0) return -errno;
    info_fill(out, &st);
    out->readable = access(path, R_OK) == 0;
    out->writable = access(path, W_OK) == 0;
    return 0;
}

static int uvh_set_permissions(host_t *h, const char *path, uint32_t mode) {
    (void)h;
    return result(chmod(path, (mode_t)mode));
}

static int uvh_set_owner(host_t *h, const char *path, int64_t uid, int64_t gid) {
    (void)h;
    return result(chown(path, (uid_t)uid, (gid_t)gid));
}

static int uvh_set_times(host_t *h, const char *path, int64_t atime, int64_t mtime) {
    (void)h;
    struct timespec t[2] = {{atime, 0}, {mtime, 0}};
    return result(utimensat(AT_FDCWD, path, t, 0));
}

/* ---- names ---- */

static int uvh_link(host_t *h, const char *existing, const char *name) {
    (void)h;
    return result(link(existing, name));
}

static int uvh_symlink(host_t *h, const char *target, const char *name) {
    (void)h;
    return result(symlink(target, name));
}

static int64_t uvh_read_link(host_t *h, const char *path, char *buf, size_t size) {
    (void)h;
    ssize_t n = readlink(path, buf, size);
    return n < 0 ? -errno : n;
}

static int uvh_rename(host_t *h, const char *from, const char *to) {
    (void)h;
    return result(rename(from, to));
}

static int uvh_remove(host_t *h, const char *path) {
    (void)h;
    return result(unlink(path));
}

static int uvh_make_dir(host_t *h, const char *path, uint32_t permissions) {
    (void)h;
    return result(mkdir(path, (mode_t)permissions));
}

static int uvh_remove_dir(host_t *h, const char *path) {
    (void)h;
    return result(rmdir(path));
}

static int64_t uvh_cwd(host_t *h, char *buf, size_t size) {
    (void)h;
    return getcwd(buf, size) ? (int64_t)strlen(buf) : -errno;
}

static int uvh_set_cwd(host_t *h, const char *path) {
    (void)h;
    return result(chdir(path));
}

const host_file_ops_t uvh_files = {
    .open = uvh_open,
    .close = uvh_close_file,
    .from_number = uvh_from_number,
    .number = uvh_number,
    .read = uvh_read,
    .pread = uvh_pread,
    .write = uvh_write,
    .pwrite = uvh_pwrite,
    .seek = uvh_seek,
    .sync = uvh_sync,
    .truncate = uvh_truncate,
    .allocate = uvh_allocate,
    .advise = uvh_advise,
    .info = uvh_info,
    .path_info = uvh_path_info,
    .set_permissions = uvh_set_permissions,
    .set_owner = uvh_set_owner,
    .set_times = uvh_set_times,
    .link = uvh_link,
    .symlink = uvh_symlink,
    .read_link = uvh_read_link,
    .rename = uvh_rename,
    .remove = uvh_remove,
    .make_dir = uvh_make_dir,
    .remove_dir = uvh_remove_dir,
    .cwd = uvh_cwd,
    .set_cwd = uvh_set_cwd,
};
