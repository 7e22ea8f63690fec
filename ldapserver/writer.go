package ldapserver

import (
	"net"
	"runtime"
	"sync"
	"time"
)

const (
	bufferSize = 16 << 10 // of a writer, from the server's pool
	highWater  = 12 << 10 // a writer with so much to write lets others wait
)

// A writer gathers messages for one connection from several goroutines.
// Whoever flushes writes also what the others add meanwhile, so that under
// load many messages share a write. It holds no buffer while it has nothing to
// write.
//
// The first error is kept, and everything after it is dropped. It closes the
// connection, so that the goroutine that reads it learns of the failure.
type writer struct {
	pool    *sync.Pool
	timeout time.Duration

	mu     sync.Mutex
	idle   sync.Cond // signaled when busy becomes false, or buf is taken
	conn   net.Conn
	array  *[bufferSize]byte // what buf began as
	buf    []byte            // to be written
	secret bool              // buf holds what must be wiped
	err    error

	busy     bool      // one goroutine writes to conn; what follows is its own
	deadline time.Time // that conn's writes have
}

func newWriter(conn net.Conn, pool *sync.Pool, timeout time.Duration) *writer {
	w := &writer{pool: pool, timeout: timeout, conn: conn}
	w.idle.L = &w.mu
	return w
}

// open locks w for the caller to append whole messages to w.buf, with room
// for some. close ends that.
func (w *writer) open() {
	w.mu.Lock()
	for len(w.buf) >= highWater && w.err == nil {
		if w.busy {
			w.idle.Wait()
		} else {
			w.flushLocked()
		}
	}
	if w.array == nil {
		w.array = w.pool.Get().(*[bufferSize]byte)
		w.buf = w.array[:0]
	}
}

func (w *writer) close(flush bool) {
	if flush {
		w.flushLocked()
	}
	w.mu.Unlock()
}

// closeSoon is close for a message of one of many goroutines: it is written
// once those that are ready to run have added theirs.
func (w *writer) closeSoon() {
	w.mu.Unlock()
	runtime.Gosched()
	w.flush()
}

// flush writes what is buffered, unless another goroutine is about to.
func (w *writer) flush() {
	w.mu.Lock()
	w.flushLocked()
	w.mu.Unlock()
}

func (w *writer) flushLocked() {
	if w.busy || len(w.buf) == 0 {
		return
	}
	w.busy = true
	w.writeLocked(nil)
	w.busy = false
	w.idle.Broadcast()
}

// writeLocked writes what is buffered, until nothing is, and then p. The
// caller has made w busy; w is unlocked while writing.
func (w *writer) writeLocked(p []byte) {
	for {
		out, array, secret := w.buf, w.array, w.secret
		w.buf, w.array, w.secret = nil, nil, false
		if len(out) == 0 {
			out, p = p, nil
		}
		if len(out) > 0 && w.err == nil {
			w.mu.Unlock()
			err := w.write(out)
			w.mu.Lock()
			if err != nil {
				w.err = err
			}
		}
		if secret {
			clear(out)
		}
		if array != nil {
			w.pool.Put(array)
		}
		w.idle.Broadcast()
		if len(w.buf) == 0 && len(p) == 0 {
			return
		}
	}
}

func (w *writer) write(p []byte) error {
	for len(p) > 0 {
		chunk := p[:min(len(p), 64<<10)]
		p = p[len(chunk):]
		if w.timeout > 0 {
			// Moving a deadline costs; a little early will do.
			if now := time.Now(); w.deadline.Sub(now) < w.timeout*7/8 {
				w.deadline = now.Add(w.timeout)
				_ = w.conn.SetWriteDeadline(w.deadline)
			}
		}
		if _, err := w.conn.Write(chunk); err != nil {
			_ = w.conn.Close()
			return err
		}
	}
	return nil
}

// send writes whole messages, behind those that are buffered. It does not
// copy them if no other goroutine is writing.
func (w *writer) send(p []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.busy && w.err == nil {
		if len(w.buf)+len(p) <= highWater {
			if w.array == nil {
				w.array = w.pool.Get().(*[bufferSize]byte)
				w.buf = w.array[:0]
			}
			w.buf = append(w.buf, p...)
			return nil
		}
		w.idle.Wait()
	}
	if w.err == nil {
		w.busy = true
		w.writeLocked(p)
		w.busy = false
		w.idle.Broadcast()
	}
	return w.err
}

// acquire waits until nobody writes and keeps others from it; what they add is
// buffered until release. The caller may use w.conn.
func (w *writer) acquire() {
	w.mu.Lock()
	for w.busy {
		w.idle.Wait()
	}
	w.busy = true
	w.writeLocked(nil)
	w.mu.Unlock()
}

// release ends what acquire began, with conn as the connection from now on.
func (w *writer) release(conn net.Conn) {
	w.mu.Lock()
	if conn != w.conn {
		w.conn, w.deadline = conn, time.Time{}
	}
	w.busy = false
	w.idle.Broadcast()
	w.flushLocked()
	w.mu.Unlock()
}

// fail makes w drop everything.
func (w *writer) fail(err error) {
	w.mu.Lock()
	if w.err == nil {
		w.err = err
	}
	w.idle.Broadcast()
	w.mu.Unlock()
}
