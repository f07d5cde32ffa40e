//! The curves of the cost model, as pictures.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::workload::{Algorithm, Measured, Workload};

type Table = BTreeMap<Workload, Measured>;

/// A named line through points.
type Line = (String, Vec<(f64, f64)>);

/// Draws all into `target/curves`.
pub(crate) fn draw(table: &Table) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/curves");
    fs::create_dir_all(&folder).expect("a folder for the curves");
    for (name, picture) in [("members", members(table)), ("history", history(table))] {
        if let Some(picture) = picture {
            let path = folder.join(name).with_extension("svg");
            fs::write(&path, picture).expect("a picture");
            println!("{}", path.display());
        }
    }
}

/// Additions a second against the size of the committee, a line for each size of batches.
fn members(table: &Table) -> Option<String> {
    let lines = [1, 16, 64, 512].map(|batch| {
        let rows = table.iter().filter(|(row, _)| {
            let row = **row;
            let plain = Workload {
                members: row.members,
                batch,
                ..Workload::of(Algorithm::Set)
            };
            row == plain && row.members > 1
        });
        let points = rows.map(|(row, cost)| (f64::from(row.members), cost.rate));
        (format!("batches of {batch}"), points.collect())
    });
    picture(
        "set additions a second, whole network on one core",
        "members",
        &lines,
    )
}

/// Microseconds an operation against what has happened before.
fn history(table: &Table) -> Option<String> {
    let lines = Algorithm::ALL.into_iter().flat_map(|algorithm| {
        [1, 512].map(|batch| {
            let rows = table.iter().filter(|(row, _)| {
                let plain = Workload {
                    history: row.history,
                    batch,
                    ..Workload::of(algorithm)
                };
                **row == plain && row.history > 0
            });
            let points = rows.map(|(row, cost)| (row.history as f64, 1e6 / cost.rate));
            let name = format!("{algorithm:?}, {batch} a batch").to_lowercase();
            (name, points.collect())
        })
    });
    let lines: Vec<_> = lines.collect();
    picture(
        "microseconds an operation, 4 members on one core",
        "operations before",
        &lines,
    )
}

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 380.0;
/// Around the curves: above and below, on the left, and on the right, where their names are.
const MARGIN: f64 = 50.0;
const LEFT: f64 = 60.0;
const NAMES: f64 = 150.0;
/// Between the base lines of two names, at least.
const APART: f64 = 17.0;
/// Dark enough for text on white.
const COLOURS: [&str; 8] = [
    "#1b6ca8", "#c2283c", "#1f7a48", "#9a6700", "#6a4c93", "#00737f", "#8d5524", "#555555",
];

/// Where values are drawn. Both scales are logarithmic.
struct Scales {
    left: f64,
    right: f64,
    low: f64,
    high: f64,
}

impl Scales {
    fn of(lines: &[Line]) -> Option<Self> {
        let points = || lines.iter().flat_map(|(_, points)| points);
        points().next()?;
        let [left, right] = ends(points().map(|point| point.0));
        let [low, high] = decades(points().map(|point| point.1));
        Some(Self {
            left,
            right,
            low,
            high,
        })
    }

    fn x(&self, value: f64) -> f64 {
        let part = (value / self.left).ln() / (self.right / self.left).ln().max(f64::EPSILON);
        LEFT + part * (WIDTH - LEFT - NAMES)
    }

    fn y(&self, value: f64) -> f64 {
        let part = (value / self.low).ln() / (self.high / self.low).ln().max(f64::EPSILON);
        HEIGHT - MARGIN - part * (HEIGHT - 2.0 * MARGIN)
    }
}

/// Nothing where there are no points.
fn picture(title: &str, across: &str, lines: &[Line]) -> Option<String> {
    let scales = Scales::of(lines)?;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"12\" y=\"26\" font-size=\"16\">{title}</text>\n\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{across}</text>\n",
        (LEFT + WIDTH - NAMES) / 2.0,
        HEIGHT - 10.0,
    );
    grid(&mut svg, &scales, lines);
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let points = line.1.iter();
        let path = points.map(|(x, y)| format!("{:.1},{:.1}", scales.x(*x), scales.y(*y)));
        let path: Vec<_> = path.collect();
        let path = path.join(" ");
        put(
            &mut svg,
            format_args!(
                "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            ),
        );
    }
    names(&mut svg, &scales, lines);
    Some(svg + "</svg>\n")
}

