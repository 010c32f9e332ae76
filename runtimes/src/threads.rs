//! Starting threads so that whatever the system refuses is an error, and naming them so that one
//! can tell them apart.
//!
//! The standard library returns an error when the system refuses a thread. But each thread also
//! maps a signal stack for itself as it begins, and if that fails the process aborts. A start that
//! asks for many threads close to the limit of mappings or of address space would therefore end the
//! process instead of failing. So whoever starts threads first asks [`check_room`] whether all of
//! them fit. Other threads of the process may take that room in between; what the check excludes is
//! that the threads themselves run out of it.

use std::ptr;
use std::{env, io};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// The kernel keeps this many bytes of a thread's name and silently drops the rest.
const NAME_BYTES: usize = 15;

/// Mappings of one thread: its stack, its signal stack, the signal stack of a runtime that slices
/// (each with a guard), and the allocator's arena.
const MAPPINGS: usize = 7;

/// Bytes of address space that a thread takes beside its stack, with what a runtime allocates for
/// each worker.
const BESIDE_THE_STACK: usize = 256 * 1024;

/// The names of a runtime's worker threads: the runtime's name, shortened where the kernel would
/// cut the number off, and the number.
#[derive(Clone, Debug)]
pub struct WorkerNames {
    prefix: String,
}

impl WorkerNames {
    /// Names for `workers` threads of `runtime`.
    pub fn new(runtime: &str, workers: usize) -> Self {
        let digits = workers.saturating_sub(1).to_string().len();
        Self { prefix: shortened(runtime, NAME_BYTES - 1 - digits) + "-" }
    }

    /// What all of them begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The name of the thread of worker `index`.
    pub fn of(&self, index: usize) -> String {
        format!("{}{index}", self.prefix)
    }
}

/// `name` in at most `bytes` bytes. Its words are cut to the same length, so that
/// `work-stealing-biased` and `work-stealing-uncounted` stay different.
fn shortened(name: &str, bytes: usize) -> String {
    let cut = |word: &str, to: usize| word.chars().take(to).collect::<String>();
    let with_words_of =
        |letters| name.split('-').map(|word| cut(word, letters)).collect::<Vec<_>>().join("-");
    let fitting = (1..=bytes).rev().map(with_words_of).find(|short| short.len() <= bytes);
    fitting.unwrap_or_else(|| name.chars().filter(char::is_ascii).take(bytes).collect())
}

/// Bytes of a thread's stack, by the standard library's rule.
fn stack_bytes() -> usize {
    const DEFAULT: usize = 2 * 1024 * 1024;
    let asked = env::var("RUST_MIN_STACK").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(DEFAULT)
}

/// Whether the process may map as much memory, in as many pieces, as `threads` more threads take.
///
/// # Errors
/// Out of memory, when it may not.
pub fn check_room(threads: usize) -> io::Result<()> {
    check_mappings(threads, stack_bytes().saturating_add(BESIDE_THE_STACK), MAPPINGS)
}

/// The same for `threads` threads and, beside them, `stacks` coroutines' stacks of `bytes` bytes
/// each, with a guard.
///
/// # Errors
/// As [`check_room`].
pub fn check_room_with_stacks(threads: usize, stacks: usize, bytes: usize) -> io::Result<()> {
    // What describes them, and the allocator's and the guards' rounding.
    let each = bytes.saturating_add(4 * rustix::param::page_size());
    let for_threads = threads.saturating_mul(stack_bytes().saturating_add(BESIDE_THE_STACK));
    check_mappings(stacks + for_threads.div_ceil(each), each, 2)
}

/// Whether `count` times `bytes` of address space can be had, each in `pieces` mappings.
fn check_mappings(count: usize, bytes: usize, pieces: usize) -> io::Result<()> {
    let page = rustix::param::page_size();
    // Neighbouring pages of different protection are different mappings: every second page gets
    // another one.
    let each = bytes.checked_next_multiple_of(page).map(|bytes| bytes.max(pieces * page));
    let whole =
        each.and_then(|each| each.checked_mul(count)).filter(|&whole| whole < isize::MAX as usize);
    let (Some(each), Some(whole)) = (each, whole) else {
        return Err(io::ErrorKind::OutOfMemory.into());
    };
    if whole == 0 {
        return Ok(());
    }
    // SAFETY: a new mapping at an address of the kernel's choice touches no existing memory.
    let start =
        unsafe { mmap_anonymous(ptr::null_mut(), whole, ProtFlags::empty(), MapFlags::PRIVATE)? };
    let split =
        (0..count).flat_map(|n| (0..pieces / 2).map(move |piece| n * each + 2 * piece * page));
    let split = split.map(|offset| {
        // SAFETY: a page of the mapping just made, of which nobody else knows.
        unsafe { mprotect(start.wrapping_byte_add(offset), page, MprotectFlags::READ) }
    });
    let room = split.collect::<Result<(), _>>();
    // SAFETY: exactly the mapping made above.
    unsafe { munmap(start, whole)? };
    Ok(room?)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rustix::process::{Resource, getrlimit};

    use super::{NAME_BYTES, WorkerNames, check_mappings, check_room, shortened};
    use crate::engine::MAX_WORKERS;

    #[test]
    fn workers_of_similar_names_have_names_of_their_own() {
        const RUNTIMES: [&str; 9] = [
            "global-herd",
            "global-queue",
            "stackful",
            "stackful-10ms",
            "stackful-1ms",
            "stackful-global-queue",
            "work-stealing",
            "work-stealing-biased",
            "work-stealing-uncounted",
        ];
        for workers in [1, 2, 10, 11, 100, 1_000, MAX_WORKERS] {
            let mut names = HashSet::new();
            for runtime in RUNTIMES {
                let of_runtime = WorkerNames::new(runtime, workers);
                names.extend((0..workers).map(|index| of_runtime.of(index)));
            }
            assert_eq!(names.len(), RUNTIMES.len() * workers, "{workers} workers");
            let longest = names.iter().map(String::len).max();
            assert!(
                longest <= Some(NAME_BYTES),
                "{longest:?} bytes, of which the kernel keeps {NAME_BYTES}"
            );
        }
    }

    #[test]
    fn names_are_shortened_no_more_than_needed() {
        assert_eq!(WorkerNames::new("work-stealing", 10).of(9), "work-stealing-9");
        assert_eq!(WorkerNames::new("work-stealing-biased", 2).of(1), "wor-ste-bia-1");
        assert_eq!(shortened("a-b-c-d-e-f-g", 5), "a-b-c");
        assert_eq!(shortened("", 5), "");
    }

    #[test]
    fn room_is_refused_where_there_is_none() {
        check_room(0).expect("no thread needs nothing");
        check_room(8).expect("eight more threads");
        check_room(usize::MAX).expect_err("more than can be counted");
        // More pieces than the kernel's limit of mappings, in little memory.
        let limit = std::fs::read_to_string("/proc/sys/vm/max_map_count").expect("Linux has it");
        let limit: usize = limit.trim().parse().expect("a number");
        if limit < 1 << 20 {
            check_mappings(limit / 4, 8 * rustix::param::page_size(), 8)
                .expect_err("twice the limit");
        }
        assert!(
            getrlimit(Resource::As).current.is_none(),
            "tests run without a limit of address space"
        );
        check_mappings(1, 1 << 47, 2).expect_err("more than an address can say");
    }
}
