//! What a run must leave, and how a difference is told.

use crate::process::Output;

/// How many lines of the program's error output a failure shows.
const STDERR_LINES: usize = 20;

/// What a run must leave. The default asks for exit code 0 and nothing else.
#[derive(Debug, Default, Clone)]
pub struct Expectation {
    /// The exit code.
    pub exit_code: i32,
    /// All of standard output, where it matters.
    pub stdout: Option<Vec<u8>>,
    /// All of standard error, where it matters.
    pub stderr: Option<Vec<u8>>,
    /// Texts that must occur in standard error.
    pub stderr_has: Vec<String>,
}

impl Expectation {
    /// Compares byte for byte; the error names the first difference.
    pub fn check(&self, output: &Output) -> Result<(), String> {
        if output.status.code() != Some(self.exit_code) {
            return Err(format!(
                "expected exit code {}, got {}\n{}",
                self.exit_code,
                output.status,
                tail(&output.stderr)
            ));
        }
        for (name, expected, got) in
            [("stdout", &self.stdout, &output.stdout), ("stderr", &self.stderr, &output.stderr)]
        {
            if let Some(expected) = expected {
                same(name, expected, got).map_err(|error| format!("{error}\n{}", tail(&output.stderr)))?;
            }
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        match self.stderr_has.iter().find(|text| !stderr.contains(text.as_str())) {
            Some(text) => Err(format!("stderr lacks {text:?}\n{}", tail(&output.stderr))),
            None => Ok(()),
        }
    }
}

/// Whether two outputs agree; else the first line that does not.
pub fn same(name: &str, expected: &[u8], got: &[u8]) -> Result<(), String> {
    if expected == got {
        return Ok(());
    }
    let line_of = |bytes: &[u8], index: usize| match bytes.split(|&byte| byte == b'\n').nth(index) {
        Some(line) => format!("{:?}", String::from_utf8_lossy(line)),
        None => "(end)".to_owned(),
    };
    let common = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
    let index = expected[..common].iter().filter(|&&byte| byte == b'\n').count();
    Err(format!(
        "{name} differs in line {}: expected {}, got {} ({} bytes expected, {} got)",
        index + 1,
        line_of(expected, index),
        line_of(got, index),
        expected.len(),
        got.len()
    ))
}

/// The end of what the program said, which is where errors stand.
fn tail(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().collect();
    let shown = &lines[lines.len().saturating_sub(STDERR_LINES)..];
    if shown.is_empty() { "(nothing on stderr)".to_owned() } else { format!("stderr:\n{}", shown.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn names_the_first_line_that_differs() {
        assert_eq!(same("stdout", b"a\nb\n", b"a\nb\n"), Ok(()));
        let error = same("stdout", b"a\nb\n", b"a\nc\n").unwrap_err();
        assert!(error.contains("line 2") && error.contains("\"b\"") && error.contains("\"c\""), "{error}");
        let error = same("stdout", b"a\nb", b"a").unwrap_err();
        assert!(error.contains("line 1"), "{error}");
    }
}