fn grid(svg: &mut String, scales: &Scales, lines: &[Line]) {
    let points = lines.iter().flat_map(|(_, points)| points);
    let mut marks: Vec<f64> = points.map(|point| point.0).collect();
    marks.sort_by(f64::total_cmp);
    marks.dedup();
    let bottom = HEIGHT - MARGIN;
    for mark in marks {
        let at = scales.x(mark);
        put(
            svg,
            format_args!(
                "<line x1=\"{at:.1}\" y1=\"{MARGIN}\" x2=\"{at:.1}\" y2=\"{bottom}\" stroke=\"#eee\"/><text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 18.0,
                grouped(mark)
            ),
        );
    }
    for decade in scales.low.log10().round() as i32..=scales.high.log10().round() as i32 {
        let value = 10f64.powi(decade);
        let (at, end) = (scales.y(value), WIDTH - NAMES);
        put(
            svg,
            format_args!(
                "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{end}\" y2=\"{at:.1}\" stroke=\"#ccc\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                at + 5.0,
                grouped(value)
            ),
        );
    }
}

/// The name of each line beside its end. Where ends are close to each other the names move apart, and strokes lead to them.
fn names(svg: &mut String, scales: &Scales, lines: &[Line]) {
    let lines = lines.iter().zip(COLOURS.iter().cycle());
    let ends = lines.filter_map(|((name, points), colour)| {
        let (x, y) = points.last()?;
        Some((scales.y(*y), scales.x(*x), name, colour))
    });
    let mut ends: Vec<_> = ends.collect();
    ends.sort_by(|one, other| one.0.total_cmp(&other.0));
    let wished: Vec<f64> = ends.iter().map(|end| end.0).collect();
    for ((y, x, name, colour), at) in ends.into_iter().zip(apart(&wished)) {
        let beside = WIDTH - NAMES + 16.0;
        put(
            svg,
            format_args!(
                "<line x1=\"{:.1}\" y1=\"{y:.1}\" x2=\"{}\" y2=\"{at:.1}\" stroke=\"{colour}\"/><text x=\"{beside}\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>",
                x + 1.0,
                beside - 3.0,
                at + 5.0
            ),
        );
    }
}

/// Places in the same order, close to those that are wished, and [`APART`] from each other. `wished` is sorted.
fn apart(wished: &[f64]) -> Vec<f64> {
    // Groups that touch each other, each with its first place and its size, lie around the middle of what they wish.
    let mut groups: Vec<(f64, usize)> = Vec::new();
    for wish in wished {
        let mut group = (*wish, 1);
        while let Some((first, size)) = groups.pop() {
            if first + size as f64 * APART <= group.0 {
                groups.push((first, size));
                break;
            }
            // How far each is from its wish, were the first at 0: the middle of both groups.
            let (one, other) = (size as f64, group.1 as f64);
            let shifted = group.0 - one * APART;
            group = (
                (first * one + shifted * other) / (one + other),
                size + group.1,
            );
        }
        groups.push(group);
    }
    let placed = groups
        .into_iter()
        .flat_map(|(first, size)| (0..size).map(move |place| first + place as f64 * APART));
    placed.collect()
}

/// With a comma before each three digits, when it is whole.
fn grouped(value: f64) -> String {
    let mut text = value.to_string();
    let digits = text.find('.').unwrap_or(text.len());
    for place in (1..digits)
        .rev()
        .filter(|place| (digits - place).is_multiple_of(3))
    {
        text.insert(place, ',');
    }
    text
}

fn put(svg: &mut String, element: std::fmt::Arguments<'_>) {
    writeln!(svg, "{element}").expect("a string takes everything");
}

fn ends(values: impl Iterator<Item = f64> + Clone) -> [f64; 2] {
    let low = values.clone().fold(f64::MAX, f64::min);
    [low, values.fold(f64::MIN_POSITIVE, f64::max)]
}

/// From the last power of ten before all values to the first after them.
fn decades(values: impl Iterator<Item = f64> + Clone) -> [f64; 2] {
    let [low, high] = ends(values);
    [
        10f64.powf(low.log10().floor()),
        10f64.powf(high.log10().ceil()),
    ]
}
