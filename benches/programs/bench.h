// What the benchmark programs share: the two marks around what is timed, and printing without a C library, which
// keeps each module at a few kilobytes. `cargo xtask bless` rebuilds the modules.
#pragma once
#include <stdint.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))

IMPORT("bench", "start") void bench_start(void);
IMPORT("bench", "end") void bench_end(void);

struct part {
    const char *bytes;
    u32 len;
};
IMPORT("wasi_snapshot_preview1", "fd_write") int fd_write(int fd, const struct part *parts, int count, u32 *written);

// Prints "name = value" with the value as sixteen hexadecimal digits.
static void report(const char *name, u64 value) {
    char line[80];
    u32 len = 0;
    for (; name[len]; len++) line[len] = name[len];
    line[len++] = ' ', line[len++] = '=', line[len++] = ' ';
    for (int shift = 60; shift >= 0; shift -= 4) line[len++] = "0123456789abcdef"[value >> shift & 15];
    line[len++] = '\n';
    struct part part = {line, len};
    u32 written;
    fd_write(1, &part, 1, &written);
}

// The bits of a float, so that its last digit counts.
static inline u64 bits(double value) {
    union {
        double value;
        u64 bits;
    } pun = {value};
    return pun.bits;
}

// Random numbers that are the same everywhere.
static inline u64 random_next(u64 *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}
