/* engine_bits.c: instructions that match and build bit strings. The commonest cases are done here,
 * the others by bs.c. See engine.h.
 */
#include "vm/binary.h"
#include "vm/engine_bits.h"
#include "vm/engine_ops.h"

/* Number of bits from a size operand times unit. false: negative, no integer or absurd. */
static inline bool bit_count(term_t size, uint64_t unit, uint64_t *bits) {
    if (!is_small(size) || (int64_t)size < 0) return false;
    return !__builtin_mul_overflow((uint64_t)small_value(size), unit, bits) &&
           *bits <= (uint64_t)SMALL_MAX;
}

/* A result of bs.c: TERM_NONE with EXC_OOM is no failed match. fclass is cleared before. */
#define MATCHED_OR_GO(r, fail)                                                                     \
    do {                                                                                           \
        if (UNLIKELY((r) == TERM_NONE)) {                                                          \
            if (p->fclass == EXC_OOM) RAISE();                                                     \
            GO(CODE(fail));                                                                        \
        }                                                                                          \
    } while (0)

DEFINE_OP(bs_start_match) {
    term_t t = SOURCE(W1(1));
    if (UNLIKELY(!is_bitstring(t))) {
        if (!is_match_ctx(t)) GO(CODE(W1(0)));
        DEST(W1(2)) = t;
        NEXT(bs_start_match);
    }
    if (NO_ROOM(MATCH_CTX_WORDS * sizeof(term_t))) {
        p->sched->arg[0] = MATCH_CTX_WORDS;
        p->sched->arg[1] = H(0);
        SLOW(engine_collect);
    }
    SAVE();
    p->fclass = EXC_ERROR;
    term_t c = bs_start_match(p, t);
    if (UNLIKELY(c == TERM_NONE)) {
        p->fclass = EXC_OOM;
        RAISE();
    }
    RESTORE();
    DEST(W1(2)) = c;
    NEXT(bs_start_match);
}

COLD OP_CC int start_match_xx(OP_ARGS) {
    term_t t = X(0);
    if (!is_bitstring(t)) GO(CODE(W1(0)));
    if (NO_ROOM(MATCH_CTX_WORDS * sizeof(term_t))) {
        p->sched->arg[0] = MATCH_CTX_WORDS;
        p->sched->arg[1] = H(2);
        SLOW(engine_collect);
    }
    SAVE();
    term_t c = bs_start_match(p, t);
    if (c == TERM_NONE) {
        p->fclass = EXC_OOM;
        RAISE();
    }
    RESTORE();
    X(1) = c;
    NEXT(bs_start_match_xx);
}
/* The last bytes of a binary. */
COLD OP_CC int bs_get_fixed_slow(OP_ARGS) {
    match_ctx_t *c = ctx_of(X(0));
    unsigned n = H(2), flags = H(3);
    uint64_t off = c->offset >> SMALL_SHIFT, v = 0;
    const uint8_t *b = c->base + (off >> 3);
    unsigned shift = off & 7, bytes = (shift + n + 7) / 8;
    for (unsigned i = 0; i < bytes; i++) v = v << 8 | b[i];
    v = v >> (8 * bytes - shift - n) & (((uint64_t)1 << n) - 1);
    if (flags & BS_SIGNED) v = (uint64_t)((int64_t)(v << (64 - n)) >> (64 - n));
    c->offset += BITS(n);
    X(1) = make_small((int64_t)v);
    NEXT(bs_get_integer_fixed);
}
OP_CC int bs_get_utf8_slow(OP_ARGS) {
    match_ctx_t *c = ctx_of(X(0));
    uint64_t off = c->offset >> SMALL_SHIFT;
    const uint8_t *b = c->base + (off >> 3);
    /* Two bytes, which most letters have that are not ASCII. */
    if ((off & 7) == 0 && left_of(c) >= BITS(16) && b[0] >= 0xc2 && b[0] < 0xe0 &&
        (b[1] & 0xc0) == 0x80) {
        unsigned v = (b[0] & 0x1fu) << 6 | (b[1] & 0x3f);
        c->offset += BITS(16);
        X(1) = make_small((int64_t)v);
        NEXT(bs_get_utf8_xx);
    }
    term_t r = bs_get_utf8(c);
    if (r == TERM_NONE) GO(CODE(W1(0)));
    X(1) = r;
    NEXT(bs_get_utf8_xx);
}
/* Numbers of any size: bs.c makes them. */
#define GET_NUMBER(name)                                                                           \
    DEFINE_OP(name) {                                                                              \
        match_ctx_t *c = ctx_of(SOURCE(W1(1)));                                                    \
        uint64_t bits;                                                                             \
        if (!bit_count(SOURCE(W1(2)), H(0), &bits) || left_of(c) < BITS(bits)) GO(CODE(W1(0)));    \
        SAVE();                                                                                    \
        p->fclass = EXC_ERROR;                                                                     \
        term_t r = name(p, c, bits, H(1));                                                         \
        MATCHED_OR_GO(r, W1(0));                                                                   \
        RESTORE();                                                                                 \
        DEST(W1(3)) = r;                                                                           \
        NEXT(name);                                                                                \
    }
