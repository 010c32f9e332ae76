//! The rules. Each returns what the policy did instead of what it promised.

use super::bench::{Bench, Push, Pusher, pushes, worker_counts};
use super::desk::Fate;
use crate::scheduler::{Notify, Scheduler};

/// Pushes in a row before a look: the first may go to a slot, the second displace it, and a third
/// and fourth fill a queue.
const IN_A_ROW: [usize; 4] = [1, 2, 3, 5];

/// How often a worker is asked again before "nothing" counts: a policy may look at a shared queue
/// only every so many ticks, but not with empty hands.
const LOOKS: usize = 4;

/// Tasks that go through the policy in [`conserves`].
const TASKS: usize = 5_000;

/// Turns in which the oldest task must have come out. Our own policies with the longest wait serve
/// the oldest new task after 64 × 65 turns; ten times as much is patience, not a target.
const TURNS: usize = 40_000;

/// Other tasks that are due all the time while the oldest waits.
const CROWD: usize = 4;

type Verdict = Result<(), String>;

pub(super) fn places<S: Scheduler>() -> Verdict {
    for &workers in worker_counts::<S>() {
        let made = Bench::<S>::new(workers).workers();
        if made != workers {
            return Err(format!("it made {made} local parts for {workers} workers"));
        }
    }
    Ok(())
}

pub(super) fn announces<S: Scheduler>() -> Verdict {
    for &workers in worker_counts::<S>() {
        for push in pushes(workers) {
            for count in IN_A_ROW {
                (0..workers)
                    .try_for_each(|looker| announces_to::<S>(workers, push, count, looker))?;
            }
        }
    }
    Ok(())
}

/// One worker looks after `count` pushes of one kind, again and again until it finds no more.
fn announces_to<S: Scheduler>(workers: usize, push: Push, count: usize, looker: usize) -> Verdict {
    let mut bench = Bench::<S>::new(workers);
    bench.push_many(push, count);
    let mut taken = 0;
    loop {
        let announced = bench.has_work(looker);
        let found = (0..LOOKS).find_map(|_| bench.find(looker));
        let scene =
            format!("{push} {count} times ({workers} workers), worker {looker} took {taken}");
        match found {
            Some(_) if !announced => {
                return Err(format!(
                    "{scene}, then `has_work` told it that there was nothing, though it finds a \
                     task: it \
                     would sleep beside it, for ever if nobody else comes. `has_work` forgets a \
                     queue"
                ));
            }
            None if announced => {
                return Err(format!(
                    "{scene}, then `has_work` told it that there was work, though it finds none: \
                     it \
                     would look round without end instead of sleeping"
                ));
            }
            None => return Ok(()),
            Some(found) => found.task.run(),
        }
        taken += 1;
    }
}

pub(super) fn notifies<S: Scheduler>() -> Verdict {
    for &workers in worker_counts::<S>() {
        for push in pushes(workers) {
            for count in IN_A_ROW {
                (0..workers)
                    .try_for_each(|woken| notifies_whom::<S>(workers, push, count, woken))?;
            }
        }
    }
    Ok(())
}

/// All workers sleep but the one that pushes. `woken` is the sleeper that the engine picks for
/// [`Notify::One`], which is its choice; it picks none while that one still looks for work.
fn notifies_whom<S: Scheduler>(workers: usize, push: Push, count: usize, woken: usize) -> Verdict {
    let mut bench = Bench::<S>::new(workers);
    let mut awake: Vec<usize> = match push.by {
        Pusher::Outside => Vec::new(),
        Pusher::Worker(index) => vec![index],
    };
    let mut last = Notify::Nobody;
    for _ in 0..count {
        last = bench.push(push).1;
        match last {
            Notify::Nobody | Notify::Later => {}
            Notify::One => awake.push(woken),
            Notify::All => awake.extend(0..workers),
            Notify::Worker(index) if index < workers => awake.push(index),
            Notify::Worker(index) => {
                return Err(format!("{push}, and it named worker {index} of {workers}"));
            }
        }
        awake.sort_unstable();
        awake.dedup();
    }
    let ran = bench.drain(&awake);
    if ran == count {
        return Ok(());
    }
    Err(format!(
        "{push} {count} times ({workers} workers), it answered Notify::{last:?}, and the workers \
         that are \
         awake then ({awake:?}) find {ran} of the {count} tasks: the others wait although all \
         else sleeps"
    ))
}

