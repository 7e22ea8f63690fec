package directory

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// Config says where the directory is and as whom to read it.
type Config struct {
	// URLs are the directory's servers, the preferred one first: ldap://,
	// ldaps:// or ldapi://. The path and what follows it must be empty. All
	// must hold the same data.
	URLs []string

	// Balance is how connections are spread over the servers.
	Balance Balance

	// HealthInterval is the time between two checks of a server by Monitor.
	// 0 means 5 seconds.
	HealthInterval time.Duration

	// HealthTimeout bounds the time that a check may take. 0 means 3
	// seconds.
	HealthTimeout time.Duration

	// ProxyProtocol is the version of the PROXY protocol header that each
	// connection begins with, before TLS: 1 or 2. It holds the addresses
	// given to WithSource, where there are some. 0 means none.
	ProxyProtocol int

	// StartTLS asks each ldap:// server for TLS before anything else is
	// sent. A server that refuses is not used.
	StartTLS bool

	// TLS is for ldaps:// and StartTLS. Nil means the system's certificate
	// authorities. ServerName is set to each URL's host where it is empty.
	TLS *tls.Config

	// Dialer replaces URLs, StartTLS and TLS: for a directory inside the
	// process.
	Dialer DialFunc

	// BindDN and BindPassword are the service account. An empty BindDN
	// means to read anonymously.
	BindDN       string
	BindPassword []byte

	// Connections is the size of the pool. 0 means 2: requests share a
	// connection, so it need not be large. Searches on behalf of others may
	// open as many again.
	Connections int

	// MaxRequests bounds the searches under way. Further ones wait. 0 means
	// 128.
	MaxRequests int

	// DialTimeout bounds the time to connect to one server, TLS and the
	// service account's bind included. 0 means 5 seconds.
	DialTimeout time.Duration

	// RequestTimeout bounds the time that one request may take. 0 means 10
	// seconds.
	RequestTimeout time.Duration

	// Log gets failures to connect. Nil means none are logged.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Connections <= 0 {
		c.Connections = 2
	}
	if c.MaxRequests <= 0 {
		c.MaxRequests = 128
	}
	if c.DialTimeout <= 0 {
		c.DialTimeout = 5 * time.Second
	}
	if c.RequestTimeout <= 0 {
		c.RequestTimeout = 10 * time.Second
	}
	if c.HealthInterval <= 0 {
		c.HealthInterval = 5 * time.Second
	}
	if c.HealthTimeout <= 0 {
		c.HealthTimeout = 3 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// A Client is the directory as its service account sees it. It is safe for
// concurrent use. Nothing connects until it is needed.
type Client struct {
	cfg     Config
	servers []*server
	slots   []slot
	proxied []slot        // for searches on behalf of others
	next    atomic.Uint32 // slot
	turn    atomic.Uint32 // of the servers
	filters filters
	busy    chan struct{} // one token for each request under way
	closed  chan struct{}
	close   sync.Once

	mu      sync.Mutex
	refusal *result.Error // how the service account was refused
	until   time.Time     // when it may try again
}

// refusalTime is how long a refused service account does not try again: each
// try could count towards a lockout.
const refusalTime = 10 * time.Second

// New returns a Client. Its only errors are about the configuration.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	c := &Client{
		cfg:    cfg,
		busy:   make(chan struct{}, cfg.MaxRequests),
		closed: make(chan struct{}),
	}
	all := make([]slot, 2*cfg.Connections)
	for i := range all {
		all[i].lock = make(chan struct{}, 1)
	}
	c.slots, c.proxied = all[:cfg.Connections:cfg.Connections], all[cfg.Connections:]
	if cfg.Dialer != nil {
		c.servers = []*server{{name: "the embedded directory", dial: cfg.Dialer, suspect: make(chan struct{}, 1)}}
		return c, nil
	}
	if len(cfg.URLs) == 0 {
		return nil, errors.New("directory: no URL")
	}
	if cfg.ProxyProtocol < 0 || cfg.ProxyProtocol > 2 {
		return nil, errors.New("directory: the PROXY protocol has the versions 1 and 2")
	}
	for _, u := range cfg.URLs {
		s, err := newServer(u, cfg)
		if err != nil {
			return nil, err
		}
		c.servers = append(c.servers, s)
	}
	return c, nil
}