GET_NUMBER(bs_get_integer)
GET_NUMBER(bs_get_float)

/* A part of a context's binary as a sub-binary; the context's base may lie before the data of its
 * binary (alignment), so offsets are counted from there. */
static inline uint64_t base_gap(const match_ctx_t *c) {
    const uint8_t *data = boxed_type(c->orig) == T_PROC_BIN
                              ? ((proc_bin_t *)boxed_ptr(c->orig))->data
                              : ((heap_bin_t *)boxed_ptr(c->orig))->data;
    return (uint64_t)(data - c->base) * 8;
}
static inline term_t sub_bin(term_t *hp, const match_ctx_t *c, uint64_t offset, uint64_t size) {
    sub_bin_t *s = (sub_bin_t *)hp;
    s->header = make_header(T_SUB_BIN, SUB_BIN_WORDS - 1);
    s->bit_offset = offset - BITS(base_gap(c));
    s->bit_size = size;
    s->orig = c->orig;
    return make_boxed(s);
}
DEFINE_OP(bs_get_binary) {
    match_ctx_t *c = ctx_of(SOURCE(W1(1)));
    term_t size = SOURCE(W1(2));
    uint64_t bits;
    if (size == A_all) {
        bits = left_of(c) >> SMALL_SHIFT;
        if (H(0) > 1 && bits % H(0) != 0) GO(CODE(W1(0)));
    } else if (!bit_count(size, H(0), &bits) || left_of(c) < BITS(bits)) {
        GO(CODE(W1(0)));
    }
    term_t r;
    if (LIKELY((size_t)(sp - hp) >= SUB_BIN_WORDS + STACK_RESERVE)) {
        r = sub_bin(hp, c, c->offset, BITS(bits));
        c->offset += BITS(bits);
        hp += SUB_BIN_WORDS;
    } else {
        SAVE();
        p->fclass = EXC_ERROR;
        r = bs_get_binary(p, c, bits);
        MATCHED_OR_GO(r, W1(0));
        RESTORE();
    }
    DEST(W1(3)) = r;
    NEXT(bs_get_binary);
}
DEFINE_OP(bs_get_tail) {
    match_ctx_t *c = ctx_of(SOURCE(W1(0)));
    if (NO_ROOM(SUB_BIN_WORDS * sizeof(term_t))) {
        p->sched->arg[0] = SUB_BIN_WORDS;
        p->sched->arg[1] = H(0);
        SLOW(engine_collect);
    }
    term_t r = sub_bin(hp, c, c->offset, left_of(c));
    hp += SUB_BIN_WORDS;
    DEST(W1(1)) = r;
    NEXT(bs_get_tail);
}
DEFINE_OP(bs_skip_bits) {
    match_ctx_t *c = ctx_of(SOURCE(W1(1)));
    term_t size = SOURCE(W1(2));
    uint64_t bits;
    if (size == A_all) {
        bits = left_of(c) >> SMALL_SHIFT;
        if (H(0) > 1 && bits % H(0) != 0) GO(CODE(W1(0)));
    } else if (!bit_count(size, H(0), &bits) || left_of(c) < BITS(bits)) {
        GO(CODE(W1(0)));
    }
    c->offset += BITS(bits);
    NEXT(bs_skip_bits);
}
DEFINE_OP(bs_test_unit) {
    term_t t = SOURCE(W0(1));
    uint64_t bits = is_match_ctx(t) ? left_of(ctx_of(t)) >> SMALL_SHIFT : bit_size_of(t);
    if (bits % W0(2) == 0) NEXT(bs_test_unit);
    GO(CODE(W0(0)));
}
DEFINE_OP(bs_match_string) {
    match_ctx_t *c = ctx_of(SOURCE(W0(1)));
    if (left_of(c) < BITS(W0(2))) GO(CODE(W0(0)));
    if (bs_match_string(c, W0(2), (const uint8_t *)(uintptr_t)W0(3))) NEXT(bs_match_string);
    GO(CODE(W0(0)));
}
DEFINE_OP(bs_get_utf8) {
    match_ctx_t *c = ctx_of(SOURCE(W0(1)));
    term_t r = bs_get_utf8(c);
    if (r == TERM_NONE) GO(CODE(W0(0)));
    DEST(W0(2)) = r;
    NEXT(bs_get_utf8);
}
DEFINE_OP(bs_get_utf16) {
    term_t r = bs_get_utf16(ctx_of(SOURCE(W1(1))), H(0));
    if (r == TERM_NONE) GO(CODE(W1(0)));
    DEST(W1(2)) = r;
    NEXT(bs_get_utf16);
}
DEFINE_OP(bs_get_utf32) {
    term_t r = bs_get_utf32(ctx_of(SOURCE(W1(1))), H(0));
    if (r == TERM_NONE) GO(CODE(W1(0)));
    DEST(W1(2)) = r;
    NEXT(bs_get_utf32);
}
DEFINE_OP(bs_get_position) {
    DEST(W0(1)) = ctx_of(SOURCE(W0(0)))->offset;
    NEXT(bs_get_position);
}
DEFINE_OP(bs_set_position) {
    ctx_of(SOURCE(W0(0)))->offset = SOURCE(W0(1));
    NEXT(bs_set_position);
}

