package client

import (
	"encoding/binary"
	"syscall"
	"time"
)

// poll waits for the connection, for a change of the arbiter's directory, and for calls.
type poll struct {
	epoll, event, watched int
}

func newPoll() (poll, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return poll{}, err
	}
	event, _, errno := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		syscall.Close(epoll)
		return poll{}, errno
	}
	p := poll{epoll, int(event), -1}
	return p, p.add(p.event)
}

func (p *poll) close() {
	p.unwatch()
	closeAll([]int{p.epoll, p.event})
}

func (p *poll) add(fd int) error {
	return syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)})
}

// awaitRoom says whether a connection is also waited for because its peer has no room.
func (p *poll) awaitRoom(fd int, await bool) {
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}
	if await {
		event.Events |= syscall.EPOLLOUT
	}
	_ = syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_MOD, fd, &event)
}

// wake ends the wait: a call may have changed what is waited for.
func (p *poll) wake() { _, _ = syscall.Write(p.event, binary.NativeEndian.AppendUint64(nil, 1)) }

func (p *poll) wait(until time.Time) {
	timeout := -1
	if !until.IsZero() {
		timeout = max(0, int(time.Until(until).Milliseconds())+1)
	}
	var events [4]syscall.EpollEvent
	_, _ = syscall.EpollWait(p.epoll, events[:], timeout)
	_, _ = syscall.Read(p.event, make([]byte, 8))
}

func (p *poll) isWatching() bool { return p.watched >= 0 }

// watch begins to watch a directory for what is created in it or renamed into it.
func (p *poll) watch(directory string) bool {
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		return false
	}
	if _, err := syscall.InotifyAddWatch(fd, directory, syscall.IN_CREATE|syscall.IN_MOVED_TO); err != nil || p.add(fd) != nil {
		syscall.Close(fd)
		return false
	}
	p.watched = fd
	return true
}

func (p *poll) unwatch() {
	if p.watched >= 0 {
		syscall.Close(p.watched)
		p.watched = -1
	}
}

// changed is whether the directory has changed; it is not watched any more then.
func (p *poll) changed() bool {
	if p.watched < 0 {
		return false
	}
	n, _ := syscall.Read(p.watched, make([]byte, 4096))
	if n > 0 {
		p.unwatch()
	}
	return n > 0
}
