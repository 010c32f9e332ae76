//! From the times of an open-loop run to its distributions and figures.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::arrivals::Request;
use crate::histogram::histogram;
use crate::workload::check;
use crate::{Failure, Sample};

/// What happened to a schedule of requests. All times are nanoseconds on one monotonic clock.
#[derive(Debug)]
pub(crate) struct Observed {
    /// The schedule; its times count from `start_ns`.
    pub(crate) requests: Vec<Request>,
    /// How many of the first requests only warm the system up.
    pub(crate) warm_up: usize,
    /// When the schedule started.
    pub(crate) start_ns: u64,
    /// When each request was made a task.
    pub(crate) spawned_ns: Vec<u64>,
    /// When each request was done; 0 for one that never was.
    pub(crate) done_ns: Vec<u64>,
}

impl Observed {
    /// Checks that every request was served, none faster than its work allows, and sums up those
    /// after the warm-up.
    pub(crate) fn evaluate(&self) -> Result<Sample, Failure> {
        let unserved = self.done_ns.iter().filter(|&&done| done == 0).count();
        check("the requests that were never served", unserved, 0)?;
        // A processor that shares its core can speed up by half in the middle of a run, hardly
        // fourfold.
        let hasty =
            self.all().filter(|r| ((r.done_ns - r.spawned_ns) as f64) < r.service_ns / 4.0).count();
        check("the requests done in less than a quarter of their service time", hasty, 0)?;

        let latency = histogram(self.measured().map(|r| r.done_ns - r.intended_ns));
        let uncorrected = histogram(self.measured().map(|r| r.done_ns - r.spawned_ns));
        let lateness = histogram(self.measured().map(|r| r.spawned_ns - r.intended_ns));

        let count = latency.len();
        let first_ns = self.measured().next().map_or(self.start_ns, |r| r.intended_ns);
        let last_ns = self.measured().last().map_or(self.start_ns, |r| r.intended_ns);
        let done_ns = self.measured().map(|r| r.done_ns).max().unwrap_or(last_ns);
        let rate = |span_ns: u64| count as f64 * 1e9 / span_ns.max(1) as f64;
        let third = |i: u64| first_ns + (last_ns - first_ns) * i / 3;
        let figures = vec![
            ("offered_per_s", rate(last_ns - first_ns)),
            ("achieved_per_s", rate(done_ns - first_ns)),
            ("generator_lateness_p999_ns", lateness.value_at_quantile(0.999) as f64),
            ("in_system_first_third", self.mean_in_system(third(0), third(1))),
            ("in_system_last_third", self.mean_in_system(third(2), third(3))),
            (
                "realised_mean_service_ns",
                self.measured().map(|r| r.service_ns).sum::<f64>() / count.max(1) as f64,
            ),
        ];
        Ok(Sample {
            histograms: vec![("latency", latency), ("uncorrected", uncorrected)],
            figures,
            ..Sample::work(Duration::from_nanos(done_ns - first_ns), count)
        })
    }

    /// The latencies of the measured requests that take `most_ns` of service or less.
    pub(crate) fn latency_of_short(&self, most_ns: f64) -> Histogram<u64> {
        histogram(
            self.measured().filter(|r| r.service_ns <= most_ns).map(|r| r.done_ns - r.intended_ns),
        )
    }

    /// The time average of the number of requests that have arrived, by intention, and are not
    /// done.
    fn mean_in_system(&self, from_ns: u64, to_ns: u64) -> f64 {
        let inside = |r: Times| r.done_ns.min(to_ns).saturating_sub(r.intended_ns.max(from_ns));
        self.all().map(inside).sum::<u64>() as f64 / (to_ns - from_ns).max(1) as f64
    }

    fn all(&self) -> impl Iterator<Item = Times> {
        let times = self.spawned_ns.iter().zip(&self.done_ns);
        self.requests.iter().zip(times).map(|(request, (&spawned_ns, &done_ns))| Times {
            intended_ns: self.start_ns + request.at_ns,
            service_ns: request.service_ns,
            spawned_ns,
            done_ns,
        })
    }

    fn measured(&self) -> impl Iterator<Item = Times> {
        self.all().skip(self.warm_up)
    }
}

/// The life of one request.
#[derive(Clone, Copy)]
struct Times {
    intended_ns: u64,
    service_ns: f64,
    spawned_ns: u64,
    done_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four requests of 10 ns that arrive every 100 ns from 1,000 ns on and are spawned 5 ns late.
    fn observed(done_ns: [u64; 4]) -> Observed {
        let requests = (0..4).map(|i| Request { at_ns: 100 * i, service_ns: 10.0 }).collect();
        let spawned_ns = (0..4).map(|i| 1_005 + 100 * i).collect();
        Observed { requests, warm_up: 0, start_ns: 1_000, spawned_ns, done_ns: done_ns.to_vec() }
    }

    fn figure(sample: &Sample, name: &str) -> f64 {
        sample
            .figures
            .iter()
            .find(|(n, _)| *n == name)
            .unwrap_or_else(|| panic!("no figure {name}"))
            .1
    }

    #[test]
    fn latency_counts_from_the_intended_start() {
        let sample = observed([1_020, 1_120, 1_220, 1_320]).evaluate().unwrap();
        let [("latency", latency), ("uncorrected", uncorrected)] = &sample.histograms[..] else {
            panic!("{:?}", sample.histograms)
        };
        assert_eq!((latency.min(), latency.max(), latency.len()), (20, 20, 4));
        assert_eq!((uncorrected.min(), uncorrected.max()), (15, 15));
        assert_eq!(figure(&sample, "generator_lateness_p999_ns"), 5.0);
        assert_eq!(figure(&sample, "realised_mean_service_ns"), 10.0);
        assert_eq!(sample.elapsed, Duration::from_nanos(320));
        // Requests of 20 ns every 100 ns: a fifth of one in the system on average.
        assert!((figure(&sample, "in_system_first_third") - 0.2).abs() < 1e-9);
        assert!((figure(&sample, "in_system_last_third") - 0.2).abs() < 1e-9);
    }

    #[test]
    fn a_growing_queue_shows_in_the_last_third() {
        let sample = observed([1_020, 1_320, 1_330, 1_340]).evaluate().unwrap();
        assert!(
            figure(&sample, "in_system_last_third")
                > 5.0 * figure(&sample, "in_system_first_third")
        );
    }

    #[test]
    fn the_warm_up_is_served_but_not_counted() {
        let sample =
            Observed { warm_up: 3, ..observed([9_000, 9_000, 9_000, 9_001]) }.evaluate().unwrap();
        assert_eq!((sample.operations, sample.histograms[0].1.max()), (1, 7_703));
    }

    #[test]
    fn the_short_ones_are_told_apart_by_their_service_time() {
        let mut observed = observed([1_020, 1_150, 1_220, 1_320]);
        observed.requests[1].service_ns = 11.0;
        let short = observed.latency_of_short(10.0);
        assert_eq!((short.len(), short.max()), (3, 20));
        assert_eq!(observed.latency_of_short(11.0).max(), 50);
    }

    #[test]
    fn an_unserved_request_fails_the_run() {
        let failure = observed([1_020, 0, 1_220, 1_320]).evaluate().unwrap_err();
        assert!(failure.to_string().contains("never served is 1"), "{failure}");
    }

    #[test]
    fn a_request_without_its_work_fails_the_run() {
        let failure = observed([1_020, 1_120, 1_207, 1_320]).evaluate().unwrap_err();
        assert!(failure.to_string().contains("quarter of their service time is 1"), "{failure}");
    }
}