/* OTP 26's combined matching: commands of engine_bits.h one after the other. */
DEFINE_OP(bs_match) {
    const uint64_t *cmd = ip + SIZE_bs_match, *end = cmd + W0(2);
    match_ctx_t *c = ctx_of(SOURCE(W0(1)));
    SAVE();
    p->fclass = EXC_ERROR;
    while (cmd < end) {
        term_t r;
        switch (*cmd) {
        case BSM_ENSURE_AT_LEAST:
            if (left_of(c) < BITS(cmd[1]) || ((left_of(c) >> SMALL_SHIFT) - cmd[1]) % cmd[2] != 0)
                goto fail;
            cmd += 3;
            break;
        case BSM_ENSURE_EXACTLY:
            if (left_of(c) != BITS(cmd[1])) goto fail;
            cmd += 2;
            break;
        case BSM_BINARY:
            r = bs_get_binary(p, c, cmd[1]);
            MATCHED_OR_GO(r, W0(0));
            DEST(cmd[2]) = r;
            cmd += 3;
            break;
        case BSM_INTEGER:
            r = bs_get_integer(p, c, cmd[1], (unsigned)cmd[2]);
            MATCHED_OR_GO(r, W0(0));
            DEST(cmd[3]) = r;
            cmd += 4;
            break;
        case BSM_SKIP:
            c->offset += BITS(cmd[1]);
            cmd += 2;
            break;
        case BSM_GET_TAIL:
            r = bs_get_tail(p, c);
            MATCHED_OR_GO(r, W0(0));
            DEST(cmd[1]) = r;
            cmd += 2;
            break;
        default: /* BSM_EQUAL: bits, value */
            r = bs_get_integer(p, c, cmd[1], 0);
            MATCHED_OR_GO(r, W0(0));
            if (!term_eq(p->vm, r, cmd[2])) goto fail;
            cmd += 3;
            break;
        }
    }
    RESTORE();
    GO(cmd);
fail:
    RESTORE();
    GO(CODE(W0(0)));
}

/* ---- building ---- */

/* Most of what is built are a few numbers of constant size, characters and short strings. Those are
 * put together in words first; whatever else there is, or may fail, is left to bs.c. */
enum { QUICK_WORDS = HEAP_BIN_MAX / 8 };
typedef struct {
    uint64_t word[QUICK_WORDS]; /* full ones, the first bit at the top */
    uint64_t last;              /* the bits of the one that is not full, at the bottom */
    size_t bits;
} quick_bits_t;

