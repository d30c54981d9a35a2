// Calls through function pointers in a tree of expressions, with recursion: indirect calls and small functions.
#include "bench.h"

struct node;
typedef double (*evaluate)(const struct node *, double);
struct node {
    evaluate call;
    double value;
    const struct node *left, *right;
};

static double constant(const struct node *node, double x) { return node->value; }
static double variable(const struct node *node, double x) { return x; }
static double add(const struct node *node, double x) { return node->left->call(node->left, x) + node->right->call(node->right, x); }
static double subtract(const struct node *node, double x) { return node->left->call(node->left, x) - node->right->call(node->right, x); }
static double multiply(const struct node *node, double x) { return node->left->call(node->left, x) * node->right->call(node->right, x); }
static double larger(const struct node *node, double x) {
    double a = node->left->call(node->left, x), b = node->right->call(node->right, x);
    return a > b ? a : b;
}
static double half(const struct node *node, double x) { return node->left->call(node->left, x) * 0.5; }

static struct node nodes[1024];
static u32 used;

static const struct node *tree(int depth, u64 *state) {
    static const evaluate inner[] = {add, subtract, multiply, larger, half};
    struct node *node = &nodes[used++];
    u64 choice = random_next(state);
    if (depth == 0) {
        node->call = choice % 3 ? variable : constant;
        node->value = (double)(choice % 1000) / 1000;
        return node;
    }
    node->call = inner[choice % 5];
    node->left = tree(depth - 1, state);
    node->right = tree(depth - 1, state);
    return node;
}

void _start(void) {
    u64 state = 88172645463325252ull;
    const struct node *root = tree(8, &state);
    double sum = 0;
    bench_start();
    for (int i = 0; i < 20000; i++) sum += root->call(root, (i & 1023) / 1024.0);
    bench_end();
    report("nodes", used);
    report("sum", bits(sum));
}
