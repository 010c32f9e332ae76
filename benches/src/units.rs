//! Figures as a person reads them: three significant digits and a unit.

/// A duration in nanoseconds: `812 ns`, `1.23 µs`, `45.6 ms`, `7.00 s`.
pub fn time(ns: f64) -> String {
    scaled(ns, &[(1e3, "ns"), (1e6, "µs"), (1e9, "ms"), (f64::INFINITY, "s")])
}

/// A size in bytes, as it is compared: `130 B`, `4.26 kB`.
pub fn bytes(bytes: f64) -> String {
    scaled(bytes, &[(1e3, "B"), (1e6, "kB"), (1e9, "MB"), (f64::INFINITY, "GB")])
}

/// A number of things: `950`, `12.3 k`, `4.56 M`.
pub fn count(n: f64) -> String {
    scaled(n, &[(1e3, ""), (1e6, "k"), (1e9, "M"), (f64::INFINITY, "G")]).trim_end().to_owned()
}

/// Each unit is a thousand of the one before; its limit is the first value that is too large for it.
fn scaled(value: f64, units: &[(f64, &str)]) -> String {
    // Nobody counts so many digits.
    if !value.is_finite() || value.abs() >= 1e24 {
        return if value.is_finite() { format!("{value:.2e}") } else { "–".to_owned() };
    }
    let mut scale = 1.0;
    for &(limit, unit) in units {
        let digits = three_digits(value / scale);
        // Rounding may reach the next unit: 999.7 ns is 1.00 µs.
        if value < limit && digits != "1000" {
            return format!("{digits} {unit}");
        }
        scale *= 1e3;
    }
    format!("{value}")
}

fn three_digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

/// A count and its noun: `1 cell`, `2 cells`.
pub fn number(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
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
        assert_eq!(times, ["0.50 ns", "812 ns", "1.00 µs", "1.23 µs", "45.6 ms", "7.00 s", "7500 s"]);
    }

    #[test]
    fn no_figure_is_longer_than_a_column_of_a_terminal() {
        for value in [f64::MAX, f64::MIN, 1e308, -1e30, 1e23, f64::INFINITY, f64::NAN] {
            for text in [time(value), bytes(value), count(value)] {
                assert!(text.chars().count() <= 18 && !text.contains("inf") && !text.contains("NaN"), "{text}");
            }
        }
    }

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|n| number(n, "cell")), ["0 cells", "1 cell", "2 cells"]);
    }

    #[test]
    fn sizes_have_three_digits() {
        assert_eq!([62.5, 130.0, 4_256.0, 6.9e7].map(bytes), ["62.5 B", "130 B", "4.26 kB", "69.0 MB"]);
    }

    #[test]
    fn counts_have_three_digits() {
        assert_eq!([950.0, 12_345.0, 4_560_000.0, 2e9].map(count), ["950", "12.3 k", "4.56 M", "2.00 G"]);
    }

    #[test]
    fn waiting_times_are_rounded() {
        assert_eq!(
            [0.2, 40.0, 89.0, 100.0, 360.0, 7_500.0].map(about),
            ["1 s", "40 s", "89 s", "2 min", "6 min", "2 h 5 min"]
        );
    }
}
