package embedded

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jimlambrt/gldap"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// Times of the gldap server.
const (
	handshakeTimeout = 10 * time.Second
	operationTimeout = time.Minute
	restartDelay     = 100 * time.Millisecond
	startAttempts    = 10
)

// server supervises a gldap server on a port of the loopback interface.
//
// The port is for [Directory.Dial] alone. Other processes of the machine can
// reach it too, and gldap would let any of them have it by a message of 4 MiB.
// So it speaks TLS with a key pair that is made at start and never leaves the
// process, on both ends: whoever does not hold it ends in the handshake,
// before gldap has seen an octet, and within handshakeTimeout.
//
// gldap's own Stop waits for idle clients for ever. The handshake is also
// where the connection of each client becomes known, so that stop can close
// it.
type server struct {
	d      *Directory
	cert   tls.Certificate
	pool   *x509.CertPool
	ctx    context.Context // done when the directory closes
	cancel context.CancelFunc
	done   chan struct{} // closed when supervise has returned

	handlers sync.WaitGroup

	mu      sync.Mutex
	addr    string
	runs    []*gldapRun           // the last is the one that accepts
	conns   map[net.Conn]struct{} // the raw connections of authenticated clients
	sweepAt int                   // how many conns there may be before the closed ones are dropped
}

// gldapRun is one life of a gldap server.
type gldapRun struct {
	srv *gldap.Server

	mu       sync.Mutex
	sessions map[int]session // by connection
}

func startServer(d *Directory) (*server, error) {
	cert, pool, err := newIdentity()
	if err != nil {
		return nil, err
	}
	s := &server{d: d, cert: cert, pool: pool, done: make(chan struct{}), conns: make(map[net.Conn]struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	stopped, err := s.start()
	if err != nil {
		s.cancel()
		return nil, err
	}
	go s.supervise(stopped)
	return s, nil
}

const serverName = "embedded.ldapsuggest.invalid"

// newIdentity makes the certificate that both ends of Dial's connections
// present and demand.
func newIdentity() (tls.Certificate, *x509.CertPool, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: serverName},
		DNSNames:              []string{serverName},
		NotBefore:             time.Unix(0, 0),
		NotAfter:              time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280 4.1.2.5: no expiry
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: leaf}, pool, nil
}

// serverTLS admits the holder of the process's own key. It learns the
// connection from the hello and lifts, once the client has proved itself, the
// deadline that gldap set on it.
func (s *server) serverTLS() *tls.Config {
	base := &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{s.cert},
		ClientAuth:             tls.RequireAndVerifyClientCert,
		ClientCAs:              s.pool,
		SessionTicketsDisabled: true,
	}
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		perConn := base.Clone()
		perConn.GetConfigForClient = nil
		perConn.VerifyConnection = func(tls.ConnectionState) error {
			s.track(hello.Conn)
			if s.ctx.Err() != nil {
				return s.ctx.Err()
			}
			return hello.Conn.SetDeadline(time.Time{})
		}
		return perConn, nil
	}
	return base
}

// track notes a connection so that stop can close it. gldap does not tell when
// a connection ends; those that were closed are found now and then by asking
// them, which keeps the map at twice the number of live ones.
func (s *server) track(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= s.sweepAt {
		for old := range s.conns {
			// Nobody sets deadlines after the handshake, so none is lost.
			if errors.Is(old.SetDeadline(time.Time{}), net.ErrClosed) {
				delete(s.conns, old)
			}
		}
		s.sweepAt = max(64, 2*len(s.conns))
	}
	s.conns[c] = struct{}{}
}

// Dial connects to the directory's gldap server. The connection is anonymous
// until a bind, and fit to be handed to an LDAP client or to the front end.
func (d *Directory) Dial(ctx context.Context) (net.Conn, error) { return d.server.dial(ctx) }

func (s *server) dial(ctx context.Context) (net.Conn, error) {
	s.mu.Lock()
	addr := s.addr
	s.mu.Unlock()
	if s.ctx.Err() != nil {
		return nil, net.ErrClosed
	}
	return s.dialAddr(ctx, addr)
}

func (s *server) dialAddr(ctx context.Context, addr string) (net.Conn, error) {
	dialer := tls.Dialer{Config: &tls.Config{
		MinVersion:   tls.VersionTLS13,
		ServerName:   serverName,
		RootCAs:      s.pool,
		Certificates: []tls.Certificate{s.cert},
	}}
	return dialer.DialContext(ctx, "tcp", addr)
}

// start begins a gldap server and waits until it accepts connections.
func (s *server) start() (stopped <-chan error, err error) {
	for range startAttempts {
		if stopped, err = s.startOnce(); err == nil {
			return stopped, nil
		}
	}
	return nil, err
}

