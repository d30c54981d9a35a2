// Sorting 64-bit keys by quicksort and then walking a tree built from them: unpredictable branches, pointer chasing.
#include "bench.h"

enum { COUNT = 60000 };
static u64 keys[COUNT];
static struct tree {
    u64 key;
    struct tree *child[2];
} nodes[COUNT];

static void sort(u64 *low, u64 *high) {
    while (high - low > 12) {
        u64 pivot = low[(high - low) / 2], *i = low, *j = high - 1;
        while (i <= j) {
            while (*i < pivot) i++;
            while (pivot < *j) j--;
            if (i <= j) {
                u64 swap = *i;
                *i++ = *j;
                *j-- = swap;
            }
        }
        if (j + 1 - low < high - i) {
            sort(low, j + 1);
            low = i;
        } else {
            sort(i, high);
            high = j + 1;
        }
    }
    for (u64 *i = low + 1; i < high; i++) {
        u64 key = *i, *j = i;
        for (; j > low && key < j[-1]; j--) *j = j[-1];
        *j = key;
    }
}

void _start(void) {
    u64 state = 88172645463325252ull, depth_sum = 0, checksum = 0;
    bench_start();
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < COUNT; i++) keys[i] = random_next(&state);
        struct tree *root = 0;
        for (int i = 0; i < COUNT; i++) {
            struct tree **at = &root;
            while (*at) at = &(*at)->child[(*at)->key < keys[i]], depth_sum++;
            nodes[i] = (struct tree){keys[i], {0, 0}};
            *at = &nodes[i];
        }
        sort(keys, keys + COUNT);
        for (int i = 0; i < COUNT; i++) checksum = checksum * 31 + keys[i];
    }
    bench_end();
    report("depth", depth_sum);
    report("checksum", checksum);
}