/* The low n bits of v, 1 to 64. false: too many. */
static inline bool quick_add(quick_bits_t *q, uint64_t v, unsigned n) {
    unsigned room = 64 - (unsigned)(q->bits & 63);
    if (UNLIKELY(q->bits + n > 64 * QUICK_WORDS)) return false;
    v = v << (64 - n) >> (64 - n);
    if (n < room) {
        q->last = q->last << n | v;
    } else {
        q->word[q->bits / 64] = (room == 64 ? 0 : q->last << room) | v >> (n - room);
        q->last = v;
    }
    q->bits += n;
    return true;
}
static bool quick_add_utf8(quick_bits_t *q, term_t t) {
    uint64_t c = (uint64_t)small_value(t);
    if (!bs_is_char(t)) return false;
    if (c < 0x80) return quick_add(q, c, 8);
    if (c < 0x800) return quick_add(q, 0xc080 | c >> 6 << 8 | (c & 0x3f), 16);
    uint64_t low = 0x8080 | (c >> 6 & 0x3f) << 8 | (c & 0x3f);
    if (c < 0x10000) return quick_add(q, 0xe00000 | c >> 12 << 16 | low, 24);
    return quick_add(q, 0xf0800000 | c >> 18 << 24 | (c >> 12 & 0x3f) << 16 | low, 32);
}
static inline bool quick_segment(quick_bits_t *q, const uint64_t *w, term_t value) {
    unsigned bits = (unsigned)(w[1] >> BSC_BITS_SHIFT);
    uint64_t v;
    if (bits == 0) return w[0] == A_utf8 && quick_add_utf8(q, value);
    if (w[0] == A_integer) {
        if (UNLIKELY(!is_small(value))) return false;
        v = (uint64_t)small_value(value);
    } else {
        double d;
        if (!is_float(value)) return false;
        d = float_value(value);
        if (bits == 64) {
            memcpy(&v, &d, sizeof v);
        } else if (bits == 32) {
            float f = (float)d;
            uint32_t u;
            memcpy(&u, &f, sizeof u);
            v = u;
        } else {
            return false;
        }
    }
    if (w[3] & BS_LITTLE) {
        if (bits & 7) return false;
        v = __builtin_bswap64(v) >> (64 - bits);
    }
    return quick_add(q, v, bits);
}

static void quick_store(const quick_bits_t *q, const bs_builder_t *b) {
    size_t left = q->bits;
    const uint64_t *from = q->word;
    if (LIKELY((b->off & 7) == 0)) {
        uint8_t *to = b->data + b->off / 8;
        for (; left >= 64; left -= 64, to += 8) {
            uint64_t v = __builtin_bswap64(*from++);
            memcpy(to, &v, sizeof v);
        }
        if (left == 0) return;
        uint64_t v = q->last << (64 - left);
        for (; left >= 8; left -= 8, v <<= 8) *to++ = (uint8_t)(v >> 56);
        if (left) *to = (uint8_t)(v >> 56);
    } else {
        size_t off = b->off;
        for (; left >= 64; left -= 64, off += 64) bits_put64(b->data, off, 64, *from++);
        bits_put64(b->data, off, (unsigned)left, q->last);
    }
}

/* false: it is for bs.c. Otherwise the result, perhaps TERM_NONE, is in p->sched->result. */
static bool create_quick(proc_t *p, const uint64_t *ip, term_t *x, term_t *sp) {
    const uint64_t *w = ip + SIZE_bs_create_bin, *end = w + W1(3);
    bool append = w < end && (w[0] == A_append || w[0] == A_private_append);
    quick_bits_t q;
    q.bits = q.last = 0;
    for (w += append ? BSC_WORDS : 0; w < end; w += BSC_WORDS) {
        if (w[0] == A_string) {
            const uint8_t *s = (const uint8_t *)(uintptr_t)w[4];
            for (int64_t n = small_value(w[5]); n > 0; n--)
                if (!quick_add(&q, *s++, 8)) return false;
        } else if (!quick_segment(&q, w, SOURCE(w[4]))) {
            return false;
        }
    }
    bs_builder_t b;
    if (append) {
        w = ip + SIZE_bs_create_bin;
        term_t bin = SOURCE(w[4]);
        if (!is_bitstring(bin)) return false;
        size_t size = bit_size_of(bin);
        if (w[2] == 8 ? size & 7 : w[2] > 1 && size % w[2]) return false;
        p->sched->result = bs_append(p, bin, q.bits, 1, &b);
    } else {
        p->sched->result = bs_init(p, q.bits, &b);
        if (p->sched->result == TERM_NONE) bif_oom(p);
    }
    if (LIKELY(p->sched->result != TERM_NONE)) quick_store(&q, &b);
    return true;
}

