/* host_file.h: the files of a host: one table of operations, reached through host_ops_t.files (NULL
 * where the host has none).
 *
 * All operations block until they are done and may be called from any thread; two threads may use
 * one open file at once only as far as their positions do not matter. Results are 0 (or what is
 * said) or a negative errno value. Names are bytes ended by NUL, as the file system has them. An
 * operation that a signal interrupts goes on; none retries anything else.
 */
#ifndef LING_HOST_FILE_H
#define LING_HOST_FILE_H

#include "host/host.h"

typedef struct host_file host_file_t;

enum {
    HOST_FILE_READ = 1,
    HOST_FILE_WRITE = 2,
    HOST_FILE_CREATE = 4,
    HOST_FILE_TRUNCATE = 8,
    HOST_FILE_APPEND = 16,
    HOST_FILE_EXCLUSIVE = 32, /* fails with EEXIST when there is such a name */
    HOST_FILE_SYNC = 64,      /* a write returns when it is on the device */
    HOST_FILE_DIRECTORY = 128 /* fails with ENOTDIR when it is none */
};

enum { HOST_FILE_REGULAR, HOST_FILE_DIR, HOST_FILE_SYMLINK, HOST_FILE_DEVICE, HOST_FILE_OTHER };

typedef struct {
    int64_t size;
    int64_t atime, mtime, ctime; /* seconds since 1970 UTC */
    uint64_t inode;
    uint32_t type; /* HOST_FILE_REGULAR ... */
    uint32_t mode; /* all bits, as the system has them */
    uint32_t links;
    uint32_t device, rdevice;
    uint32_t uid, gid;
    bool readable, writable; /* by whom this program runs as */
} host_file_info_t;

typedef struct {
    uint8_t *data;
    size_t len;
} host_iov_t;

typedef struct host_file_ops {
    /* permissions: of a new file, before the process's mask. */
    int (*open)(host_t *h, const char *path, unsigned flags, uint32_t permissions,
                host_file_t **out);
    int (*close)(host_t *h, host_file_t *f); /* f is gone, whatever the result */
    /* A file of the system by its number, which f owns from here on; and the number of f, for other
     * libraries. -ENOTSUP where files have no numbers. */
    int (*from_number)(host_t *h, int number, host_file_t **out);
    int (*number)(host_t *h, host_file_t *f);

    /* Bytes moved: as few as the system gives; 0 from a read is the end of the file. */
    int64_t (*read)(host_t *h, host_file_t *f, uint8_t *buf, size_t len);
    int64_t (*pread)(host_t *h, host_file_t *f, int64_t at, uint8_t *buf, size_t len);
    int64_t (*write)(host_t *h, host_file_t *f, const host_iov_t *iov, unsigned n);
    int64_t (*pwrite)(host_t *h, host_file_t *f, int64_t at, const host_iov_t *iov, unsigned n);
    /* The new position. whence as lseek: 0 from the start, 1 from here, 2 from the end. */
    int64_t (*seek)(host_t *h, host_file_t *f, int64_t offset, int whence);
    int (*sync)(host_t *h, host_file_t *f, bool data_only);
    int (*truncate)(host_t *h, host_file_t *f, int64_t size);
    int (*allocate)(host_t *h, host_file_t *f, int64_t offset, int64_t len);
    int (*advise)(host_t *h, host_file_t *f, int64_t offset, int64_t len, int advice);
    int (*info)(host_t *h, host_file_t *f, host_file_info_t *out);

    int (*path_info)(host_t *h, const char *path, bool follow, host_file_info_t *out);
    int (*set_permissions)(host_t *h, const char *path, uint32_t mode);
    int (*set_owner)(host_t *h, const char *path, int64_t uid, int64_t gid); /* -1: as it is */
    int (*set_times)(host_t *h, const char *path, int64_t atime, int64_t mtime);
    int (*link)(host_t *h, const char *existing, const char *name);
    int (*symlink)(host_t *h, const char *target, const char *name);
    /* Bytes of the target in buf, at most size of them; no NUL behind. */
    int64_t (*read_link)(host_t *h, const char *path, char *buf, size_t size);
    int (*rename)(host_t *h, const char *from, const char *to);
    int (*remove)(host_t *h, const char *path);
    int (*make_dir)(host_t *h, const char *path, uint32_t permissions);
    int (*remove_dir)(host_t *h, const char *path);
    /* The working directory is the whole program's. cwd: bytes, as read_link. */
    int64_t (*cwd)(host_t *h, char *buf, size_t size);
    int (*set_cwd)(host_t *h, const char *path);
} host_file_ops_t;

/* advise */
enum {
    HOST_FILE_NORMAL,
    HOST_FILE_RANDOM,
    HOST_FILE_SEQUENTIAL,
    HOST_FILE_WILL_NEED,
    HOST_FILE_DONT_NEED,
    HOST_FILE_NO_REUSE
};

#endif
