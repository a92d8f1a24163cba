/* sim_tree.c: see sim_tree.h. */
#include "host/sim/sim_tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const uint32_t modes[] = {[HOST_FILE_REGULAR] = S_IFREG,
                                 [HOST_FILE_DIR] = S_IFDIR,
                                 [HOST_FILE_SYMLINK] = S_IFLNK,
                                 [HOST_FILE_DEVICE] = S_IFCHR,
                                 [HOST_FILE_OTHER] = S_IFIFO};

/* ---- nodes ---- */

static sim_node_t *node_new(sim_tree_t *t, uint32_t type, uint32_t mode, int64_t now) {
    sim_node_t *n = calloc(1, sizeof *n);
    if (!n) return NULL;
    n->info.type = type;
    n->info.mode = modes[type] | (mode & 07777);
    n->info.inode = ++t->inodes;
    n->info.atime = n->info.mtime = n->info.ctime = now;
    n->info.readable = n->info.writable = true;
    n->next = t->all;
    if (t->all) t->all->link = &n->next;
    n->link = &t->all;
    t->all = n;
    return n;
}

static void node_free(sim_node_t *n) {
    for (sim_entry_t *e = n->entries, *next; e; e = next) {
        next = e->next;
        free(e);
    }
    *n->link = n->next;
    if (n->next) n->next->link = n->link;
    free(n->data);
    free(n->real);
    free(n);
}

static void node_check(sim_tree_t *t, sim_node_t *n) {
    if (n->info.links == 0 && n->opens == 0 && n != t->root && n != t->cwd) node_free(n);
}

void sim_node_close(sim_tree_t *t, sim_node_t *n) {
    n->opens--;
    node_check(t, n);
}

void sim_cwd_set(sim_tree_t *t, sim_node_t *dir) {
    sim_node_t *old = t->cwd;
    t->cwd = dir;
    node_check(t, old);
}

int sim_node_resize(sim_node_t *n, size_t len) {
    if (len > n->cap) {
        size_t cap = len < 64 ? 64 : len + len / 2;
        uint8_t *more = realloc(n->data, cap);
        if (!more) return -ENOSPC;
        n->data = more;
        n->cap = cap;
    }
    if (len > n->len) memset(n->data + n->len, 0, len - n->len);
    n->len = len;
    return 0;
}

/* ---- what is real ---- */

int sim_real_load(const char *path, uint8_t **data, size_t *len) {
    struct stat st;
    if (stat(path, &st) < 0) return -errno;
    if (!S_ISREG(st.st_mode)) return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    FILE *f = fopen(path, "rb");
    if (!f) return -errno;
    size_t cap = (size_t)st.st_size + 1, used = 0; /* some say 0 and are not empty */
    uint8_t *buf = malloc(cap);
    int r = buf ? 0 : -ENOMEM;
    while (r == 0) {
        size_t n = fread(buf + used, 1, cap - used, f);
        used += n;
        if (used < cap) break;
        uint8_t *more = realloc(buf, cap * 2);
        if (!more) r = -ENOMEM;
        if (more) buf = more;
        cap *= 2;
    }
    if (r == 0 && ferror(f)) r = -EIO;
    fclose(f);
    if (r) {
        free(buf);
        return r;
    }
    *data = buf;
    *len = used;
    return 0;
}

int sim_node_load(sim_node_t *n) {
    if (!n->real || n->info.type != HOST_FILE_REGULAR) return 0;
    uint8_t *data;
    size_t len;
    int r = sim_real_load(n->real, &data, &len);
    if (r) return r;
    n->data = data;
    n->len = n->cap = len;
    free(n->real);
    n->real = NULL;
    return 0;
}

static char *real_path(const sim_node_t *dir, const char *name) {
    size_t size = strlen(dir->real) + strlen(name) + 2;
    char *path = malloc(size);
    if (path) snprintf(path, size, "%s/%s", dir->real, name);
    return path;
}

