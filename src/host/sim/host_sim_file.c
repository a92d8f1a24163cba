/* host_sim_file.c: files of the simulated host: host_file.h on the tree of sim_tree.h.
 *
 * Everything happens in memory, at the simulated clock's time, in a fixed order. Errors are those
 * of Linux for a program that may do everything. Results go into the trace.
 */
#include "host/sim/host_sim_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct host_file {
    sim_node_t *node;
    int64_t at;
    unsigned flags;
};

enum { PERMISSIONS = 07777 };
#define SIZE_LIMIT ((int64_t)1 << 40)

int64_t sim_seconds(const sim_host_t *s) {
    return (s->options.wall_ns + (int64_t)(s->now - s->options.start_ns)) / 1000000000;
}

static int64_t told(sim_host_t *s, int64_t r) {
    sim_trace(s, OP_FILE, (uint64_t)r);
    return r;
}

/* Before an operation on a path: its turn to fail, or where it leads. */
static int place_of(sim_host_t *s, int fault, const char *path, bool follow, sim_place_t *w) {
    sim_trace_bytes(s, OP_FILE, path, strlen(path));
    if (sim_fails(s, fault)) return fault == HOST_SIM_FAIL_WRITE ? -ENOSPC : -EIO;
    return sim_walk(&s->tree, path, follow, w);
}

static int existing(sim_host_t *s, int fault, const char *path, bool follow, sim_node_t **out) {
    sim_place_t w;
    int r = place_of(s, fault, path, follow, &w);
    if (r == 0 && !w.node) r = -ENOENT;
    if (r == 0) *out = w.node;
    return r;
}

static void changed(sim_host_t *s, sim_node_t *n) {
    n->info.mtime = n->info.ctime = sim_seconds(s);
}

/* ---- open files ---- */

static int f_open(host_t *h, const char *path, unsigned flags, uint32_t permissions,
                  host_file_t **out) {
    sim_host_t *s = (sim_host_t *)h;
    bool create = flags & HOST_FILE_CREATE, made = false;
    sim_place_t w;
    int r = place_of(s, HOST_SIM_FAIL_FILE, path, !(create && flags & HOST_FILE_EXCLUSIVE), &w);
    if (r == 0 && create && flags & HOST_FILE_DIRECTORY) r = -EINVAL;
    if (r == 0 && w.node && create && flags & HOST_FILE_EXCLUSIVE) r = -EEXIST;
    if (r == 0 && !w.node && !create) r = -ENOENT;
    if (r == 0 && !w.node && w.slash) r = -EISDIR;
    if (r == 0 && !w.node) {
        r = sim_node_make(&s->tree, w.dir, w.name, HOST_FILE_REGULAR, permissions & ~022u,
                          sim_seconds(s), &w.node);
        if (r == 0) changed(s, w.dir);
        made = r == 0;
    }
    uint32_t type = r == 0 ? w.node->info.type : HOST_FILE_REGULAR;
    if (r == 0 && flags & HOST_FILE_DIRECTORY && type != HOST_FILE_DIR) r = -ENOTDIR;
    if (r == 0 && flags & HOST_FILE_WRITE && type == HOST_FILE_DIR) r = -EISDIR;
    if (r == 0 && (type == HOST_FILE_SYMLINK || type == HOST_FILE_OTHER))
        r = type == HOST_FILE_OTHER ? -ENXIO : -ELOOP;
    if (r == 0) r = sim_node_load(w.node);
    host_file_t *f = r == 0 ? calloc(1, sizeof *f) : NULL;
    if (r == 0 && !f) r = -ENOMEM;
    if (r == 0 && flags & HOST_FILE_TRUNCATE && !made && type == HOST_FILE_REGULAR) {
        w.node->len = 0;
        changed(s, w.node);
    }
    if (r == 0) {
        f->node = w.node;
        f->flags = flags;
        w.node->opens++;
        s->files_open++;
        *out = f;
    }
    return (int)told(s, r);
}

static int f_close(host_t *h, host_file_t *f) {
    sim_host_t *s = (sim_host_t *)h;
    sim_node_close(&s->tree, f->node);
    s->files_open--;
    free(f);
    return (int)told(s, 0);
}

