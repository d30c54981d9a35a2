//@ exit 42
// The exit code is the guest's own.

fn main() {
    print!("no newline at the end");
    std::io::Write::flush(&mut std::io::stdout()).unwrap();
    std::process::exit(42);
}
