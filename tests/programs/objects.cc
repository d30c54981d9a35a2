// C++ as programs use it: containers, strings, virtual calls through multiple inheritance, templates, lambdas,
// constructors of globals, destructors in order, sorting with comparators.

#include <algorithm>
#include <array>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <queue>
#include <set>
#include <sstream>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

struct Noisy {
    std::string name;
    explicit Noisy(std::string n) : name(std::move(n)) { std::cout << "make " << name << '\n'; }
    ~Noisy() { std::cout << "drop " << name << '\n'; }
};

static Noisy global("global");

struct Named {
    virtual ~Named() = default;
    virtual std::string name() const = 0;
};

struct Counted {
    static inline int alive = 0;
    Counted() { ++alive; }
    virtual ~Counted() { --alive; }
    virtual int weight() const { return 1; }
};

struct Node : Named, Counted {
    int value;
    explicit Node(int v) : value(v) {}
    std::string name() const override { return "node" + std::to_string(value); }
    int weight() const override { return value; }
};

struct Group final : Node {
    std::vector<std::unique_ptr<Node>> children;
    using Node::Node;
    std::string name() const override { return "group" + std::to_string(value); }
    int weight() const override {
        return std::accumulate(children.begin(), children.end(), value,
                               [](int sum, const auto &child) { return sum + child->weight(); });
    }
};

static std::unique_ptr<Node> tree(int depth) {
    if (depth == 0) return std::make_unique<Node>(1);
    auto group = std::make_unique<Group>(depth);
    for (int i = 0; i < 3; i++) group->children.push_back(tree(depth - 1));
    return group;
}

template <typename T, std::size_t N>
static T dot(const std::array<T, N> &a, const std::array<T, N> &b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), T{});
}

int main() {
    {
        Noisy first("first"), second("second");
        auto moved = std::make_unique<Noisy>("heap");
    }
    {
        auto root = tree(5);
        // The second base lies at an offset: the call goes through a thunk that adjusts `this`.
        const Counted &counted = *root;
        const Named &named = *root;
        std::cout << named.name() << " weighs " << counted.weight() << ", alive " << Counted::alive << '\n';
    }
    std::cout << "alive " << Counted::alive << '\n';

    std::map<std::string, int> ordered;
    std::unordered_map<std::string, int> hashed;
    std::istringstream text("to be or not to be that is the question to be");
    for (std::string word; text >> word;) ordered[word]++, hashed[word]++;
    for (const auto &[word, count] : ordered) std::cout << word << '=' << count << (hashed[word] == count ? " " : "! ");
    std::cout << '\n';

    std::vector<int> numbers(20000);
    std::iota(numbers.begin(), numbers.end(), 0);
    std::stable_sort(numbers.begin(), numbers.end(), [](int a, int b) { return a % 97 < b % 97; });
    std::cout << numbers[0] << ' ' << numbers[10000] << ' ' << numbers[19999] << '\n';
    std::priority_queue<int, std::vector<int>, std::greater<>> queue(numbers.begin(), numbers.begin() + 100);
    std::cout << queue.top() << ' ' << queue.size() << ' ' << std::set<int>(numbers.begin(), numbers.begin() + 50).size() << '\n';

    std::vector<std::function<double(double)>> steps;
    for (int i = 1; i <= 5; i++) steps.emplace_back([i](double x) { return x * i + 1.0 / i; });
    double x = 1;
    for (const auto &step : steps) x = step(x);
    std::cout << std::setprecision(17) << x << '\n';

    std::variant<int, std::string, double> value = std::string("held");
    std::cout << std::get<std::string>(value) << ' ' << value.index() << '\n';
    std::cout << dot(std::array<long long, 4>{1, 2, 3, 4}, {5, 6, 7, 8}) << ' ' << std::hex << std::showbase << 48879 << '\n';
}
