// Bodies attracting each other: structures of doubles, square roots and divisions.
#include "bench.h"

struct body {
    double x[3], v[3], mass;
};

enum { COUNT = 12 };
static struct body bodies[COUNT];

static double energy(void) {
    double sum = 0;
    for (int i = 0; i < COUNT; i++) {
        struct body *a = &bodies[i];
        sum += a->mass * (a->v[0] * a->v[0] + a->v[1] * a->v[1] + a->v[2] * a->v[2]) / 2;
        for (int j = i + 1; j < COUNT; j++) {
            struct body *b = &bodies[j];
            double dx = a->x[0] - b->x[0], dy = a->x[1] - b->x[1], dz = a->x[2] - b->x[2];
            sum -= a->mass * b->mass / __builtin_sqrt(dx * dx + dy * dy + dz * dz + 0.01);
        }
    }
    return sum;
}

static void step(double dt) {
    for (int i = 0; i < COUNT; i++) {
        struct body *a = &bodies[i];
        for (int j = i + 1; j < COUNT; j++) {
            struct body *b = &bodies[j];
            double d[3], square = 0.01;
            for (int k = 0; k < 3; k++) d[k] = a->x[k] - b->x[k], square += d[k] * d[k];
            double pull = dt / (square * __builtin_sqrt(square));
            for (int k = 0; k < 3; k++) {
                a->v[k] -= d[k] * b->mass * pull;
                b->v[k] += d[k] * a->mass * pull;
            }
        }
    }
    for (int i = 0; i < COUNT; i++)
        for (int k = 0; k < 3; k++) bodies[i].x[k] += dt * bodies[i].v[k];
}

void _start(void) {
    u64 state = 88172645463325252ull;
    for (int i = 0; i < COUNT; i++) {
        for (int k = 0; k < 3; k++) {
            bodies[i].x[k] = (random_next(&state) % 2000) / 100.0 - 10;
            bodies[i].v[k] = (random_next(&state) % 200) / 1000.0 - 0.1;
        }
        bodies[i].mass = 1 + random_next(&state) % 10 / 10.0;
    }
    report("before", bits(energy()));
    bench_start();
    for (int i = 0; i < 40000; i++) step(0.001);
    bench_end();
    report("after", bits(energy()));
}
