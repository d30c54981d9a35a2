//! The log, for those who ask for it: what the engine tells of what it does, a line on standard error for each event.

use crate::options::OptionValue;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What the log is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// The cache of compiled modules.
    Cache,
    /// Which tier runs a module, and why.
    Native,
    /// Functions on their way from tier to tier.
    Tiers,
}

const TOPICS: &[(&str, Topic)] = &[("cache", Topic::Cache), ("native", Topic::Native), ("tiers", Topic::Tiers)];

impl OptionValue for Topic {
    const FORM: &'static str = "=cache|native|tiers";

    fn parse(text: Option<&str>) -> Result<Topic, String> {
        let known = TOPICS.iter().find(|(name, _)| Some(*name) == text);
        known.map(|(_, topic)| *topic).ok_or_else(|| "the log is about `cache`, `native` or `tiers`".into())
    }
}

/// Starts the log if it is about anything.
pub fn start(topics: &[Topic]) {
    if topics.is_empty() {
        return;
    }
    let names = TOPICS.iter().filter(|(_, topic)| topics.contains(topic));
    let targets = names.map(|(name, _)| (format!("tiercel::{name}"), LevelFilter::DEBUG));
    let lines = tracing_subscriber::fmt::layer().without_time().with_level(false).with_writer(std::io::stderr);
    let log = tracing_subscriber::registry().with(lines).with(targets.collect::<Targets>());
    // Another one can only be there if the program was started twice in one process, as tests do.
    let _ = log.try_init();
}
