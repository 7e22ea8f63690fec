package directory_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// watchFake watches a server that is played by answer, which gets each
// search with its base and the OID of its first control, until the listener
// has been told want. It returns the log.
func watchFake(t *testing.T, cfg directory.WatchConfig, answer func(w *fakeAnswer, base, control string), want ...int) string {
	t.Helper()
	var wg sync.WaitGroup
	client, err := directory.New(directory.Config{Dialer: func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		wg.Go(func() {
			defer theirs.Close()
			for {
				p, err := ber.ReadPacket(theirs)
				if err != nil {
					return
				}
				if p.Children[1].Tag != ldap.ApplicationSearchRequest {
					continue
				}
				control := ""
				if len(p.Children) > 2 {
					control = p.Children[2].Children[0].Children[0].Data.String()
				}
				w := &fakeAnswer{conn: theirs, id: p.Children[0].Value.(int64)}
				answer(w, p.Children[1].Children[0].Data.String(), control)
			}
		})
		return ours, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	log := new(testenv.Output)
	cfg.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	l := &lister{told: make(chan int, 100)}
	l.bases.Store(1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		client.Watch(ctx, l, cfg)
	}()
	defer func() {
		cancel()
		<-done
		client.Close()
		wg.Wait()
	}()
	for _, n := range want {
		select {
		case got := <-l.told:
			if got != n {
				t.Fatalf("told of %d entries, want %d; log:\n%s", got, n, log)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("not told of %d entries; log:\n%s", n, log)
		}
	}
	return log.String()
}

// A fakeAnswer is what a server writes to one request.
type fakeAnswer struct {
	conn net.Conn
	id   int64
}

func (w *fakeAnswer) send(op *ber.Packet) {
	p := ber.NewSequence("LDAPMessage")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, w.id, ""))
	p.AppendChild(op)
	_, _ = w.conn.Write(p.Bytes())
}

func octets(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}

func (w *fakeAnswer) entry(dn, attribute, value string) {
	values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
	values.AppendChild(octets(value))
	a := ber.NewSequence("")
	a.AppendChild(octets(attribute))
	a.AppendChild(values)
	list := ber.NewSequence("")
	list.AppendChild(a)
	e := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	e.AppendChild(octets(dn))
	e.AppendChild(list)
	w.send(e)
}

func (w *fakeAnswer) done(code int64) {
	d := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultDone, nil, "")
	d.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""))
	d.AppendChild(octets(""))
	d.AppendChild(octets(""))
	w.send(d)
}

// refreshed ends the refresh of a synchronization: syncInfoValue,
// refreshDelete [1] with refreshDone TRUE by default (RFC 4533 2.5).
func (w *fakeAnswer) refreshed() {
	i := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationIntermediateResponse, nil, "")
	i.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, ldap.ControlTypeSyncInfo, ""))
	i.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 1, "\xa1\x00", ""))
	w.send(i)
}

func offering(control string, w *fakeAnswer) {
	w.entry("", "supportedControl", control)
	w.done(0)
}

// Synchronization that leaves out what a search finds is not relied on.
func TestWatchSyncShowsLess(t *testing.T) {
	log := watchFake(t, directory.WatchConfig{}, func(w *fakeAnswer, base, control string) {
		switch {
		case base == "":
			offering(ldap.ControlTypeSyncRequest, w)
		case control == ldap.ControlTypeSyncRequest:
			w.refreshed()
		default:
			w.entry(base, "cn", "x")
			w.done(0)
		}
	}, 1)
	if !strings.Contains(log, "synchronization shows 0 of 1 entries") || !strings.Contains(log, `how="comparing of`) {
		t.Errorf("log:\n%s", log)
	}
}

// A server that refuses to be watched is compared with; one that ends what
// it began is watched anew.
func TestWatchPersistentSearchEnds(t *testing.T) {
	const psearch = "2.16.840.1.113730.3.4.3"
	for code, how := range map[int64]string{ldap.LDAPResultUnwillingToPerform: "comparing", ldap.LDAPResultUnavailable: ""} {
		attempts := 0
		var mu sync.Mutex
		log := watchFake(t, directory.WatchConfig{}, func(w *fakeAnswer, base, control string) {
			switch {
			case base == "":
				offering(psearch, w)
			case control == psearch:
				mu.Lock()
				attempts++
				first := attempts == 1
				mu.Unlock()
				if first {
					w.done(code)
				}
			default:
				w.entry(base, "cn", "x")
				w.done(0)
			}
		}, 1)
		if how == "" {
			how = "persistent search"
		}
		if !strings.Contains(log, `how="`+how+" of") {
			t.Errorf("after %d: log:\n%s", code, log)
		}
	}
}

// A server that is slow to compare with is not bothered any longer.
func TestWatchTooSlow(t *testing.T) {
	log := watchFake(t, directory.WatchConfig{Interval: time.Nanosecond}, func(w *fakeAnswer, base, _ string) {
		w.entry(base, "cn", "x")
		w.done(0)
	}, 1, 0)
	if !strings.Contains(log, "policies are watched") {
		t.Errorf("log:\n%s", log)
	}
}

// Any failure to compare is a doubt.
func TestWatchDoubt(t *testing.T) {
	var mu sync.Mutex
	busy := 0
	watchFake(t, directory.WatchConfig{}, func(w *fakeAnswer, base, _ string) {
		mu.Lock()
		busy++
		code := int64(0)
		if busy == 3 { // the root DSE, the first comparison, the second
			code = ldap.LDAPResultBusy
		}
		mu.Unlock()
		w.entry(base, "cn", "x")
		w.done(code)
	}, 1, 0, 1)
}
