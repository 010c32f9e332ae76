//! Scales: where a value lies on an axis, and which round values are marked.

use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{IntoLogRange, LogCoord};

/// An axis of positive values.
pub(super) struct Axis {
    scale: Scale,
    /// The values to mark, ascending.
    pub(super) ticks: Vec<f64>,
}

enum Scale {
    Linear(RangedCoordf64),
    Log(LogCoord<f64>),
}

impl Axis {
    /// From zero to a little above `max`, with at most `marks` marks beside zero.
    pub(super) fn linear(max: f64, marks: usize) -> Self {
        let step = round_step(max / marks as f64);
        let ticks =
            (0..=marks).map(|i| i as f64 * step).take_while(|tick| *tick <= max * 1.02).collect();
        Self { scale: Scale::Linear((0.0..max * 1.02).into()), ticks }
    }

    /// From `min` to `max` by powers; both positive. Marks at 1, 2 and 5 of each decade, or only at
    /// 1 where that gives more than `marks`.
    pub(super) fn log(min: f64, max: f64, marks: usize) -> Self {
        let decades = min.log10().floor() as i32..=max.log10().ceil() as i32;
        let all = |steps: &[f64]| -> Vec<f64> {
            let marks = decades.clone().flat_map(|d| steps.iter().map(move |s| s * 10f64.powi(d)));
            // The allowance keeps a mark that equals an end of the axis but for rounding.
            marks.filter(|v| *v >= min * (1.0 - 1e-9) && *v <= max * (1.0 + 1e-9)).collect()
        };
        let candidates = [[1.0, 2.0, 5.0].as_slice(), &[1.0, 3.0], &[1.0]];
        let ticks = candidates.into_iter().map(all).find(|ticks| ticks.len() <= marks);
        let ticks = ticks.unwrap_or_else(|| {
            let decades = all(&[1.0]);
            let every = decades.len().div_ceil(marks);
            decades.into_iter().step_by(every).collect()
        });
        Self { scale: Scale::Log((min..max).log_scale().into()), ticks }
    }

    /// The position of `value` when the axis runs from `from` to `to`.
    pub(super) fn at(&self, value: f64, from: i32, to: i32) -> i32 {
        match &self.scale {
            Scale::Linear(scale) => scale.map(&value, (from, to)),
            Scale::Log(scale) => scale.map(&value, (from, to)),
        }
    }
}

/// The least of 1, 2, 2.5, 5 and 10 times a power of ten that is not below `least`.
fn round_step(least: f64) -> f64 {
    let decade = 10f64.powf(least.log10().floor());
    let fits = [1.0, 2.0, 2.5, 5.0].into_iter().find(|step| step * decade >= least * (1.0 - 1e-9));
    fits.unwrap_or(10.0) * decade
}

/// The 1, 2 or 5 of a decade at or below `value`, for the lower end of a logarithmic axis.
pub(super) fn round_down(value: f64) -> f64 {
    let decade = 10f64.powf(value.log10().floor());
    let fits = [5.0, 2.0].into_iter().find(|step| step * decade <= value * (1.0 + 1e-9));
    fits.unwrap_or(1.0) * decade
}

/// The 1, 2 or 5 of a decade at or above `value`.
pub(super) fn round_up(value: f64) -> f64 {
    let decade = 10f64.powf(value.log10().floor());
    let fits = [1.0, 2.0, 5.0].into_iter().find(|step| step * decade >= value * (1.0 - 1e-9));
    fits.unwrap_or(10.0) * decade
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_marks_are_round_and_the_axis_covers_the_data() {
        let axis = Axis::linear(430.0, 5);
        assert_eq!(axis.ticks, [0.0, 100.0, 200.0, 300.0, 400.0]);
        assert_eq!(axis.at(0.0, 10, 510), 10);
        assert!((480..510).contains(&axis.at(430.0, 10, 510)));
        assert_eq!(Axis::linear(0.75, 3).ticks, [0.0, 0.25, 0.5, 0.75]);
    }

    #[test]
    fn logarithmic_marks_thin_out() {
        assert_eq!(Axis::log(100.0, 1000.0, 6).ticks, [100.0, 200.0, 500.0, 1000.0]);
        assert_eq!(Axis::log(1.0, 1e5, 6).ticks, [1.0, 10.0, 100.0, 1e3, 1e4, 1e5]);
        assert!(Axis::log(1.0, 1e12, 6).ticks.len() <= 7);
        let axis = Axis::log(1.0, 100.0, 6);
        assert_eq!(axis.at(10.0, 0, 200), 100);
    }

    #[test]
    fn round_ends() {
        assert_eq!([1.0, 1.9, 2.0, 6.0, 99.0].map(round_down), [1.0, 1.0, 2.0, 5.0, 50.0]);
        assert_eq!([1.0, 1.9, 2.0, 6.0, 99.0].map(round_up), [1.0, 2.0, 2.0, 10.0, 100.0]);
    }
}