static int f_from_number(host_t *h, int number, host_file_t **out) {
    (void)h, (void)number, (void)out;
    return -EBADF;
}

static int f_number(host_t *h, host_file_t *f) {
    (void)h, (void)f;
    return -ENOTSUP;
}

static size_t chunk(const sim_host_t *s, size_t len) {
    return s->options.file_chunk && len > s->options.file_chunk ? s->options.file_chunk : len;
}

static bool is_device(const sim_node_t *n, unsigned minor_number) {
    return n->info.type == HOST_FILE_DEVICE && major(n->info.rdevice) == 1 &&
           minor(n->info.rdevice) == minor_number;
}

static int64_t read_at(sim_host_t *s, host_file_t *f, int64_t at, uint8_t *buf, size_t len) {
    sim_node_t *n = f->node;
    if (sim_fails(s, HOST_SIM_FAIL_FILE)) return told(s, -EIO);
    if (n->info.type == HOST_FILE_DIR) return told(s, -EISDIR);
    if (!(f->flags & HOST_FILE_READ)) return told(s, -EBADF);
    if (at < 0) return told(s, -EINVAL);
    len = chunk(s, len);
    if (is_device(n, 5) || is_device(n, 7)) {
        memset(buf, 0, len);
        return told(s, (int64_t)len);
    }
    if ((uint64_t)at >= n->len) return told(s, 0);
    if (len > n->len - (size_t)at) len = n->len - (size_t)at;
    memcpy(buf, n->data + at, len);
    sim_trace_bytes(s, OP_FILE, buf, len);
    return told(s, (int64_t)len);
}

static int64_t f_pread(host_t *h, host_file_t *f, int64_t at, uint8_t *buf, size_t len) {
    return read_at((sim_host_t *)h, f, at, buf, len);
}

static int64_t f_read(host_t *h, host_file_t *f, uint8_t *buf, size_t len) {
    int64_t n = read_at((sim_host_t *)h, f, f->at, buf, len);
    if (n > 0) f->at += n;
    return n;
}

static int64_t write_at(sim_host_t *s, host_file_t *f, int64_t *at, const host_iov_t *iov,
                        unsigned n) {
    sim_node_t *node = f->node;
    if (sim_fails(s, HOST_SIM_FAIL_WRITE)) return told(s, -ENOSPC);
    if (!(f->flags & HOST_FILE_WRITE)) return told(s, -EBADF);
    size_t total = 0;
    for (unsigned i = 0; i < n; i++) total += iov[i].len;
    total = chunk(s, total);
    if (is_device(node, 7)) return told(s, -ENOSPC);
    if (node->info.type != HOST_FILE_REGULAR) return told(s, (int64_t)total);
    if (f->flags & HOST_FILE_APPEND) *at = (int64_t)node->len;
    if (*at < 0) return told(s, -EINVAL);
    if (*at > SIZE_LIMIT - (int64_t)total) return told(s, -EFBIG);
    size_t end = (size_t)*at + total;
    int r = total > 0 && end > node->len ? sim_node_resize(node, end) : 0;
    if (r) return told(s, r);
    uint8_t *to = node->data + *at;
    for (size_t left = total; left > 0; iov++) {
        size_t step = iov->len < left ? iov->len : left;
        memcpy(to, iov->data, step);
        sim_trace_bytes(s, OP_FILE, iov->data, step);
        to += step;
        left -= step;
    }
    changed(s, node);
    *at += (int64_t)total;
    return told(s, (int64_t)total);
}

static int64_t f_pwrite(host_t *h, host_file_t *f, int64_t at, const host_iov_t *iov, unsigned n) {
    return write_at((sim_host_t *)h, f, &at, iov, n);
}

static int64_t f_write(host_t *h, host_file_t *f, const host_iov_t *iov, unsigned n) {
    return write_at((sim_host_t *)h, f, &f->at, iov, n);
}

static int64_t f_seek(host_t *h, host_file_t *f, int64_t offset, int whence) {
    sim_host_t *s = (sim_host_t *)h;
    int64_t from = whence == 1 ? f->at : whence == 2 ? (int64_t)f->node->len : 0, to;
    if (whence < 0 || whence > 2 || __builtin_add_overflow(from, offset, &to) || to < 0)
        return told(s, -EINVAL);
    if (f->node->info.type == HOST_FILE_REGULAR && to > SIZE_LIMIT) return told(s, -EINVAL);
    f->at = f->node->info.type == HOST_FILE_DEVICE ? 0 : to;
    return told(s, f->at);
}

