//! Numbers and times as text: three significant digits, units that fit, plain typography.
//!
//! Between a number and its unit stands a space at which lines do not break.

mod terminal;

pub use terminal::{about, amount, plain, size, time};

/// The sign for a figure that does not exist: a cell not measured, a counter not kept.
pub const NONE: &str = "–";

/// From here on a number is shown as a power of ten: nobody counts so many digits.
const POWERS_FROM: f64 = 1e15;

const TIME: [(f64, &str); 4] = [(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")];

/// A time with its unit: `182 ns`, `1.82 µs`, `12.3 ms`, `1.20 s`.
pub fn duration(ns: f64) -> String {
    let (value, unit) = scale(ns, &TIME);
    format!("{}\u{a0}{unit}", significant(value))
}

/// A small size in bytes, without larger units, so that a column can be compared at a glance:
/// `62.5 B`, `4,256 B`.
pub fn plain_bytes(bytes: f64) -> String {
    format!("{}\u{a0}B", significant(bytes))
}

/// A round time for an axis, without superfluous digits: `200 ns`, `2.5 µs`, `0`.
pub fn tick(ns: f64) -> String {
    if ns == 0.0 {
        return "0".to_owned();
    }
    let (value, unit) = scale(ns, &TIME);
    if !value.is_finite() || value.abs() >= POWERS_FROM {
        return duration(ns);
    }
    let digits = format!("{value:.3}");
    format!("{}\u{a0}{unit}", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// A size with its unit: `512 MiB`, `7.76 GiB`.
pub fn bytes(bytes: u64) -> String {
    let units = [(1.0, "B"), (1024.0, "KiB"), (1_048_576.0, "MiB"), (1_073_741_824.0, "GiB")];
    let (value, unit) = scale(bytes as f64, &units);
    format!("{}\u{a0}{unit}", significant(value))
}

/// Divides by the largest unit that leaves at least 1 after rounding to three digits.
fn scale<'a>(value: f64, units: &[(f64, &'a str)]) -> (f64, &'a str) {
    let (base, name) = units[0];
    let unit = units.iter().rev().find(|(size, _)| value.abs() >= size * 0.9995);
    let &(size, name) = unit.unwrap_or(&(base, name));
    (value / size, name)
}

/// Three significant digits, thousands separated by commas: `0.00123`, `1.62`, `12.4`, `12,345`.
pub fn significant(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let magnitude = value.abs();
    if magnitude >= 99.95 {
        return thousands(value);
    }
    if magnitude < 5e-7 {
        return "0".to_owned();
    }
    // The digits left of the point after rounding: 9.996 is 10.0, not 10.00.
    let exponent = magnitude.log10().floor() as i32;
    let rounds_up = magnitude >= 9.995 * 10f64.powi(exponent);
    let decimals = (2 - exponent - i32::from(rounds_up)).clamp(0, 8) as usize;
    format!("{value:.decimals$}").replace('-', "−")
}

/// A rate in a table of rates: as [`significant`], but small ones with fewer digits: `0.010`,
/// `0.00042`.
pub fn rate(value: f64) -> String {
    match value {
        v if v >= 0.0995 || v <= 0.0 || !v.is_finite() => significant(v),
        v if v >= 0.000_995 => format!("{v:.3}"),
        v if v >= 1e-6 => format!("{v:.*}", (1.0 - v.log10().floor()) as usize),
        _ => "<\u{a0}0.000001".to_owned(),
    }
}

/// A whole number with commas: `499,999,500,000`.
pub fn thousands(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    if value.abs() >= POWERS_FROM {
        return power(value);
    }
    let digits = format!("{:.0}", value.abs());
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    if value <= -0.5 {
        out.push('−');
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1.00 × 10^300`: for what is too large to be meant.
fn power(value: f64) -> String {
    let text = format!("{value:.2e}").replace('-', "−");
    text.replacen('e', "\u{a0}×\u{a0}10^", 1)
}

/// How many times the best: `1.00`, `1.62`, `12.4`, `134`.
pub fn ratio(value: f64) -> String {
    match value.abs() {
        v if v < 9.995 => format!("{value:.2}"),
        v if v < 99.95 => format!("{value:.1}"),
        _ => thousands(value),
    }
}

/// A share of the whole: `0 %`, `0.4 %`, `48 %`, `100 %`. Never rounds to 0 or 100 what is neither.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    match value {
        v if !v.is_finite() => NONE.to_owned(),
        v if v <= 0.0 => "0\u{a0}%".to_owned(),
        v if v < 0.1 => "<\u{a0}0.1\u{a0}%".to_owned(),
        v if v < 9.95 => format!("{v:.1}\u{a0}%"),
        v if (99.5..100.0).contains(&v) => ">\u{a0}99\u{a0}%".to_owned(),
        v => format!("{}\u{a0}%", thousands(v)),
    }
}

/// A count and its noun: `1 worker`, `2 workers`.
pub fn count(n: usize, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(n as f64))
}

/// A list in a sentence: `a`, `a and b`, `a, b and c`.
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// An elapsed time in words: `45 s`, `11 min 5 s`, `2 h 3 min`.
pub fn elapsed(seconds: u64) -> String {
    match seconds {
        s if s < 60 => format!("{s}\u{a0}s"),
        s if s < 3600 => format!("{}\u{a0}min {}\u{a0}s", s / 60, s % 60),
        s => format!("{}\u{a0}h {}\u{a0}min", s / 3600, s % 3600 / 60),
    }
}

/// A stored name as words: `serial_ns` has a unit of its own and reads `serial`, and so has what
/// counts bytes.
pub fn figure(name: &str, value: f64) -> (String, String) {
    let in_ns = name.strip_suffix("_ns").or_else(|| name.strip_suffix("(ns)"));
    let label = in_ns.unwrap_or(name).replace('_', " ").trim().to_owned();
    let text = match in_ns {
        Some(_) => duration(value),
        None if label.split(' ').any(|word| word == "bytes") => plain_bytes(value),
        None => significant(value),
    };
    (label, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_a_fitting_unit() {
        let cases = [
            (0.0, "0 ns"),
            (0.25, "0.250 ns"),
            (1.0, "1.00 ns"),
            (9.996, "10.0 ns"),
            (99.96, "100 ns"),
            (182.4, "182 ns"),
            (999.4, "999 ns"),
            (999.6, "1.00 µs"),
            (12_345.0, "12.3 µs"),
            (1e6, "1.00 ms"),
            (1.2e9, "1.20 s"),
            (4.2e12, "4,200 s"),
        ];
        for (ns, text) in cases {
            assert_eq!(plain(duration(ns)), text);
        }
    }

    #[test]
    fn ticks_are_short() {
        let ticks = [0.0, 0.2, 200.0, 1000.0, 2500.0, 3e9];
        assert_eq!(
            ticks.map(|ns| plain(tick(ns))),
            ["0", "0.2 ns", "200 ns", "1 µs", "2.5 µs", "3 s"]
        );
    }

    #[test]
    fn plain_numbers() {
        assert_eq!(significant(0.001_234), "0.00123");
        assert_eq!(significant(0.999_6), "1.00");
        assert_eq!(significant(12_345.6), "12,346");
        assert_eq!(significant(-2.5), "−2.50");
        assert_eq!(significant(f64::NAN), NONE);
        assert_eq!(thousands(499_999_500_000.0), "499,999,500,000");
        assert_eq!(thousands(-1234.0), "−1,234");
        assert_eq!(thousands(-0.2), "0");
        assert_eq!(plain(bytes(8 << 30)), "8.00 GiB");
    }

    #[test]
    fn no_number_is_longer_than_a_line() {
        type Form = fn(f64) -> String;
        let forms: [Form; 8] =
            [duration, plain_bytes, tick, significant, rate, thousands, ratio, percent];
        for form in forms {
            for value in [
                f64::MAX,
                f64::MIN,
                1e308,
                -1e16,
                f64::MIN_POSITIVE,
                f64::INFINITY,
                f64::NAN,
                1e15,
                9e14,
            ] {
                let text = form(value);
                assert!(
                    text.chars().count() <= 30 && !text.contains("inf") && !text.contains("NaN"),
                    "{value}: {text}"
                );
            }
        }
        assert_eq!(plain(duration(1e308)), "1.00 × 10^299 s");
        assert_eq!(plain(thousands(-1.234e20)), "−1.23 × 10^20");
        assert_eq!(thousands(999_999_999_999_999.0), "999,999,999,999,999");
        assert_eq!(plain(percent(1e300)), "1.00 × 10^302 %");
    }

    #[test]
    fn small_rates_are_short() {
        let rates = [0.0, 0.92, 0.009, 0.0996, 0.000_423, 0.000_000_2, 12.34];
        assert_eq!(
            rates.map(|v| plain(rate(v))),
            ["0", "0.920", "0.009", "0.0996", "0.00042", "< 0.000001", "12.3"]
        );
    }

    #[test]
    fn ratios_and_shares() {
        assert_eq!(
            [1.0, 9.99, 9.996, 99.96, 1234.0].map(ratio),
            ["1.00", "9.99", "10.0", "100", "1,234"]
        );
        let shares = [0.0, 0.0001, 0.004, 0.48, 0.9999, 1.0, 1.93];
        assert_eq!(
            shares.map(|v| plain(percent(v))),
            ["0 %", "< 0.1 %", "0.4 %", "48 %", "> 99 %", "100 %", "193 %"]
        );
    }

    #[test]
    fn words() {
        let items = ["a", "b", "c"].map(str::to_owned);
        assert_eq!([1, 2, 3].map(|n| list(&items[..n])), ["a", "a and b", "a, b and c"]);
        assert_eq!([0, 1, 1000].map(|n| count(n, "cell")), ["0 cells", "1 cell", "1,000 cells"]);
        assert_eq!([59, 665, 7380].map(|s| plain(elapsed(s))), ["59 s", "11 min 5 s", "2 h 3 min"]);
    }

    #[test]
    fn figures_take_their_unit_from_their_name() {
        let cases = [
            ("serial_ns", 1500.0, "serial", "1.50 µs"),
            ("lateness p99.9 (ns)", 5.0, "lateness p99.9", "5.00 ns"),
            ("offered per second", 20_000.0, "offered per second", "20,000"),
            ("resident_bytes_per_task", 130.04, "resident bytes per task", "130 B"),
        ];
        for (name, value, label, text) in cases {
            let shown = figure(name, value);
            assert_eq!((shown.0.as_str(), plain(shown.1)), (label, text.to_owned()));
        }
    }
}
