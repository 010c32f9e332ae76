package workloads

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// alarm is a timer of the kernel's (timerfd) that Go's poller watches like a socket. It is not one
// of Go's timers: those are what timers measures, and while nothing else is to be done they are
// late by up to a millisecond, the unit of epoll_wait. A timerfd goes off in the kernel's
// interrupt, whatever the scheduler does at that moment.
type alarm struct {
	file *os.File
	raw  syscall.RawConn
}

// timerfdFlags are TFD_CLOEXEC and TFD_NONBLOCK; the latter makes package os poll the file.
const timerfdFlags = syscall.O_CLOEXEC | syscall.O_NONBLOCK

const clockMonotonic = 1

func newAlarm() (*alarm, error) {
	fd, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, clockMonotonic, timerfdFlags, 0)
	if errno != 0 {
		return nil, os.NewSyscallError("timerfd_create", errno)
	}
	file := os.NewFile(fd, "timerfd")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("watching a timerfd: %w", err)
	}
	return &alarm{file, raw}, nil
}

// waitUntil returns when the clock shows at or more; at once, if it does already.
//
// The descriptor is never read: setting the time anew makes it unready, and the poller reports each
// expiry. Whether the alarm went off is asked of the clock, which costs no system call.
func (a *alarm) waitUntil(at int64) error {
	left := at - now()
	if left <= 0 {
		return nil
	}
	if err := a.set(left); err != nil {
		return err
	}
	return a.raw.Read(func(uintptr) (done bool) { return now() >= at })
}

// set makes the timer go off once, so many nanoseconds from now. Package time does not show the
// kernel's clock, so the time is not absolute: a thread that loses its processor right here sets it
// too late, as it would come too late to an absolute one.
func (a *alarm) set(ns int64) error {
	var setErr error
	err := a.raw.Control(func(fd uintptr) {
		times := struct{ interval, value syscall.Timespec }{value: syscall.NsecToTimespec(ns)}
		_, _, errno := syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, fd, 0,
			uintptr(unsafe.Pointer(&times)), 0, 0, 0)
		if errno != 0 {
			setErr = os.NewSyscallError("timerfd_settime", errno)
		}
	})
	if err != nil {
		return err
	}
	return setErr
}

func (a *alarm) close() {
	a.file.Close()
}