static int f_sync(host_t *h, host_file_t *f, bool data_only) {
    (void)f, (void)data_only;
    sim_host_t *s = (sim_host_t *)h;
    return (int)told(s, sim_fails(s, HOST_SIM_FAIL_WRITE) ? -EIO : 0);
}

static int resize(sim_host_t *s, host_file_t *f, int64_t size) {
    if (sim_fails(s, HOST_SIM_FAIL_WRITE)) return -ENOSPC;
    if (size < 0 || !(f->flags & HOST_FILE_WRITE) || f->node->info.type != HOST_FILE_REGULAR)
        return -EINVAL;
    if (size > SIZE_LIMIT) return -EFBIG;
    changed(s, f->node);
    return sim_node_resize(f->node, (size_t)size);
}

static int f_truncate(host_t *h, host_file_t *f, int64_t size) {
    return (int)told((sim_host_t *)h, resize((sim_host_t *)h, f, size));
}

static int f_allocate(host_t *h, host_file_t *f, int64_t offset, int64_t len) {
    sim_host_t *s = (sim_host_t *)h;
    if (offset < 0 || len <= 0) return (int)told(s, -EINVAL);
    if (!(f->flags & HOST_FILE_WRITE)) return (int)told(s, -EBADF);
    if (offset > SIZE_LIMIT - len) return (int)told(s, -EFBIG);
    if ((uint64_t)(offset + len) <= f->node->len) return (int)told(s, 0);
    return (int)told(s, resize(s, f, offset + len));
}

static int f_advise(host_t *h, host_file_t *f, int64_t offset, int64_t len, int advice) {
    (void)f, (void)offset, (void)len, (void)advice;
    return (int)told((sim_host_t *)h, 0);
}

/* ---- what is known about a file ---- */

static void info_of(const sim_node_t *n, host_file_info_t *out) {
    *out = n->info;
    if (n->info.type == HOST_FILE_DIR) {
        out->size = 4096;
        out->links = 2;
    } else if (n->info.type == HOST_FILE_SYMLINK) {
        out->size = (int64_t)strlen((char *)n->data);
    } else if (!n->real) {
        out->size = (int64_t)n->len;
    }
    out->device = 1;
}

static int f_info(host_t *h, host_file_t *f, host_file_info_t *out) {
    sim_host_t *s = (sim_host_t *)h;
    if (sim_fails(s, HOST_SIM_FAIL_FILE)) return (int)told(s, -EIO);
    info_of(f->node, out);
    out->readable = out->mode & 0400;
    out->writable = out->mode & 0200;
    return (int)told(s, 0);
}

static int f_path_info(host_t *h, const char *path, bool follow, host_file_info_t *out) {
    sim_host_t *s = (sim_host_t *)h;
    sim_node_t *n;
    int r = existing(s, HOST_SIM_FAIL_FILE, path, follow, &n);
    if (r == 0) {
        sim_place_t w;
        info_of(n, out);
        out->readable = out->writable = sim_walk(&s->tree, path, true, &w) == 0 && w.node;
    }
    return (int)told(s, r);
}

static int f_set_permissions(host_t *h, const char *path, uint32_t mode) {
    sim_host_t *s = (sim_host_t *)h;
    sim_node_t *n;
    int r = existing(s, HOST_SIM_FAIL_WRITE, path, true, &n);
    if (r == 0) n->info.mode = (n->info.mode & ~(uint32_t)PERMISSIONS) | (mode & PERMISSIONS);
    return (int)told(s, r);
}

static int f_set_owner(host_t *h, const char *path, int64_t uid, int64_t gid) {
    sim_host_t *s = (sim_host_t *)h;
    sim_node_t *n;
    int r = existing(s, HOST_SIM_FAIL_WRITE, path, true, &n);
    if (r == 0 && uid != -1) n->info.uid = (uint32_t)uid;
    if (r == 0 && gid != -1) n->info.gid = (uint32_t)gid;
    if (r == 0 && n->info.type == HOST_FILE_REGULAR) n->info.mode &= ~(uint32_t)(S_ISUID | S_ISGID);
    return (int)told(s, r);
}