func (s *server) startOnce() (<-chan error, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	run := &gldapRun{sessions: make(map[int]session)}
	// gldap logs whole packets at its debug level, with the passwords of
	// binds in them, so its logger is off; what matters is logged here.
	run.srv, err = gldap.NewServer(
		gldap.WithLogger(hclog.NewNullLogger()),
		gldap.WithReadTimeout(handshakeTimeout),
		gldap.WithOnClose(run.forget),
	)
	if err != nil {
		return nil, err
	}
	mux, err := s.routes(run)
	if err != nil {
		return nil, err
	}
	if err := run.srv.Router(mux); err != nil {
		return nil, err
	}
	end := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				end <- fmt.Errorf("gldap panicked: %v", p)
			}
		}()
		end <- run.srv.Run(addr, gldap.WithTLSConfig(s.serverTLS()))
	}()
	// gldap is Ready a moment before it listens, and also when it cannot.
	for {
		select {
		case err := <-end:
			return nil, fmt.Errorf("embedded: starting gldap: %w", err)
		case <-s.ctx.Done():
			return nil, errors.Join(s.ctx.Err(), run.srv.Stop())
		case <-time.After(100 * time.Microsecond):
		}
		if run.srv.Ready() && s.listening(addr) {
			break
		}
	}
	s.mu.Lock()
	s.addr, s.runs = addr, append(s.runs, run)
	s.mu.Unlock()
	return end, nil
}

// listening reports whether it is our own gldap that answers at addr.
func (s *server) listening(addr string) bool {
	ctx, cancel := context.WithTimeout(s.ctx, handshakeTimeout)
	defer cancel()
	c, err := s.dialAddr(ctx, addr)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

// freeAddr finds a port: gldap takes an address and does not tell which port
// it got for 0. Should another process take it first, start fails and is
// tried again.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// supervise starts gldap again whenever it ends: its Run returns for good at
// the first connection that cannot be accepted, for want of descriptors say.
func (s *server) supervise(stopped <-chan error) {
	defer close(s.done)
	for {
		select {
		case <-s.ctx.Done():
			return
		case err := <-stopped:
			if s.ctx.Err() != nil {
				return
			}
			s.d.log.Error("the embedded directory's server ended and is started again", "err", err)
		}
		for {
			var err error
			if stopped, err = s.start(); err == nil {
				break
			}
			s.d.log.Error("the embedded directory's server cannot be started", "err", err)
			select {
			case <-s.ctx.Done():
				return
			case <-time.After(restartDelay):
			}
		}
	}
}

// stop ends the server and all connections, and waits for the operations
// under way.
func (s *server) stop() {
	s.cancel()
	<-s.done
	s.mu.Lock()
	runs := s.runs
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for _, run := range runs {
			if err := run.srv.Stop(); err != nil {
				s.d.log.Error("stopping the embedded directory's server", "err", err)
			}
		}
	}()
	// A connection may become known while Stop waits for it.
	for {
		s.mu.Lock()
		for c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		select {
		case <-ended:
			s.handlers.Wait()
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (r *gldapRun) session(conn int) session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sessions[conn]
}

func (r *gldapRun) setSession(conn int, s session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.anonymous() {
		delete(r.sessions, conn)
	} else {
		r.sessions[conn] = s
	}
}

func (r *gldapRun) forget(conn int) { r.setSession(conn, session{}) }

func (s *server) routes(run *gldapRun) (*gldap.Mux, error) {
	mux, err := gldap.NewMux()
	if err != nil {
		return nil, err
	}
	h := handlers{s.d, run}
	return mux, errors.Join(
		mux.Bind(s.handle(gldap.ApplicationBindResponse, h.bind)),
		mux.Search(s.handle(gldap.ApplicationSearchResultDone, h.search)),
		mux.Add(s.handle(gldap.ApplicationAddResponse, h.add)),
		mux.Modify(s.handle(gldap.ApplicationModifyResponse, h.modify)),
		mux.Delete(s.handle(gldap.ApplicationDelResponse, h.remove)),
		mux.DefaultRoute(s.handle(gldap.ApplicationExtendedResponse, h.other)),
	)
}

// A handler performs one request; its error is the result. It returns
// errAnswered if it has written the response itself.
type handler func(ctx context.Context, w *gldap.ResponseWriter, r *gldap.Request) error

// handle makes a gldap handler of h: bounded in time, its errors written as
// results, its panics as other(80). gldap runs handlers in goroutines where a
// panic would end the process.
func (s *server) handle(response int, h handler) gldap.HandlerFunc {
	return func(w *gldap.ResponseWriter, r *gldap.Request) {
		s.handlers.Add(1)
		defer s.handlers.Done()
		ctx, cancel := context.WithTimeout(s.ctx, operationTimeout)
		defer cancel()
		err := s.recovered(ctx, h, w, r)
		if errors.Is(err, errAnswered) {
			return
		}
		e := result.From(err)
		if e == nil {
			e = &result.Error{}
		}
		if e.Code == result.Other {
			s.d.log.Error("an operation of the embedded directory failed", "err", errors.Unwrap(e))
		}
		// A client that went away is no news.
		_ = w.Write(r.NewResponse(
			gldap.WithApplicationCode(response),
			gldap.WithResponseCode(int(e.Code)),
			gldap.WithMatchedDN(e.MatchedDN),
			gldap.WithDiagnosticMessage(e.Text),
		))
	}
}

// errAnswered is returned by a handler that has written the response itself.
var errAnswered = errors.New("answered")

func (s *server) recovered(ctx context.Context, h handler, w *gldap.ResponseWriter, r *gldap.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return h(ctx, w, r)
}
