/* The message core: waits for exactly the frame that is expected, and carries out schedules of such messages.
 *
 * A rank that waits looks for its message, and then sleeps in the kernel. Whatever is not as expected (another frame,
 * none within `patience_s`, an error, the end, a full socket) goes back to Python with what has come so far, so that
 * what it means is decided in one place. Nothing here keeps state about a connection, and nothing blocks for longer
 * than `patience_s`. Python's lock is not held (ctypes). fmi/transport/core.py says what the numbers stand for.
 */
#ifdef __linux__
#define _GNU_SOURCE /* RUSAGE_THREAD */
#endif
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: Python ignores SIGPIPE */
#endif
#define EXPORT __attribute__((visibility("default")))

/* A header, fmi/protocol/frames.py: 20 bytes say which call, one says the form, the last 8 the payload's length. */
enum { HEADER = 32, FORM_AT = 20, LENGTH_AT = 24 };

/* Of a larger message the next part takes its sender longer than to wake this rank. */
enum { LOOK_BYTES = 64 * 1024 };

enum outcome { DONE, LATE, OTHER, ENDED, FULL }; /* negative: an errno of the kernel's */

enum act { SEND, TAKE, AFTER, BEFORE };

/* Between two looks at a socket lie a few microseconds, unless something else used the core in between. */
static const double GAP_S = 200e-6;
static const double FIRST_PAUSE_S = 0.01, LAST_PAUSE_S = 0.16;

/* How one rank waits, and where it stopped; `class Core` in core.py. */
struct core {
    double spin_s;       /* how long to look before sleeping; 0 where ranks outnumber cores */
    double patience_s;   /* how long to wait in all */
    double shared_until; /* until then this core is taken to be shared with another process */
    double pause_s;      /* for how long the next time */
    int64_t preemptions; /* of this thread, when it last asked */
    uint64_t sleeps;     /* how often this rank slept */
    uint64_t step;       /* the step that is not complete */
    uint64_t count;      /* bytes of its frame that have come or gone */
    uint8_t head[HEADER]; /* the header that came */
};

/* One message of a schedule, with the bytes [lo, hi) of the buffer. */
struct step {
    int32_t act, fd;
    uint64_t lo, hi;
};

/* A schedule, carried out on the bytes that are `held`; what is to be combined with them is `received` first. Bytes are
 * combined by kind and type, below; kind -1 where nothing is. `class Program` in core.py. */
struct program {
    const struct step *steps;
    uint64_t many;
    uint8_t *held, *received;
    int32_t kind, type;
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Waiting */

/* Whether another process was given this thread's core since this was asked last; true where the system cannot tell.
 * A host that takes the core from the whole machine is no such process. */
static int preempted(struct core *c) {
#ifdef RUSAGE_THREAD
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) == 0) {
        int more = usage.ru_nivcsw != c->preemptions;
        c->preemptions = usage.ru_nivcsw;
        return more;
    }
#endif
    return 1;
}

/* Another process used the core while this rank was looking. It would again: sleep at once for a while, as the
 * kernel lets a rank that slept go first. Whether the peer is slow says nothing about that, and does not count. */
static void note_shared(struct core *c, double at) {
    if (at > c->shared_until + 4 * c->pause_s || c->pause_s < FIRST_PAUSE_S)
        c->pause_s = FIRST_PAUSE_S;
    c->shared_until = at + c->pause_s;
    c->pause_s = c->pause_s * 2 < LAST_PAUSE_S ? c->pause_s * 2 : LAST_PAUSE_S;
}

static int is_empty(ssize_t n) { return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR); }

/* Look until something is there, or it is time to sleep; as recvmsg. Whoever else wants the core, as the peer may, gets
 * it between two looks. */
static ssize_t look(struct core *c, int fd, struct msghdr *message, double start, double until) {
    double last = start, stop = start + c->spin_s < until ? start + c->spin_s : until;
    ssize_t n = -1;
    errno = EAGAIN;
    if (start < c->shared_until)
        return n;
    while (is_empty(n) && last < stop) {
        sched_yield();
        n = recvmsg(fd, message, MSG_DONTWAIT);
        int error = errno;
        double at = now();
        if (at - last > GAP_S && preempted(c)) {
            note_shared(c, at);
            stop = 0;
        }
        last = at;
        errno = error;
    }
    return n;
}