static int f_set_times(host_t *h, const char *path, int64_t atime, int64_t mtime) {
    sim_host_t *s = (sim_host_t *)h;
    sim_node_t *n;
    int r = existing(s, HOST_SIM_FAIL_WRITE, path, true, &n);
    if (r == 0) {
        n->info.atime = atime;
        n->info.mtime = mtime;
    }
    return (int)told(s, r);
}

/* ---- names ---- */

/* A place where a name can be made. */
static int free_place(sim_host_t *s, const char *path, bool directory, sim_place_t *w) {
    int r = place_of(s, HOST_SIM_FAIL_WRITE, path, false, w);
    if (r == 0 && w->node) r = -EEXIST;
    if (r == 0 && w->slash && !directory) r = -ENOENT;
    if (r == 0 && w->dir != s->tree.root && w->dir->info.links == 0) r = -ENOENT;
    return r;
}

static int f_link(host_t *h, const char *from, const char *name) {
    sim_host_t *s = (sim_host_t *)h;
    sim_node_t *n;
    sim_place_t w;
    int r = existing(s, HOST_SIM_FAIL_WRITE, from, false, &n);
    if (r == 0) r = free_place(s, name, false, &w);
    if (r == 0 && n->info.type == HOST_FILE_DIR) r = -EPERM;
    if (r == 0) r = sim_name_add(w.dir, w.name, n);
    return (int)told(s, r);
}

static int f_symlink(host_t *h, const char *target, const char *name) {
    sim_host_t *s = (sim_host_t *)h;
    sim_node_t *n;
    sim_place_t w;
    size_t len = strlen(target);
    int r = len == 0 ? -ENOENT : len >= SIM_PATH_MAX ? -ENAMETOOLONG : 0;
    if (r == 0) r = free_place(s, name, false, &w);
    if (r == 0)
        r = sim_node_make(&s->tree, w.dir, w.name, HOST_FILE_SYMLINK, 0777, sim_seconds(s), &n);
    if (r == 0 && (r = sim_node_resize(n, len + 1)) != 0)
        sim_name_remove(&s->tree, w.dir, w.name);
    else if (r == 0)
        memcpy(n->data, target, len);
    return (int)told(s, r);
}

static int64_t f_read_link(host_t *h, const char *path, char *buf, size_t size) {
    sim_host_t *s = (sim_host_t *)h;
    sim_node_t *n;
    int r = existing(s, HOST_SIM_FAIL_FILE, path, false, &n);
    if (r == 0 && n->info.type != HOST_FILE_SYMLINK) r = -EINVAL;
    if (r) return told(s, r);
    size_t len = strlen((char *)n->data);
    if (len > size) len = size;
    memcpy(buf, n->data, len);
    sim_trace_bytes(s, OP_FILE, buf, len);
    return told(s, (int64_t)len);
}

static int rename_ok(sim_host_t *s, const sim_place_t *from, const sim_place_t *to) {
    if (!from->node) return -ENOENT;
    if (from->fixed || to->fixed) return -EBUSY;
    bool dir = from->node->info.type == HOST_FILE_DIR;
    for (sim_node_t *n = to->dir; dir; n = n->parent) {
        if (n == from->node) return -EINVAL;
        if (n == s->tree.root) break;
    }
    if (!to->node && to->slash && !dir) return -ENOTDIR;
    if (!to->node && to->dir != s->tree.root && to->dir->info.links == 0) return -ENOENT;
    if (!to->node) return 0;
    bool onto_dir = to->node->info.type == HOST_FILE_DIR;
    for (sim_node_t *n = from->dir; onto_dir; n = n->parent) {
        if (n == to->node) return -ENOTEMPTY;
        if (n == s->tree.root) break;
    }
    if (dir && !onto_dir) return -ENOTDIR;
    if (!dir && onto_dir) return -EISDIR;
    return onto_dir && to->node != from->node && !sim_is_empty(to->node) ? -ENOTEMPTY : 0;
}

