// Single-precision matrix product and an integer dot product with 128-bit vectors.
#include "bench.h"

typedef float f32x4 __attribute__((vector_size(16), aligned(4)));
typedef short i16x8 __attribute__((vector_size(16), aligned(2)));
typedef int i32x4 __attribute__((vector_size(16)));

enum { N = 192 };
static float a[N][N], b[N][N], c[N][N];
static short x[4096], y[4096];

__attribute__((target("simd128"))) static void multiply(void) {
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j += 8) {
            f32x4 first = {0}, second = {0};
            for (int k = 0; k < N; k++) {
                float scalar = a[i][k];
                f32x4 splat = {scalar, scalar, scalar, scalar};
                first += splat * *(const f32x4 *)&b[k][j];
                second += splat * *(const f32x4 *)&b[k][j + 4];
            }
            *(f32x4 *)&c[i][j] = first;
            *(f32x4 *)&c[i][j + 4] = second;
        }
    }
}

__attribute__((target("simd128"))) static int dot(void) {
    i32x4 sum = {0};
    for (int i = 0; i < 4096; i += 8)
        sum += (i32x4)__builtin_wasm_dot_s_i32x4_i16x8(*(const i16x8 *)&x[i], *(const i16x8 *)&y[i]);
    return sum[0] + sum[1] + sum[2] + sum[3];
}

__attribute__((target("simd128"))) void _start(void) {
    u64 state = 88172645463325252ull;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (float)(random_next(&state) % 100) / 8;
            b[i][j] = (float)(random_next(&state) % 100) / 8;
        }
    for (int i = 0; i < 4096; i++) x[i] = (short)random_next(&state), y[i] = (short)(random_next(&state) % 256);
    u64 dots = 0;
    bench_start();
    for (int round = 0; round < 10; round++) multiply();
    for (int round = 0; round < 10000; round++) {
        x[round & 4095] += (short)round;
        dots = dots * 31 + (u32)dot();
    }
    bench_end();
    double trace = 0;
    for (int i = 0; i < N; i++) trace += c[i][(i * 7) % N];
    report("trace", bits(trace));
    report("dots", dots);
}