/* Read what is there or comes in time; as recvmsg, with EAGAIN when nothing did, or a signal came. `*until` is when
 * this rank stops waiting, 0 until it waits for the first time. `may_look`: not before it sleeps else. */
static ssize_t fetch(struct core *c, int fd, struct msghdr *message, int may_look, double patience_s, double *until) {
    ssize_t n = recvmsg(fd, message, MSG_DONTWAIT);
    if (!is_empty(n) || patience_s <= 0)
        return n;
    double at = now();
    if (*until <= 0)
        *until = at + patience_s;
    if (may_look && c->spin_s > 0 && !is_empty(n = look(c, fd, message, at, *until)))
        return n;
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    double left = *until - now();
    if (left > 0) {
        c->sleeps++;
        if (poll(&waiting, 1, (int)(left * 1e3) + 1) > 0)
            return recvmsg(fd, message, MSG_DONTWAIT);
    }
    errno = EAGAIN;
    return -1;
}

/* One message */

/* Point a message at what is missing of a header and a payload when `done` bytes are there. */
static void aim(struct msghdr *message, struct iovec parts[2], void *head, void *payload, uint64_t size, uint64_t done) {
    uint64_t of_head = done < HEADER ? done : HEADER, of_payload = done - of_head;
    int many = 0;
    if (of_head < HEADER)
        parts[many++] = (struct iovec){(uint8_t *)head + of_head, HEADER - of_head};
    if (of_payload < size)
        parts[many++] = (struct iovec){(uint8_t *)payload + of_payload, size - of_payload};
    message->msg_iov = parts;
    message->msg_iovlen = (unsigned)many;
}

/* Whether a header is the expected one, but for its form. */
static int is_expected(const uint8_t *head, const uint8_t *expected) {
    return memcmp(head, expected, FORM_AT) == 0 && memcmp(head + LENGTH_AT, expected + LENGTH_AT, HEADER - LENGTH_AT) == 0;
}

/* Receive the expected frame: its header into `c->head`, its payload into `into`. Of another frame, whose header is
 * there then, some bytes may have come into `into`, as many as `c->count` says. */
static int receive(struct core *c, int fd, const uint8_t *expected, uint8_t *into, uint64_t size, double patience_s,
                   double *until) {
    struct iovec parts[2];
    struct msghdr message = {0};
    for (c->count = 0; c->count < HEADER + size;) {
        aim(&message, parts, c->head, into, size, c->count);
        ssize_t n = fetch(c, fd, &message, size <= LOOK_BYTES, patience_s, until);
        if (n == 0)
            return ENDED;
        if (n < 0)
            return is_empty(n) ? LATE : -errno;
        uint64_t before = c->count;
        c->count += (uint64_t)n;
        if (before < HEADER && c->count >= HEADER && !is_expected(c->head, expected))
            return OTHER;
    }
    return DONE;
}

/* Send a frame as far as the kernel takes it. */
static int transmit(struct core *c, int fd, const uint8_t *head, const uint8_t *payload, uint64_t size) {
    struct iovec parts[2];
    struct msghdr message = {0};
    for (c->count = 0; c->count < HEADER + size;) {
        aim(&message, parts, (void *)(uintptr_t)head, (void *)(uintptr_t)payload, size, c->count);
        ssize_t n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return is_empty(n) ? FULL : -errno;
        c->count += (uint64_t)n;
    }
    return DONE;
}

/* Combining. As NumPy does: integers wrap around, and of a NaN and a number max and min are NaN. */

enum kind { SUM, PROD, MAX, MIN, BAND, BOR, BXOR, KINDS };
enum type { I8, I16, I32, I64, U8, U16, U32, U64, F32, F64, TYPES };

typedef void combine(const void *left, const void *right, void *out, uint64_t bytes);

/* Wide is what the elements are added and multiplied as: an unsigned type for integers, so that they wrap around,
 * and no narrower than int, to which C would widen it. */