static int f_rename(host_t *h, const char *from, const char *to) {
    sim_host_t *s = (sim_host_t *)h;
    sim_place_t a, b;
    int r = place_of(s, HOST_SIM_FAIL_WRITE, from, false, &a);
    if (r == 0) r = place_of(s, HOST_SIM_FAIL_WRITE, to, false, &b);
    if (r == 0) r = rename_ok(s, &a, &b);
    if (r == 0 && a.node != b.node) {
        sim_node_t *n = a.node;
        if (b.node) sim_name_remove(&s->tree, b.dir, b.name);
        r = sim_name_add(b.dir, b.name, n);
        if (r == 0) {
            sim_name_remove(&s->tree, a.dir, a.name);
            changed(s, a.dir);
            changed(s, b.dir);
        }
    }
    return (int)told(s, r);
}

static int f_remove(host_t *h, const char *path) {
    sim_host_t *s = (sim_host_t *)h;
    sim_place_t w;
    int r = place_of(s, HOST_SIM_FAIL_WRITE, path, false, &w);
    if (r == 0 && !w.node) r = -ENOENT;
    if (r == 0 && w.node->info.type == HOST_FILE_DIR) r = -EISDIR;
    if (r == 0) {
        changed(s, w.dir);
        sim_name_remove(&s->tree, w.dir, w.name);
    }
    return (int)told(s, r);
}

static int f_make_dir(host_t *h, const char *path, uint32_t permissions) {
    sim_host_t *s = (sim_host_t *)h;
    sim_place_t w;
    sim_node_t *n;
    int r = free_place(s, path, true, &w);
    if (r == 0) {
        changed(s, w.dir);
        r = sim_node_make(&s->tree, w.dir, w.name, HOST_FILE_DIR, permissions & ~022u,
                          sim_seconds(s), &n);
    }
    return (int)told(s, r);
}

static int f_remove_dir(host_t *h, const char *path) {
    sim_host_t *s = (sim_host_t *)h;
    sim_place_t w;
    size_t n = strlen(path);
    int r = place_of(s, HOST_SIM_FAIL_WRITE, path, false, &w);
    if (r == 0 && !w.node) r = -ENOENT;
    if (r == 0 && w.node->info.type != HOST_FILE_DIR) r = -ENOTDIR;
    if (r == 0 && w.node == s->tree.root) r = -EBUSY;
    if (r == 0 && w.fixed) {
        while (n > 1 && path[n - 1] == '/') n--;
        r = n >= 2 && path[n - 1] == '.' && path[n - 2] == '.' ? -ENOTEMPTY : -EINVAL;
    }
    if (r == 0 && !sim_is_empty(w.node)) r = -ENOTEMPTY;
    if (r == 0) {
        changed(s, w.dir);
        sim_name_remove(&s->tree, w.dir, w.name);
    }
    return (int)told(s, r);
}

static const char *name_in(const sim_node_t *dir, const sim_node_t *n) {
    for (sim_entry_t *e = dir->entries; e; e = e->next)
        if (e->node == n) return e->name;
    return NULL;
}

/* From the end of buf backwards. */
static int64_t f_cwd(host_t *h, char *buf, size_t size) {
    sim_host_t *s = (sim_host_t *)h;
    if (sim_fails(s, HOST_SIM_FAIL_FILE)) return told(s, -EIO);
    size_t at = size;
    for (sim_node_t *n = s->tree.cwd; n != s->tree.root; n = n->parent) {
        const char *name = name_in(n->parent, n);
        if (!name) return told(s, -ENOENT);
        size_t len = strlen(name);
        if (at < len + 1) return told(s, -ERANGE);
        at -= len;
        memcpy(buf + at, name, len);
        buf[--at] = '/';
    }
    if (at == size && size > 0) buf[--at] = '/';
    memmove(buf, buf + at, size - at);
    return told(s, (int64_t)(size - at));
}

static int f_set_cwd(host_t *h, const char *path) {
    sim_host_t *s = (sim_host_t *)h;
    sim_node_t *n;
    int r = existing(s, HOST_SIM_FAIL_FILE, path, true, &n);
    if (r == 0 && n->info.type != HOST_FILE_DIR) r = -ENOTDIR;
    if (r == 0) sim_cwd_set(&s->tree, n);
    return (int)told(s, r);
}

