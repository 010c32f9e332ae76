//! The suite as data: which behaviours there are, in the order in which they are checked.

use runtimes::Runtime;

use crate::erased::Erased;
use crate::support::Case;

/// What is checked on a runtime without its type.
pub(crate) type Check = fn(&Case<Erased>);

/// Makes the list of the themes' functions.
macro_rules! suite {
    ($($theme:ident { $($name:ident,)+ })+) => {
        /// Theme, name and function of each behaviour.
        pub(crate) const SUITE: &[(&str, &str, Check)] =
            &[$($((stringify!($theme), stringify!($name), crate::$theme::$name as Check),)+)+];
    };
}

/// Makes the list of what is checked on the runtime itself, and the look-up of its functions for a
/// type.
macro_rules! typed {
    ($($theme:ident { $($name:ident,)+ })+) => {
        /// Theme and name of the behaviours that depend on the type of the runtime or of its
        /// futures.
        pub(crate) const TYPED: &[(&str, &str)] = &[$($((stringify!($theme), stringify!($name)),)+)+];

        /// The function of `theme` that is called `name`, for `R`.
        pub(crate) fn typed<R: Runtime>(theme: &str, name: &str) -> Option<fn(&Case<R>)> {
            match (theme, name) {
                $($((stringify!($theme), stringify!($name)) => Some(crate::$theme::$name),)+)+
                _ => None,
            }
        }
    };
}

// What a policy owes the engine comes first: it is checked without threads and without a clock, and
// whoever breaks it breaks the rest in ways that say nothing.
typed! {
    contract {
        places,
        announces,
        notifies,
        rescues,
        conserves,
        serves,
        counts,
        releases,
    }
    layout {
        many_each_runs_once,
        alignment_and_size_are_respected,
        a_self_referential_future_keeps_its_references,
    }
}

suite! {
    spawn {
        from_outside_before_block_on,
        from_block_on,
        nested,
        from_another_thread_while_idle,
        from_several_threads_at_once,
        from_the_destructor_of_a_finished_task,
        from_the_destructor_of_an_aborted_task,
        after_shutdown_is_cancelled,
        a_spawner_goes_everywhere,
    }
    join {
        output_arrives,
        dropping_detaches,
        dropping_after_a_poll_detaches,
        output_is_dropped_once,
        future_is_gone_when_the_handle_is_ready,
        handle_moves_between_tasks,
        a_plain_thread_awaits,
        handle_outlives_the_runtime,
        a_task_holds_many_futures,
        a_task_may_own_its_handle,
    }
    abort {
        before_the_first_poll,
        while_pending,
        after_the_end_keeps_the_output,
        a_panic_before_the_abort_is_kept,
        by_itself,
        of_a_task_that_yields_for_ever,
        of_a_task_that_is_running,
        from_a_plain_thread,
        then_dropping_the_handle,
        races_with_completion,
    }
    panics {
        payload_reaches_the_handle,
        others_do_not_notice,
        in_a_detached_task,
        in_the_root_future_leaves_block_on,
        in_the_destructor_of_an_aborted_task,
        in_the_destructor_of_an_unwanted_output,
        in_a_destructor_during_shutdown,
    }
    drop_order {
        a_finished_future_is_dropped_once,
        locals_drop_in_reverse_order,
        futures_are_polled_and_dropped_on_the_right_threads,
        a_future_left_over_is_never_polled_again,
    }
    wakers {
        from_another_thread,
        ping_pong_with_a_thread,
        during_the_poll,
        by_a_thread_during_the_poll,
        between_two_wakes_at_least_one_poll,
        after_completion,
        outlives_the_runtime,
        of_the_root_outlives_block_on,
        while_nobody_is_in_block_on,
        dropped_unused_leaves_the_task_pending,
        from_the_destructor_of_another_task,
    }
    entering {
        takes_a_future_that_borrows_and_is_not_send,
        again_and_again,
        inside_itself_is_refused,
        inside_another_runtimes_is_refused,
        inside_a_task_is_refused,
        on_a_thread_of_a_tasks_own_is_fine,
        two_runtimes_take_turns,
        spawning_into_another_runtime,
        zero_workers_are_refused,
        a_pending_root_does_not_hold_up_tasks,
    }
    migration {
        a_task_moves_away_from_a_blocked_worker,
        a_blocked_worker_does_not_strand_the_rest,
        a_woken_task_does_not_wait_for_its_waker,
        a_timer_does_not_wait_for_a_blocked_worker,
    }
    shutdown {
        without_use,
        drops_tasks_that_never_ran,
        drops_pending_tasks,
        drops_tasks_woken_just_before,
        ends_tasks_that_yield_for_ever,
        joins_its_threads,
        with_spawns_from_destructors,
        with_handles_inside_tasks,
        while_other_threads_spawn,
        reaches_whoever_awaits_a_handle,
        while_a_panic_unwinds,
        two_at_once,
    }
    fairness {
        hogs_do_not_starve_a_new_task,
        hogs_do_not_starve_a_task_from_outside,
        hogs_do_not_starve_a_woken_task,
        a_pair_that_wakes_each_other_starves_nobody,
        endless_offspring_starves_nobody,
        hogs_share,
    }
    budget {
        a_socket_pair_in_one_task,
        datagrams_to_oneself,
        a_source_that_stays_ready,
        an_interval_that_is_always_due,
        sleeps_that_are_over,
        a_choice_of_ready_sources,
        others_have_their_events,
        others_have_their_timers,
        the_root_future_gives_way,
        a_greedy_branch_leaves_the_others_of_its_task_their_turns,
        nobody_waits_for_more_than_a_budget,
        an_event_waits_for_no_more_than_a_budget,
        direct_style_gives_way,
    }
    timers {
        a_sleep_lasts_long_enough,
        many_sleep_at_once,
        a_timeout_ends_what_does_not_end,
        an_interval_keeps_its_rate,
        a_sleep_moves_between_tasks,
        a_dropped_sleep_is_forgotten,
        a_plain_thread_sleeps,
        a_foreign_waker_that_panics_costs_nobody_else,
        hogs_do_not_starve_timers,
        sleeping_tasks_are_dropped_by_shutdown,
    }
    sockets {
        tcp_echo_between_tasks,
        tcp_echo_for_blocking_clients,
        half_closed_tcp_still_answers,
        two_tasks_share_a_stream,
        refused_connections_and_lost_peers_are_errors,
        udp_echo,
        unix_echo,
        shutdown_closes_the_sockets_of_its_tasks,
        a_socket_outlives_its_runtime,
    }
    direct {
        code_suspends_at_any_depth,
        code_waits_until_another_task_sends,
        aborted_code_unwinds,
        destructors_that_suspend_do_not_keep_code_from_unwinding,
        a_panic_of_what_is_waited_for_reaches_the_handle,
    }
    counters {
        conserve_tasks,
        only_grow,
    }
}
