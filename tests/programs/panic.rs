//@ exit 134
//@ stderr panicked at
//@ stderr index out of bounds: the len is 3 but the index is 3
// A panic prints its message and ends in a trap.

fn main() {
    let numbers = vec![1, 2, 3];
    println!("before");
    let index = std::env::args().count() + 2;
    println!("{}", numbers[index]);
}
