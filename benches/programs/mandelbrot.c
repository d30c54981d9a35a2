// Double arithmetic in a tight loop with an unpredictable number of rounds.
#include "bench.h"

void _start(void) {
    u64 total = 0;
    bench_start();
    for (int row = 0; row < 200; row++) {
        for (int column = 0; column < 300; column++) {
            double cx = column / 100.0 - 2.2, cy = row / 80.0 - 1.25, x = 0, y = 0;
            int rounds = 0;
            while (rounds < 250 && x * x + y * y <= 4) {
                double next = x * x - y * y + cx;
                y = 2 * x * y + cy;
                x = next;
                rounds++;
            }
            total = total * 31 + rounds;
        }
    }
    bench_end();
    report("mandelbrot", total);
}
