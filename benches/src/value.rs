//! Parsers for the values of flags; what they refuse is refused with its range.

use std::time::Duration;

/// A positive time in seconds, fractions allowed, at most a day.
///
/// # Errors
/// Says what is accepted.
pub fn seconds(text: &str) -> Result<Duration, String> {
    seconds_from(text, 0.0)
}

/// As [`seconds`], at least one: criterion profiles for no less.
///
/// # Errors
/// Says what is accepted.
pub fn profile_seconds(text: &str) -> Result<Duration, String> {
    seconds_from(text, 1.0)
}

fn seconds_from(text: &str, least: f64) -> Result<Duration, String> {
    const DAY: f64 = 86_400.0;
    let refused = || format!("must be a number of seconds between {least} and {DAY}");
    let value: f64 = text.parse().map_err(|_| refused())?;
    // The comparison also refuses what is not a number.
    if value >= least && value <= DAY && value > 0.0 {
        let duration = Duration::try_from_secs_f64(value).map_err(|_| refused())?;
        return if duration.is_zero() { Err(refused()) } else { Ok(duration) };
    }
    Err(refused())
}

/// A fraction between 0 and 1, both excluded.
///
/// # Errors
/// Says what is accepted.
pub fn fraction(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| *value > 0.0 && *value < 1.0);
    value.ok_or_else(|| "must lie between 0 and 1".to_owned())
}

/// A name that becomes a directory's.
///
/// # Errors
/// Says what is accepted.
pub fn name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !text.is_empty() && text.len() <= 64 && !text.starts_with('.') && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    Err("must be 1 to 64 letters, digits, hyphens, underscores and dots, no dot first".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_positive_and_finite() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for refused in ["0", "-1", "NaN", "inf", "1e9", "1e-12", "", "2s"] {
            assert!(seconds(refused).is_err(), "{refused}");
        }
        assert!(profile_seconds("0.9").is_err());
        assert_eq!(profile_seconds("1"), Ok(Duration::from_secs(1)));
    }

    #[test]
    fn fractions_exclude_their_ends() {
        assert_eq!(fraction("0.05"), Ok(0.05));
        for refused in ["0", "1", "-0.1", "NaN", "five"] {
            assert!(fraction(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn names_are_plain() {
        assert!(name("before-2.0_x").is_ok());
        for refused in ["", ".", "..", "a/b", "a b", &"x".repeat(65)] {
            assert!(name(refused).is_err(), "{refused}");
        }
    }
}
