//! Latency by percentile, on the axis of HdrHistogram's plots: each nine takes the same room.

use hdrhistogram::Histogram;

use super::axis::{Axis, round_down, round_up};
use super::canvas::{Anchor, Canvas, Ink, draw};
use super::{Chart, ChartError, Size, Svg, both};
use results::format;
use results::stats::SAMPLES_BEYOND;

/// The percentiles that the axis marks.
const MARKS: [(f64, &str); 6] = [
    (0.5, "50 %"),
    (0.9, "90 %"),
    (0.99, "99 %"),
    (0.999, "99.9 %"),
    (0.9999, "99.99 %"),
    (0.99999, "99.999 %"),
];
/// Points of a line per factor of ten.
const POINTS_PER_DECADE: f64 = 16.0;
/// The axis ends here however many samples there are.
const MOST: f64 = 1e6;

/// One runtime's distribution.
#[derive(Clone, Debug)]
pub(crate) struct Line<'a> {
    /// The runtime.
    pub name: &'a str,
    /// Whether it is somebody else's.
    pub peer: bool,
    /// Chooses the colour.
    pub shade: usize,
    /// Nanoseconds; not empty.
    pub histogram: &'a Histogram<u64>,
}

/// The least and the greatest latency that charts beside each other must all have room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    min: f64,
    max: f64,
}

impl Range {
    /// Room for all of `histograms`, `None` when there is none.
    pub(crate) fn of<'a>(histograms: impl IntoIterator<Item = &'a Histogram<u64>>) -> Option<Self> {
        let range =
            |h: &Histogram<u64>| (h.value_at_quantile(0.0).max(1) as f64, h.max().max(1) as f64);
        let all = histograms.into_iter().map(range).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        let (min, max) = (round_down(all.0), round_up(all.1));
        Some(Self { min, max: max.max(min * 2.0) })
    }
}

/// Draws `lines` with the axis of `range`.
pub(crate) fn chart(label: String, lines: &[Line<'_>], range: Range) -> Result<Chart, ChartError> {
    both(label, |size| svg(size, lines, range))
}

/// The frame of the plot in pixels, and its axes.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x: Axis,
    y: Axis,
}

impl Frame {
    /// Where a percentile lies: its distance from 100 % counts, by powers of ten.
    fn x(&self, one_in: f64) -> f64 {
        f64::from(self.x.at(one_in, (self.left * 10.0) as i32, (self.right * 10.0) as i32)) / 10.0
    }

    fn y(&self, ns: f64) -> f64 {
        f64::from(self.y.at(ns.max(1.0), (self.bottom * 10.0) as i32, (self.top * 10.0) as i32))
            / 10.0
    }
}

/// The distance between two names, in pixels.
fn gap(size: Size) -> f64 {
    size.pick(16.0, 14.0)
}

