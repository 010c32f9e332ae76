package conformance

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

var migrationBehaviours = []Behaviour{
	{"migration::a_blocked_worker_does_not_strand_the_rest", aBlockedWorkerStrandsNobody},
	{"migration::a_woken_task_does_not_wait_for_its_waker", aWokenTaskDoesNotWaitForItsWaker},
	{"migration::a_timer_does_not_wait_for_a_blocked_worker", aTimerDoesNotWaitForAWorker},
	{"migration::a_locked_task_stays_on_its_thread", aLockedTaskStaysOnItsThread},
}

// block keeps the calling goroutine's thread in the kernel until the pipe is written to.
func block(t *trial) (read, release func()) {
	var pipe [2]int
	t.must("making a pipe", syscall.Pipe(pipe[:]))
	read = func() {
		defer syscall.Close(pipe[0])
		if _, err := syscall.Read(pipe[0], make([]byte, 1)); err != nil {
			t.wrong("reading a pipe: %v", err)
		}
	}
	release = func() {
		defer syscall.Close(pipe[1])
		if _, err := syscall.Write(pipe[1], []byte{1}); err != nil {
			t.wrong("writing to a pipe: %v", err)
		}
	}
	return read, release
}

// What a goroutine spawns before it blocks its thread is run by others, with one worker as well:
// the worker goes on with another thread.
func aBlockedWorkerStrandsNobody(t *trial) {
	for range 20 {
		read, release := block(t)
		ran := make(chan struct{}, 10)
		blocker := do(t, func() {
			for range 10 {
				do(t, func() { ran <- struct{}{} })
			}
			read()
		})
		for range 10 {
			<-ran
		}
		release()
		join(t, blocker)
	}
}

func aWokenTaskDoesNotWaitForItsWaker(t *trial) {
	for range 20 {
		read, release := block(t)
		wake := make(chan struct{}, 1)
		woken := do(t, func() { <-wake })
		waker := do(t, func() {
			wake <- struct{}{}
			read()
		})
		join(t, woken)
		release()
		join(t, waker)
	}
}

func aTimerDoesNotWaitForAWorker(t *trial) {
	read, release := block(t)
	blocker := do(t, read)
	timer := do(t, func() { time.Sleep(short) })
	join(t, timer)
	release()
	join(t, blocker)
}

func aLockedTaskStaysOnItsThread(t *trial) {
	var stop atomic.Bool
	var moved atomic.Int32
	for range 4 {
		do(t, func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for thread := syscall.Gettid(); !stop.Load(); runtime.Gosched() {
				if syscall.Gettid() != thread {
					moved.Add(1)
				}
			}
		})
	}
	time.Sleep(4 * short)
	stop.Store(true)
	t.want(moved.Load() == 0, "a goroutine moved %d times", moved.Load())
}
