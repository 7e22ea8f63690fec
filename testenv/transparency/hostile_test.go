package transparency_test

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// An attack is what a hostile client does to the front end f before s. It
// returns when it has been dealt with.
type attack func(t *testing.T, s server, f front)

// attacks are the hostile clients. What each may cost, and how it is answered,
// it says itself; that others do not notice is for all of them.
var attacks = []struct {
	name string
	do   attack
}{
	{"lengths", announceLengths},
	{"nesting", nestDeeply},
	{"an octet at a time", dribble},
	{"half-open TLS", stallHandshakes},
	{"connect flood", floodConnections},
	{"requests, unread", floodRequests},
	{"operations of ours", floodOperations},
	{"controls", craftControls},
	{"binds between", pipelineBinds},
	{"unbind under load", unbindUnderLoad},
	{"reset under load", resetUnderLoad},
	{"message IDs", abuseMessageIDs},
	{"plaintext behind TLS", slipBehindStartTLS},
	{"announced, never sent", announceMuch},
	{"abandon, cancel, nobody", abandonWhatIsNot},
}

// maxConnections is the front end's limit in TestHostileClients.
const maxConnections = 300

// TestHostileClients runs the attacks one after the other, while a client goes
// on with its work and must not notice, and wants goroutines and memory to be
// what they were.
func TestHostileClients(t *testing.T) {
	s := startSlapd(t)
	f := startFront(t, s, func(cfg *ldapserver.Config) {
		cfg.MaxConnections, cfg.MaxAddressConnections = maxConnections, -1
		cfg.MessageTimeout = 300 * time.Millisecond
		cfg.HandshakeTimeout = 300 * time.Millisecond
		cfg.WriteTimeout = time.Second
	})
	good := bind(t, f.url, s.admin)
	work := func() error {
		dn := "uid=user001,ou=people," + s.suffix
		found, err := good.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(uid=user001)", []string{"uid"}, nil))
		if err == nil && (len(found.Entries) != 1 || found.Entries[0].DN != dn) {
			err = fmt.Errorf("%d entries", len(found.Entries))
		}
		return err
	}
	for range 50 {
		if err := work(); err != nil {
			t.Fatal(err)
		}
	}
	goroutines, octets := runtime.NumGoroutine(), heap()

	for _, a := range attacks {
		name := a.name
		t.Run(name, func(t *testing.T) {
			var worker sync.WaitGroup
			stop := make(chan struct{})
			done := 0
			worker.Go(func() {
				for {
					if err := work(); err != nil {
						t.Errorf("another client noticed: %v", err)
						return
					}
					done++
					select {
					case <-stop:
						return
					default:
					}
				}
			})
			defer func() {
				close(stop)
				worker.Wait()
				if done == 0 {
					t.Error("the other client got nothing done")
				}
			}()
			a.do(t, s, f)
		})
		// What the attack has left ends with it, the subtest's own
		// connections included.
		deadline := time.Now().Add(wireTime)
		for runtime.NumGoroutine() > goroutines+5 && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n > goroutines+5 {
			t.Errorf("%s: %d goroutines, before %d", name, n, goroutines)
		}
		if n := heap() - octets; n > 4<<20 {
			t.Errorf("%s: %d octets more are in use", name, n)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// announceLengths sends headers that no message should have.
func announceLengths(t *testing.T, s server, f front) {
	for name, header := range map[string]string{
		"1 GiB":             "308440000000",
		"2 GiB":             "308480000000",
		"4 GiB less one":    "3084ffffffff",
		"2^63":              "30888000000000000000",
		"127 octets long":   "30ff",
		"indefinite":        "3080020101420000000000",
		"reserved":          "30ff00",
		"not a sequence":    "3100",
		"multi-octet tag":   "3f8101",
		"inside, too long":  "300502840fffffff",
		"inside, reversed":  "30050284ffffffff",
		"an empty sequence": "3000",
	} {
		t.Run(name, func(t *testing.T) {
			for _, account := range []bool{false, true} {
				w := newWire(t, f.url)
				if account {
					w = boundWire(t, f.url, s.admin)
				}
				w.send(unhex(t, header))
				w.wantNotice(result.ProtocolError)
			}
		})
	}
}

// nestDeeply sends filters and values nested 10,000 deep, as one client and as
// many.
func nestDeeply(t *testing.T, s server, f front) {
	filter := message.AppendElement(nil, 0x87, "objectClass")
	for range 10_000 {
		filter = message.AppendElement(nil, 0xa2, filter)
	}
	request := message.AppendSearch(nil, 2, message.Search{Base: []byte(s.suffix), Scope: 2, Filter: filter}, nil)
	before := heap()
	var all sync.WaitGroup
	for range 20 {
		w := boundWire(t, f.url, s.admin)
		all.Go(func() {
			if _, err := w.conn.Write(request); err != nil {
				t.Error(err)
			}
			if m, err := w.in.Next(); err != nil || m.ID != 0 {
				t.Errorf("got message %d, %v, want a notice", m.ID, err)
			}
		})
	}
	all.Wait()
	if n := heap() - before; n > 32<<20 {
		t.Errorf("%d octets in use", n)
	}
}

// dribble begins messages and does not go on, on many connections.
func dribble(t *testing.T, s server, f front) {
	request := searchAll(2, s.suffix, 2, nil)
	var wires []*wire
	for range 100 {
		w := newWire(t, f.url)
		w.send(request[:1])
		wires = append(wires, w)
	}
	// An octet now and then does not prolong the time.
	for i := 1; i < 5; i++ {
		time.Sleep(50 * time.Millisecond)
		for _, w := range wires {
			_, _ = w.conn.Write(request[i : i+1])
		}
	}
	for _, w := range wires {
		w.wantNotice(result.ProtocolError)
	}
}

// stallHandshakes opens TLS connections that never finish their handshake.
func stallHandshakes(t *testing.T, s server, f front) {
	var wires []*wire
	for i := range 100 {
		w := newWire(t, f.tlsURL)
		if i%2 == 0 {
			w.send(unhex(t, "16030100f8010000f40303"))
		}
		wires = append(wires, w)
	}
	for i := range 50 {
		w := newWire(t, f.url)
		w.send(message.AppendExtendedRequest(nil, 1, message.StartTLSOID, nil, nil))
		w.want(1, message.ExtendedResponse, result.Success)
		if i%2 == 0 {
			w.send([]byte{0x16, 0x03})
		}
		wires = append(wires, w)
	}
	for _, w := range wires {
		w.wantAnyEnd()
	}
}

// floodConnections opens more connections than there may be. Those too many
// are told; when the others have gone there is room again.
func floodConnections(t *testing.T, s server, f front) {
	refused := 0
	var open []net.Conn
	for range 2 * maxConnections {
		w := newWire(t, f.url)
		open = append(open, w.conn)
		w.send(whoAmI(1))
		switch m, r := w.next(); {
		case m.ID == 0 && r.Code == result.Unavailable:
			refused++
		case m.ID != 1:
			t.Fatalf("got message %d %v", m.ID, r.Code)
		}
	}
	if refused < maxConnections {
		t.Errorf("%d connections were refused, want at least %d", refused, maxConnections)
	}
	for _, c := range open {
		_ = c.Close()
	}
	for deadline := time.Now().Add(wireTime); ; {
		w := newWire(t, f.url)
		_, _ = w.conn.Write(whoAmI(1))
		if m, err := w.in.Next(); err == nil && m.ID == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("there is no room again")
		}
	}
}

// floodRequests asks for everything again and again, and reads nothing.
func floodRequests(t *testing.T, s server, f front) {
	before := heap()
	w := boundWire(t, f.url, s.admin)
	sent := 0
	for id := int32(2); ; id++ {
		request := searchAll(id, s.suffix, 2, nil)
		if _, err := w.conn.Write(request); err != nil {
			t.Logf("after %d requests: %v", id, err)
			break
		}
		if sent += len(request); sent > 256<<20 {
			t.Fatal("the front end takes without end")
		}
	}
	if n := heap() - before; n > 4<<20 {
		t.Errorf("%d octets in use after %d were sent", n, sent)
	}
}

// floodOperations asks for passwords without end, and for more at a time than
// there may be.
func floodOperations(t *testing.T, s server, f front) {
	w := boundWire(t, f.url, s.admin)
	const requests = 5000
	go func() {
		for i := range int32(requests) {
			if _, err := w.conn.Write(message.AppendExtendedRequest(nil, 10+i, extop.GeneratePasswordRequestOID, nil, nil)); err != nil {
				return
			}
		}
	}()
	answered := make(map[int32]bool)
	for range requests {
		m, r := w.next()
		if answered[m.ID] || m.ID < 10 || m.ID >= 10+requests || r.Code != result.Success && r.Code != result.Busy {
			t.Fatalf("message %d: %v %q", m.ID, r.Code, r.Text)
		}
		answered[m.ID] = true
	}
}

// craftControls attaches controls that are none, or too many, to operations
// of ours and to others.
func craftControls(t *testing.T, s server, f front) {
	many := bytes.Repeat(message.AppendControl(nil, "1.2.3.4", false, []byte("x")), 5000)
	for name, controls := range map[string][]byte{
		"no sequence":     unhex(t, "0403312e32"),
		"no OID":          unhex(t, "3000"),
		"an empty OID":    unhex(t, "30020400"),
		"wrong OID":       unhex(t, "3003020101"),
		"two values":      unhex(t, "300b0403312e32040161040162"),
		"value first":     unhex(t, "30080101ff0403312e32"),
		"long boolean":    unhex(t, "300a0403312e3201030000ff"),
		"thousands":       many,
		"a critical one":  message.AppendControl(nil, "1.2.3.4", true, nil),
		"proxied, empty":  message.AppendControl(nil, extop.ProxiedAuthorizationOID, true, nil),
		"proxied, no DN":  message.AppendControl(nil, extop.ProxiedAuthorizationOID, true, []byte("dn:no dn")),
		"proxied, no ID":  message.AppendControl(nil, extop.ProxiedAuthorizationOID, true, []byte{0xff, 0xfe}),
		"proxied, twice":  bytes.Repeat(message.AppendControl(nil, extop.ProxiedAuthorizationOID, true, []byte("dn:"+s.reader.DN)), 2),
		"proxied, tamely": message.AppendControl(nil, extop.ProxiedAuthorizationOID, false, []byte("dn:"+s.reader.DN)),
	} {
		t.Run(name, func(t *testing.T) {
			// With an operation of ours: an answer or the end, never silence.
			w := boundWire(t, f.url, s.admin)
			w.send(message.AppendExtendedRequest(nil, 2, extop.GeneratePasswordRequestOID, nil, controls), whoAmI(3))
			answered := map[int32]bool{}
			for len(answered) < 2 {
				m, r := w.next()
				if m.ID == 0 {
					if r.Code != result.ProtocolError {
						t.Errorf("notice with %v", r.Code)
					}
					break
				}
				answered[m.ID] = true
				if m.ID == 2 && r.Code == result.Success && name != "thousands" && len(r.Value) == 0 {
					t.Error("success without a value")
				}
			}
			// Relayed: as the directory answers, which may be to close.
			outcome := func(url string) string {
				w := boundWire(t, url, s.admin)
				w.send(searchAll(2, "", 0, controls))
				for {
					m, err := w.in.Next()
					if err != nil {
						return "the end"
					}
					if m.Op == message.SearchResultDone || m.ID == 0 {
						r, err := message.ParseResult(m.Body)
						return fmt.Sprint(m.ID != 0, r.Code, string(r.Text), err)
					}
				}
			}
			direct, through := outcome(s.url), outcome(f.url)
			if direct != through {
				t.Errorf("%x: directly %s, through the front end %s", controls[:min(len(controls), 40)], direct, through)
			}
		})
	}
}

// pipelineBinds puts binds between operations and does not wait for any: each
// operation is performed as who was bound before it. What the directory still
// has when a bind comes it may abandon (RFC 4511 section 4.2.1), and slapd does,
// so only operations of the front end's own are right before one.
func pipelineBinds(t *testing.T, s server, f front) {
	w := newWire(t, f.url)
	wrong := s.admin
	wrong.Password = "wrong"
	suggest := func(id int32) []byte {
		return message.AppendExtendedRequest(nil, id, extop.GeneratePasswordRequestOID, nil, nil)
	}
	id, before := int32(0), result.InsufficientAccessRights
	for round := range 300 {
		account, code, after, who := s.admin, result.Success, result.Success, "dn:"+s.admin.DN
		switch round % 3 {
		case 1:
			account, who = s.reader, "dn:"+s.reader.DN
		case 2:
			account, code, after, who = wrong, result.InvalidCredentials, result.InsufficientAccessRights, ""
		}
		want := map[int32]result.Code{id + 1: before, id + 2: before, id + 3: code, id + 4: result.Success, id + 5: after, id + 6: after}
		w.send(suggest(id+1), suggest(id+2), simpleBind(id+3, account), whoAmI(id+4), suggest(id+5), suggest(id+6))
		for range len(want) {
			m, r := w.next()
			if code, ok := want[m.ID]; !ok || r.Code != code || m.ID == id+4 && string(r.Value) != who {
				t.Fatalf("round %d, message %d: %s %v %q %q, want %v", round, m.ID-id, message.OpName(m.Op), r.Code, r.Text, r.Value, code)
			}
			delete(want, m.ID)
		}
		id, before = id+6, after
	}
}

// load sends many requests that are answered at length.
func load(w *wire, s server) {
	var all []byte
	for i := range int32(200) {
		all = append(all, searchAll(10+2*i, s.suffix, 2, nil)...)
		all = append(all, message.AppendExtendedRequest(nil, 11+2*i, extop.GeneratePasswordRequestOID, nil, nil)...)
	}
	_, _ = w.conn.Write(all)
}

// unbindUnderLoad unbinds with many requests under way.
func unbindUnderLoad(t *testing.T, s server, f front) {
	for range 20 {
		w := boundWire(t, f.url, s.admin)
		load(w, s)
		w.send(message.AppendMessage(nil, 1000, message.UnbindRequest, nil, nil))
		w.wantAnyEnd()
	}
}

// resetUnderLoad closes connections without a word, with much unread.
func resetUnderLoad(t *testing.T, s server, f front) {
	for range 50 {
		w := boundWire(t, f.url, s.admin)
		load(w, s)
		_ = w.conn.(*net.TCPConn).SetLinger(0)
		_ = w.conn.Close()
	}
}

// abuseMessageIDs uses the IDs of requests under way, and those that the front
// end takes for its own questions.
func abuseMessageIDs(t *testing.T, s server, f front) {
	w := boundWire(t, f.url, s.admin)
	value := message.AppendElement(nil, 0x30, message.AppendElement(nil, 0x81, "uid=user001,ou=people,"+s.suffix))
	var all []byte
	const rounds = 200
	for i := range int32(rounds) {
		all = append(all, message.AppendExtendedRequest(nil, 10+i, extop.GeneratePasswordRequestOID, value, nil)...)
		all = append(all, searchAll(message.MaxID-i, "", 0, nil)...)
	}
	go w.conn.Write(all)
	ended := make(map[int32]bool)
	for len(ended) < 2*rounds {
		m, _ := w.next()
		if message.IsFinal(m.Op) {
			if ended[m.ID] || m.ID == 0 {
				t.Fatalf("message %d is answered twice, or is a notice", m.ID)
			}
			ended[m.ID] = true
		}
	}
}

// slipBehindStartTLS sends a request in the clear behind StartTLS. It must
// neither be answered nor performed.
func slipBehindStartTLS(t *testing.T, s server, f front) {
	w := newWire(t, f.url)
	w.send(message.AppendExtendedRequest(nil, 1, message.StartTLSOID, nil, nil), simpleBind(2, s.admin), whoAmI(3))
	w.want(1, message.ExtendedResponse, result.Success)
	w.wantAnyEnd()

	// Sent properly it is.
	w = newWire(t, f.url)
	w.send(message.AppendExtendedRequest(nil, 1, message.StartTLSOID, nil, nil))
	w.want(1, message.ExtendedResponse, result.Success)
	conn := tls.Client(w.conn, s.tls)
	w.conn, w.in = conn, message.NewReader(conn, message.Limits{})
	w.send(whoAmI(3))
	w.want(3, message.ExtendedResponse, result.Success)
}

// announceMuch begins messages of the greatest size on many connections and
// sends little of each: memory is taken for what arrives, not for what is
// announced.
func announceMuch(t *testing.T, s server, f front) {
	before := heap()
	var wires []*wire
	for range 100 {
		w := boundWire(t, f.url, s.admin)
		w.send(unhex(t, "3084003fff00"), bytes.Repeat([]byte{0x04}, 1000))
		wires = append(wires, w)
	}
	if n := heap() - before; n > 16<<20 {
		t.Errorf("%d octets in use for %d messages of which 1,000 octets have arrived", n, len(wires))
	}
	for _, w := range wires {
		w.wantAnyEnd()
	}
}

// abandonWhatIsNot abandons and cancels requests that are not there, its own
// abandon and cancel included.
func abandonWhatIsNot(t *testing.T, s server, f front) {
	for _, url := range []string{s.url, f.url} {
		w := boundWire(t, url, s.admin)
		cancel := func(id, target int32) []byte {
			value := message.AppendElement(nil, 0x30, message.AppendInt(nil, 0x02, target))
			return message.AppendExtendedRequest(nil, id, message.CancelOID, value, nil)
		}
		w.send(abandon(2, 2), abandon(3, 0), abandon(4, 4711), abandon(5, 4711), cancel(6, 4711))
		w.want(6, message.ExtendedResponse, result.NoSuchOperation)
		w.send(cancel(7, 0))
		if m, r := w.next(); m.ID != 7 || r.Code == result.Success {
			t.Errorf("cancel of 0: message %d %v", m.ID, r.Code)
		}
		w.send(whoAmI(8))
		w.want(8, message.ExtendedResponse, result.Success)
	}
}
