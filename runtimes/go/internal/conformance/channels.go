package conformance

import (
	"runtime"
	"sync"
	"time"
)

// channelBehaviours are those of wakers: in Go what wakes a goroutine is a channel.
var channelBehaviours = []Behaviour{
	{"wakers::from_another_thread", fromAnotherThread},
	{"wakers::ping_pong_with_a_thread", pingPongWithAThread},
	{"wakers::after_completion", afterCompletion},
	{"wakers::none_is_lost_beside_a_wait", noneIsLostBesideAWait},
	{"wakers::a_closed_channel_wakes_all", aClosedChannelWakesAll},
}

func fromAnotherThread(t *trial) {
	wake := make(chan int)
	sleeper := spawn(t, func() int { return <-wake })
	join(t, onThread(t, func() {
		time.Sleep(short) // All workers go to sleep.
		wake <- 5
	}))
	if got := join(t, sleeper); got != 5 {
		t.wrong("it was woken with %d", got)
	}
}

func pingPongWithAThread(t *trial) {
	ping, pong := make(chan int, 1), make(chan int, 1)
	partner := onThread(t, func() {
		for n := range ping {
			pong <- n + 1
		}
		close(pong)
	})
	for i := range 500 {
		ping <- i
		if got := <-pong; got != i+1 {
			t.wrong("the answer to %d is %d", i, got)
		}
	}
	close(ping)
	join(t, partner)
}

// A wake-up for a goroutine that has ended does nothing, and stays for whoever comes next.
func afterCompletion(t *trial) {
	wake := make(chan int, 2)
	join(t, do(t, func() {
		select {
		case <-wake:
		default:
		}
	}))
	wake <- 1
	wake <- 2
	got := join(t, spawn(t, func() int { return <-wake + <-wake }))
	t.want(got == 3, "what was sent after a goroutine's end came as %d", got)
}

// A message that is sent while its receiver is about to wait must not be missed.
func noneIsLostBesideAWait(t *trial) {
	const messages = 20_000
	channel := make(chan int)
	sum := spawn(t, func() (sum int) {
		for n := range channel {
			sum += n
			if n%7 == 0 {
				runtime.Gosched()
			}
		}
		return sum
	})
	for n := range messages {
		channel <- n
	}
	close(channel)
	if got := join(t, sum); got != messages*(messages-1)/2 {
		t.wrong("the sum of the messages is %d", got)
	}
}

func aClosedChannelWakesAll(t *trial) {
	const crowd = 1_000
	gate := make(chan struct{})
	var waiting, woken sync.WaitGroup
	waiting.Add(crowd)
	woken.Add(crowd)
	for range crowd {
		do(t, func() {
			waiting.Done()
			<-gate
			woken.Done()
		})
	}
	waiting.Wait()
	close(gate)
	woken.Wait()
}
