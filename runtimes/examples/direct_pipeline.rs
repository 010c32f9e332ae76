//! A pipeline of direct-style tasks over channels: each stage is a loop that looks as if it
//! blocked, and a full channel holds back whoever fills it.
//!
//! `cargo run -p runtimes --example direct_pipeline`

use std::collections::BTreeMap;
use std::error::Error;

use runtimes::stackful::StackfulExecutor;
use runtimes::stackful::direct::channel::{self, Receiver, Sender};
use runtimes::stackful::go;
use runtimes::{Config, Runtime};

const TEXT: &str = "the quick brown fox jumps over the lazy dog while the dog dreams of the fox";

/// Cuts the text into words.
fn split(text: &str, words: &Sender<String>) {
    for word in text.split(' ') {
        if words.send(word.to_owned()).is_err() {
            return;
        }
    }
}

/// Measures words, until there are no more.
fn measure(words: &Receiver<String>, lengths: &Sender<(String, usize)>) {
    for word in words.iter() {
        let length = word.len();
        if lengths.send((word, length)).is_err() {
            return;
        }
    }
}

/// Adds up the lengths of equal words.
fn collect(lengths: &Receiver<(String, usize)>) -> BTreeMap<String, usize> {
    let mut totals = BTreeMap::new();
    while let Ok((word, length)) = lengths.recv() {
        *totals.entry(word).or_default() += length;
    }
    totals
}

/// Runs the pipeline.
///
/// # Errors
/// What starting the runtime, and its tasks, say.
pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let runtime = StackfulExecutor::start(&Config::new(2))?;
    let spawner = runtime.spawner();
    let (words, more_words) = channel::bounded(2);
    let (lengths, more_lengths) = channel::bounded(2);

    go(spawner, move || split(TEXT, &words));
    for _ in 0..3 {
        let (more_words, lengths) = (more_words.clone(), lengths.clone());
        go(spawner, move || measure(&more_words, &lengths));
    }
    // The ends that are kept here would keep the stages waiting.
    drop((more_words, lengths));

    let totals = runtime.block_on(go(spawner, move || collect(&more_lengths)))?;
    assert_eq!(totals.values().sum::<usize>(), TEXT.split(' ').map(str::len).sum());
    assert_eq!(totals["the"], 4 * "the".len());
    println!("{totals:?}");
    Ok(())
}
