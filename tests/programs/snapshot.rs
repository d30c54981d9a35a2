//@ snapshot --allow-wasi

// What an init function has left is there when the program starts.

use std::cell::RefCell;
use std::collections::BTreeMap;

type Words = BTreeMap<String, Box<dyn Fn(usize) -> usize>>;

thread_local! {
    static WORDS: RefCell<Words> = RefCell::default();
}

#[export_name = "wizer.initialize"]
extern "C" fn initialize() {
    WORDS.with(|words| {
        for (number, word) in "one two three four five".split(' ').enumerate() {
            words.borrow_mut().insert(word.to_string(), Box::new(move |more| number + 1 + more));
        }
    });
}

fn main() {
    WORDS.with(|words| {
        let mut words = words.borrow_mut();
        words.insert("hundred".to_string(), Box::new(|more| 100 + more));
        for (word, number) in words.iter() {
            println!("{}: {}", word, number(1000));
        }
    });
}
