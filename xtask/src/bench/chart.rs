//! A chart of lines as SVG: time on a logarithmic axis, values from 0. It follows the reader's choice of light or dark.

use std::fmt::Write as _;

use super::report;

/// What is drawn.
pub struct Chart<'a> {
    /// Above it.
    pub title: &'a str,
    /// Below it.
    pub x_title: &'a str,
    /// Beside it.
    pub y_title: &'a str,
    /// First and last time.
    pub x_range: (f64, f64),
    /// In the order of the legend.
    pub lines: Vec<Line<'a>>,
}

/// One of its lines.
pub struct Line<'a> {
    /// How it is called in the legend.
    pub name: &'a str,
    /// Which color and pattern it has, the same in every picture.
    pub style: usize,
    /// Ascending by time.
    pub points: Vec<(f64, f64)>,
}

/// The picture, and the part of it inside the axes: left, top, right, bottom.
const SIZE: (f64, f64) = (860.0, 480.0);
const FRAME: (f64, f64, f64, f64) = (72.0, 52.0, 690.0, 420.0);

/// Told apart on white and on black, and by people who see fewer colors; each with a pattern of dashes of its own.
const STYLES: [(&str, &str); 6] = [
    ("#8c8c8c", "2 3"),
    ("#d98c00", "7 3"),
    ("#d1405b", "none"),
    ("#9b5fd0", "10 3 2 3"),
    ("#1f83d6", "5 3"),
    ("#17a06b", "1 2"),
];

/// Colors of everything else, for light and for dark.
const STYLE: &str = "
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 }
  .back { fill: #ffffff }
  .grid { stroke: #d8dee4 }
  .axis { stroke: #57606a }
  .line { fill: none; stroke-width: 2.2; stroke-linejoin: round }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .back { fill: #0d1117 }
    .grid { stroke: #2b323b }
    .axis { stroke: #8b949e }
  }
";

impl Chart<'_> {
    /// The picture.
    pub fn svg(&self) -> String {
        let mut svg = String::new();
        self.write(&mut svg).expect("a string takes all that is written");
        svg
    }

    fn write(&self, svg: &mut String) -> std::fmt::Result {
        let ((width, height), (left, top, right, bottom)) = (SIZE, FRAME);
        let values = self.lines.iter().flat_map(|line| &line.points).map(|point| point.1);
        let (step, most) = steps(values.fold(1.0, f64::max));
        let x = |seconds: f64| {
            let (first, last) = self.x_range;
            left + (right - left) * (seconds / first).ln() / (last / first).ln()
        };
        let y = |value: f64| bottom - (bottom - top) * value / most;

        writeln!(svg, r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">"#)?;
        writeln!(svg, "<title>{}</title>\n<style>{STYLE}</style>", escaped(self.title))?;
        writeln!(svg, r#"<rect class="back" width="{width}" height="{height}" rx="6"/>"#)?;
        text(svg, left, 30.0, "start", r#" class="title""#, self.title)?;
        for mark in (0..).map(|n| f64::from(n) * step).take_while(|mark| *mark <= most) {
            line(svg, "grid", (left, y(mark)), (right, y(mark)))?;
            text(svg, left - 8.0, y(mark) + 4.5, "end", "", &mark.to_string())?;
        }
        for mark in marks(self.x_range) {
            line(svg, "grid", (x(mark), top), (x(mark), bottom))?;
            text(svg, x(mark), bottom + 20.0, "middle", "", &mark.to_string())?;
        }
        line(svg, "axis", (left, bottom), (right, bottom))?;
        line(svg, "axis", (left, top), (left, bottom))?;
        text(svg, f64::midpoint(left, right), height - 14.0, "middle", "", self.x_title)?;
        let turned = format!(r#" transform="rotate(-90 18 {0})""#, f64::midpoint(top, bottom));
        text(svg, 18.0, f64::midpoint(top, bottom), "middle", &turned, self.y_title)?;

        for (Line { name, style, points }, row) in self.lines.iter().zip(0..) {
            let (color, dashes) = STYLES[style % STYLES.len()];
            let paint = format!(r#"class="line" stroke="{color}" stroke-dasharray="{dashes}""#);
            let inside = points.iter().filter(|(seconds, _)| (self.x_range.0..=self.x_range.1).contains(seconds));
            let places: Vec<String> =
                inside.map(|&(seconds, value)| format!("{:.1},{:.1}", x(seconds), y(value))).collect();
            if let Some(first) = places.first().and_then(|first| first.split_once(',')) {
                let (cx, cy) = first;
                writeln!(svg, r#"<polyline {paint} points="{}"/>"#, places.join(" "))?;
                writeln!(svg, r#"<circle cx="{cx}" cy="{cy}" r="3.5" fill="{color}"/>"#)?;
            }
            let at = top + 14.0 + 40.0 * f64::from(row);
            writeln!(svg, r#"<path {paint} d="M{} {at}h34"/>"#, right + 14.0)?;
            text(svg, right + 56.0, at + 4.5, "start", "", name)?;
            let note =
                points.last().map_or("nothing".to_owned(), |last| format!("{} at the end", report::number(last.1)));
            text(svg, right + 56.0, at + 20.0, "start", r#" opacity="0.65""#, &note)?;
        }
        writeln!(svg, "</svg>")
    }
}

fn line(svg: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) -> std::fmt::Result {
    writeln!(svg, r#"<path class="{class}" d="M{:.1} {:.1}L{:.1} {:.1}"/>"#, from.0, from.1, to.0, to.1)
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, more: &str, text: &str) -> std::fmt::Result {
    writeln!(svg, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}"{more}>{}</text>"#, escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// A round step for an axis from 0 beyond `value` with about five marks, and the axis's end.
fn steps(value: f64) -> (f64, f64) {
    let power = 10_f64.powf((value / 5.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| value / step <= 5.5);
    let step = step.unwrap_or(10.0 * power);
    (step, (value / step).ceil() * step)
}

/// 1, 2 and 5 times the powers of ten in a range.
fn marks((first, last): (f64, f64)) -> Vec<f64> {
    let tens = (first.log10().floor() as i32)..=(last.log10().floor() as i32);
    let marks = tens.flat_map(|power| [1, 2, 5].map(|factor| format!("{factor}e{power}").parse().unwrap_or(first)));
    marks.filter(|mark| (first..=last).contains(mark)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Chart, Line, marks, steps};

    #[test]
    fn axes_are_round() {
        assert_eq!(steps(430.0), (100.0, 500.0));
        assert_eq!(steps(12.0), (5.0, 15.0));
        assert_eq!(marks((0.1, 12.0)), [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]);
    }

    #[test]
    fn draws_every_line() {
        let lines = vec![
            Line { name: "a<b", style: 0, points: vec![(0.5, 10.0), (1.0, 90.0), (99.0, 5.0)] },
            Line { name: "silent", style: 7, points: Vec::new() },
        ];
        let chart = Chart { title: "t", x_title: "x", y_title: "y", x_range: (0.1, 10.0), lines };
        let svg = chart.svg();
        assert_eq!(svg.matches("<polyline").count(), 1);
        assert!(svg.contains("a&lt;b") && svg.contains("nothing"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