/* A node for a real file, if there is one. It takes path over. */
static int import(sim_tree_t *t, char *path, sim_node_t **out) {
    struct stat st;
    *out = NULL;
    if (lstat(path, &st) < 0) {
        int r = errno == ENOMEM ? -ENOMEM : -ENOENT;
        free(path);
        return r;
    }
    uint32_t type = S_ISREG(st.st_mode)   ? HOST_FILE_REGULAR
                    : S_ISDIR(st.st_mode) ? HOST_FILE_DIR
                    : S_ISLNK(st.st_mode) ? HOST_FILE_SYMLINK
                    : S_ISCHR(st.st_mode) ? HOST_FILE_DEVICE
                                          : HOST_FILE_OTHER;
    sim_node_t *n = node_new(t, type, st.st_mode, st.st_mtime);
    if (!n) {
        free(path);
        return -ENOMEM;
    }
    n->info.size = st.st_size;
    n->info.rdevice = (uint32_t)st.st_rdev;
    n->real = path;
    if (type == HOST_FILE_SYMLINK) {
        char target[SIM_PATH_MAX];
        ssize_t len = readlink(path, target, sizeof target - 1);
        int r = len < 0 ? -errno : sim_node_resize(n, (size_t)len + 1);
        if (r) {
            node_free(n);
            return r;
        }
        memcpy(n->data, target, (size_t)len);
    }
    *out = n;
    return 0;
}

/* ---- names ---- */

static sim_entry_t *entry_find(const sim_node_t *dir, const char *name) {
    sim_entry_t *e = dir->entries;
    while (e && strcmp(e->name, name) != 0) e = e->next;
    return e;
}

int sim_name_add(sim_node_t *dir, const char *name, sim_node_t *node) {
    sim_entry_t *e = entry_find(dir, name);
    if (!e) {
        size_t n = strlen(name) + 1;
        e = malloc(sizeof *e + n);
        if (!e) return -ENOSPC;
        memcpy(e->name, name, n);
        e->next = dir->entries;
        dir->entries = e;
    }
    e->node = node;
    node->info.links++;
    if (node->info.type == HOST_FILE_DIR) node->parent = dir;
    return 0;
}

int sim_name_remove(sim_tree_t *t, sim_node_t *dir, const char *name) {
    sim_entry_t *e = entry_find(dir, name);
    sim_node_t *n = e->node;
    e->node = NULL;
    if (!dir->real) {
        sim_entry_t **link = &dir->entries;
        while (*link != e) link = &(*link)->next;
        *link = e->next;
        free(e);
    }
    n->info.links--;
    node_check(t, n);
    return 0;
}

int sim_node_make(sim_tree_t *t, sim_node_t *dir, const char *name, uint32_t type, uint32_t mode,
                  int64_t now, sim_node_t **out) {
    /* Nothing can be made in a directory that has been removed. */
    if (dir != t->root && dir->info.links == 0) return -ENOENT;
    sim_node_t *n = node_new(t, type, mode, now);
    int r = n ? sim_name_add(dir, name, n) : -ENOSPC;
    if (r && n) node_free(n);
    if (r == 0) *out = n;
    return r;
}

/* The node of a name in a directory; NULL: there is none. */
static int child(sim_tree_t *t, sim_node_t *dir, const char *name, sim_node_t **out) {
    sim_entry_t *e = entry_find(dir, name);
    *out = e ? e->node : NULL;
    if (e || !dir->real) return 0;
    char *path = real_path(dir, name);
    int r = path ? import(t, path, out) : -ENOMEM;
    if (r == -ENOENT) return 0;
    if (r == 0 && (r = sim_name_add(dir, name, *out)) != 0) node_free(*out);
    return r;
}

static int name_order(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int sim_names(sim_node_t *dir, bool (*fn)(void *user, const char *name), void *user) {
    char **names = NULL;
    size_t count = 0, cap = 0;
    int r = 0;
    DIR *d = dir->real ? opendir(*dir->real ? dir->real : "/") : NULL;
    if (dir->real && !d) return -errno;
    sim_entry_t *e = dir->entries;
    for (;;) {
        const char *name;
        if (e) {
            name = e->node ? e->name : NULL;
            e = e->next;
        } else {
            struct dirent *entry = d ? readdir(d) : NULL;
            if (!entry) break;
            name = entry->d_name;
            if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || entry_find(dir, name))
                name = NULL;
        }
        if (!name) continue;
        if (count == cap) {
            char **more = realloc(names, (cap = cap ? cap * 2 : 64) * sizeof *names);
            if (!more) break;
            names = more;
        }
        if (!(names[count] = strdup(name))) break;
        count++;
    }
    if (d) closedir(d);
    if (count) qsort(names, count, sizeof *names, name_order);
    bool on = true;
    for (size_t i = 0; i < count; i++) {
        if (on) on = fn(user, names[i]);
        free(names[i]);
    }
    free(names);
    return r;
}

