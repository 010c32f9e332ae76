//! Distributions as text: HdrHistogram's V2 serialisation, not deflated, in standard base64.

use base64::{Engine, prelude::BASE64_STANDARD};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{
    DeserializeError, Deserializer, Serializer, V2SerializeError, V2Serializer,
};

use crate::percentile::Percentile;

/// Why a stored distribution cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The text is not base64.
    #[error("the histogram is not base64")]
    Base64(#[from] base64::DecodeError),
    /// The bytes are not a serialised histogram.
    #[error("the histogram is damaged")]
    Histogram(#[source] DeserializeError),
    /// The header does not tell the length that there is: it might promise gigabytes.
    #[error("the histogram is damaged: {told} bytes are told, {found} are there")]
    Length {
        /// What the header says.
        told: u64,
        /// How many follow it.
        found: u64,
    },
    /// A resolution that we do not write: it would take hundreds of times the memory.
    #[error("the histogram has {0} significant digits, at most {MAX_DIGITS} are read")]
    Digits(u32),
    /// More counts than can be added up.
    #[error("the histogram counts more values than can have been measured")]
    Counts,
}

/// Significant decimal digits of a stored distribution, at most. Ours have as many.
const MAX_DIGITS: u32 = 3;
/// More values than a run of years can record, and few enough to be added up exactly.
const MAX_COUNT: u64 = 1 << 53;

/// What stands before the counts, in bytes: cookie, length of the counts, offset, digits (4 each),
/// least and greatest value and a ratio (8 each); all of them with the greatest byte first.
const HEADER: usize = 40;
/// The first four bytes of the serialisation without compression.
const COOKIE: u32 = 0x1c84_9313;

/// The name of the figure that holds a percentile of the best round, in nanoseconds, where a cell
/// is the sum of several rounds in processes of their own. Each of [`SUMMARY`] has one.
///
/// [`SUMMARY`]: crate::percentile::SUMMARY
pub fn best_round(histogram: &str, percentile: Percentile) -> String {
    format!("{histogram} {} of the best round (ns)", percentile.short)
}

/// The name of the figure that holds a percentile of the worst round, in nanoseconds.
pub fn worst_round(histogram: &str, percentile: Percentile) -> String {
    format!("{histogram} {} of the worst round (ns)", percentile.short)
}

/// The stored text of `histogram`.
///
/// # Errors
/// [`V2SerializeError`] when a count exceeds `i64::MAX` or the encoding exceeds the format's size.
pub fn encode(histogram: &Histogram<u64>) -> Result<String, V2SerializeError> {
    let mut bytes = Vec::new();
    V2Serializer::new().serialize(histogram, &mut bytes)?;
    Ok(BASE64_STANDARD.encode(bytes))
}

/// The distribution that [`encode`] stored.
///
/// # Errors
/// [`DecodeError`] when `text` is anything else.
pub fn decode(text: &str) -> Result<Histogram<u64>, DecodeError> {
    let bytes = BASE64_STANDARD.decode(text)?;
    // The library believes the header: it would allocate what is told before it looks for it.
    let word = |at: usize| {
        bytes.get(at..at + 4).and_then(|w| Some(u32::from_be_bytes(w.try_into().ok()?)))
    };
    let (Some(COOKIE), Some(told), Some(digits), Some(counts)) =
        (word(0), word(4), word(12), bytes.get(HEADER..))
    else {
        return Err(DecodeError::Histogram(DeserializeError::InvalidCookie));
    };
    let (told, found) = (u64::from(told), counts.len() as u64);
    if told != found {
        return Err(DecodeError::Length { told, found });
    }
    if digits > MAX_DIGITS {
        return Err(DecodeError::Digits(digits));
    }
    // Nine such bytes are the number that has no negative, which the library negates. A count that
    // is small enough takes eight bytes at most.
    if counts.windows(9).any(|window| window == [0xff; 9]) {
        return Err(DecodeError::Counts);
    }
    let histogram: Histogram<u64> =
        Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(DecodeError::Histogram)?;
    if histogram.len() > MAX_COUNT { Err(DecodeError::Counts) } else { Ok(histogram) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Histogram<u64> {
        let mut histogram = Histogram::new(3).expect("3 digits are valid");
        for value in [1, 900, 12_345, 7_000_000_000] {
            histogram
                .record_n(value, value % 7 + 1)
                .expect("an auto-resizing histogram takes any value");
        }
        histogram
    }

    #[test]
    fn round_trip_keeps_every_bucket() {
        let histogram = sample();
        let text = encode(&histogram).expect("small counts encode");
        assert_eq!(decode(&text).expect("just encoded"), histogram);
    }

    #[test]
    fn an_empty_histogram_round_trips() {
        let empty = Histogram::<u64>::new(3).expect("3 digits are valid");
        let text = encode(&empty).expect("no counts encode");
        assert_eq!(decode(&text).expect("just encoded").len(), 0);
    }

    #[test]
    fn damage_is_an_error() {
        let text = encode(&sample()).expect("small counts encode");
        assert!(matches!(decode("not base64!"), Err(DecodeError::Base64(_))));
        assert!(matches!(decode(""), Err(DecodeError::Histogram(_))));
        assert!(matches!(decode(&text[..text.len() - 4]), Err(DecodeError::Length { .. })));
        let longer = BASE64_STANDARD
            .encode([BASE64_STANDARD.decode(&text).expect("base64"), vec![0; 3]].concat());
        assert!(matches!(decode(&longer), Err(DecodeError::Length { .. })));
    }

    /// The sample with `bytes` at `at`.
    fn patched(at: usize, bytes: &[u8]) -> Result<Histogram<u64>, DecodeError> {
        let mut all = BASE64_STANDARD
            .decode(encode(&sample()).expect("small counts encode"))
            .expect("base64");
        all[at..at + bytes.len()].copy_from_slice(bytes);
        decode(&BASE64_STANDARD.encode(all))
    }

    #[test]
    fn a_header_that_promises_more_than_there_is_takes_no_memory() {
        for told in [0x7fff_ffff_u32, u32::MAX, 0] {
            assert!(
                matches!(patched(4, &told.to_be_bytes()), Err(DecodeError::Length { .. })),
                "{told}"
            );
        }
        for digits in [4, 5, 6, u32::MAX] {
            assert!(
                matches!(patched(12, &digits.to_be_bytes()), Err(DecodeError::Digits(_))),
                "{digits}"
            );
        }
        for bounds in [[0_u64, 0], [1, 1], [u64::MAX, u64::MAX], [1 << 62, u64::MAX]] {
            let bytes = bounds.map(u64::to_be_bytes).concat();
            assert!(matches!(patched(16, &bytes), Err(DecodeError::Histogram(_))), "{bounds:?}");
        }
    }

    /// A histogram whose counts are the bytes `counts`.
    fn with_counts(counts: &[u8]) -> Result<Histogram<u64>, DecodeError> {
        let mut all = BASE64_STANDARD
            .decode(encode(&sample()).expect("small counts encode"))
            .expect("base64");
        all.truncate(HEADER);
        all[4..8].copy_from_slice(&u32::try_from(counts.len()).expect("short").to_be_bytes());
        all.extend(counts);
        decode(&BASE64_STANDARD.encode(all))
    }

    #[test]
    fn counts_that_nobody_counted_are_refused() {
        // -2^63 zeros, 2^62 values twice, and more zeros than the range has buckets.
        assert!(matches!(with_counts(&[0xff; 9]), Err(DecodeError::Counts)));
        let many = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80];
        assert!(matches!(
            with_counts(&[many, many, many, many].concat()),
            Err(DecodeError::Counts)
        ));
        assert!(matches!(
            with_counts(&[0xfd, 0xff, 0xff, 0xff, 0x7f, 2]),
            Err(DecodeError::Histogram(_))
        ));
        assert_eq!(with_counts(&[0, 4]).expect("two values").len(), 2);
    }

    #[test]
    fn no_bytes_bring_the_reader_down() {
        let text = encode(&sample()).expect("small counts encode");
        let all = BASE64_STANDARD.decode(&text).expect("base64");
        for at in 0..all.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = all.clone();
                changed[at] = byte;
                if let Ok(histogram) = decode(&BASE64_STANDARD.encode(changed)) {
                    // A distribution that is believed can be asked.
                    let _ = (histogram.value_at_quantile(0.99), histogram.max(), histogram.len());
                }
            }
        }
    }
}
