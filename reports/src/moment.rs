//! Moments of the calendar.

use jiff::Timestamp;

/// A moment in UTC: `2025-10-09 08:53 UTC`.
pub(crate) fn moment(unix_s: u64) -> String {
    let time = i64::try_from(unix_s).ok().and_then(|s| Timestamp::from_second(s).ok());
    time.map_or_else(
        || format!("{unix_s}\u{a0}s after the epoch"),
        |t| t.strftime("%F %H:%M UTC").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        assert_eq!(moment(1_760_000_000), "2025-10-09 08:53 UTC");
        assert_eq!(moment(u64::MAX), "18446744073709551615\u{a0}s after the epoch");
    }
}
