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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/curves");
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
            let name = format!("{algorithm:?}, batches of {batch}").to_lowercase();
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

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const MARGIN: f64 = 60.0;
const LEGEND: f64 = 170.0;
const COLOURS: [&str; 8] = [
    "#1b6ca8", "#d1495b", "#2e8b57", "#edae49", "#6a4c93", "#00798c", "#8d5524", "#555555",
];

/// Both scales are logarithmic. Nothing where there are no points.
fn picture(title: &str, across: &str, lines: &[Line]) -> Option<String> {
    let points = || lines.iter().flat_map(|(_, points)| points);
    points().next()?;
    let [left, right] = range(points().map(|point| point.0));
    let [low, high] = range(points().map(|point| point.1));
    let x =
        |value: f64| MARGIN + (value / left).ln() / (right / left).ln() * (WIDTH - MARGIN - LEGEND);
    let y = |value: f64| {
        HEIGHT - MARGIN - (value / low).ln() / (high / low).ln() * (HEIGHT - 2.0 * MARGIN)
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{MARGIN}\" y=\"28\" font-size=\"15\">{title}</text>\n\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{across}</text>\n",
        (MARGIN + WIDTH - LEGEND) / 2.0,
        HEIGHT - 16.0,
    );
    let mut marks: Vec<f64> = points().map(|point| point.0).collect();
    marks.sort_by(f64::total_cmp);
    marks.dedup();
    for mark in marks {
        let (at, bottom) = (x(mark), HEIGHT - MARGIN);
        put(
            &mut svg,
            format_args!(
                "<line x1=\"{at:.1}\" y1=\"{MARGIN}\" x2=\"{at:.1}\" y2=\"{bottom}\" stroke=\"#eee\"/><text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{mark}</text>",
                bottom + 18.0
            ),
        );
    }
    for decade in low.log10() as i32..=high.log10() as i32 {
        let value = 10f64.powi(decade);
        let (at, end) = (y(value), WIDTH - LEGEND);
        put(
            &mut svg,
            format_args!(
                "<line x1=\"{MARGIN}\" y1=\"{at:.1}\" x2=\"{end}\" y2=\"{at:.1}\" stroke=\"#ccc\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
                MARGIN - 6.0,
                at + 4.0
            ),
        );
    }
    for (index, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let path: Vec<_> = points
            .iter()
            .map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1)))
            .collect();
        put(
            &mut svg,
            format_args!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                path.join(" ")
            ),
        );
        let (at, beside) = (60.0 + 20.0 * index as f64, WIDTH - LEGEND + 12.0);
        put(
            &mut svg,
            format_args!(
                "<line x1=\"{beside}\" y1=\"{at}\" x2=\"{}\" y2=\"{at}\" stroke=\"{colour}\" stroke-width=\"3\"/><text x=\"{}\" y=\"{}\">{name}</text>",
                beside + 16.0,
                beside + 22.0,
                at + 4.0
            ),
        );
    }
    Some(svg + "</svg>\n")
}

fn put(svg: &mut String, element: std::fmt::Arguments<'_>) {
    writeln!(svg, "{element}").expect("a string takes everything");
}

/// From the last power of ten before all values to the first after them.
fn range(values: impl Iterator<Item = f64> + Clone) -> [f64; 2] {
    let low = values.clone().fold(f64::MAX, f64::min);
    let high = values.fold(f64::MIN_POSITIVE, f64::max);
    [
        10f64.powf(low.log10().floor()),
        10f64.powf(high.log10().ceil()),
    ]
}
