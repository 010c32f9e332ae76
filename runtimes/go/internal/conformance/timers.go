package conformance

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

var timerBehaviours = []Behaviour{
	{"timers::a_sleep_lasts_long_enough", aSleepLastsLongEnough},
	{"timers::many_sleep_at_once", manySleepAtOnce},
	{"timers::they_fire_in_order", theyFireInOrder},
	{"timers::a_timeout_ends_what_does_not_end", aTimeoutEndsWhatDoesNotEnd},
	{"timers::an_interval_keeps_its_rate", anIntervalKeepsItsRate},
	{"timers::a_plain_thread_sleeps", aPlainThreadSleeps},
	{"timers::a_stopped_timer_does_not_fire", aStoppedTimerDoesNotFire},
	{"timers::hogs_do_not_starve_timers", hogsDoNotStarveTimers},
}

func aSleepLastsLongEnough(t *trial) {
	join(t, do(t, func() {
		start := time.Now()
		time.Sleep(short)
		t.want(time.Since(start) >= short, "a sleep was over after %v", time.Since(start))
		time.Sleep(0)
		time.Sleep(-short)
	}))
}

func manySleepAtOnce(t *trial) {
	var all sync.WaitGroup
	for i := range 500 {
		all.Add(1)
		delay := short + time.Duration(i*7%100)*50*time.Microsecond
		start := time.Now()
		do(t, func() {
			defer all.Done()
			time.Sleep(delay)
			t.want(time.Since(start) >= delay, "one of many was over after %v, not %v",
				time.Since(start), delay)
		})
	}
	all.Wait()
}

// Timers that are far enough apart fire in the order of their deadlines, however they were armed.
func theyFireInOrder(t *trial) {
	fired := make(chan int, 3)
	for _, i := range []int{2, 0, 1} {
		do(t, func() {
			time.Sleep(time.Duration(i+1) * 100 * time.Millisecond)
			fired <- i
		})
	}
	for want := range 3 {
		if got := <-fired; got != want {
			t.wrong("timer %d fired in place of timer %d", got, want)
		}
	}
}

func aTimeoutEndsWhatDoesNotEnd(t *trial) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), short)
	defer cancel()
	err := join(t, spawn(t, func() error { <-ctx.Done(); return ctx.Err() }))
	t.want(errors.Is(err, context.DeadlineExceeded), "the context says %v", err)
	t.want(time.Since(start) >= short, "the timeout came after %v", time.Since(start))

	ctx, release := context.WithTimeout(context.Background(), never)
	defer release()
	select {
	case <-ctx.Done():
		t.wrong("a timeout of %v is over", never)
	case <-spawn(t, func() int { return 3 }).Done():
	}
}

func anIntervalKeepsItsRate(t *trial) {
	start := time.Now()
	ticker := time.NewTicker(short)
	defer ticker.Stop()
	join(t, do(t, func() {
		for range 4 {
			<-ticker.C
		}
	}))
	t.want(time.Since(start) >= 4*short, "4 ticks were over after %v", time.Since(start))
}

func aPlainThreadSleeps(t *trial) {
	start := time.Now()
	join(t, onThread(t, func() { time.Sleep(short) }))
	t.want(time.Since(start) >= short, "it slept for %v", time.Since(start))
}

func aStoppedTimerDoesNotFire(t *trial) {
	timer := time.NewTimer(4 * short)
	if timer.Stop() { // Unless this goroutine was held up for so long.
		t.want(!within(8*short, timer.C), "it fired after it was stopped")
	}
}

func hogsDoNotStarveTimers(t *trial) {
	besideHogs(t, runtime.Gosched, func() {
		for range 5 {
			time.Sleep(short)
		}
	})
}
