//! Distributions as text: HdrHistogram's V2 serialisation, not deflated, in standard base64.

use base64::{Engine, prelude::BASE64_STANDARD};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{DeserializeError, Deserializer, Serializer, V2SerializeError, V2Serializer};

/// Why a stored distribution cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The text is not base64.
    #[error("the histogram is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The bytes are not a serialised histogram.
    #[error("the histogram is damaged: {0}")]
    Histogram(DeserializeError),
    /// Something follows the histogram.
    #[error("{0} bytes follow the histogram")]
    Trailing(usize),
}

/// The percentile that latency cells give for their best and their worst round, where a cell is the
/// sum of several rounds in processes of their own.
pub const ROUND_TAIL: f64 = 0.99;

/// The name of the figure that holds [`ROUND_TAIL`] of the best round, in nanoseconds.
pub fn best_round(histogram: &str) -> String {
    format!("{histogram} p99 of the best round (ns)")
}

/// The name of the figure that holds [`ROUND_TAIL`] of the worst round, in nanoseconds.
pub fn worst_round(histogram: &str) -> String {
    format!("{histogram} p99 of the worst round (ns)")
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
    let mut rest = bytes.as_slice();
    let histogram = Deserializer::new().deserialize(&mut rest).map_err(DecodeError::Histogram)?;
    if !rest.is_empty() {
        return Err(DecodeError::Trailing(rest.len()));
    }
    Ok(histogram)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Histogram<u64> {
        let mut histogram = Histogram::new(3).expect("3 digits are valid");
        for value in [1, 900, 12_345, 7_000_000_000] {
            histogram.record_n(value, value % 7 + 1).expect("an auto-resizing histogram takes any value");
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
        assert!(matches!(decode(&text[..text.len() / 8 * 4]), Err(DecodeError::Histogram(_))));
        let longer = BASE64_STANDARD.encode([BASE64_STANDARD.decode(&text).expect("base64"), vec![0; 3]].concat());
        assert!(matches!(decode(&longer), Err(DecodeError::Trailing(3))));
    }
}