// Close ends the pool's connections. Connections from Dial and Bind are
// their owners'.
func (c *Client) Close() error {
	c.close.Do(func() {
		close(c.closed)
		for _, slots := range [][]slot{c.slots, c.proxied} {
			for i := range slots {
				s := &slots[i]
				s.lock <- struct{}{}
				if s.conn != nil {
					s.conn.close()
				}
				<-s.lock
			}
		}
	})
	return nil
}

// A slot holds one connection of the pool.
type slot struct {
	lock chan struct{} // holds one token while conn is looked at or replaced
	conn *conn
}

// Search implements policy.Directory: as the service account, on a shared
// connection. A read that meets a broken connection, or a server that says
// that it is unavailable, is tried once more on another one. Referrals are
// never followed.
//
// Searches with the proxied authorization control have connections of their
// own. 389 Directory Server keeps, for a connection, what its identity was
// found to see, and answers those acted for by it too.
//
// Errors: *result.Error with the server's code, matched DN and diagnostic
// message; unavailable(52) if no server can be reached or none answers in
// time; the context's error.
func (c *Client) Search(ctx context.Context, q policy.Query) ([]policy.Entry, error) {
	filter, err := c.filters.compile(q.Filter)
	if err != nil {
		return nil, fault(err)
	}
	for retry := false; ; retry = true {
		conn, err := c.acquire(ctx, c.slotsFor(q))
		if err != nil {
			return nil, err
		}
		entries, err := c.search(ctx, conn, q, filter)
		if err == nil {
			return entries, nil
		}
		if !broken(err) || ctx.Err() != nil {
			return nil, c.fault(ctx, err)
		}
		c.failed(conn.from, err)
		conn.from.doubt()
		conn.close()
		if retry || errors.Is(err, errSlow) {
			return nil, c.fault(ctx, err)
		}
	}
}

// errSlow is a request that the directory did not answer in time. It is not
// repeated: the caller has waited long enough.
var errSlow = errors.New("no answer in time")

func (c *Client) search(ctx context.Context, conn *conn, q policy.Query, filter []byte) ([]policy.Entry, error) {
	select {
	case c.busy <- struct{}{}:
		defer func() { <-c.busy }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return conn.search(ctx, q, filter, c.cfg.RequestTimeout)
}

// proxiedAuthorization is the control by which one acts for another (RFC
// 4370).
const proxiedAuthorization = "2.16.840.1.113730.3.4.18"

// slotsFor returns where a search may find a connection.
func (c *Client) slotsFor(q policy.Query) []slot {
	for _, control := range q.Controls {
		if control.OID == proxiedAuthorization {
			return c.proxied
		}
	}
	return c.slots
}

// acquire returns a connection of one of slots that was not broken a moment
// ago.
func (c *Client) acquire(ctx context.Context, slots []slot) (*conn, error) {
	s := &slots[int(c.next.Add(1))%len(slots)]
	select {
	case s.lock <- struct{}{}:
		defer func() { <-s.lock }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case <-c.closed:
		return nil, result.New(result.Unavailable, "the server is shutting down")
	default:
	}
	if s.conn != nil && !s.conn.isClosing() && !s.conn.from.isDown() && !s.conn.from.draining.Load() {
		return s.conn, nil
	}
	if s.conn != nil {
		s.conn.close()
		s.conn = nil
	}
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	s.conn = conn
	return conn, nil
}

// connect opens a connection bound as the service account. A server that
// refuses the account is as good as down: another one may know it.
func (c *Client) connect(ctx context.Context) (*conn, error) {
	c.mu.Lock()
	refusal := c.refusal
	if time.Now().After(c.until) {
		refusal = nil
	}
	c.mu.Unlock()
	if refusal != nil {
		return nil, refusal
	}
	var bound *conn
	err := c.eachServer(ctx, func(ctx context.Context, s *server) error {
		raw, err := s.dial(ctx)
		if err != nil {
			return err
		}
		bound, err = newConn(ctx, raw, s, c.cfg.BindDN, c.cfg.BindPassword)
		var answer *result.Error
		if errors.As(err, &answer) && !broken(err) {
			refusal = result.Wrap(err, result.Unavailable, "the directory refuses the service account %q (%s)", c.cfg.BindDN, answer.Code)
			return refusal
		}
		return err
	})
	if err != nil && refusal != nil {
		c.mu.Lock()
		c.refusal, c.until = refusal, time.Now().Add(refusalTime)
		c.mu.Unlock()
		return nil, refusal
	}
	return bound, err
}