const host_file_ops_t sim_files = {
    .open = f_open,
    .close = f_close,
    .from_number = f_from_number,
    .number = f_number,
    .read = f_read,
    .pread = f_pread,
    .write = f_write,
    .pwrite = f_pwrite,
    .seek = f_seek,
    .sync = f_sync,
    .truncate = f_truncate,
    .allocate = f_allocate,
    .advise = f_advise,
    .info = f_info,
    .path_info = f_path_info,
    .set_permissions = f_set_permissions,
    .set_owner = f_set_owner,
    .set_times = f_set_times,
    .link = f_link,
    .symlink = f_symlink,
    .read_link = f_read_link,
    .rename = f_rename,
    .remove = f_remove,
    .make_dir = f_make_dir,
    .remove_dir = f_remove_dir,
    .cwd = f_cwd,
    .set_cwd = f_set_cwd,
};

/* ---- whole files, directories ---- */

/* A real file's contents go to the caller and not into the tree. */
int sim_file_load(host_t *h, const char *path, uint8_t **data, size_t *len) {
    sim_host_t *s = (sim_host_t *)h;
    sim_node_t *n;
    int r = existing(s, HOST_SIM_FAIL_FILE, path, true, &n);
    if (r == 0 && n->info.type == HOST_FILE_DIR) r = -EISDIR;
    if (r == 0 && n->real) {
        r = sim_real_load(n->real, data, len);
    } else if (r == 0) {
        *data = malloc(n->len + 1);
        *len = n->len;
        r = *data ? 0 : -ENOMEM;
        if (r == 0 && n->len) memcpy(*data, n->data, n->len);
    }
    if (r) return (int)told(s, r);
    s->files_open++;
    sim_trace_bytes(s, OP_FILE, *data, *len);
    return 0;
}

void sim_file_free(host_t *h, uint8_t *data, size_t len) {
    (void)len;
    sim_host_t *s = (sim_host_t *)h;
    if (data) s->files_open--;
    free(data);
}

typedef struct {
    sim_host_t *s;
    bool (*fn)(void *user, const char *name);
    void *user;
} listing_t;

static bool list_name(void *user, const char *name) {
    listing_t *l = user;
    sim_trace_bytes(l->s, OP_DIR, name, strlen(name));
    return l->fn(l->user, name);
}

/* Names are sorted, so that the file system's order cannot be seen. */
int sim_dir_list(host_t *h, const char *path, bool (*fn)(void *user, const char *name),
                 void *user) {
    sim_host_t *s = (sim_host_t *)h;
    sim_node_t *n;
    listing_t l = {s, fn, user};
    int r = existing(s, HOST_SIM_FAIL_FILE, path, true, &n);
    if (r == 0 && n->info.type != HOST_FILE_DIR) r = -ENOTDIR;
    if (r == 0) r = sim_names(n, list_name, &l);
    return (int)told(s, r);
}

int host_sim_file_add(host_t *h, const char *path, const void *data, size_t len) {
    sim_host_t *s = (sim_host_t *)h;
    size_t n = strlen(path);
    char part[SIM_PATH_MAX];
    sim_place_t w = {0};
    sim_node_t *node;
    if (n >= sizeof part) return -ENAMETOOLONG;
    for (size_t i = 1; i <= n; i++) {
        if (path[i] && path[i] != '/') continue;
        memcpy(part, path, i);
        part[i] = 0;
        int r = sim_walk(&s->tree, part, true, &w);
        if (r == 0 && path[i] && !w.node)
            r = sim_node_make(&s->tree, w.dir, w.name, HOST_FILE_DIR, 0755, sim_seconds(s), &node);
        if (r) return r;
    }
    node = w.node;
    int r = node ? sim_node_load(node)
                 : sim_node_make(&s->tree, w.dir, w.name, HOST_FILE_REGULAR, 0644, sim_seconds(s),
                                 &node);
    if (r == 0 && node->info.type != HOST_FILE_REGULAR) r = -EISDIR;
    if (r == 0) node->len = 0;
    if (r == 0) r = sim_node_resize(node, len);
    if (r == 0 && len) memcpy(node->data, data, len);
    return r;
}