#define SEGMENTS (SCRATCH_WORDS * sizeof(term_t) / sizeof(bs_segment_t))
static term_t create_any(proc_t *p, const uint64_t *ip, term_t *x, term_t *sp) {
    size_t n = W1(3) / BSC_WORDS;
    const uint64_t *w = ip + SIZE_bs_create_bin;
    bs_segment_t *few = (bs_segment_t *)p->sched->scratch, *seg = few;
    if (n > SEGMENTS && !(seg = mem_alloc(p->vm, n * sizeof *seg))) return bif_oom(p);
    for (size_t i = 0; i < n; i++, w += BSC_WORDS) {
        seg[i] = (bs_segment_t){.kind = w[0],
                                .segment = (uint32_t)w[1],
                                .unit = (uint32_t)w[2],
                                .flags = (uint32_t)w[3]};
        if (w[0] == A_string) {
            seg[i].str = (const uint8_t *)(uintptr_t)w[4];
            seg[i].size = w[5];
        } else {
            seg[i].value = SOURCE(w[4]);
            seg[i].size = SOURCE(w[5]);
        }
    }
    term_t r = bs_create(p, seg, n);
    if (seg != few) mem_free(p->vm, seg, n * sizeof *seg);
    return r;
}

DEFINE_OP(bs_create_bin) {
    SAVE();
    p->cur_bif = NULL;
    p->cause = TERM_NONE;
    if (!create_quick(p, ip, x, sp)) p->sched->result = create_any(p, ip, x, sp);
    term_t r = p->sched->result;
    if (UNLIKELY(r == TERM_NONE)) GO_OR_RAISE(W1(0));
    /* The instruction also promises room for what follows. */
    if (UNLIKELY(gc_wanted(p) || (size_t)(p->sp - p->htop) < W1(1) + STACK_RESERVE)) {
        p->sched->result = r;
        if (!gc_minor(p, W1(1) + STACK_RESERVE, x, H(0), &p->sched->result, 1)) {
            p->fclass = EXC_OOM;
            RAISE();
        }
        r = p->sched->result;
    }
    RESTORE();
    DEST(W1(2)) = r;
    GO(ip + SIZE_bs_create_bin + W1(3));
}

