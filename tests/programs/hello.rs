// The README's first program.

fn main() {
    println!("Hello from Rust!");
}
