/* sim_tree.h: the names and contents of the simulated host's files. Only src/host/sim uses this.
 *
 * A tree of nodes in memory. Where real files may be read, a directory node may stand for a real
 * directory: what is not in it by name is looked for there and becomes a node of its own when it is
 * first seen. Nothing is ever written to the real file system: a removed name leaves a mark that
 * hides the real one.
 */
#ifndef LING_HOST_SIM_TREE_H
#define LING_HOST_SIM_TREE_H

#include "host/host_file.h"

enum { SIM_NAME_MAX = 255, SIM_PATH_MAX = 4096 };

typedef struct sim_node sim_node_t;

typedef struct sim_entry {
    struct sim_entry *next;
    sim_node_t *node; /* NULL: hides what the real directory has */
    char name[];
} sim_entry_t;

struct sim_node {
    sim_node_t *next, **link; /* all nodes of a tree */
    uint32_t opens;           /* a node goes with its last name and its last opener */
    host_file_info_t info;    /* size is only kept for what has not been read yet */
    uint8_t *data;            /* a file's contents; a link's target, ended by NUL */
    size_t len, cap;
    char *real;         /* the real file or directory behind this one, or NULL */
    sim_node_t *parent; /* of a directory; the root's is itself */
    sim_entry_t *entries;
};

typedef struct {
    sim_node_t *root, *cwd, *all;
    uint64_t inodes;
} sim_tree_t;

/* real: names that are not here are looked up in the real file system, from its working directory
 * on. false: no memory. */
bool sim_tree_init(sim_tree_t *t, bool real, int64_t now);
void sim_tree_free(sim_tree_t *t);

/* Where a path leads. node NULL: there is no such name, but it could be made in dir. */
typedef struct {
    sim_node_t *dir, *node;
    bool slash; /* the path ends in one: only a directory will do */
    bool fixed; /* the path ends in "." or "..": dir and name say nothing */
    char name[SIM_NAME_MAX + 1];
} sim_place_t;

/* 0 or a negative errno value. */
int sim_walk(sim_tree_t *t, const char *path, bool follow, sim_place_t *out);
/* A new node of a type and permissions, with a name in dir. */
int sim_node_make(sim_tree_t *t, sim_node_t *dir, const char *name, uint32_t type, uint32_t mode,
                  int64_t now, sim_node_t **out);
/* One more name for a node. */
int sim_name_add(sim_node_t *dir, const char *name, sim_node_t *node);
/* The name goes; the node too, unless it has others or is open. */
int sim_name_remove(sim_tree_t *t, sim_node_t *dir, const char *name);
/* Another working directory. */
void sim_cwd_set(sim_tree_t *t, sim_node_t *dir);
/* An opener has gone. */
void sim_node_close(sim_tree_t *t, sim_node_t *n);
/* Brings a file's contents into memory, which a real one's are not before. */
int sim_node_load(sim_node_t *n);
/* Room for len bytes; what is new reads as zero. */
int sim_node_resize(sim_node_t *n, size_t len);
/* Calls fn for the names in a directory, sorted, until it returns false. */
int sim_names(sim_node_t *dir, bool (*fn)(void *user, const char *name), void *user);
bool sim_is_empty(sim_node_t *dir);
/* The contents of a real file, for free. */
int sim_real_load(const char *path, uint8_t **data, size_t *len);

#endif
