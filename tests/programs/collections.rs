// Hash maps, trees, sorting, formatting, big loops over closures and trait objects: much of the standard library.

use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet, VecDeque};
use std::fmt::Debug;
use std::rc::Rc;

trait Shape {
    fn area(&self) -> f64;
}

struct Square(f64);
struct Circle(f64);

impl Shape for Square {
    fn area(&self) -> f64 {
        self.0 * self.0
    }
}

impl Shape for Circle {
    fn area(&self) -> f64 {
        std::f64::consts::PI * self.0 * self.0
    }
}

fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn show(name: &str, value: impl Debug) {
    println!("{name}: {value:?}");
}

fn main() {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let mut counts: HashMap<u64, u32> = HashMap::new();
    for _ in 0..200_000 {
        *counts.entry(next(&mut state) % 1000).or_default() += 1;
    }
    let mut most: Vec<_> = counts.iter().map(|(&key, &count)| (count, key)).collect();
    most.sort_unstable();
    show("keys", most.len());
    show("total", most.iter().map(|pair| pair.0).sum::<u32>());

    let words = "the quick brown fox jumps over the lazy dog while the quick cat sleeps";
    let mut by_length: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for word in words.split_whitespace() {
        by_length.entry(word.len()).or_default().push(word);
    }
    show("by length", &by_length);
    show("distinct", words.split(' ').collect::<HashSet<_>>().len());

    let mut heap: BinaryHeap<i32> = (0..1000).map(|n| (n * 7919) % 1009).collect();
    show("top", (0..5).map(|_| heap.pop().unwrap()).collect::<Vec<_>>());

    // Breadth-first search on the graph n -> 2n, n + 3 (mod 1000).
    let mut distance = vec![None; 1000];
    let mut queue = VecDeque::from([1usize]);
    distance[1] = Some(0u32);
    while let Some(node) = queue.pop_front() {
        for to in [node * 2 % 1000, (node + 3) % 1000] {
            if distance[to].is_none() {
                distance[to] = distance[node].map(|steps| steps + 1);
                queue.push_back(to);
            }
        }
    }
    show("farthest", distance.iter().flatten().max());

    let shapes: Vec<Rc<dyn Shape>> = (1..=100)
        .map(|n| if n % 3 == 0 { Rc::new(Circle(f64::from(n))) as Rc<dyn Shape> } else { Rc::new(Square(f64::from(n))) })
        .collect();
    println!("area: {:.6}", shapes.iter().map(|shape| shape.area()).sum::<f64>());

    show("floats", [0.1 + 0.2, 1e300 * 1e10, -0.0, 5e-324, f64::NAN, 123_456_789.125]);
    show("integers", (i128::MAX, u64::MAX, i64::MIN, (-7i32).rem_euclid(3), (-7i32) / 2, 1u32.rotate_right(1)));
    show("text", "naïve \u{1f985} \"quoted\"\n".to_uppercase());
    println!("{:>8.3}|{:<6}|{:^7}|{:#x}|{:08b}|{:e}", 3.14159, "ab", "mid", 255, 37, 1234.5);
    show("parse", ("1e-7".parse::<f64>(), "x1".parse::<i32>().is_err(), "-170141183460469231731687303715884105728".parse::<i128>()));
}
