//! `--timeline`: how many requests per second a program answers, against the time since its process started, on every engine: when it starts, when it
//! gets faster, where it ends. Drawn as a picture, with the figures as a table beside.
//!
//! The program is [`ruby`], a large one, so that compiling takes its time. It prints the clock and its count of requests now and then, and is stopped after
//! a while.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};

use super::chart::{Chart, Line};
use super::engines::Engine;
use super::{report, ruby};

/// Who takes part by default, each with a line of its own style.
const ENGINES: [&str; 6] = ["tiercel-interp", "tiercel-baseline", "tiercel-auto", "tiercel-opt", "wasmtime", "v8"];

/// One request is to read an order, to add it up and to write a page about it. Prints lines of clock (nanoseconds since 1970) and count.
const SCRIPT: &str = r##"
require "json"
order = { "name" => "Ada", "items" => (1..20).map { |n| { "name" => "part #{n}", "price" => n * 1.25, "count" => n % 4 } } }
request = JSON.generate(order)
count, last = 0, 0
loop do
  order = JSON.parse(request)
  sum = order["items"].sum { |item| item["price"] * item["count"] }
  rows = order["items"].map { |item| "<tr><td>#{item["name"].upcase}</td><td>#{format("%.2f", item["price"])}</td></tr>" }
  page = "<h1>#{order["name"]}</h1><table>#{rows.join}</table><p>#{format("%.2f", sum)}</p>"
  raise "wrong sum" unless page.scan(/\d+\.\d\d/).sum(&:to_f) > sum
  count += 1
  now = Process.clock_gettime(Process::CLOCK_REALTIME, :nanosecond)
  if now - last > 10_000_000
    last = now
    $stdout.write("#{now} #{count}\n")
    $stdout.flush
  end
end
"##;

/// Parts of a factor of ten of time for each of which the picture has one rate.
const PARTS_PER_DECADE: f64 = 12.0;

/// Where the picture's time begins, in seconds.
const FIRST_SECONDS: f64 = 0.1;

/// The times of the table, in seconds.
const COLUMNS: [f64; 5] = [0.5, 1.0, 2.0, 5.0, 10.0];

/// Who takes part by default.
pub fn engines() -> Vec<String> {
    ENGINES.map(str::to_owned).to_vec()
}

/// A time since the process started, in seconds, and how many requests had been answered.
type Point = (f64, f64);

/// Runs the program on each engine for so long, prints a table and writes the picture.
pub fn run(engines: &[Engine], peer_dir: &Path, length: Duration, work: &Path, output: &Path) -> Result<()> {
    let program = ruby::program(peer_dir, SCRIPT)?;
    let program = program.with_context(|| format!("no {}: cargo xtask bench --install-peers", ruby::PACKAGE))?;
    let wasm = work.join("ruby.wasm");
    fs::write(&wasm, program)?;
    let mut series = Vec::new();
    for engine in engines {
        let points = observe(&engine.cold_command(&wasm), length, work).with_context(|| engine.name.clone())?;
        eprintln!("{} done", engine.name);
        series.push((engine.name.as_str(), points));
    }
    print(&series, length);
    let style = |name: &str| ENGINES.iter().position(|engine| *engine == name).unwrap_or(ENGINES.len());
    let lines = series.iter().map(|(name, points)| Line { name, style: style(name), points: rates(points) }).collect();
    let chart = Chart {
        title: "A Ruby program answers requests, from a cold start",
        x_title: "seconds since the process started (logarithmic)",
        y_title: "requests per second",
        x_range: (FIRST_SECONDS, length.as_secs_f64()),
        lines,
    };
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(output, chart.svg()).with_context(|| format!("cannot write {}", output.display()))?;
    println!("\nwritten: {}", output.display());
    Ok(())
}

/// The default for the picture.
pub fn output(repository: &Path) -> PathBuf {
    repository.join("target/timeline.svg")
}

