/* bif_atoms.c: BIFs that turn atoms into text and text into atoms. Text is a list of characters or
 * a binary in Latin-1 or UTF-8; the atom table has it as UTF-8.
 */
#include "vm/bif.h"
#include "vm/binary.h"
#include "vm/utf8.h"

static BIF(atom_to_list) {
    if (!is_atom(a[0])) return bif_badarg(p);
    const atom_text_t *t = atom_text(p->vm, a[0]);
    if (t->chars == t->bytes) {
        term_t list = bytes_to_list(p, t->name, t->bytes, TERM_NIL);
        return list == TERM_NONE ? bif_oom(p) : list;
    }
    term_t *hp = heap_alloc(p, 2 * (size_t)t->chars), list = TERM_NIL;
    if (!hp) return bif_oom(p);
    uint32_t c = 0;
    unsigned shift = 0;
    for (size_t i = t->bytes; i-- > 0;) { /* backwards: continuation bytes come first */
        c |= (uint32_t)(t->name[i] & 0x3f) << shift;
        shift += 6;
        if ((t->name[i] & 0xc0) == 0x80) continue;
        if (t->name[i] >= 0x80) {
            static const uint32_t mask[] = {0, 0, 0x7ff, 0xffff, 0x1fffff};
            c &= mask[shift / 6];
        } else {
            c = t->name[i];
        }
        list = cons(&hp, make_small(c), list);
        c = shift = 0;
    }
    return list;
}

/* Text of an atom to be, as UTF-8 in buf; 0 or the reason it cannot be one. */
static term_t list_to_text(term_t l, uint8_t *buf, size_t *len) {
    size_t chars = 0;
    *len = 0;
    for (; is_cons(l); l = cons_tail(l)) {
        if (++chars > ATOM_MAX_CHARS) return A_system_limit;
        term_t h = cons_head(l);
        if (!is_code_point(h)) return A_badarg;
        *len += utf8_write(buf + *len, (uint32_t)small_value(h));
    }
    return is_nil(l) ? 0 : A_badarg;
}

/* For text that is known to be good. */
static term_t text_to_atom(proc_t *p, const uint8_t *s, size_t len) {
    term_t atom = atom_intern(p->vm, s, len);
    return atom == TERM_NONE ? bif_system_limit(p) : atom; /* the table is full */
}
static term_t text_to_existing(proc_t *p, const uint8_t *s, size_t len) {
    term_t atom = atom_find(p->vm, s, len);
    return atom == TERM_NONE ? bif_badarg(p) : atom;
}

static BIF(list_to_atom) {
    uint8_t buf[ATOM_MAX_BYTES];
    size_t len;
    term_t reason = list_to_text(a[0], buf, &len);
    return reason ? bif_error(p, reason) : text_to_atom(p, buf, len);
}
static BIF(list_to_existing_atom) {
    uint8_t buf[ATOM_MAX_BYTES];
    size_t len;
    term_t reason = list_to_text(a[0], buf, &len);
    return reason ? bif_badarg(p) : text_to_existing(p, buf, len);
}

static bool is_utf8_name(term_t t) { return t == A_utf8 || t == A_unicode; }

static term_t atom_to_bin(proc_t *p, term_t atom, term_t encoding) {
    if (!is_atom(atom)) return bif_badarg(p);
    const atom_text_t *t = atom_text(p->vm, atom);
    term_t bin;
    if (is_utf8_name(encoding)) {
        bin = new_binary(p, t->name, t->bytes);
    } else if (encoding == A_latin1 && t->latin1) {
        uint8_t buf[ATOM_MAX_CHARS];
        size_t n = 0;
        for (size_t i = 0; i < t->bytes; n++) {
            uint8_t c = t->name[i++];
            if (c >= 0x80) c = (uint8_t)(c << 6) | (t->name[i++] & 0x3f);
            buf[n] = c;
        }
        bin = new_binary(p, buf, n);
    } else {
        return bif_badarg(p);
    }
    return bin == TERM_NONE ? bif_oom(p) : bin;
}

static BIF(atom_to_binary_1) { return atom_to_bin(p, a[0], A_utf8); }
static BIF(atom_to_binary_2) { return atom_to_bin(p, a[0], a[1]); }

/* As list_to_text. What is longer than an atom's text is found out before it is checked. */
static term_t bytes_to_text(const uint8_t *s, size_t n, bool latin1, uint8_t *buf, size_t *len) {
    size_t chars = 0;
    *len = 0;
    if (n > (latin1 ? ATOM_MAX_CHARS : ATOM_MAX_BYTES)) return A_system_limit;
    if (latin1) {
        for (size_t i = 0; i < n; i++) *len += utf8_write(buf + *len, s[i]);
        return 0;
    }
    uint32_t c;
    for (size_t i = 0, used; i < n; i += used) {
        if (++chars > ATOM_MAX_CHARS) return A_system_limit;
        if ((used = utf8_read(s + i, n - i, &c)) == 0) return A_badarg;
    }
    memcpy(buf, s, n);
    *len = n;
    return 0;
}

static term_t binary_to_text(proc_t *p, term_t bin, term_t encoding, uint8_t *buf, size_t *len) {
    const uint8_t *s;
    size_t n, tmp_size;
    uint8_t *tmp = NULL;
    if (!is_binary(bin) || (!is_utf8_name(encoding) && encoding != A_latin1)) return A_badarg;
    if (bit_size_of(bin) / 8 > ATOM_MAX_BYTES) return A_system_limit;
    if (!bytes_of(p->vm, bin, &s, &n, &tmp, &tmp_size)) return TERM_NONE;
    term_t reason = bytes_to_text(s, n, encoding == A_latin1, buf, len);
    if (tmp) mem_free(p->vm, tmp, tmp_size);
    return reason;
}

static term_t bin_to_atom(proc_t *p, term_t bin, term_t encoding, bool existing) {
    uint8_t buf[ATOM_MAX_BYTES];
    size_t len;
    term_t reason = binary_to_text(p, bin, encoding, buf, &len);
    if (reason == TERM_NONE) return bif_oom(p);
    if (existing) return reason ? bif_badarg(p) : text_to_existing(p, buf, len);
    return reason ? bif_error(p, reason) : text_to_atom(p, buf, len);
}

static BIF(binary_to_atom_1) { return bin_to_atom(p, a[0], A_utf8, false); }
static BIF(binary_to_atom_2) { return bin_to_atom(p, a[0], a[1], false); }
static BIF(binary_to_existing_atom_1) { return bin_to_atom(p, a[0], A_utf8, true); }
static BIF(binary_to_existing_atom_2) { return bin_to_atom(p, a[0], a[1], true); }

const bif_def_t bifs_atoms[] = {
    {"erlang", "atom_to_list", 1, atom_to_list, 0},
    {"erlang", "list_to_atom", 1, list_to_atom, 0},
    {"erlang", "list_to_existing_atom", 1, list_to_existing_atom, 0},
    {"erlang", "atom_to_binary", 1, atom_to_binary_1, 0},
    {"erlang", "atom_to_binary", 2, atom_to_binary_2, 0},
    {"erlang", "binary_to_atom", 1, binary_to_atom_1, 0},
    {"erlang", "binary_to_atom", 2, binary_to_atom_2, 0},
    {"erlang", "binary_to_existing_atom", 1, binary_to_existing_atom_1, 0},
    {"erlang", "binary_to_existing_atom", 2, binary_to_existing_atom_2, 0},
    {0}};
