//! What switching costs: `cargo test --release -p runtimes figures -- --ignored --nocapture`.

use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Instant;

use super::super::{Coroutine, Direct, Pool, suspend, wait};
use super::{Pending, poll};

const ROUNDS: usize = 1_000_000;

/// Nanoseconds per call: the least of seven blocks.
fn time(what: &str, calls: usize, mut block: impl FnMut()) {
    let ns = (0..7)
        .map(|_| {
            let start = Instant::now();
            block();
            start.elapsed().as_nanos() as f64 / calls as f64
        })
        .fold(f64::INFINITY, f64::min);
    println!("{what:<60} {ns:>8.1} ns");
}

fn spin<F: Future>(what: &str, future: F) {
    let mut future = pin!(future);
    time(what, ROUNDS, || {
        for _ in 0..ROUNDS {
            let _ = black_box(poll(future.as_mut()));
        }
    });
}

/// Polls many in turn, as a scheduler with a queue does.
fn round_robin<F: Future>(what: &str, n: usize, make: impl Fn() -> F) {
    let mut all: Vec<Pin<Box<F>>> = (0..n).map(|_| Box::pin(make())).collect();
    time(what, ROUNDS / n * n, || {
        for _ in 0..ROUNDS / n {
            for future in &mut all {
                let _ = black_box(poll(future.as_mut()));
            }
        }
    });
}

async fn forever() {
    Pending(usize::MAX).await;
}

fn direct<C: FnOnce() -> T, T>(pool: Arc<Pool>, code: C) -> Direct<C, T> {
    // SAFETY: they are dropped before `figures` returns.
    unsafe { Direct::new(pool, code) }
}

#[test]
#[ignore = "a measurement"]
fn figures() {
    let pool = &Pool::new(64 * 1024);
    spin("poll and suspend: future", forever());
    spin("poll and suspend: coroutine that drives it", Coroutine::new(&**pool, forever()));
    spin(
        "poll and suspend: direct style, suspend",
        direct(pool.clone(), || {
            loop {
                suspend()
            }
        }),
    );
    spin("poll and suspend: direct style, wait", direct(pool.clone(), || wait(forever())));
    for n in [10, 100, 1_000, 10_000] {
        round_robin(&format!("round robin over {n}: future"), n, forever);
        round_robin(&format!("round robin over {n}: coroutine"), n, || {
            Coroutine::new(&**pool, forever())
        });
        round_robin(&format!("round robin over {n}: direct"), n, || {
            direct(pool.clone(), || {
                loop {
                    suspend()
                }
            })
        });
    }
    time("make, run, drop: boxed future", ROUNDS, || {
        for _ in 0..ROUNDS {
            let _ = black_box(poll(
                black_box(Box::pin(Pending(0)) as Pin<Box<dyn Future<Output = ()>>>).as_mut(),
            ));
        }
    });
    time("make, run, drop: coroutine on a pooled stack", ROUNDS, || {
        for _ in 0..ROUNDS {
            let _ = black_box(poll(pin!(Coroutine::new(&**pool, Pending(0)))));
        }
    });
    let mut stack = corosensei::stack::DefaultStack::new(64 * 1024).unwrap();
    time("make, run, drop: a new corosensei coroutine on a reused stack", ROUNDS, || {
        for _ in 0..ROUNDS {
            let mut future = pin!(Pending(0));
            let body = |_: &corosensei::Yielder<(), ()>, ()| poll(future.as_mut());
            let coroutine = corosensei::ScopedCoroutine::with_stack(&mut stack, body);
            coroutine.scope(|mut coroutine| black_box(coroutine.as_mut().resume(())));
        }
    });
    time("make, run, drop: direct style on a pooled stack", ROUNDS, || {
        for _ in 0..ROUNDS {
            let _ = black_box(poll(pin!(direct(pool.clone(), || wait(Pending(0))))));
        }
    });
    time("make, run, drop: coroutine, suspended when dropped", ROUNDS, || {
        for _ in 0..ROUNDS {
            let _ = black_box(poll(pin!(Coroutine::new(&**pool, Pending(1)))));
        }
    });
    time("make, run, drop: direct style, unwound when dropped", ROUNDS / 100, || {
        for _ in 0..ROUNDS / 100 {
            let _ = black_box(poll(pin!(direct(pool.clone(), || wait(Pending(1))))));
        }
    });
    time("make, run, drop: 20,000 stacks from the system", 20_000, || {
        let pool = Pool::new(64 * 1024);
        let mut all: Vec<_> =
            (0..20_000).map(|_| Coroutine::new(&*pool, Pending(usize::MAX))).collect();
        for coroutine in &mut all {
            let _ = poll(Pin::new(coroutine));
        }
    });
}