/// Runs a command for so long, and gives what it printed.
fn observe(words: &[String], length: Duration, folder: &Path) -> Result<Vec<Point>> {
    let began = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock")?.as_secs_f64();
    let mut child = Command::new(&words[0])
        .args(&words[1..])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", words[0]))?;
    let stdout = child.stdout.take().context("no pipe")?;
    let reader = thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).collect::<Vec<_>>());
    thread::sleep(length);
    child.kill()?;
    child.wait()?;
    // The last line may be cut off.
    let lines = reader.join().unwrap_or_default();
    let points = lines.iter().filter_map(|line| {
        let (now, count) = line.split_once(' ')?;
        Some((now.parse::<u64>().ok()? as f64 * 1e-9 - began, count.parse().ok()?))
    });
    let points: Vec<Point> = points.collect();
    ensure!(!points.is_empty() || lines.is_empty(), "it printed: {}", lines.join("; "));
    Ok(points)
}

/// Requests per second, for parts of the time that get longer; each at the middle of its part.
fn rates(points: &[Point]) -> Vec<Point> {
    let part_of = |point: &Point| (point.0.max(FIRST_SECONDS).log10() * PARTS_PER_DECADE).floor();
    let mut rates = Vec::new();
    // Counting begins with the first request, which pays for the start; each part with the end of the one before.
    let Some(mut from) = points.first() else { return rates };
    for part in points.chunk_by(|a, b| part_of(a) == part_of(b)) {
        let Some(last) = part.last().filter(|last| last.0 > from.0) else { continue };
        rates.push(((from.0 * last.0).sqrt(), (last.1 - from.1) / (last.0 - from.0)));
        from = last;
    }
    rates
}

fn print(series: &[(&str, Vec<Point>)], length: Duration) {
    let times = COLUMNS.iter().copied().filter(|&seconds| seconds < length.as_secs_f64());
    let times: Vec<f64> = times.chain([length.as_secs_f64()]).collect();
    let names: Vec<String> = times.iter().map(|seconds| format!("by {seconds} s")).collect();
    let columns: Vec<&str> =
        ["first, s"].into_iter().chain(names.iter().map(String::as_str)).chain(["at the end, per s"]).collect();
    let rows: Vec<(String, Vec<String>)> = series
        .iter()
        .map(|(name, points)| {
            let first = points.first().map_or("-".to_owned(), |point| report::number(point.0));
            let by = |seconds: &f64| {
                let done = points.iter().take_while(|point| point.0 <= *seconds).last();
                done.map_or("0".to_owned(), |point| format!("{}", point.1))
            };
            let last = rates(points).last().map_or("-".to_owned(), |rate| report::number(rate.1));
            (name.to_string(), [first].into_iter().chain(times.iter().map(by)).chain([last]).collect())
        })
        .collect();
    report::print_table("Requests answered since the process started", &columns, &rows);
}

#[cfg(test)]
mod tests {
    use super::rates;

    #[test]
    fn a_steady_program_has_one_rate() {
        let points: Vec<_> = (1..1000).map(|n| (0.5 + f64::from(n) * 0.01, f64::from(n))).collect();
        let rates = rates(&points);
        assert!(rates.len() > 12, "{rates:?}");
        assert!(rates.iter().all(|(_, rate)| (rate - 100.0).abs() < 1e-6), "{rates:?}");
        assert!(rates.is_sorted_by(|a, b| a.0 < b.0), "{rates:?}");
        assert_eq!(super::rates(&[]), []);
    }

    /// A part's rate is that of all of it, and a pause between two parts belongs to one of them.
    #[test]
    fn pauses_count_as_much_as_they_last() {
        let mut points = Vec::new();
        for n in 0..2000 {
            let pause = f64::from(n / 100) * 0.05;
            points.push((1.0 + f64::from(n) * 0.01 + pause, f64::from(n)));
        }
        let rates = rates(&points);
        let (first, last) = (points[0].0, points[1999].0);
        assert!(rates.len() <= 2 + (super::PARTS_PER_DECADE * (last / first).log10()) as usize, "{rates:?}");
        assert!(rates.iter().skip(1).all(|(_, rate)| (80.0..=100.1).contains(rate)), "{rates:?}");
    }
}
