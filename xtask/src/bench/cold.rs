//! `--cold`: what whole processes take with nothing prepared, on our tiers and on whatever other engine is best at each program.

use super::report;
use super::sweep::{Results, Sweep};

/// Our tiers, and the engines to be measured by.
const ENGINES: [&str; 6] = ["tiercel-auto", "tiercel-opt", "tiercel-baseline", "wasmtime", "winch", "v8"];

/// Whether an engine is one of our tiers.
fn is_ours(engine: &str) -> bool {
    engine.starts_with("tiercel-")
}

/// Who takes part by default.
pub fn engines() -> Vec<String> {
    ENGINES.map(str::to_owned).to_vec()
}

/// Prints, for each program, the wall time of our tiers to that of the best of the others; with geometric mean and worst.
pub fn print(sweep: &Sweep, results: &Results) {
    let (ours, others): (Vec<&str>, Vec<&str>) =
        sweep.engines.iter().map(|engine| engine.name.as_str()).partition(|name| is_ours(name));
    let median = |subject: &str, engine: &str| {
        let samples = results.samples.get(&(subject.to_owned(), engine.to_owned()))?;
        let walls: Vec<f64> = samples.iter().map(|sample| sample.wall_seconds).collect();
        report::summary(&walls).map(|(median, _)| median)
    };
    let mut ratios = vec![Vec::new(); ours.len()];
    let mut rows = Vec::new();
    for subject in &sweep.subjects {
        let others = others.iter().filter_map(|&engine| Some((median(&subject.name, engine)?, engine)));
        let Some((best, engine)) = others.min_by(|a, b| a.0.total_cmp(&b.0)) else { continue };
        let cells = ours.iter().zip(&mut ratios).map(|(name, ratios)| {
            let Some(own) = median(&subject.name, name) else { return "-".to_owned() };
            ratios.push(own / best);
            format!("{:.2}", own / best)
        });
        rows.push((subject.name.clone(), cells.chain([format!("{} {engine}", report::number(best * 1e3))]).collect()));
    }
    let last = |name: &str, of: &dyn Fn(&Vec<f64>) -> Option<f64>| {
        let cells = ratios.iter().map(|ratios| of(ratios).map_or("-".to_owned(), |ratio| format!("{ratio:.2}")));
        (format!("**{name}**"), cells.chain([String::new()]).collect())
    };
    rows.push(last("geometric mean", &|ratios| report::geometric_mean(ratios)));
    rows.push(last("worst", &|ratios| ratios.iter().copied().max_by(f64::total_cmp)));
    let columns: Vec<&str> = ours.iter().copied().chain(["best of the others, ms"]).collect();
    report::print_table("A fresh process: median to that of the best of the other engines", &columns, &rows);
}