static bool seen(void *user, const char *name) {
    (void)name;
    *(bool *)user = false;
    return false;
}

bool sim_is_empty(sim_node_t *dir) {
    bool empty = true;
    sim_names(dir, seen, &empty);
    return empty;
}

/* ---- paths ---- */

enum { LINKS_MAX = 40 };

/* Steps through rest, which is changed: a link's target takes its place. */
static int walk(sim_tree_t *t, char *rest, bool follow, sim_place_t *w) {
    const char *p = rest;
    sim_node_t *dir = *p == '/' ? t->root : t->cwd;
    int hops = 0;
    *w = (sim_place_t){.dir = dir, .node = dir, .fixed = true};
    for (;;) {
        while (*p == '/') p++;
        if (!*p) return 0;
        size_t n = strcspn(p, "/");
        if (n > SIM_NAME_MAX) return -ENAMETOOLONG;
        char name[SIM_NAME_MAX + 1];
        memcpy(name, p, n);
        name[n] = 0;
        p += n;
        bool slash = *p == '/';
        while (*p == '/') p++;
        bool last = !*p;
        bool up = strcmp(name, "..") == 0;
        if (up || strcmp(name, ".") == 0) {
            if (up) dir = dir->parent;
            *w = (sim_place_t){.dir = dir, .node = dir, .fixed = true};
            continue;
        }
        sim_node_t *n1;
        int r = child(t, dir, name, &n1);
        if (r) return r;
        if (!n1 && !last) return -ENOENT;
        if (n1 && n1->info.type == HOST_FILE_SYMLINK && (!last || follow || slash)) {
            size_t tail = strlen(p), len = strlen((char *)n1->data);
            if (++hops > LINKS_MAX) return -ELOOP;
            if (len + tail + 2 > SIM_PATH_MAX) return -ENAMETOOLONG;
            memmove(rest + len + 1, p, tail + 1);
            memcpy(rest, n1->data, len);
            rest[len] = '/';
            if (!tail && !slash) rest[len] = 0;
            p = rest;
            if (*p == '/') dir = t->root;
            *w = (sim_place_t){.dir = dir, .node = dir, .fixed = true};
            continue;
        }
        if (last) {
            if (n1 && slash && n1->info.type != HOST_FILE_DIR) return -ENOTDIR;
            *w = (sim_place_t){.dir = dir, .node = n1, .slash = slash};
            memcpy(w->name, name, n + 1);
            return 0;
        }
        if (n1->info.type != HOST_FILE_DIR) return -ENOTDIR;
        dir = n1;
    }
}

int sim_walk(sim_tree_t *t, const char *path, bool follow, sim_place_t *out) {
    size_t n = strlen(path);
    if (n == 0) return -ENOENT;
    if (n >= SIM_PATH_MAX) return -ENAMETOOLONG;
    char *rest = malloc(SIM_PATH_MAX + 1);
    if (!rest) return -ENOMEM;
    memcpy(rest, path, n + 1);
    int r = walk(t, rest, follow, out);
    free(rest);
    return r;
}

/* ---- life ---- */

bool sim_tree_init(sim_tree_t *t, bool real, int64_t now) {
    memset(t, 0, sizeof *t);
    t->root = node_new(t, HOST_FILE_DIR, 0755, now);
    if (!t->root) return false;
    t->root->info.links = 1;
    t->cwd = t->root->parent = t->root;
    if (real) {
        t->root->real = calloc(1, 1);
        char here[SIM_PATH_MAX];
        sim_place_t w;
        if (t->root->real && getcwd(here, sizeof here) && sim_walk(t, here, true, &w) == 0 &&
            w.node && w.node->info.type == HOST_FILE_DIR)
            t->cwd = w.node;
        return t->root->real != NULL;
    }
    static const struct {
        const char *name;
        unsigned minor;
    } devices[] = {{"null", 3}, {"zero", 5}, {"full", 7}};
    sim_node_t *dev, *n;
    if (sim_node_make(t, t->root, "tmp", HOST_FILE_DIR, 01777, now, &n) ||
        sim_node_make(t, t->root, "dev", HOST_FILE_DIR, 0755, now, &dev))
        return false;
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        if (sim_node_make(t, dev, devices[i].name, HOST_FILE_DEVICE, 0666, now, &n)) return false;
        n->info.rdevice = (uint32_t)makedev(1, devices[i].minor);
    }
    return true;
}

void sim_tree_free(sim_tree_t *t) {
    while (t->all) node_free(t->all);
}
