#!/usr/bin/env bash
# Takes one step out of a protocol at a time and checks that a model notices.
#
# usage: runtimes/tests/mutations.sh [FILTER]     in a clean checkout; minutes, so CI does not
#        runtimes/tests/mutations.sh --check       only that each entry still applies; seconds
#
# Each entry of the table below is: file | Perl substitution | the model that must fail. The file is
# put back afterwards. Ends with the number of mutations that no model noticed.
set -u
cd "$(dirname "$0")/../.."
export RUSTFLAGS="--cfg stampede_loom" CARGO_TARGET_DIR=target/loom
filter=${1:-.}
survivors=0

mutations() { cat <<'TABLE'
task/state.rs | s/fetch_or\(SCHEDULED, AcqRel\)/fetch_or(SCHEDULED, Relaxed)/ | a_wake_during_a_poll_is_not_lost
task/state.rs | s/(fn suspend.*?)fetch_and\(!RUNNING, AcqRel\)/$1fetch_and(!RUNNING, Relaxed)/s | two_wakers_schedule_once
task/state.rs | s/if before & SCHEDULED != 0 \{/if false {/ | a_wake_during_a_poll_is_not_lost
task/state.rs | s/(fn queue_if_idle.*?before & \(SCHEDULED \| )RUNNING \| (DONE\))/$1$2/s | two_wakers_schedule_once
task/state.rs | s/(fn queue_if_idle.*?before & \()SCHEDULED \| (RUNNING \| DONE\))/$1$2/s | two_wakers_schedule_once
task/state.rs | s/(fn queue_if_idle.*?before & \(SCHEDULED \| RUNNING) \| DONE\)/$1)/s | two_wakers_schedule_once
task/state.rs | s/fetch_xor\(SCHEDULED \| RUNNING, AcqRel\)/fetch_xor(SCHEDULED | RUNNING, Relaxed)/ | two_wakers_schedule_once
task/state.rs | s/return (self.0.fetch_xor\(SCHEDULED \| RUNNING, AcqRel\)) & CANCELLED != 0/$1; return false/ | an_abort_takes_effect
task/state.rs | s/fetch_and\(!SCHEDULED, AcqRel\) & CANCELLED/fetch_and(!SCHEDULED, Relaxed) \& CANCELLED/ | a_task_that_gives_way_hears_wakes
task/state.rs | s/now & SCHEDULED != 0 && self.0.fetch_and\(!SCHEDULED, AcqRel\) & CANCELLED != 0/false/ | a_task_that_gives_way_hears_an_abort
task/state.rs | s/(fn complete.*?)let mut now = self.0.load\(Acquire\)/$1let mut now = self.0.load(Relaxed)/s | a_runner_that_is_alone_frees
task/state.rs | s/(fn wake_by_value.*?)now, next, AcqRel, Acquire/$1now, next, Relaxed, Relaxed/s | a_runner_that_is_alone_frees
task/state.rs | s/before & HANDLE == 0 && before < WAKER/false/ | an_unreachable_task_is_reaped
task/state.rs | s/if now & HANDLE == 0 && !detached \{/if false {/ | a_handle_dropped_at_the_end_leaves_nothing
task/state.rs | s/= if now & AWAITER != 0 \{/= if false {/ | a_completion_wakes_the_awaiter
task/state.rs | s/(fn complete.*?)compare_exchange_weak\(now, next, AcqRel, Acquire\)/$1compare_exchange_weak(now, next, Acquire, Acquire)/s | a_completion_wakes_the_awaiter
task/state.rs | s/(fn complete.*?)let mut now = self.0.load\(Acquire\)(.*?)compare_exchange_weak\(now, next, AcqRel, Acquire\)/$1let mut now = self.0.load(Relaxed)$2compare_exchange_weak(now, next, crate::sync::atomic::Ordering::Release, Relaxed)/s | a_completion_wakes_the_awaiter
task/state.rs | s/(fn settle.*?)fetch_and\(!\(RUNNING \| SCHEDULED \| AWAITER\), AcqRel\)/$1fetch_and(!(RUNNING | SCHEDULED | AWAITER), Relaxed)/s | a_handle_dropped_at_the_end_leaves_nothing
task/state.rs | s/word & \(HANDLE \| RUNNING\) == 0 && word < WAKER/word & HANDLE == 0 && word < WAKER/ | a_handle_dropped_at_the_end_leaves_nothing
task/state.rs | s/(fn drop_waker.*?)if Self::is_unreachable\(next\) \{/$1if false {/s | an_unreachable_task_is_reaped
task/state.rs | s/(fn drop_waker.*?)now, next, AcqRel, Acquire/$1now, next, Relaxed, Relaxed/s | the_last_waker_frees
task/state.rs | s/word & \(HANDLE \| RUNNING \| SCHEDULED \| DONE\) == 0/word \& (HANDLE | SCHEDULED | DONE) == 0/ | an_unreachable_task_is_reaped
task/state.rs | s/(fn drop_handle.*?)if Self::is_unreachable\(next\) \{/$1if false {/s | an_unreachable_task_is_reaped
task/state.rs | s/(fn change_awaiter.*?)\(now & !clear\) \| set, AcqRel, Acquire/$1(now & !clear) | set, Relaxed, Acquire/s | a_completion_wakes_the_awaiter
task/state.rs | s/(fn drop_waker.*?)Engine::Closed => next \|= CANCELLED/$1Engine::Closed => next |= 0/s | a_walk_at_shutdown_claims_once
task/state.rs | s/(fn drop_handle.*?)Engine::Closed => next \|= CANCELLED/$1Engine::Closed => next |= 0/s | a_walk_at_shutdown_claims_once
task/state.rs | s/now & \(DONE \| RUNNING \| SCHEDULED\) != 0/now \& (DONE | RUNNING) != 0/ | a_walk_leaves_what_is_due
task/state.rs | s/now & \(DONE \| RUNNING \| SCHEDULED\) != 0/now \& (DONE | SCHEDULED) != 0/ | a_walk_leaves_what_is_due
task/state.rs | s/Ok\(_\) if next & DONE != 0 && Self::is_last\(next\) => return Wake::Free,\n// | the_last_waker_frees
task/state.rs | s/match self.0.compare_exchange_weak\(now, now \| RUNNING \| CANCELLED, AcqRel, Acquire\)/match Ok::<usize, usize>(self.0.swap(now | RUNNING | CANCELLED, AcqRel))/ | a_walk_at_shutdown_claims_once
task/join.rs | s/if state.offer_slot\(\) \{/state.offer_slot(); if true {/ | a_completion_wakes_the_awaiter
task/join.rs | s/if !state.reclaim_slot\(\) \{/state.reclaim_slot(); if false {/ | a_completion_wakes_the_awaiter
task/join.rs | s/state.await_output\(\) == Await::Occupied && state.reclaim_slot\(\)/false/ | an_unreachable_task_is_reaped
task/join.rs | s/task.as_ref\(\).state.cancel\(\)/task.as_ref().state.wake()/ | an_abort_takes_effect
task/state.rs | s/(fn wake_by_value.*?)Ok\(_\) if now & \(SCHEDULED \| RUNNING \| DONE\) == 0/$1Ok(_) if now \& (SCHEDULED | DONE) == 0/s | two_wakers_schedule_once
task/state.rs | s/due if due & DONE == 0 => SCHEDULED/due if due \& DONE == 0 => 0/ | two_wakers_schedule_once
queue/biased.rs | s/        barrier::light\(\);\n// | one_user_at_a_time
queue/biased.rs | s/        barrier::heavy\(\);\n// | one_user_at_a_time
queue/biased.rs | s/if !self.claimed.load\(Acquire\)/if true/ | one_user_at_a_time
queue/biased.rs | s/if !self.claimed.load\(Acquire\)/if !self.claimed.load(Relaxed)/ | one_user_at_a_time
queue/biased.rs | s/!self.inside.load\(Acquire\)/!self.inside.load(Relaxed)/ | one_user_at_a_time
queue/biased.rs | s/self.inside.store\(false, Release\);\n        result/self.inside.store(false, Relaxed);\n        result/ | one_user_at_a_time
queue/biased.rs | s/self.claimed.store\(false, Release\)/self.claimed.store(false, Relaxed)/ | one_user_at_a_time
queue/biased.rs | s/let result = left.then/let result = true.then/ | one_user_at_a_time
queue/slot.rs | s/            full.store\(true, Relaxed\);\n// | a_kept_task_is_taken_once
queue/slot.rs | s/            self.0.full.store\(false, Relaxed\);\n// | a_kept_task_is_taken_once
queue/slot.rs | s/            full.store\(false, Relaxed\);\n// | a_kept_task_is_taken_once
queue/injector.rs | s/node.as_ptr\(\), Release, Relaxed/node.as_ptr(), Relaxed, Relaxed/ | what_is_pushed_is_taken_once
queue/injector.rs | s/swap\(ptr::null_mut\(\), Acquire\)/swap(ptr::null_mut(), Relaxed)/ | what_is_pushed_is_taken_once
queue/injector.rs | s/Err\(actual\) => head = actual/Err(actual) => { head = actual; let _ = self.head.compare_exchange(head, node.as_ptr(), Release, Relaxed); return; }/ | what_is_pushed_is_taken_once
sync/gate.rs | s/(impl Drop.*?)INSIDE, Release/$1INSIDE, Relaxed/s | a_closed_gate
sync/gate.rs | s/(fn leave_uncounted.*?)INSIDE, Release/$1INSIDE, Relaxed/s | a_closed_gate
sync/gate.rs | s/while self.0.load\(Acquire\)/while self.0.load(Relaxed)/ | a_closed_gate
sync/gate.rs | s/let before = self.0.fetch_add\(ENTERED \+ INSIDE, Acquire\)/let before = self.0.load(Acquire); self.0.fetch_add(ENTERED + INSIDE, Acquire)/ | a_closed_gate
engine/park.rs | s/self.0.swap\(EMPTY, Acquire\)/({ let token = self.0.load(Relaxed); self.0.store(EMPTY, Release); token })/ | no_token_is_lost
engine/park.rs | s/self.0.swap\(EMPTY, Acquire\)/({ let token = self.0.load(Relaxed); self.0.store(EMPTY, Release); token })/ | a_worker_that_blocks_on_a_future
engine/park.rs | s/self.0.swap\(EMPTY, Acquire\)/self.0.swap(EMPTY, Relaxed)/ | no_token_is_lost
engine/park.rs | s/self.0.swap\(NOTIFIED, Release\)/self.0.swap(NOTIFIED, Relaxed)/ | no_token_is_lost
engine/park.rs | s/ON_FUTEX => self.0.wake_one\(\)/ON_FUTEX => {}/ | no_token_is_lost
engine/park.rs | s/IN_EPOLL => interrupt\(\)/IN_EPOLL => drop(interrupt)/ | no_token_is_lost
engine/park.rs | s/self.0.compare_exchange\(EMPTY, how, Relaxed, Relaxed\).is_ok\(\)/{ self.0.swap(how, Acquire); true }/ | no_token_is_lost
sync/barrier.rs | s/(fn light.*?)fence\(SeqCst\);\n    \}\n\}/$1\n    }\n}/s | a_push_meets_a_worker
sync/barrier.rs | s/(fn heavy.*?)    fence\(SeqCst\);/$1/s | a_push_meets_a_worker
sync/barrier.rs | s/        interrupt_all\(\);/        ();/ | a_push_meets_a_worker
sync/barrier.rs | s/        modelled::light\(\);/        ();/ | a_push_meets_a_worker
sync/barrier.rs | s/        interrupt_all\(\);/        ();/ | one_user_at_a_time
sync/barrier.rs | s/        modelled::light\(\);/        ();/ | one_user_at_a_time
sync/barrier.rs | s/        interrupt_all\(\);/        ();/ | a_region_that_is_entered
sync/barrier.rs | s/        modelled::light\(\);/        ();/ | a_region_that_is_entered
engine/sleep.rs | s/barrier::heavy\(\)/fence(SeqCst)/ | a_push_meets_a_worker
engine/sleep.rs | s/barrier::heavy\(\)/barrier::light()/ | a_push_meets_a_worker
queue/biased.rs | s/barrier::heavy\(\)/barrier::light()/ | one_user_at_a_time
engine/sleep.rs | s/(fn stop_search.*?)if self.others_run\(\) \{/$1if false {/s | the_last_searcher
engine/sleep.rs | s/if wanted\(\) \{/if wanted() \&\& false {/ | a_push_meets_a_worker
engine/sleep.rs | s/if wanted\(\) \{/if wanted() \&\& false {/ | two_workers_and_two_pushes
engine/sleep.rs | s/\.searching\(\) != 1/.searching() != 0/ | the_last_searcher
engine/sleep.rs | s/self.went\(&mut list, sleeper, 1\)/self.went(\&mut list, sleeper, 0)/ | the_last_searcher
engine/sleep.rs | s/self.counts.fetch_sub\(u32::from\(state != Search::No\), AcqRel\)/()/ | a_nap_hides_no_push
engine/sleep.rs | s/(fn pick_one.*?)self.counts.fetch_add\(1, AcqRel\)/$1()/s | a_nap_hides_no_push
engine/core.rs | s/\(0\.\.self.workers.len\(\)\).for_each\(\|worker\| self.unpark\(worker\)\)/()/ | a_worker_stops
engine/core.rs | s/(fn push_outside.*?)self.notify\(notify, None\)/$1let _ = notify/s | a_worker_runs_what_comes
engine/sleep.rs | s/if wanted\(\) \{/if wanted() \&\& false {/ | a_worker_runs_what_comes
engine/sleep.rs | s/        last\n    \}/        true\n    }/ | a_push_meets_a_worker
engine/sleep.rs | s/                    self.call\(unpark\);\n// | a_task_that_is_kept_is_come_for
engine/sleep.rs | s/if idle && list.watcher/if list.watcher/ | a_task_that_is_kept_is_come_for
engine/sleep.rs | s/free && \(active \|\| !last\)/free \&\& active/ | a_task_that_is_kept_is_come_for
engine/sleep.rs | s/free && \(active \|\| !last\)/free \&\& active/ | who_leaves_the_reactor
engine/sleep.rs | s/            self.call\(unpark\);\n        \}\n    \}/        }\n    }/ | who_leaves_the_reactor
engine/block_on.rs | s/!self.0.swap\(true, Release\)/!self.0.swap(true, Relaxed)/ | a_worker_that_blocks_on_a_future
engine/block_on.rs | s/self.0.swap\(false, Acquire\)/self.0.swap(false, Relaxed)/ | a_worker_that_blocks_on_a_future
engine/block_on.rs | s/self.0.swap\(false, Acquire\)/{ let raised = self.0.load(Acquire); self.0.store(false, Release); raised }/ | a_worker_that_blocks_on_a_future
engine/block_on.rs | s/if self.woken.raise\(\) \{\n(\s+)self.thread/if self.woken.raise() \&\& false {\n$1self.thread/ | block_on_polls_after_every_wake
stackful/preempt/words.rs | s/self.armed.swap\(0, Relaxed\)/self.armed.load(Relaxed)/ | a_signal_takes_its_own_slice
stackful/preempt/words.rs | s/slice if slice != self.target.load\(Acquire\) => .*?,/slice if slice != self.target.load(Acquire) \&\& false => Err(Refusal::Stale),/ | a_signal_takes_its_own_slice
stackful/preempt/words.rs | s/self.target.load\(Acquire\)/self.target.load(Relaxed)/ | a_signal_takes_its_own_slice
stackful/preempt/words.rs | s/self.target.store\(slice, Release\)/self.target.store(slice, Relaxed)/ | a_signal_takes_its_own_slice
stackful/preempt/words.rs | s/self.pending.swap\(false, Acquire\)/self.pending.swap(false, Relaxed)/ | a_signal_takes_its_own_slice
stackful/preempt/words.rs | s/self.pending.store\(true, Release\)/self.pending.store(true, Relaxed)/ | a_signal_takes_its_own_slice
stackful/preempt/words.rs | s/self.armed.store\(slice, Release\)/self.armed.store(slice, Relaxed)/ | a_signal_takes_its_own_slice
stackful/preempt/words.rs | s/self.armed.store\(armed, Release\)/self.armed.store(armed, Relaxed)/ | a_signal_takes_its_own_slice
stackful/preempt/words.rs | s/match self.armed.load\(Acquire\)/match self.armed.load(Relaxed)/ | a_signal_takes_its_own_slice
stackful/preempt/words.rs | s/if self.pending.load\(Relaxed\)/if self.pending.load(Relaxed) \&\& false/ | a_signal_takes_its_own_slice
stackful/preempt/words.rs | s/self.pending.store\(true, Release\);/();/ | a_signal_takes_its_own_slice
stackful/preempt/words.rs | s/if verdict.is_err\(\) \{/if false {/ | a_refused_signal_is_followed
stackful/preempt/words.rs | s/self.pending.swap\(false, Acquire\);/self.pending.load(Acquire);/ | a_refused_signal_is_followed
stackful/preempt/words.rs | s/let recipient = self.recipient.lock\(\);/let recipient = \&{ *self.recipient.lock() };/ | no_signal_goes_to_a_thread
stackful/preempt/words.rs | s/(A signal to the former one may never be delivered.\n\s+)self.pending.store\(false, Relaxed\)/$1()/ | no_signal_goes_to_a_thread
stackful/preempt/monitor.rs | s/        barrier::light\(\);\n// | a_region_that_is_entered
stackful/preempt/monitor.rs | s/        barrier::heavy\(\);\n// | a_region_that_is_entered
stackful/preempt/monitor.rs | s/if anything\(\) \{/if anything() \&\& false {/ | a_region_that_is_entered
stackful/preempt/monitor.rs | s/(self.0.asleep.swap\(false, Relaxed\))/!$1/ | a_region_that_is_entered
stackful/preempt/monitor.rs | s/(self.0.stopped.store.*?)monitor.unpark\(\)/$1drop(monitor)/s | a_monitor_that_is_stopped
stackful/preempt/monitor.rs | s/while self.0.asleep.load\(Relaxed\) && !self.is_stopped\(\)/while self.0.asleep.load(Relaxed)/ | a_monitor_that_is_stopped
reactor/notifier.rs | s/            self.0.wake_one\(\);\n// | loom_no_notification_is_lost_on_the_futex
reactor/notifier.rs | s/fetch_or\(place as u32, AcqRel\)/fetch_or(WAITING, AcqRel)/ | loom_no_notification_is_lost_on_the_futex
reactor/notifier.rs | s/fetch_or\(reason as u32, AcqRel\)/fetch_or(reason as u32, Relaxed)/ | loom_no_notification_is_lost
reactor/notifier.rs | s/swap\(0, AcqRel\)/swap(0, Relaxed)/ | loom_no_source_is_overslept
reactor/slots.rs | s/        if live == 0 \{/        if false {/ | loom_no_source_is_overslept
reactor/slots.rs | s/        if live == 0 \{\n\s+first\(\);\n\s+\}\n\s+drop\(free\);/        drop(free);\n        if live == 0 {\n            first();\n        }/ | loom_no_source_is_overslept
TABLE
}

# Whether the entry changes its file, and there are models of that name.
check() {
    local file=$1 change=$2 model=$3
    if perl -0pe "$change" "$file" | cmp -s - "$file"; then
        echo "$file: does not apply: $change"
    elif ! grep -rqE "fn (loom_)?\w*${model#loom_}" runtimes/src; then
        echo "$file: no model $model"
    fi
}

if [ "$filter" = --check ]; then
    stale=$(while IFS= read -r line; do
        rest=${line#* | }
        check "runtimes/src/${line%% | *}" "${rest% | *}" "${line##* | }"
    done < <(mutations))
    echo "${stale:-all entries apply}"
    [ -z "$stale" ]
    exit
fi

build() { cargo test -q -p runtimes --lib --no-run 2>"$1"; }
run() { timeout 300 cargo test -q -p runtimes --lib -- "$1" >/dev/null 2>&1; }

log=$(mktemp)
while IFS= read -r line; do
    file=runtimes/src/${line%% | *} rest=${line#* | } model=${line##* | }
    change=${rest% | *}
    git diff --quiet -- "$file" || { echo "$file has uncommitted changes"; exit 2; }
    perl -0pi -e "$change" "$file"
    if git diff --quiet -- "$file"; then
        verdict="DOES NOT APPLY"
    elif ! build "$log"; then
        verdict="DOES NOT COMPILE: $(grep -m1 '^error' "$log")"
    elif run "$model"; then
        verdict="SURVIVED"
    else
        verdict=noticed
    fi
    git checkout -q -- "$file"
    [ "$verdict" = noticed ] || survivors=$((survivors + 1))
    printf '%s  %s  %s: %s\n' "$verdict" "$model" "$file" "$change"
done < <(mutations | grep -- "$filter")
rm -f "$log"
echo "$survivors not noticed"
[ "$survivors" -eq 0 ]