pub(super) fn rescues<S: Scheduler>() -> Verdict {
    for &workers in worker_counts::<S>() {
        for push in pushes(workers) {
            let Pusher::Worker(pusher) = push.by else { continue };
            for count in IN_A_ROW {
                keeps_for_itself::<S>(workers, push, count, pusher)?;
                let others = (0..workers).filter(|&other| other != pusher);
                others.into_iter().try_for_each(|rescuer| {
                    rescues_from::<S>(workers, push, count, pusher, rescuer)
                })?;
            }
        }
    }
    Ok(())
}

/// Pushes in a row. Returns which of the tasks were announced with [`Notify::Later`], and whether
/// the engine would have woken somebody for the others.
fn push_some<S: Scheduler>(bench: &mut Bench<S>, push: Push, count: usize) -> (Vec<usize>, bool) {
    let (mut kept, mut woke) = (Vec::new(), false);
    for _ in 0..count {
        match bench.push(push) {
            (number, Notify::Later) => kept.push(number),
            (_, Notify::Nobody) => {}
            (_, Notify::One | Notify::All | Notify::Worker(_)) => woke = true,
        }
    }
    (kept, woke)
}

/// How many of `tasks` have not run.
fn waiting<S: Scheduler>(bench: &Bench<S>, tasks: &[usize]) -> usize {
    tasks.iter().filter(|&&number| bench.log.fate(number) != Fate::Ran).count()
}

/// Nobody comes: the pusher must find what was kept for it without a search, which the engine may
/// not let it do.
fn keeps_for_itself<S: Scheduler>(
    workers: usize,
    push: Push,
    count: usize,
    pusher: usize,
) -> Verdict {
    let mut bench = Bench::<S>::new(workers);
    let (kept, _) = push_some(&mut bench, push, count);
    while let Some(found) = (0..LOOKS).find_map(|_| bench.next(pusher)) {
        found.task.run();
    }
    match waiting(&bench, &kept) {
        0 => Ok(()),
        left => Err(format!(
            "{push} {count} times ({workers} workers), it answered Notify::Later for {}, and the \
             pusher's `next` \
             returned nothing more while {left} of those waited: `Later` is for what that worker \
             runs next",
            kept.len()
        )),
    }
}

/// The pusher is in a poll that does not end; `rescuer` comes for what it keeps. Three times,
/// because the first time must leave the policy as it was.
fn rescues_from<S: Scheduler>(
    workers: usize,
    push: Push,
    count: usize,
    pusher: usize,
    rescuer: usize,
) -> Verdict {
    let mut bench = Bench::<S>::new(workers);
    for time in 1..=3 {
        let (kept, woke) = push_some(&mut bench, push, count);
        if kept.is_empty() {
            return Ok(());
        }
        let scene = format!(
            "{push} {count} times ({workers} workers), it answered Notify::Later for {}, and \
             worker {rescuer} came \
             for what worker {pusher} keeps (time {time})",
            kept.len()
        );
        let mut rescued = 0;
        while let Some(found) = (0..LOOKS).find_map(|_| bench.rescue(rescuer, pusher)) {
            found.task.run();
            rescued += 1;
        }
        // A rescue may move others along, and for those that were displaced somebody was woken.
        while (woke || rescued > 0)
            && let Some(found) = bench.find(rescuer)
        {
            found.task.run();
        }
        let left = waiting(&bench, &kept);
        if left > 0 {
            return Err(format!(
                "{scene}: `rescue` left {left} of them, which wait for as long as worker {pusher} \
                 computes, though \
                 others are idle. A policy that wraps another must pass `rescue` on"
            ));
        }
        while let Some(found) = (0..LOOKS).find_map(|_| bench.find(pusher)) {
            found.task.run();
        }
        if bench.has_work(pusher) {
            return Err(format!(
                "{scene}: it got {rescued}, and then `has_work` still told worker {pusher} that \
                 there was work, though \
                 it finds none: it would look round without end instead of sleeping"
            ));
        }
    }
    Ok(())
}

