// Integer and float arithmetic with what C programs lean on: printf of every kind, qsort, recursion, malloc under stress.

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t state = 2463534242u;

static uint32_t next(void) {
    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static unsigned ackermann(unsigned m, unsigned n) {
    return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

static int is_even(unsigned n);
static int is_odd(unsigned n) { return n == 0 ? 0 : is_even(n - 1); }
static int is_even(unsigned n) { return n == 0 ? 1 : is_odd(n - 1); }

static int queens(int n, unsigned columns, unsigned left, unsigned right) {
    unsigned all = (1u << n) - 1;
    if (columns == all) return 1;
    int found = 0;
    for (unsigned free = all & ~(columns | left | right); free; free &= free - 1) {
        unsigned bit = free & -free;
        found += queens(n, columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return found;
}

struct block {
    unsigned char *bytes;
    size_t size;
    unsigned char fill;
};

// Grows, shrinks, frees and checks random blocks; returns how many bytes were found spoiled.
static size_t malloc_stress(int rounds) {
    static struct block blocks[257];
    size_t spoiled = 0;
    for (int round = 0; round < rounds; round++) {
        struct block *block = &blocks[next() % 257];
        for (size_t i = 0; i < block->size; i++) spoiled += block->bytes[i] != block->fill;
        size_t size = next() % (next() % 64 == 0 ? 100000 : 512);
        if (next() % 3 == 0) {
            free(block->bytes);
            block->bytes = malloc(size);
        } else {
            size_t kept = block->size < size ? block->size : size;
            block->bytes = realloc(block->bytes, size);
            for (size_t i = 0; i < kept; i++) spoiled += block->bytes[i] != block->fill;
        }
        block->size = block->bytes ? size : 0;
        block->fill = (unsigned char)next();
        memset(block->bytes, block->fill, block->size);
    }
    return spoiled;
}

// Unknown to the compiler, so that the arithmetic happens in the program and not in the compiler.
static volatile double one = 1;
static volatile int seven = 7;

int main(void) {
    printf("%d %u %ld %lld %#x %#o %5d|%-5d|%05d|%+d\n", -1, -1u, -2147483647L - 1, -9223372036854775807LL - 1, 3054, 8, 42, 42, 42,
           42);
    printf("%" PRIu64 " %" PRIx64 " %c %s %.3s %p\n", UINT64_MAX, (uint64_t)0x0123456789abcdef, 'z', "text", "abcdef", (void *)0);
    printf("%f %e %g %.0f %.17g %a\n", 3.14159, 6.02214076e23, 1e-5, 2.5, 0.1, 1.0 / 3.0);
    printf("%f %f %f %.10g %g\n", INFINITY, -INFINITY, copysign(0.0, -1.0), 5e-324, 1.7976931348623157e308);
    printf("%s %s\n", isnan(NAN) ? "nan" : "number", signbit(-0.0) ? "negative" : "positive");
    printf("%.12f %.12f %.12f %.12f %.12f\n", sin(one), cos(one), exp(one), log(10 * one), pow(2, 0.5 * one));
    printf("%.1f %.1f %.1f %.1f %ld %.1f\n", floor(-1.5 * one), ceil(-1.5 * one), trunc(-1.5 * one), rint(2.5 * one),
           lrint(3.5 * one), fmod(-7, 3 * one));
    printf("%d %d %u %lld\n", -seven / 2, -seven % 2, 4000000000u / seven, (long long)(-1e18 * one) / seven);
    printf("%d %d %d %d\n", (int)(3.99 * one), (int)(-3.99 * one), (int)(float)(16777217 * one), (int)(uint8_t)(300 + seven - 7));
    printf("%d %d %d\n", __builtin_clz(seven), __builtin_ctz(1 << 20 << (seven - 7)), __builtin_popcountll(0xdeadbeefcafef00dULL + seven - 7));
    printf("%.9g %.9g\n", (double)((float)(0.1 * one) + (float)(0.2 * one)), strtod("0x1.8p3", NULL) + atof("1e-3"));

    static uint32_t numbers[50000];
    for (int i = 0; i < 50000; i++) numbers[i] = next();
    qsort(numbers, 50000, sizeof *numbers, by_value);
    int ordered = 1;
    for (int i = 1; i < 50000; i++) ordered &= numbers[i - 1] <= numbers[i];
    printf("sorted %d, median %u\n", ordered, numbers[25000]);

    printf("ackermann(2, 9) = %u, ackermann(3, 6) = %u\n", ackermann(2, 9), ackermann(3, 6));
    printf("is_even(10000) = %d\n", is_even(10000));
    printf("queens(8) = %d, queens(9) = %d\n", queens(8, 0, 0, 0), queens(9, 0, 0, 0));
    printf("spoiled %zu\n", malloc_stress(20000));
    // More than there is gets refused and is not fatal. `volatile` keeps the call from being optimized away.
    volatile size_t too_much = (size_t)-65536;
    void *volatile block = malloc(too_much);
    printf("malloc of nearly all addresses: %s\n", block ? "succeeded" : "refused");
    return 0;
}
