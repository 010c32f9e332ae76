//! What depends on a future's own type: its size, its alignment, its address. Compiled for each
//! runtime.

use std::future::ready;

use futures_lite::future::yield_now;
use runtimes::{Runtime, Spawner};

use crate::support::{Case, Run, finish};

pub(crate) fn many_each_runs_once<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    let sum: u64 = runtime.run(async {
        let handles: Vec<_> = (0..3_000_u64)
            .map(|i| {
                spawner.spawn(async move {
                    yield_now().await;
                    i
                })
            })
            .collect();
        let mut sum = 0;
        for handle in handles {
            sum += handle.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 3_000 * 2_999 / 2);
    finish(runtime);
}

pub(crate) fn alignment_and_size_are_respected<R: Runtime>(case: &Case<R>) {
    #[repr(align(256))]
    struct Aligned([u8; 256]);
    let runtime = case.start();
    let spawner = runtime.spawner();
    runtime.run(async {
        let aligned = Aligned([7; 256]);
        let handle = spawner.spawn(async move {
            let held = aligned;
            yield_now().await;
            assert_eq!(
                &raw const held as usize % 256,
                0,
                "the future lies where its alignment allows"
            );
            u32::from(held.0[255])
        });
        assert_eq!(handle.await.unwrap(), 7);
        let large = [1_u8; 100_000];
        let handle = spawner.spawn(async move {
            yield_now().await;
            large.iter().map(|&byte| usize::from(byte)).sum::<usize>()
        });
        assert_eq!(handle.await.unwrap(), 100_000);
        spawner.spawn(ready(())).await.unwrap();
        assert_eq!(spawner.spawn(async { Aligned([9; 256]) }).await.unwrap().0[0], 9);
    });
    finish(runtime);
}

pub(crate) fn a_self_referential_future_keeps_its_references<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    runtime.run(async {
        let handles: Vec<_> = (0..32_u64)
            .map(|seed| {
                spawner.spawn(async move {
                    // Borrows into the future itself live across every suspension: it is not
                    // `Unpin`.
                    let mut numbers = [seed; 64];
                    let (low, high) = numbers.split_at_mut(32);
                    for round in 0..100 {
                        let (a, b) = (&mut low[round % 32], &high[(round * 7) % 32]);
                        *a = a.wrapping_mul(31).wrapping_add(*b);
                        yield_now().await;
                    }
                    let first = low.as_ptr() as usize;
                    yield_now().await;
                    assert_eq!(
                        first,
                        numbers.as_ptr() as usize,
                        "a pinned future stays where it is"
                    );
                    numbers.iter().fold(0_u64, |sum, &number| sum.wrapping_add(number))
                })
            })
            .collect();
        for (seed, handle) in (0..).zip(handles) {
            assert_eq!(handle.await.unwrap(), expected(seed));
        }
    });
    finish(runtime);
}

/// What the task above computes, without suspensions.
fn expected(seed: u64) -> u64 {
    let mut numbers = [seed; 64];
    for round in 0..100 {
        let b = numbers[32 + (round * 7) % 32];
        let a = &mut numbers[round % 32];
        *a = a.wrapping_mul(31).wrapping_add(b);
    }
    numbers.iter().fold(0, |sum, &number| sum.wrapping_add(number))
}