pub(super) fn conserves<S: Scheduler>() -> Verdict {
    for &workers in worker_counts::<S>() {
        let mut bench = Bench::<S>::new(workers);
        let pushes = pushes(workers);
        // Strides that are coprime with the lengths, so that all combinations come up, in bursts of
        // pushes and bursts of pops of changing length.
        for i in 0..TASKS {
            bench.push(pushes[(i * 7 + i / 13) % pushes.len()]);
            // A backlog grows for a while and is worked off: both full and empty queues come up.
            let pops = if i % 400 < 250 { usize::from(i % 5 == 0) } else { 4 };
            for pop in 0..pops {
                if let Some(found) = bench.find((i + pop * 3) % workers) {
                    found.task.run();
                }
            }
            // Now and then somebody comes for what another keeps.
            let (rescuer, stalled) = (i % workers, (i / 5) % workers);
            if i % 3 == 0
                && rescuer != stalled
                && let Some(found) = bench.rescue(rescuer, stalled)
            {
                found.task.run();
            }
        }
        bench.drain(&(0..workers).collect::<Vec<_>>());
        let log = bench.log.clone();
        let left = log.count(Fate::Waiting);
        let dropped = log.count(Fate::Dropped);
        if dropped > 0 {
            return Err(format!("it dropped {dropped} of {TASKS} tasks unrun ({workers} workers)"));
        }
        if left > 0 {
            drop(bench);
            let leaked = log.count(Fate::Waiting);
            let end = if leaked > 0 {
                format!("{leaked} of them have leaked")
            } else {
                "they were dropped with the policy".to_owned()
            };
            return Err(format!(
                "of {TASKS} tasks {left} never came out, though all {workers} workers looked \
                 until they \
                 found nothing; {end}"
            ));
        }
    }
    Ok(())
}

pub(super) fn serves<S: Scheduler>() -> Verdict {
    for &workers in worker_counts::<S>().iter().take(2) {
        for old in pushes(workers).into_iter().filter(|push| push.by != Pusher::Worker(1)) {
            for crowd in crowds() {
                serves_beside::<S>(workers, old, &crowd)?;
            }
        }
    }
    Ok(())
}

/// What keeps coming: each kind alone, and all in turn.
fn crowds() -> Vec<Vec<Push>> {
    let all: Vec<_> = pushes(1);
    let mut crowds: Vec<_> = all.iter().map(|&push| vec![push]).collect();
    crowds.push(all);
    crowds
}

/// One task waits, while each that runs is followed by another, and all workers but one are busy.
fn serves_beside<S: Scheduler>(workers: usize, old: Push, crowd: &[Push]) -> Verdict {
    let mut bench = Bench::<S>::new(workers);
    // Some that came before, so that the oldest is not served by chance.
    let mut kinds = crowd.iter().copied().cycle();
    let mut push_one = |bench: &mut Bench<S>| kinds.next().map(|kind| bench.push(kind));
    for _ in 0..CROWD {
        push_one(&mut bench);
    }
    let (number, notify) = bench.push(old);
    let worker = match (notify, old.by) {
        (Notify::Worker(index), _) => index,
        (_, Pusher::Worker(index)) => index,
        (_, Pusher::Outside) => 0,
    };
    for _ in 0..CROWD {
        push_one(&mut bench);
    }
    for _ in 0..TURNS {
        if let Some(found) = bench.find(worker) {
            found.task.run();
        }
        if bench.log.fate(number) != Fate::Waiting {
            return Ok(());
        }
        push_one(&mut bench);
    }
    let crowd: Vec<_> = crowd.iter().map(Push::to_string).collect();
    Err(format!(
        "{old}, and the task had not run after {TURNS} turns of worker {worker} ({workers} \
         workers), in each of \
         which one more came ({}): it starves",
        crowd.join("; ")
    ))
}

pub(super) fn counts<S: Scheduler>() -> Verdict {
    for &workers in worker_counts::<S>() {
        let mut bench = Bench::<S>::new(workers);
        let pushes = pushes(workers);
        for i in 0..TASKS / 5 {
            if i % 40 < 20 {
                bench.push(pushes[(i * 7 + i / 13) % pushes.len()]);
            }
            let worker = (i / 3) % workers;
            let queued = bench.queued(worker);
            if let Some(found) = bench.next(worker) {
                found.task.run();
                if queued == 0 {
                    return Err(format!(
                        "worker {worker} of {workers} was told 0, and then got a task"
                    ));
                }
            }
        }
    }
    Ok(())
}

pub(super) fn releases<S: Scheduler>() -> Verdict {
    for &workers in worker_counts::<S>() {
        let mut bench = Bench::<S>::new(workers);
        for push in pushes(workers) {
            bench.push_many(push, 20);
            // A task may also lie in what a worker has fetched for itself.
            bench.find(0).into_iter().for_each(|found| found.task.run());
        }
        let log = bench.log.clone();
        drop(bench);
        let leaked = log.count(Fate::Waiting);
        if leaked > 0 {
            return Err(format!("{leaked} tasks leaked ({workers} workers)"));
        }
    }
    Ok(())
}
