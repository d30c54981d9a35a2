// Text processing: split into words byte by byte, hash them, count them in an open-addressing table.
#include "bench.h"

enum { SLOTS = 1 << 13 };
static char text[1 << 19];
static struct {
    u32 start, len, hash, count;
} slots[SLOTS];

void _start(void) {
    u64 state = 88172645463325252ull;
    u32 len = 0;
    while (len + 16 < sizeof text) {
        u64 word = random_next(&state) % 64 * (random_next(&state) % 64) + 1;
        for (; word; word /= 7) text[len++] = (char)('a' + word % 7 + (word & 8));
        text[len++] = random_next(&state) % 12 ? ' ' : '\n';
    }
    u32 words = 0, lines = 0, distinct = 0;
    u64 checksum = 0;
    bench_start();
    for (int round = 0; round < 6; round++) {
        for (u32 i = 0; i < SLOTS; i++) slots[i].count = 0;
        distinct = 0;
        for (u32 i = 0; i < len;) {
            while (i < len && (text[i] == ' ' || text[i] == '\n')) lines += text[i++] == '\n';
            u32 start = i, hash = 2166136261u;
            for (; i < len && text[i] != ' ' && text[i] != '\n'; i++) hash = (hash ^ (u8)text[i]) * 16777619u;
            if (i == start) break;
            words++;
            u32 slot = hash % SLOTS;
            for (;; slot = (slot + 1) % SLOTS) {
                if (slots[slot].count == 0) {
                    slots[slot].start = start, slots[slot].len = i - start, slots[slot].hash = hash;
                    distinct++;
                    break;
                }
                if (slots[slot].hash != hash || slots[slot].len != i - start) continue;
                u32 same = 0;
                while (same < i - start && text[slots[slot].start + same] == text[start + same]) same++;
                if (same == i - start) break;
            }
            slots[slot].count++;
        }
        for (u32 i = 0; i < SLOTS; i++) checksum = checksum * 31 + slots[i].count;
    }
    bench_end();
    report("words", words);
    report("lines", lines);
    report("distinct", distinct);
    report("checksum", checksum);
}
