/* bif_time.c: clocks, dates and timers.
 *
 * What monotonic time and the offset to system time are is in clock.h; the native unit is the
 * nanosecond. Dates use a calendar of our own; only the local zone's offset comes from the
 * host. Relies on etimer.h for timers.
 */
#include "timer/etimer.h"
#include "vm/arith.h"
#include "vm/clock.h"
#include "vm/process.h"

#define NS_PER_S  1000000000
#define NS_PER_MS 1000000

/* ---- clocks and units ---- */

/* Whoever asks for the time has it compared with the wall clock now and then. */
static inline int64_t now_ns(vm_t *vm) {
    uint64_t now = vm_now(vm);
    clock_look(vm, now);
    return (int64_t)now;
}
static inline int64_t system_ns(vm_t *vm) {
    clock_look(vm, vm_now(vm));
    return clock_system_ns(vm);
}
static inline int64_t offset_ns(vm_t *vm) {
    clock_look(vm, vm_now(vm));
    return clock_offset(vm);
}
static inline int64_t wall_ns(vm_t *vm) { return vm->host->ops->wall_ns(vm->host); }

static inline int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static term_t ok_or_oom(proc_t *p, term_t t) { return t == TERM_NONE ? bif_oom(p) : t; }

/* Parts a second of a unit named by an atom; 0: no such unit. */
static int64_t unit_parts(term_t unit) {
    switch (unit) {
    case A_second:
    case A_seconds: return 1;
    case A_millisecond:
    case A_milli_seconds: return 1000;
    case A_microsecond:
    case A_micro_seconds: return 1000000;
    case A_nanosecond:
    case A_nano_seconds:
    case A_native:
    case A_perf_counter: return NS_PER_S;
    default: return 0;
    }
}

/* ns in a unit, rounded down; the unit may be any positive integer: parts a second. */
static term_t ns_in_unit(proc_t *p, int64_t ns, term_t unit) {
    int64_t parts = unit_parts(unit);
    if (parts) return ok_or_oom(p, int64_to_term(p, floor_div(ns, NS_PER_S / parts)));
    if (is_small(unit) && small_value(unit) > 0) {
        __int128 product = (__int128)ns * small_value(unit);
        __int128 q = product / NS_PER_S - (product % NS_PER_S < 0);
        if (q >= INT64_MIN && q <= INT64_MAX) return ok_or_oom(p, int64_to_term(p, (int64_t)q));
    } else if (!is_big(unit) || big_is_neg(unit)) {
        return bif_badarg(p);
    }
    term_t t = int64_to_term(p, ns);
    if (t == TERM_NONE) return bif_oom(p);
    t = arith_mul(p, t, unit);
    if (t == TERM_NONE) return TERM_NONE;
    /* div cuts towards zero: below zero that is up. */
    if (ns < 0) t = arith_sub(p, t, make_small(NS_PER_S - 1));
    return t == TERM_NONE ? TERM_NONE : arith_div(p, t, make_small(NS_PER_S));
}

static BIF(monotonic_time_0) {
    (void)a;
    return ok_or_oom(p, int64_to_term(p, now_ns(p->vm)));
}
static BIF(monotonic_time_1) { return ns_in_unit(p, now_ns(p->vm), a[0]); }

static BIF(system_time_0) {
    (void)a;
    return ok_or_oom(p, int64_to_term(p, system_ns(p->vm)));
}
static BIF(system_time_1) { return ns_in_unit(p, system_ns(p->vm), a[0]); }

static BIF(time_offset_0) {
    (void)a;
    return ok_or_oom(p, int64_to_term(p, offset_ns(p->vm)));
}
static BIF(time_offset_1) { return ns_in_unit(p, offset_ns(p->vm), a[0]); }

static BIF(os_system_time_0) {
    (void)a;
    return ok_or_oom(p, int64_to_term(p, wall_ns(p->vm)));
}
static BIF(os_system_time_1) { return ns_in_unit(p, wall_ns(p->vm), a[0]); }

static BIF(perf_counter_0) {
    (void)a;
    return ok_or_oom(p, int64_to_term(p, (int64_t)vm_host_now(p->vm)));
}

static BIF(time_unit_0) {
    (void)p, (void)a;
    return make_small(NS_PER_S);
}

/* {MegaSecs, Secs, MicroSecs} */
static term_t timestamp(proc_t *p, int64_t us) {
    term_t *hp = heap_alloc(p, 4);
    if (!hp) return bif_oom(p);
    int64_t s = floor_div(us, 1000000);
    int64_t mega = floor_div(s, 1000000);
    return tuple3(&hp, make_small(mega), make_small(s - mega * 1000000),
                  make_small(us - s * 1000000));
}
static BIF(timestamp_0) {
    (void)a;
    return timestamp(p, floor_div(system_ns(p->vm), 1000));
}
static BIF(os_timestamp_0) {
    (void)a;
    return timestamp(p, floor_div(wall_ns(p->vm), 1000));
}

