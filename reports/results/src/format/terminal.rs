//! The same numbers for a terminal: ordinary spaces, and units that keep columns narrow.

use super::{duration, scale, significant};

/// A text with ordinary spaces: in a terminal nothing is broken between a number and its unit.
pub fn plain(text: impl AsRef<str>) -> String {
    text.as_ref().replace('\u{a0}', " ")
}

/// A duration in nanoseconds: `812 ns`, `1.23 µs`, `45.6 ms`, `7.00 s`.
pub fn time(ns: f64) -> String {
    plain(duration(ns))
}

/// A size in bytes, as it is compared: `130 B`, `4.26 kB`.
pub fn size(bytes: f64) -> String {
    let (value, unit) = scale(bytes, &[(1.0, "B"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB")]);
    plain(format!("{} {unit}", significant(value)))
}

/// A number of things: `950`, `12.3 k`, `4.56 M`.
pub fn amount(n: f64) -> String {
    let (value, unit) = scale(n, &[(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G")]);
    plain(format!("{} {unit}", significant(value)).trim_end())
}

/// A waiting time in words: `40 s`, `6 min`, `2 h 5 min`.
pub fn about(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match minutes {
        0 | 1 if seconds < 90.0 => format!("{:.0} s", seconds.max(1.0)),
        60.. => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        let times = [0.5, 812.4, 999.7, 1_234.0, 45_600_000.0, 7e9, 7.5e12].map(time);
        assert_eq!(
            times,
            ["0.500 ns", "812 ns", "1.00 µs", "1.23 µs", "45.6 ms", "7.00 s", "7,500 s"]
        );
    }

    #[test]
    fn sizes_have_three_digits() {
        assert_eq!(
            [62.5, 130.0, 4_256.0, 6.9e7].map(size),
            ["62.5 B", "130 B", "4.26 kB", "69.0 MB"]
        );
    }

    #[test]
    fn amounts_have_three_digits() {
        assert_eq!(
            [950.0, 12_345.0, 4_560_000.0, 2e9].map(amount),
            ["950", "12.3 k", "4.56 M", "2.00 G"]
        );
    }

    #[test]
    fn no_figure_is_longer_than_a_column_of_a_terminal() {
        for value in [f64::MAX, f64::MIN, 1e308, -1e30, 1e23, f64::INFINITY, f64::NAN] {
            for text in [time(value), size(value), amount(value)] {
                assert!(
                    text.chars().count() <= 24 && !text.contains("inf") && !text.contains("NaN"),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn waiting_times_are_rounded() {
        assert_eq!(
            [0.2, 40.0, 89.0, 100.0, 360.0, 7_500.0].map(about),
            ["1 s", "40 s", "89 s", "2 min", "6 min", "2 h 5 min"]
        );
    }
}