#define COMBINE(name, type, expression)                                                        \
    static void name(const void *left, const void *right, void *out, uint64_t bytes) {         \
        const type *l = left, *r = right;                                                      \
        type *o = out;                                                                         \
        for (uint64_t i = 0; i < bytes / sizeof(type); i++) {                                  \
            type a = l[i], b = r[i];                                                           \
            o[i] = (type)(expression);                                                         \
        }                                                                                      \
    }

#define ARITHMETIC(suffix, type, wide)                      \
    COMBINE(sum_##suffix, type, (wide)a + (wide)b)          \
    COMBINE(prod_##suffix, type, (wide)a *(wide)b)

#define INTEGER(suffix, type, wide)                         \
    ARITHMETIC(suffix, type, wide)                          \
    COMBINE(max_##suffix, type, a > b ? a : b)              \
    COMBINE(min_##suffix, type, a < b ? a : b)              \
    COMBINE(band_##suffix, type, a & b)                     \
    COMBINE(bor_##suffix, type, a | b)                      \
    COMBINE(bxor_##suffix, type, a ^ b)

#define REAL(suffix, type)                                  \
    ARITHMETIC(suffix, type, type)                          \
    COMBINE(max_##suffix, type, a >= b || a != a ? a : b)   \
    COMBINE(min_##suffix, type, a <= b || a != a ? a : b)

INTEGER(i8, int8_t, uint32_t)
INTEGER(i16, int16_t, uint32_t)
INTEGER(i32, int32_t, uint32_t)
INTEGER(i64, int64_t, uint64_t)
INTEGER(u8, uint8_t, uint32_t)
INTEGER(u16, uint16_t, uint32_t)
INTEGER(u32, uint32_t, uint32_t)
INTEGER(u64, uint64_t, uint64_t)
REAL(f32, float)
REAL(f64, double)

#define ROW(kind) {kind##_i8, kind##_i16, kind##_i32, kind##_i64, kind##_u8, kind##_u16, kind##_u32, kind##_u64,
#define INTEGERS(kind) ROW(kind) 0, 0}
#define NUMBERS(kind) ROW(kind) kind##_f32, kind##_f64}

static combine *const COMBINES[KINDS][TYPES] = {NUMBERS(sum),   NUMBERS(prod),  NUMBERS(max), NUMBERS(min),
                                                INTEGERS(band), INTEGERS(bor), INTEGERS(bxor)};

/* What Python calls */

/* Receive one frame; `patience_s` 0 only looks whether it is there. */
EXPORT int fmi_receive(struct core *c, int fd, const uint8_t *expected, void *into, uint64_t size, double patience_s) {
    double until = 0;
    return receive(c, fd, expected, into, size, patience_s, &until);
}

/* Carry out a program with the header of its frames, in which only the length is missing. After anything but DONE, step
 * `c->step` is not complete: see `c->count`. */
EXPORT int fmi_run(struct core *c, const uint8_t *call, const struct program *program) {
    uint8_t head[HEADER];
    memcpy(head, call, HEADER);
    double until = 0;
    combine *put = program->kind < 0 ? 0 : COMBINES[program->kind][program->type];
    for (c->step = 0; c->step < program->many; c->step++) {
        const struct step *s = &program->steps[c->step];
        uint64_t size = s->hi - s->lo;
        memcpy(head + LENGTH_AT, &size, sizeof size); /* headers are little-endian, as every machine that this runs on */
        uint8_t *mine = size ? program->held + s->lo : 0, *theirs = s->act == TAKE ? mine : program->received;
        int outcome = s->act == SEND ? transmit(c, s->fd, head, mine, size)
                                     : receive(c, s->fd, head, theirs, size, c->patience_s, &until);
        if (outcome != DONE)
            return outcome;
        if (put && s->act == AFTER)
            put(theirs, mine, mine, size);
        else if (put && s->act == BEFORE)
            put(mine, theirs, mine, size);
    }
    return DONE;
}

#ifndef SOURCES
#define SOURCES ""
#endif
EXPORT const char *fmi_sources(void) { return SOURCES; }
