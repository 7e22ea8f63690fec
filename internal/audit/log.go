package audit

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// OnFailure says what becomes of an operation whose line cannot be written.
type OnFailure int

const (
	// Continue lets it go on. Lines wait in memory for as long as there is
	// room, and are then given up.
	Continue OnFailure = iota
	// Refuse makes Record an error, so that the operation is refused.
	Refuse
)

// Config configures a Log. One of File and Syslog is required.
type Config struct {
	File   *File
	Syslog *Syslog

	OnFailure OnFailure

	// Sync is how often what was written to the file is forced to the disk.
	// 0 means with each write, before Record returns under Refuse.
	Sync time.Duration

	// Instance names the Log in each line: sequence numbers are its own.
	// Empty means eight random hexadecimal digits.
	Instance string

	// QueueSize bounds the octets that wait for each destination. 0 means
	// 8 MiB.
	QueueSize int

	// Patience bounds how long Record waits: for room under Continue, where 0
	// means 100 ms, and for the line to be written under Refuse, where 0 means
	// 5 s.
	Patience time.Duration

	// Observe is told how many lines a destination, "file" or "syslog", has
	// got or will never get. May be nil.
	Observe func(destination string, lines int, written bool)

	// Log is told when a destination fails and when it works again. Nil
	// means nobody is.
	Log *slog.Logger
}

const (
	defaultQueue    = 8 << 20
	retryAfter      = time.Second
	rotateLookEvery = time.Minute
)

// ErrUnavailable is what Record's errors wrap.
var ErrUnavailable = errors.New("the audit log cannot be written")

// A Log writes events to its destinations.
type Log struct {
	cfg   Config
	lines sync.Pool // of *[]byte

	mu    sync.Mutex
	seq   uint64
	pipes []*pipe
}

// Open opens the file and starts to write. It does not wait for a syslog
// server.
func Open(cfg Config) (*Log, error) {
	if cfg.QueueSize <= 0 {
		cfg.QueueSize = defaultQueue
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 100 * time.Millisecond
		if cfg.OnFailure == Refuse {
			cfg.Patience = 5 * time.Second
		}
	}
	if cfg.Instance == "" {
		var b [4]byte
		_, _ = rand.Read(b[:]) // never fails
		cfg.Instance = hex.EncodeToString(b[:])
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string, int, bool) {}
	}
	l := &Log{cfg: cfg}
	l.lines.New = func() any { return new(make([]byte, 0, 1024)) }
	if cfg.File != nil {
		f, err := openFile(*cfg.File, cfg.Sync, cfg.Log)
		if err != nil {
			return nil, err
		}
		l.pipes = append(l.pipes, newPipe("file", f, l))
	}
	if cfg.Syslog != nil {
		s, err := newSyslog(*cfg.Syslog)
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		l.pipes = append(l.pipes, newPipe("syslog", s, l))
	}
	if len(l.pipes) == 0 {
		return nil, errors.New("audit: nowhere to write to")
	}
	return l, nil
}

// Waits reports whether Record may wait for a destination.
func (l *Log) Waits() bool { return l.cfg.OnFailure == Refuse }

// Record writes an event. Under Continue it returns nil, whatever becomes of
// the line. Under Refuse an error says that not every destination has it, or
// not in time: it may still arrive.
func (l *Log) Record(e Event) error {
	space := l.lines.Get().(*[]byte)
	defer l.lines.Put(space)
	line := e.append((*space)[:0])
	*space = line

	var given [2]*batch
	l.mu.Lock()
	l.seq++
	line = appendEnd(line, l.cfg.Instance, l.seq)
	*space = line
	var err error
	for i, p := range l.pipes {
		b, perr := p.put(line)
		if perr == errFull && b != nil {
			// Others may go ahead meanwhile: the numbers tell the order.
			l.mu.Unlock()
			b, perr = l.makeRoom(p, line, b)
			l.mu.Lock()
		}
		if perr != nil {
			p.lost(1)
			err = errors.Join(err, perr)
		}
		given[i] = b
	}
	l.mu.Unlock()
	if l.cfg.OnFailure == Continue {
		return nil
	}
	if err == nil {
		err = l.await(given[:len(l.pipes)])
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// makeRoom waits until p takes a line, for which b has to be written first.
func (l *Log) makeRoom(p *pipe, line []byte, b *batch) (*batch, error) {
	patience := time.NewTimer(l.cfg.Patience)
	defer patience.Stop()
	err := errFull
	for err == errFull && b != nil {
		select {
		case <-b.done:
			b, err = p.put(line)
		case <-patience.C:
			return nil, errFull
		}
	}
	return b, err
}

// await returns once the batches are written.
func (l *Log) await(batches []*batch) error {
	wait := time.NewTimer(l.cfg.Patience)
	defer wait.Stop()
	for _, b := range batches {
		select {
		case <-b.done:
			if b.err != nil {
				return b.err
			}
		case <-wait.C:
			return errors.New("it takes too long")
		}
	}
	return nil
}

// Reopen opens the file again, under its name: a program such as logrotate
// has moved it away. If that fails, the old one stays in use.
func (l *Log) Reopen() error {
	var err error
	for _, p := range l.pipes {
		err = errors.Join(err, p.reopen())
	}
	return err
}

// Close writes what is waiting, for a few seconds at most, and closes the
// destinations.
func (l *Log) Close() error {
	var err error
	for _, p := range l.pipes {
		err = errors.Join(err, p.close())
	}
	return err
}
