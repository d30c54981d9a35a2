//! What values of options may be, and how they are written.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tiercel::BranchProtection;

/// The type of an option's value.
pub trait OptionValue: Sized {
    /// How a value is written, with the sign in front, for the list of options.
    const FORM: &'static str;

    /// The value from what follows the `=`, if there is one.
    fn parse(text: Option<&str>) -> Result<Self, String>;
}

impl OptionValue for bool {
    const FORM: &'static str = "[=y|n]";

    fn parse(text: Option<&str>) -> Result<Self, String> {
        match text {
            None | Some("y" | "yes" | "true") => Ok(true),
            Some("n" | "no" | "false") => Ok(false),
            Some(other) => Err(format!("`{other}` is neither y nor n")),
        }
    }
}

impl OptionValue for u64 {
    const FORM: &'static str = "=N";

    fn parse(text: Option<&str>) -> Result<Self, String> {
        let text = text.ok_or("a number is missing: write `=N`")?;
        let value = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        value.map_err(|_| format!("`{text}` is not a number from 0 to {}", u64::MAX))
    }
}

impl OptionValue for usize {
    const FORM: &'static str = u64::FORM;

    fn parse(text: Option<&str>) -> Result<Self, String> {
        let value = u64::parse(text)?;
        value.try_into().map_err(|_| format!("{value} is more than this host can address ({})", usize::MAX))
    }
}

impl OptionValue for Duration {
    const FORM: &'static str = "=N|Ns|Nms|..";

    fn parse(text: Option<&str>) -> Result<Self, String> {
        let text = text.ok_or("a duration is missing: write 2s or 500ms")?;
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let from: fn(u64) -> Option<Duration> = match unit {
            "" | "s" => |n| Some(Duration::from_secs(n)),
            "m" => |n| Some(Duration::from_secs(n.checked_mul(60)?)),
            "h" => |n| Some(Duration::from_secs(n.checked_mul(3600)?)),
            "ms" => |n| Some(Duration::from_millis(n)),
            "us" | "μs" => |n| Some(Duration::from_micros(n)),
            "ns" => |n| Some(Duration::from_nanos(n)),
            _ => |_| None,
        };
        let value = number.parse().ok().and_then(from);
        value.ok_or_else(|| format!("`{text}` is not a duration: write 2s, 500ms, 10us or 1m"))
    }
}

impl OptionValue for PathBuf {
    const FORM: &'static str = "=PATH";

    fn parse(text: Option<&str>) -> Result<Self, String> {
        let path = text.filter(|path| !path.is_empty());
        Ok(path.ok_or("a path is missing: write `=PATH`")?.into())
    }
}

impl OptionValue for SocketAddr {
    const FORM: &'static str = "=ADDR:PORT";

    fn parse(text: Option<&str>) -> Result<Self, String> {
        let text = text.ok_or("an address is missing: write 127.0.0.1:8080")?;
        text.parse().map_err(|_| format!("`{text}` is not an address with a port, such as 127.0.0.1:8080"))
    }
}

impl OptionValue for BranchProtection {
    const FORM: &'static str = "=none|bti|pac-ret|standard";

    fn parse(text: Option<&str>) -> Result<Self, String> {
        let known = BranchProtection::ALL.into_iter().find(|protection| Some(protection.name()) == text);
        known.ok_or_else(|| "branch protection is `none`, `bti`, `pac-ret` or `standard`".into())
    }
}

/// A field of a group: an `Option` for one value, a `Vec` for any number of them.
pub trait Field {
    /// The type of a value.
    type Value: OptionValue;

    /// Sets the field, or adds to it.
    fn put(&mut self, value: Self::Value);
}

impl<V: OptionValue> Field for Option<V> {
    type Value = V;

    fn put(&mut self, value: V) {
        *self = Some(value);
    }
}

impl<V: OptionValue> Field for Vec<V> {
    type Value = V;

    fn put(&mut self, value: V) {
        self.push(value);
    }
}