/* Every call returns a later time than the one before. */
static BIF(now_0) {
    (void)a;
    clock_look(p->vm, vm_now(p->vm));
    return timestamp(p, clock_unique_us(p->vm));
}

/* ---- calendar ---- proleptic Gregorian, any year */

typedef struct {
    int64_t year;
    int month, day, hour, minute, second;
} date_t;

static bool is_leap(int64_t y) { return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0); }

static int month_days(int64_t year, int month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

enum { DAYS_400 = 146097, DAYS_TO_1970 = 719468 /* from 0000-03-01 */ };

/* Days since 1970. Years are counted from March, so that the leap day is their last. */
static int64_t days_of(int64_t year, int month, int day) {
    int m = (month + 9) % 12; /* March is 0 */
    int64_t y = year - (month <= 2);
    int64_t era = floor_div(y, 400), of_era = y - era * 400;
    int64_t days = (153 * m + 2) / 5 + day - 1;
    return era * DAYS_400 + of_era * 365 + of_era / 4 - of_era / 100 + days - DAYS_TO_1970;
}

static int64_t seconds_of(const date_t *d) {
    return days_of(d->year, d->month, d->day) * 86400 + d->hour * 3600 + d->minute * 60 + d->second;
}

static date_t date_of(int64_t seconds) {
    date_t d;
    int64_t days = floor_div(seconds, 86400);
    int in_day = (int)(seconds - days * 86400);
    days += DAYS_TO_1970;
    int64_t era = floor_div(days, DAYS_400), day = days - era * DAYS_400;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int of_year = (int)(day - (365 * year + year / 4 - year / 100));
    int m = (5 * of_year + 2) / 153;
    d.day = of_year - (153 * m + 2) / 5 + 1;
    d.month = m < 10 ? m + 3 : m - 9;
    d.year = era * 400 + year + (d.month <= 2);
    d.hour = in_day / 3600;
    d.minute = in_day / 60 % 60;
    d.second = in_day % 60;
    return d;
}

static bool small_in(term_t t, int64_t low, int64_t high, int *out) {
    if (!is_small(t) || small_value(t) < low || small_value(t) > high) return false;
    *out = (int)small_value(t);
    return true;
}

/* {{Year, Month, Day}, {Hour, Minute, Second}} that exists and is no earlier than first_year. */
static bool date_from_term(term_t t, int64_t first_year, date_t *d) {
    if (!is_tuple_of(t, 2)) return false;
    term_t day = tuple_elem(t, 1), time = tuple_elem(t, 2);
    if (!is_tuple_of(day, 3) || !is_tuple_of(time, 3)) return false;
    int year;
    if (!small_in(tuple_elem(day, 1), first_year, INT32_MAX - 1, &year)) return false;
    d->year = year;
    return small_in(tuple_elem(day, 2), 1, 12, &d->month) &&
           small_in(tuple_elem(day, 3), 1, month_days(year, d->month), &d->day) &&
           small_in(tuple_elem(time, 1), 0, 23, &d->hour) &&
           small_in(tuple_elem(time, 2), 0, 59, &d->minute) &&
           small_in(tuple_elem(time, 3), 0, 59, &d->second);
}

static term_t day_term(term_t **hp, const date_t *d) {
    return tuple3(hp, make_small(d->year), make_small(d->month), make_small(d->day));
}
static term_t time_term(term_t **hp, const date_t *d) {
    return tuple3(hp, make_small(d->hour), make_small(d->minute), make_small(d->second));
}
static term_t date_to_term(proc_t *p, int64_t seconds) {
    term_t *hp = heap_alloc(p, 11);
    if (!hp) return bif_oom(p);
    date_t d = date_of(seconds);
    term_t day = day_term(&hp, &d), time = time_term(&hp, &d);
    return tuple2(&hp, day, time);
}

static int32_t zone_offset(vm_t *vm, int64_t utc) {
    return vm->host->ops->local_offset(vm->host, utc, NULL);
}

static int64_t utc_now(vm_t *vm) { return floor_div(wall_ns(vm), NS_PER_S); }
static int64_t local_now(vm_t *vm) {
    int64_t utc = utc_now(vm);
    return utc + zone_offset(vm, utc);
}

static BIF(universaltime_0) {
    (void)a;
    return date_to_term(p, utc_now(p->vm));
}
static BIF(localtime_0) {
    (void)a;
    return date_to_term(p, local_now(p->vm));
}
static BIF(date_0) {
    (void)a;
    term_t *hp = heap_alloc(p, 4);
    if (!hp) return bif_oom(p);
    date_t d = date_of(local_now(p->vm));
    return day_term(&hp, &d);
}
static BIF(time_0) {
    (void)a;
    term_t *hp = heap_alloc(p, 4);
    if (!hp) return bif_oom(p);
    date_t d = date_of(local_now(p->vm));
    return time_term(&hp, &d);
}

/* OTP asks the C library, and refuses years before 1902. */
enum { LOCAL_FIRST_YEAR = 1902, POSIX_FIRST_YEAR = 1600 };

static BIF(universaltime_to_localtime_1) {
    date_t d;
    if (!date_from_term(a[0], LOCAL_FIRST_YEAR, &d)) return bif_badarg(p);
    int64_t utc = seconds_of(&d);
    return date_to_term(p, utc + zone_offset(p->vm, utc));
}

static BIF(localtime_to_universaltime_2) {
    date_t d;
    if (!date_from_term(a[0], LOCAL_FIRST_YEAR, &d)) return bif_badarg(p);
    if (a[1] != A_true && a[1] != A_false && a[1] != A_undefined) return bif_badarg(p);
    int dst = a[1] == A_undefined ? -1 : a[1] == A_true;
    int64_t utc;
    if (!p->vm->host->ops->local_to_utc(p->vm->host, seconds_of(&d), dst, &utc))
        return bif_badarg(p);
    return date_to_term(p, utc);
}

static BIF(localtime_to_universaltime_1) {
    term_t args[2] = {a[0], A_undefined};
    return localtime_to_universaltime_2(p, args);
}

static BIF(posixtime_to_universaltime_1) {
    int64_t t;
    if (!term_to_int64(a[0], &t)) return bif_badarg(p);
    return date_to_term(p, t);
}

static BIF(universaltime_to_posixtime_1) {
    date_t d;
    if (!date_from_term(a[0], POSIX_FIRST_YEAR, &d)) return bif_badarg(p);
    return ok_or_oom(p, int64_to_term(p, seconds_of(&d)));
}

/* ---- timers ---- */

/* The time a timer fires. false: not a time. */
static bool timer_when(vm_t *vm, term_t time, bool absolute, uint64_t *when) {
    int64_t ms;
    if (!term_to_int64(time, &ms)) return false;
    uint64_t now = vm_now(vm);
    int64_t start_ms = (int64_t)(vm->start_ns / NS_PER_MS);
    int64_t now_ms = (int64_t)(now / NS_PER_MS);
    if (absolute) {
        if (ms < start_ms || ms > CLOCK_END_MS) return false;
        *when = (uint64_t)ms * NS_PER_MS;
    } else {
        if (ms < 0 || ms >= CLOCK_END_MS - now_ms) return false;
        *when = now + (uint64_t)ms * NS_PER_MS;
    }
    return true;
}

static term_t timer_start(proc_t *p, term_t time, term_t dst, term_t msg, term_t options,
                          bool enveloped) {
    bool absolute = false;
    for (; is_cons(options); options = cons_tail(options)) {
        term_t o = cons_head(options);
        if (!is_tuple_of(o, 2) || tuple_elem(o, 1) != A_abs) return bif_badarg_cause(p, A_badopt);
        if (tuple_elem(o, 2) != A_true && tuple_elem(o, 2) != A_false)
            return bif_badarg_cause(p, A_badopt);
        absolute = tuple_elem(o, 2) == A_true;
    }
    uint64_t when;
    if (!is_nil(options)) return bif_badarg_cause(p, A_badopt);
    if (!timer_when(p->vm, time, absolute, &when)) return bif_badarg_cause(p, A_time);
    if (!is_local_pid(dst) && !is_atom(dst)) return bif_badarg(p);
    term_t ref = new_ref(p);
    if (ref == TERM_NONE) return bif_oom(p);
    if (etimer_add_abs(p->vm, ref_id(ref), when, dst, msg, p, enveloped) < 0) return bif_oom(p);
    return ref;
}

static BIF(start_timer_3) { return timer_start(p, a[0], a[1], a[2], TERM_NIL, true); }
static BIF(start_timer_4) { return timer_start(p, a[0], a[1], a[2], a[3], true); }
static BIF(send_after_3) { return timer_start(p, a[0], a[1], a[2], TERM_NIL, false); }
static BIF(send_after_4) { return timer_start(p, a[0], a[1], a[2], a[3], false); }

/* Milliseconds left, a part counts as a whole: a timer just started has its whole time left. */
static term_t timer_left(proc_t *p, int found, int64_t left_ns) {
    if (found < 0) return A_false;
    int64_t ms = left_ns / NS_PER_MS + (left_ns % NS_PER_MS != 0);
    return int64_to_term(p, ms);
}

typedef int (*timer_op)(vm_t *vm, uint64_t ref_id, int64_t *left_ns);

/* Cancels or reads a timer; the answer is returned, sent to the caller as {name, Ref, Answer}
 * (async) or dropped (info false). */
static term_t timer_access(proc_t *p, term_t ref, term_t options, term_t name, timer_op op,
                           bool may_drop) {
    bool async = false, info = true;
    for (; is_cons(options); options = cons_tail(options)) {
        term_t o = cons_head(options);
        if (!is_tuple_of(o, 2)) return bif_badarg(p);
        term_t key = tuple_elem(o, 1), value = tuple_elem(o, 2);
        if (value != A_true && value != A_false) return bif_badarg(p);
        if (key == A_async)
            async = value == A_true;
        else if (key == A_info && may_drop)
            info = value == A_true;
        else
            return bif_badarg(p);
    }
    if (!is_nil(options) || !is_ref(ref)) return bif_badarg(p);
    int64_t left = 0;
    int found = is_local_ref(ref) ? op(p->vm, ref_id(ref), &left) : -1;
    if (!info) return A_ok;
    term_t answer = timer_left(p, found, left);
    if (answer == TERM_NONE) return bif_oom(p);
    if (!async) return answer;
    term_t *hp = heap_alloc(p, 4);
    if (!hp) return bif_oom(p);
    if (!proc_send(p->vm, NULL, p->pid, tuple3(&hp, name, ref, answer))) return bif_oom(p);
    return A_ok;
}

static BIF(cancel_timer_1) {
    return timer_access(p, a[0], TERM_NIL, A_cancel_timer, etimer_cancel, true);
}
static BIF(cancel_timer_2) {
    return timer_access(p, a[0], a[1], A_cancel_timer, etimer_cancel, true);
}
static BIF(read_timer_1) {
    return timer_access(p, a[0], TERM_NIL, A_read_timer, etimer_read, false);
}
static BIF(read_timer_2) { return timer_access(p, a[0], a[1], A_read_timer, etimer_read, false); }

const bif_def_t bifs_time[] = {
    {"erlang", "monotonic_time", 0, monotonic_time_0, 0},
    {"erlang", "monotonic_time", 1, monotonic_time_1, 0},
    {"erlang", "system_time", 0, system_time_0, 0},
    {"erlang", "system_time", 1, system_time_1, 0},
    {"erlang", "time_offset", 0, time_offset_0, 0},
    {"erlang", "time_offset", 1, time_offset_1, 0},
    {"erlang", "timestamp", 0, timestamp_0, 0},
    {"erlang", "now", 0, now_0, 0},
    {"erts_internal", "time_unit", 0, time_unit_0, 0},
    {"erts_internal", "perf_counter_unit", 0, time_unit_0, 0},
    {"os", "system_time", 0, os_system_time_0, 0},
    {"os", "system_time", 1, os_system_time_1, 0},
    {"os", "timestamp", 0, os_timestamp_0, 0},
    {"os", "perf_counter", 0, perf_counter_0, 0},
    {"erlang", "universaltime", 0, universaltime_0, 0},
    {"erlang", "localtime", 0, localtime_0, 0},
    {"erlang", "date", 0, date_0, 0},
    {"erlang", "time", 0, time_0, 0},
    {"erlang", "universaltime_to_localtime", 1, universaltime_to_localtime_1, 0},
    {"erlang", "localtime_to_universaltime", 1, localtime_to_universaltime_1, 0},
    {"erlang", "localtime_to_universaltime", 2, localtime_to_universaltime_2, 0},
    {"erlang", "posixtime_to_universaltime", 1, posixtime_to_universaltime_1, 0},
    {"erlang", "universaltime_to_posixtime", 1, universaltime_to_posixtime_1, 0},
    {"erlang", "start_timer", 3, start_timer_3, 0},
    {"erlang", "start_timer", 4, start_timer_4, 0},
    {"erlang", "send_after", 3, send_after_3, 0},
    {"erlang", "send_after", 4, send_after_4, 0},
    {"erlang", "cancel_timer", 1, cancel_timer_1, 0},
    {"erlang", "cancel_timer", 2, cancel_timer_2, 0},
    {"erlang", "read_timer", 1, read_timer_1, 0},
    {"erlang", "read_timer", 2, read_timer_2, 0},
    {0},
};
