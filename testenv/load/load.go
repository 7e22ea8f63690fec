// Package load puts LDAP servers under load and compares two of them in one
// run, alternating between them, so that what else the machine does hits
// both.
//
// The client checks each response's message ID, tag and result code, and does
// nothing else: on a small machine it shares the processors with what it
// measures.
package load

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// A Request is what every connection sends, over and over.
type Request struct {
	// Append appends the request as an LDAPMessage.
	Append func(dst []byte, id int32) []byte
	// Response is the tag of the final response.
	Response byte
}

// A Target is a server with the operation that is measured on it.
type Target struct {
	Addr         string      // TCP, 127.0.0.1:port
	TLS          *tls.Config // nil for none
	BindDN       string
	BindPassword string
	Request      Request
}

// A Shape is how a load is spread.
type Shape struct {
	Connections int
	Pipeline    int // requests in flight on each connection
}

func (s Shape) String() string { return fmt.Sprintf("%dx%d", s.Connections, s.Pipeline) }

// A Runner keeps connections to a target.
type Runner struct {
	conns []*conn
	shape Shape
	op    Request
}

type conn struct {
	net.Conn
	reader *message.Reader
	writer *bufio.Writer
	buf    []byte
	id     int32
}

// Dial opens and binds the connections of a shape.
func Dial(ctx context.Context, t Target, shape Shape) (*Runner, error) {
	r := &Runner{shape: shape, op: t.Request}
	var d net.Dialer
	for range shape.Connections {
		nc, err := d.DialContext(ctx, "tcp", t.Addr)
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		if t.TLS != nil {
			nc = tls.Client(nc, t.TLS)
		}
		// As many requests as are in flight go in one write.
		const request = 512
		c := &conn{Conn: nc, reader: message.NewReader(nc, message.Limits{}), writer: bufio.NewWriterSize(nc, min(request*max(shape.Pipeline, 1), 1<<16))}
		r.conns = append(r.conns, c)
		if err := c.bind(t.BindDN, t.BindPassword); err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	return r, nil
}

// Close closes the connections.
func (r *Runner) Close() error {
	var errs []error
	for _, c := range r.conns {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

func (c *conn) bind(dn, password string) error {
	body := message.AppendInt(nil, 0x02, 3)
	body = message.AppendElement(body, 0x04, dn)
	body = message.AppendElement(body, 0x80, password)
	c.id++
	if _, err := c.Write(message.AppendMessage(nil, c.id, message.BindRequest, body, nil)); err != nil {
		return err
	}
	return c.await(message.BindResponse)
}

// await reads messages up to a final response and checks it.
func (c *conn) await(tag byte) error {
	for {
		m, err := c.reader.Next()
		if err != nil {
			return err
		}
		if m.Op != tag {
			if m.Op == message.SearchResultEntry {
				continue
			}
			return fmt.Errorf("message %d is a %s", m.ID, message.OpName(m.Op))
		}
		res, err := message.ParseResult(m.Body)
		if err != nil {
			return err
		}
		if result.Code(res.Code) != result.Success {
			return fmt.Errorf("message %d: %v: %s", m.ID, result.Code(res.Code), res.Text)
		}
		return nil
	}
}

// Run loads the target for a time and returns how many operations it
// answered a second.
func (r *Runner) Run(d time.Duration) (float64, error) {
	var (
		wg    sync.WaitGroup
		stop  atomic.Bool
		done  atomic.Int64
		mu    sync.Mutex
		first error
	)
	begin := time.Now()
	timer := time.AfterFunc(d, func() { stop.Store(true) })
	defer timer.Stop()
	for _, c := range r.conns {
		wg.Go(func() {
			n, err := c.run(r.op, r.shape.Pipeline, &stop)
			done.Add(n)
			if err != nil {
				mu.Lock()
				first = errors.Join(first, err)
				mu.Unlock()
				stop.Store(true)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(begin).Seconds(), first
}

// run keeps a number of requests in flight until it is told to stop, and
// then collects what is outstanding.
func (c *conn) run(op Request, pipeline int, stop *atomic.Bool) (done int64, err error) {
	outstanding := 0
	for {
		for outstanding < pipeline && !stop.Load() {
			c.id++
			if c.id == 1<<30 {
				c.id = 1
			}
			c.buf = op.Append(c.buf[:0], c.id)
			if _, err := c.writer.Write(c.buf); err != nil {
				return done, err
			}
			outstanding++
		}
		if outstanding == 0 {
			return done, nil
		}
		if err := c.writer.Flush(); err != nil {
			return done, err
		}
		// Refill once half have come back: a client that answers each
		// response with one request measures its own system calls.
		for wanted := (outstanding + 1) / 2; wanted > 0; wanted-- {
			if err := c.await(op.Response); err != nil {
				return done, err
			}
			outstanding--
			done++
		}
	}
}

// A Comparison is the outcome of Compare: operations a second of a and b by
// round, and the ratios a/b.
type Comparison struct {
	A, B, Ratios []float64
}

// Compare loads a and b in turn, for rounds of d each. The order changes from
// round to round.
func Compare(a, b *Runner, rounds int, d time.Duration) (Comparison, error) {
	var c Comparison
	for i := range rounds {
		var x, y float64
		var err, err2 error
		if i%2 == 0 {
			x, err = a.Run(d)
			y, err2 = b.Run(d)
		} else {
			y, err2 = b.Run(d)
			x, err = a.Run(d)
		}
		if err := errors.Join(err, err2); err != nil {
			return c, err
		}
		c.A, c.B, c.Ratios = append(c.A, x), append(c.B, y), append(c.Ratios, x/y)
	}
	return c, nil
}

// Median returns the median of values, which it sorts.
func Median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	if n == 0 {
		return 0
	}
	return (values[(n-1)/2] + values[n/2]) / 2
}
