// A bytecode interpreter inside the program: a jump table, a stack in memory, unpredictable branches.
#include "bench.h"

enum { PUSH, ADD, SUB, MUL, DUP, SWAP, OVER, JUMP_IF, LOAD, STORE, MOD, LESS, HALT };

static int code[128];
static int length;

static int emit(int word) {
    code[length] = word;
    return length++;
}

// Counts the primes below the limit by trial division: variables 0 limit, 1 candidate, 2 divisor, 3 count.
static void assemble(void) {
    length = 0;
    emit(PUSH), emit(2), emit(STORE), emit(1);
    int next_candidate = length;
    emit(PUSH), emit(2), emit(STORE), emit(2);
    int next_divisor = length;
    emit(LOAD), emit(1), emit(LOAD), emit(2), emit(DUP), emit(MUL), emit(LESS), emit(JUMP_IF);
    int to_prime = emit(0);
    emit(LOAD), emit(1), emit(LOAD), emit(2), emit(MOD), emit(PUSH), emit(1), emit(LESS), emit(JUMP_IF);
    int to_composite = emit(0);
    emit(LOAD), emit(2), emit(PUSH), emit(1), emit(ADD), emit(STORE), emit(2);
    emit(PUSH), emit(1), emit(JUMP_IF), emit(next_divisor);
    code[to_prime] = length;
    emit(LOAD), emit(3), emit(PUSH), emit(1), emit(ADD), emit(STORE), emit(3);
    code[to_composite] = length;
    emit(LOAD), emit(1), emit(PUSH), emit(1), emit(ADD), emit(DUP), emit(STORE), emit(1);
    emit(LOAD), emit(0), emit(LESS), emit(JUMP_IF), emit(next_candidate);
    emit(HALT);
}

static long long run(long long limit, u64 *steps) {
    static long long stack[64];
    long long variables[4] = {limit, 0, 0, 0};
    int sp = 0, pc = 0;
    u64 count = 0;
    for (;;) {
        count++;
        switch (code[pc++]) {
        case PUSH: stack[sp++] = code[pc++]; break;
        case ADD: sp--, stack[sp - 1] += stack[sp]; break;
        case SUB: sp--, stack[sp - 1] -= stack[sp]; break;
        case MUL: sp--, stack[sp - 1] *= stack[sp]; break;
        case MOD: sp--, stack[sp - 1] %= stack[sp]; break;
        case LESS: sp--, stack[sp - 1] = stack[sp - 1] < stack[sp]; break;
        case DUP: stack[sp] = stack[sp - 1], sp++; break;
        case OVER: stack[sp] = stack[sp - 2], sp++; break;
        case SWAP: {
            long long top = stack[sp - 1];
            stack[sp - 1] = stack[sp - 2], stack[sp - 2] = top;
            break;
        }
        case LOAD: stack[sp++] = variables[code[pc++]]; break;
        case STORE: variables[code[pc++]] = stack[--sp]; break;
        case JUMP_IF: pc = stack[--sp] ? code[pc] : pc + 1; break;
        default: *steps = count; return variables[3];
        }
    }
}

void _start(void) {
    assemble();
    u64 steps;
    bench_start();
    u64 primes = run(40000, &steps);
    bench_end();
    report("primes", primes);
    report("steps", steps);
}
