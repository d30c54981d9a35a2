//! Machine code as text, by the instruction set that it is for.

use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};
use std::ops::Range;
use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::armv8::a64::InstDecoder;

/// Where notes start on a line.
const NOTE_COLUMN: usize = 56;

/// Machine code as text, and beside each instruction what `note` gives for its start and its end, in bytes from the start of the code. Data
/// between instructions is shown as some instruction or other.
pub fn beside(isa: &str, code: &[u8], note: impl Fn(u64, u64) -> String) -> String {
    let mut text = String::new();
    for (place, inst) in if isa == "aarch64" { aarch64(code) } else { x64(code) } {
        let mut line = format!("{:6x}  {inst}", place.start);
        let note = note(place.start, place.end);
        if !note.is_empty() {
            line = format!("{line:NOTE_COLUMN$}; {note}");
        }
        text += &line;
        text.push('\n');
    }
    text
}

fn x64(code: &[u8]) -> Vec<(Range<u64>, String)> {
    let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
    let mut formatter = IntelFormatter::new();
    let mut lines = Vec::new();
    while decoder.can_decode() {
        let inst = decoder.decode();
        let mut text = String::new();
        formatter.format(&inst, &mut text);
        lines.push((inst.ip()..inst.next_ip(), text));
    }
    lines
}

fn aarch64(code: &[u8]) -> Vec<(Range<u64>, String)> {
    let decoder = InstDecoder::default();
    let line = |(number, word): (usize, &[u8])| {
        let start = 4 * number as u64;
        let text = match decoder.decode(&mut U8Reader::new(word)) {
            Ok(inst) => inst.to_string(),
            // Such as constants.
            Err(_) => word.iter().rev().fold(".word 0x".to_owned(), |text, byte| format!("{text}{byte:02x}")),
        };
        (start..start + word.len() as u64, text)
    };
    code.chunks(4).enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn shows_code_by_its_target() {
        let note = |start, end| if start == 0 { format!("up to {end}") } else { String::new() };
        let nop_ret = [0x1f, 0x20, 0x03, 0xd5, 0xc0, 0x03, 0x5f, 0xd6];
        let [nop, ret] = [format!("{:NOTE$}; up to 4\n", "     0  nop"), "     4  ret\n".to_owned()];
        assert_eq!(beside("aarch64", &nop_ret, note), nop + &ret);
        assert_eq!(beside("aarch64", &[0xff; 4], |_, _| String::new()), "     0  .word 0xffffffff\n");
        assert_eq!(beside("x86_64", &[0x90, 0xc3], |_, _| String::new()), "     0  nop\n     1  ret\n");
    }

    const NOTE: usize = super::NOTE_COLUMN;
}
