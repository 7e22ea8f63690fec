package audit

import (
	"bytes"
	"errors"
	"sync"
	"time"
)

// A destination takes lines. Only the goroutine of its pipe calls it.
type destination interface {
	// write takes whole lines, and returns of how many octets, whole lines
	// too, it has seen to: the rest is to be given again if err is not nil.
	// Of those, lost lines could never be taken.
	write(lines []byte) (n, lost int, err error)

	// tick does what is to be done now and then.
	tick() error

	reopen() error
	close() error
}

var (
	errFull   = errors.New("too many lines are waiting")
	errClosed = errors.New("it is closed")
)

// A pipe is a destination with the lines that wait for it.
type pipe struct {
	name string
	dest destination
	log  *Log

	// Of run's goroutine alone.
	held   []byte // lines of a write that failed, to be tried again
	broken bool   // and somebody was told

	mu      sync.Mutex
	waiting []byte
	batch   *batch // of waiting
	flight  *batch // being written; nil if none is
	failed  error  // of the last write
	missing uint64 // lines lost since a line told of it
	closed  bool

	wake    chan struct{}
	asked   chan func() // to do something to dest
	quit    chan struct{}
	stopped chan struct{}
}

// A batch is lines that are written together.
type batch struct {
	done chan struct{} // closed once they are, or never will be
	err  error         // set before
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

func newPipe(name string, d destination, l *Log) *pipe {
	p := &pipe{
		name: name, dest: d, log: l, batch: newBatch(),
		wake: make(chan struct{}, 1), asked: make(chan func()), quit: make(chan struct{}), stopped: make(chan struct{}),
	}
	go p.run()
	return p
}

// put queues a line, and returns the batch that it is in. If there is no room
// it returns errFull, and the batch whose end may make room; none if the
// destination has failed, which may take long.
func (p *pipe) put(line []byte) (*batch, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	if len(p.waiting)+len(line) > p.log.cfg.QueueSize {
		switch {
		case p.failed != nil:
			return nil, errFull
		case p.flight != nil:
			return p.flight, errFull
		}
		return p.batch, errFull
	}
	p.waiting = append(p.waiting, line...)
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return p.batch, nil
}

// lost counts lines that the destination will never get.
func (p *pipe) lost(lines int) {
	if lines == 0 {
		return
	}
	p.log.cfg.Observe(p.name, lines, false)
	p.mu.Lock()
	p.missing += uint64(lines)
	p.mu.Unlock()
}

func (p *pipe) run() {
	defer close(p.stopped)
	tick := time.NewTicker(p.interval())
	defer tick.Stop()
	var again <-chan time.Time // when to try again
	for {
		select {
		case <-p.wake:
			if len(p.held) == 0 || p.log.cfg.OnFailure == Refuse {
				again = p.flush()
			}
		case <-again:
			again = p.flush()
		case <-tick.C:
			if err := p.dest.tick(); err != nil {
				p.tell(err)
			}
		case f := <-p.asked:
			f()
		case <-p.quit:
			p.end()
			return
		}
	}
}

// interval is how often the destination is called without a line.
func (p *pipe) interval() time.Duration {
	if s := p.log.cfg.Sync; s > 0 && s < rotateLookEvery {
		return s
	}
	return rotateLookEvery
}

// flush writes what is waiting, and returns when to try again if that fails.
func (p *pipe) flush() <-chan time.Time {
	for {
		p.mu.Lock()
		taken, b, missing := p.waiting, p.batch, p.missing
		if len(taken) == 0 && len(p.held) == 0 {
			p.mu.Unlock()
			return nil
		}
		p.waiting, p.batch, p.flight = nil, newBatch(), b
		p.mu.Unlock()

		err := p.write(taken, missing)
		b.err = err
		p.mu.Lock()
		p.failed, p.flight = err, nil
		if err == nil && cap(taken) <= p.log.cfg.QueueSize/8 && p.waiting == nil {
			p.waiting = taken[:0]
		}
		p.mu.Unlock()
		close(b.done)
		p.tell(err)
		if err != nil {
			return time.After(retryAfter)
		}
	}
}

// write gives the destination what it could not take before, and new lines.
// What it does not take now is held, or, if those who wait for it are told
// so, given up.
func (p *pipe) write(taken []byte, missing uint64) error {
	lines := taken
	if len(p.held) > 0 {
		lines = append(p.held, taken...)
		p.held = nil
	}
	notice := 0
	if missing > 0 {
		p.log.mu.Lock()
		p.log.seq++
		told := appendEnd(appendLost(nil, missing), p.log.cfg.Instance, p.log.seq)
		p.log.mu.Unlock()
		notice = len(told)
		lines = append(told, lines...)
	}
	n, lost, err := p.dest.write(lines)
	if notice > 0 && n >= notice {
		p.mu.Lock()
		p.missing -= missing
		p.mu.Unlock()
	}
	done := lines[min(notice, n):n]
	p.log.cfg.Observe(p.name, bytes.Count(done, newline)-lost, true)
	p.lost(lost)
	if err == nil {
		return nil
	}
	rest := lines[max(n, notice):]
	if p.log.cfg.OnFailure == Refuse {
		p.lost(bytes.Count(rest, newline))
		return err
	}
	p.held = rest
	if over := len(p.held) - p.log.cfg.QueueSize; over > 0 {
		// The newest go: what led to the failure is worth more.
		keep := bytes.LastIndexByte(p.held[:p.log.cfg.QueueSize], '\n') + 1
		p.lost(bytes.Count(p.held[keep:], newline))
		p.held = p.held[:keep]
	}
	return err
}

var newline = []byte{'\n'}

// tell tells an operator that the destination has failed, once, and that it
// works again.
func (p *pipe) tell(err error) {
	switch {
	case err != nil && !p.broken:
		p.log.cfg.Log.Error("the audit log cannot be written", "destination", p.name, "error", err)
	case err == nil && p.broken:
		p.log.cfg.Log.Info("the audit log is written again", "destination", p.name)
	}
	p.broken = err != nil
}

func (p *pipe) reopen() error { return p.do(p.dest.reopen) }

// do has run's goroutine call f.
func (p *pipe) do(f func() error) error {
	reply := make(chan error, 1)
	select {
	case p.asked <- func() { reply <- f() }:
		return <-reply
	case <-p.stopped:
		return errClosed
	}
}

func (p *pipe) close() error {
	p.mu.Lock()
	again := p.closed
	p.closed = true
	p.mu.Unlock()
	if again {
		return nil
	}
	close(p.quit)
	<-p.stopped
	return p.dest.close()
}

// end writes what is waiting a last time.
func (p *pipe) end() {
	p.flush()
	if n := bytes.Count(p.held, newline); n > 0 {
		p.lost(n)
		p.log.cfg.Log.Error("lines of the audit log are lost", "destination", p.name, "lines", n)
	}
}