/* Compilers before OTP 25 make the binary first and then put segment after segment. */
#define BUILDER ((bs_builder_t *)&p->sched->bs_data)
_Static_assert(sizeof(bs_builder_t) == sizeof(uint8_t *) + sizeof(size_t), "as in sched_t");
/* H: unit (8: size in bytes, 1: bits), live. fail, extra words, size, destination. */
DEFINE_OP(bs_init) {
    uint64_t bits;
    term_t size = SOURCE(W1(2));
    SAVE();
    p->cur_bif = NULL;
    p->cause = TERM_NONE;
    if (!is_small(size) || !bit_count(size, H(0), &bits)) {
        bif_error(p, is_big(size) && !big_is_neg(size) ? A_system_limit : A_badarg);
        GO_OR_RAISE(W1(0));
    }
    if ((size_t)(sp - hp) < W1(1) + HEAP_BIN_WORDS(HEAP_BIN_MAX) + STACK_RESERVE) {
        if (!gc_minor(p, W1(1) + HEAP_BIN_WORDS(HEAP_BIN_MAX), x, H(1), NULL, 0)) {
            p->fclass = EXC_OOM;
            RAISE();
        }
    }
    term_t r = bs_init(p, bits, BUILDER);
    if (r == TERM_NONE) {
        p->fclass = EXC_OOM;
        RAISE();
    }
    RESTORE();
    DEST(W1(3)) = r;
    NEXT(bs_init);
}
/* H: unit, live, source unit. fail, extra words, size, binary, destination. */
DEFINE_OP(bs_append) {
    uint64_t bits;
    term_t size = SOURCE(W1(2)), bin = SOURCE(W1(3));
    SAVE();
    p->cur_bif = NULL;
    p->cause = TERM_NONE;
    if (!bit_count(size, H(0), &bits)) {
        bif_badarg(p);
        GO_OR_RAISE(W1(0));
    }
    /* bs_private_append does not say which registers are live: it must not collect. */
    if (H(1) != NO_LIVE &&
        (size_t)(sp - hp) < W1(1) + PROC_BIN_WORDS + SUB_BIN_WORDS + STACK_RESERVE) {
        p->sched->result = bin;
        if (!gc_minor(p, W1(1) + PROC_BIN_WORDS + SUB_BIN_WORDS, x, H(1), &p->sched->result, 1)) {
            p->fclass = EXC_OOM;
            RAISE();
        }
        bin = p->sched->result;
    }
    term_t r = bs_append(p, bin, bits, H(2), BUILDER);
    if (r == TERM_NONE) GO_OR_RAISE(W1(0));
    RESTORE();
    DEST(W1(4)) = r;
    NEXT(bs_append);
}
/* H: kind (BSP_*), unit, flags. fail, size, value. */
DEFINE_OP(bs_put) {
    unsigned kind = H(0);
    term_t size = SOURCE(W1(1)), value = SOURCE(W1(2));
    bs_builder_t *b = BUILDER;
    uint64_t bits = 0;
    bool ok = true;
    SAVE();
    if (kind <= BSP_BINARY && size != A_all) ok = bit_count(size, H(1), &bits);
    if (ok) switch (kind) {
        case BSP_INTEGER: ok = bs_put_integer(b, value, bits, H(2)); break;
        case BSP_FLOAT: ok = bs_put_float(b, value, bits, H(2)); break;
        case BSP_BINARY:
            ok = size == A_all ? bs_put_binary_all(b, value, H(1)) : bs_put_binary(b, value, bits);
            break;
        case BSP_UTF8: ok = bs_put_utf8(b, value); break;
        case BSP_UTF16: ok = bs_put_utf16(b, value, H(2)); break;
        default: ok = bs_put_utf32(b, value, H(2)); break;
        }
    if (!ok) {
        p->cur_bif = NULL;
        p->cause = TERM_NONE;
        bif_badarg(p);
        GO_OR_RAISE(W1(0));
    }
    NEXT(bs_put);
}
DEFINE_OP(bs_put_string) {
    bs_builder_t *b = BUILDER;
    bs_put_string(b, (const uint8_t *)(uintptr_t)W0(1), W0(0));
    NEXT(bs_put_string);
}
DEFINE_OP(bs_utf_size) {
    term_t v = SOURCE(W1(0));
    DEST(W1(1)) = make_small((int64_t)(H(0) == 8 ? bs_utf8_size(v) : bs_utf16_size(v)));
    NEXT(bs_utf_size);
}
/* A size, if perhaps of more bits than there can be. */
static bool is_size(term_t t) {
    return is_small(t) ? (int64_t)t >= 0 : is_big(t) && !big_is_neg(t);
}
/* a + b * unit, where both must be sizes. */
DEFINE_OP(bs_add) {
    term_t a = SOURCE(W1(1)), b = SOURCE(W1(2));
    uint64_t bits, sum;
    if (is_small(a) && (int64_t)a >= 0 && bit_count(b, H(0), &bits) &&
        !__builtin_add_overflow((uint64_t)small_value(a), bits, &sum) &&
        sum <= (uint64_t)SMALL_MAX) {
        DEST(W1(3)) = make_small((int64_t)sum);
        NEXT(bs_add);
    }
    SAVE();
    p->cur_bif = NULL;
    p->cause = TERM_NONE;
    bif_error(p, is_size(a) && is_size(b) ? A_system_limit : A_badarg);
    GO_OR_RAISE(W1(0));
}
DEFINE_OP(bs_init_writable) {
    SAVE();
    p->cur_bif = NULL;
    p->cause = TERM_NONE;
    term_t r = bs_init_writable(p, x[0]);
    if (r == TERM_NONE) RAISE();
    x[0] = r;
    if (gc_wanted(p) && !gc_minor(p, STACK_RESERVE, x, 1, NULL, 0)) {
        p->fclass = EXC_OOM;
        RAISE();
    }
    RESTORE();
    NEXT(bs_init_writable);
}
