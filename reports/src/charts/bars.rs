//! Time or memory per operation: a bar to the median of each runtime, with the spread drawn over
//! its end.

use super::axis::{Axis, round_down, round_up};
use super::canvas::{Anchor, Canvas, Ink, draw};
use super::{Chart, ChartError, Size, Svg, both};
use crate::quantity::Quantity;
use results::format;
use results::stats::Spread;

/// From this ratio of most to least on, bars would hide the short ones: marks on a logarithmic
/// axis replace them.
const LOG_FROM: f64 = 15.0;

/// One runtime's costs.
#[derive(Clone, Debug)]
pub(crate) struct Bar<'a> {
    /// The runtime.
    pub name: &'a str,
    /// Its worker threads.
    pub workers: usize,
    /// Whether it is somebody else's.
    pub peer: bool,
    /// Nanoseconds or bytes per operation.
    pub cost: Spread,
}

impl Bar<'_> {
    fn ink(&self) -> Ink {
        if self.peer { Ink::Peer } else { Ink::Ours }
    }

    fn area(&self) -> Ink {
        if self.peer { Ink::PeerArea } else { Ink::OursArea }
    }
}

/// Whether the axis is logarithmic.
pub(crate) fn is_log(bars: &[Bar<'_>]) -> bool {
    let medians = || bars.iter().map(|bar| bar.cost.median);
    let (least, most) = (medians().fold(f64::INFINITY, f64::min), medians().fold(0.0, f64::max));
    most > least * LOG_FROM
}

/// Draws `bars`, least first. There must be one at least.
pub(crate) fn chart(
    label: String,
    bars: &[Bar<'_>],
    quantity: Quantity,
) -> Result<Chart, ChartError> {
    both(label, |size| svg(size, bars, quantity))
}

/// Where things are, in pixels.
struct Layout {
    size: Size,
    /// Right end of the worker counts, where the axis begins.
    counts: f64,
    left: f64,
    right: f64,
    top: f64,
    row: f64,
    /// Where the ratios end, if there is room for them.
    ratios: Option<f64>,
    /// Where the medians end.
    medians: f64,
    quantity: Quantity,
}

fn svg(size: Size, bars: &[Bar<'_>], quantity: Quantity) -> Result<Svg, ChartError> {
    let width = size.width();
    let counts = 14.0 + size.room(bars.iter().map(|bar| bar.name)) + size.pick(24.0, 14.0);
    let layout = Layout {
        size,
        counts,
        left: counts + size.pick(12.0, 8.0),
        right: size.pick(width - 126.0, width - 58.0),
        top: 24.0,
        row: 24.0,
        ratios: size.pick(Some(width), None),
        medians: size.pick(width - 54.0, width),
        quantity,
    };
    let marks = size.pick(6, 3);
    let axis = if is_log(bars) {
        let least = bars.iter().map(|bar| bar.cost.p5).fold(f64::INFINITY, f64::min);
        let most = bars.iter().map(|bar| bar.cost.p95).fold(0.0, f64::max);
        Axis::log(round_down(least), round_up(most), marks + 1)
    } else {
        Axis::linear(
            bars.iter().map(|bar| bar.cost.p95.max(bar.cost.median)).fold(0.0, f64::max),
            marks,
        )
    };
    let bottom = layout.top + layout.row * bars.len() as f64;
    let best = bars.iter().map(|bar| bar.cost.median).fold(f64::INFINITY, f64::min);
    draw(size, bottom + 22.0, |canvas| {
        header(canvas, &layout)?;
        for &tick in &axis.ticks {
            let x = layout.x(&axis, tick);
            canvas.line([(x, layout.top), (x, bottom + 3.0)], Ink::Grid, 1.0, 1.0)?;
            canvas.text(&quantity.tick(tick), (x, bottom + 13.0), Anchor::Middle, Ink::Muted)?;
        }
        for (i, bar) in bars.iter().enumerate() {
            let y = layout.top + layout.row * (i as f64 + 0.5);
            labels(canvas, &layout, bar, best, y)?;
            mark(canvas, &layout, &axis, bar, is_log(bars), y)?;
        }
        Ok(())
    })
}

impl Layout {
    fn x(&self, axis: &Axis, value: f64) -> f64 {
        // Tenths of a pixel, as the canvas has them.
        f64::from(axis.at(value, (self.left * 10.0) as i32, (self.right * 10.0) as i32)) / 10.0
    }
}

fn header(canvas: &Canvas<'_>, layout: &Layout) -> Result<(), ChartError> {
    canvas.text("workers", (layout.counts, 10.0), Anchor::End, Ink::Muted)?;
    canvas.text("median", (layout.medians, 10.0), Anchor::End, Ink::Muted)?;
    layout.ratios.map_or(Ok(()), |x| canvas.text("ratio", (x, 10.0), Anchor::End, Ink::Muted))
}

fn labels(
    canvas: &Canvas<'_>,
    layout: &Layout,
    bar: &Bar<'_>,
    best: f64,
    y: f64,
) -> Result<(), ChartError> {
    canvas.disc((4.0, y), 4.0, bar.ink())?;
    if bar.peer {
        canvas.disc((4.0, y), 2.6, Ink::Paper)?;
    }
    canvas.text(&layout.size.shorten(bar.name), (14.0, y), Anchor::Start, Ink::Text)?;
    canvas.text(&bar.workers.to_string(), (layout.counts, y), Anchor::End, Ink::Muted)?;
    canvas.text(
        &layout.quantity.show(bar.cost.median),
        (layout.medians, y),
        Anchor::End,
        Ink::Text,
    )?;
    let ratio = format::ratio(bar.cost.median / best);
    layout.ratios.map_or(Ok(()), |x| canvas.text(&ratio, (x, y), Anchor::End, Ink::Muted))
}

/// The bar, its whiskers (5th to 95th percentile), its box (the middle half) and its median.
fn mark(
    canvas: &Canvas<'_>,
    layout: &Layout,
    axis: &Axis,
    bar: &Bar<'_>,
    log: bool,
    y: f64,
) -> Result<(), ChartError> {
    let Spread { p5, q1, median, q3, p95, .. } = bar.cost;
    let [p5, q1, median, q3, p95] = [p5, q1, median, q3, p95].map(|value| layout.x(axis, value));
    if log {
        canvas.line([(layout.left, y), (p5, y)], bar.area(), 3.0, 1.0)?;
    } else {
        canvas.rect((layout.left, y - 8.0), (median, y + 8.0), bar.area())?;
        if bar.peer {
            let outline = [
                (layout.left, y - 7.5),
                (median, y - 7.5),
                (median, y + 7.5),
                (layout.left, y + 7.5),
            ];
            canvas.line(outline, Ink::Peer, 1.0, 0.6)?;
        }
    }
    canvas.line([(p5, y), (p95, y)], bar.ink(), 1.4, 1.0)?;
    for end in [p5, p95] {
        canvas.line([(end, y - 3.0), (end, y + 3.0)], bar.ink(), 1.4, 1.0)?;
    }
    // A box narrower than a line would vanish.
    let (q1, q3) = (q1.min(median - 1.0), q3.max(median + 1.0));
    canvas.rect((q1, y - 5.0), (q3, y + 5.0), bar.ink())?;
    canvas.line([(median, y - 5.0), (median, y + 5.0)], Ink::Paper, 1.4, 1.0)
}