fn svg(size: Size, lines: &[Line<'_>], range: Range) -> Result<Svg, ChartError> {
    let plot = size.pick(280.0, 250.0_f64).max(gap(size) * lines.len() as f64);
    let most = lines.iter().map(|line| line.histogram.len() as f64).fold(100.0, f64::max).min(MOST);
    let frame = Frame {
        left: size.pick(58.0, 48.0),
        right: size.width() - size.room(lines.iter().map(|line| line.name)) - 18.0,
        top: 8.0,
        bottom: 8.0 + plot,
        x: Axis::log(1.0, most, 8),
        y: Axis::log(range.min, range.max, 10),
    };
    draw(size, frame.bottom + 24.0, |canvas| {
        grid(canvas, &frame, size, most)?;
        for line in lines {
            curve(canvas, &frame, line, most)?;
        }
        names(canvas, &frame, size, lines, most)
    })
}

fn grid(canvas: &Canvas<'_>, frame: &Frame, size: Size, most: f64) -> Result<(), ChartError> {
    for &tick in &frame.y.ticks {
        let y = frame.y(tick);
        canvas.line([(frame.left, y), (frame.right, y)], Ink::Grid, 1.0, 1.0)?;
        canvas.text(&format::tick(tick), (frame.left - 6.0, y), Anchor::End, Ink::Muted)?;
    }
    let mut free_from = f64::NEG_INFINITY;
    for (p, name) in MARKS {
        if 1.0 / (1.0 - p) > most * 1.001 {
            break;
        }
        let x = frame.x(1.0 / (1.0 - p));
        canvas.line([(x, frame.top), (x, frame.bottom + 3.0)], Ink::Grid, 1.0, 1.0)?;
        // A phone has no room for every label.
        let half = name.len() as f64 * size.font() * 0.27;
        if x - half >= free_from {
            canvas.text(name, (x, frame.bottom + 14.0), Anchor::Middle, Ink::Muted)?;
            free_from = x + half + 6.0;
        }
    }
    Ok(())
}

fn ink(line: &Line<'_>) -> Ink {
    if line.peer { Ink::PeerLine(line.shade) } else { Ink::OursLine(line.shade) }
}

/// Where the line ends: at its last sample, or at the end of the axis.
fn end(line: &Line<'_>, most: f64) -> f64 {
    (line.histogram.len() as f64).clamp(1.0, most)
}

/// The line, faint from where fewer than [`SAMPLES_BEYOND`] samples lie beyond.
fn curve(canvas: &Canvas<'_>, frame: &Frame, line: &Line<'_>, most: f64) -> Result<(), ChartError> {
    let end = end(line, most);
    let firm = (line.histogram.len() as f64 / SAMPLES_BEYOND).clamp(1.0, end);
    let at = |one_in: f64| {
        let ns = line.histogram.value_at_quantile(1.0 - 1.0 / one_in);
        (frame.x(one_in), frame.y(ns as f64))
    };
    let part = |from: f64, to: f64| {
        let steps = ((to / from).log10() * POINTS_PER_DECADE).ceil().max(1.0) as i32;
        let points =
            (0..=steps).map(move |i| at(from * (to / from).powf(f64::from(i) / f64::from(steps))));
        points.collect::<Vec<_>>()
    };
    canvas.line(part(1.0, firm), ink(line), 1.8, 1.0)?;
    if end > firm { canvas.line(part(firm, end), ink(line), 1.2, 0.5) } else { Ok(()) }
}

/// Names at the right, each beside the end of its line as far as they leave each other room.
fn names(
    canvas: &Canvas<'_>,
    frame: &Frame,
    size: Size,
    lines: &[Line<'_>],
    most: f64,
) -> Result<(), ChartError> {
    let mut ends: Vec<_> = lines
        .iter()
        .map(|line| {
            let end = end(line, most);
            let ns = line.histogram.value_at_quantile(1.0 - 1.0 / end);
            (frame.y(ns as f64), frame.x(end), line)
        })
        .collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let places = spread_out(
        &ends.iter().map(|end| end.0).collect::<Vec<_>>(),
        gap(size),
        frame.top + 4.0,
        frame.bottom,
    );
    for ((y, x, line), place) in ends.into_iter().zip(places) {
        let turn = frame.right + 8.0;
        let leader = [(x + 1.0, y), (frame.right + 2.0, y), (turn, place), (turn + 5.0, place)];
        canvas.line(leader, ink(line), 1.0, 0.6)?;
        canvas.text(&size.shorten(line.name), (turn + 8.0, place), Anchor::Start, Ink::Text)?;
    }
    Ok(())
}

/// Moves ascending positions apart to `gap`, within `top` and `bottom`, in the same order.
fn spread_out(wanted: &[f64], gap: f64, top: f64, bottom: f64) -> Vec<f64> {
    let mut places: Vec<f64> = Vec::with_capacity(wanted.len());
    for &y in wanted {
        let least = places.last().map_or(top, |above| above + gap);
        places.push(y.max(least));
    }
    let mut limit = bottom;
    for place in places.iter_mut().rev() {
        *place = place.min(limit);
        limit = *place - gap;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_order_and_distance() {
        let places = spread_out(&[10.0, 11.0, 12.0, 95.0, 99.0], 14.0, 0.0, 100.0);
        assert_eq!(places, [10.0, 24.0, 38.0, 86.0, 100.0]);
        assert_eq!(spread_out(&[50.0], 14.0, 0.0, 100.0), [50.0]);
    }

    #[test]
    fn a_range_has_room_for_every_line() {
        let mut a = Histogram::<u64>::new(3).expect("3 digits are valid");
        a.record_n(700, 10).expect("auto-resizing");
        let mut b = a.clone();
        b.record(3_000).expect("auto-resizing");
        let range = Range::of([&a, &b]).expect("two");
        assert!(range.min <= 700.0 && range.max >= 3_000.0, "{range:?}");
        assert!(Range::of([]).is_none());
    }

    #[test]
    fn a_single_sample_can_be_drawn() {
        let mut one = Histogram::<u64>::new(3).expect("3 digits are valid");
        one.record(0).expect("auto-resizing");
        let line = Line { name: "local", peer: true, shade: 0, histogram: &one };
        let range = Range::of([&one]).expect("one");
        assert!(chart(String::new(), &[line], range).is_ok());
    }
}
