package ldapserver

import (
	"fmt"
	"net"
	"net/url"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// load sends b.N requests over conns connections, each with pipe of them in
// flight, and counts the responses, which take final messages each.
func load(b *testing.B, addr string, account testenv.Account, conns, pipe int, request func(id int32) []byte) {
	b.Helper()
	clients := make([]*wire, conns)
	for i := range clients {
		clients[i] = newWire(b, addr)
		_ = clients[i].conn.SetDeadline(never)
		if account.DN != "" {
			clients[i].send(simpleBind(1, account.DN, account.Password))
			clients[i].want(1, message.BindResponse, 0)
		}
	}
	batches := make([][]byte, pipe)
	for i := range batches {
		for id := range i + 1 {
			batches[i] = append(batches[i], request(int32(id)+2)...)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i, w := range clients {
		n := b.N / conns
		if i < b.N%conns {
			n++
		}
		wg.Go(func() {
			for n > 0 {
				k := min(n, pipe)
				n -= k
				if _, err := w.conn.Write(batches[k-1]); err != nil {
					b.Error(err)
					return
				}
				for k > 0 {
					m, err := w.in.Next()
					if err != nil {
						b.Error(err)
						return
					}
					if message.IsFinal(m.Op) {
						if len(m.Body) < 3 || m.Body[2] != 0 {
							b.Errorf("failed: %x", m.Raw)
							return
						}
						k--
					}
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
}

var never time.Time

var shapes = []struct{ conns, pipe int }{{8, 1}, {8, 16}, {64, 16}}

func BenchmarkConstant(b *testing.B) {
	value := make([]byte, 60)
	for _, s := range shapes {
		b.Run(fmt.Sprintf("%dx%d", s.conns, s.pipe), func(b *testing.B) {
			_, addr := start(b, Config{Extended: ops(nil)})
			load(b, addr, testenv.Account{}, s.conns, s.pipe, func(id int32) []byte { return ext(id, echoOID, value) })
		})
	}
}

func BenchmarkWhoAmI(b *testing.B) { // slapd's own, for comparison
	u, err := url.Parse(slapd.URL)
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range shapes {
		b.Run(fmt.Sprintf("%dx%d", s.conns, s.pipe), func(b *testing.B) {
			load(b, u.Host, slapd.Reader, s.conns, s.pipe, func(id int32) []byte { return ext(id, message.WhoAmIOID, nil) })
		})
	}
}

func BenchmarkBaseSearch(b *testing.B) {
	u, err := url.Parse(slapd.URL)
	if err != nil {
		b.Fatal(err)
	}
	dn := slapd.UserDN(7)
	search := func(id int32) []byte { return message.AppendBaseSearch(nil, id, dn, nil, "cn", "mail") }
	for _, s := range shapes {
		b.Run(fmt.Sprintf("direct/%dx%d", s.conns, s.pipe), func(b *testing.B) {
			load(b, u.Host, slapd.Reader, s.conns, s.pipe, search)
		})
		b.Run(fmt.Sprintf("relayed/%dx%d", s.conns, s.pipe), func(b *testing.B) {
			_, addr := start(b, Config{})
			load(b, addr, slapd.Reader, s.conns, s.pipe, search)
		})
	}
}

// BenchmarkIdle reports what an idle connection with its directory connection
// takes.
func BenchmarkIdle(b *testing.B) {
	const conns = 500
	for range b.N {
		_, addr := start(b, Config{})
		idle := make([]net.Conn, conns)
		before := inUse()
		for i := range idle {
			w := newWire(b, addr)
			w.send(simpleBind(1, slapd.Reader.DN, slapd.Reader.Password))
			w.want(1, message.BindResponse, 0)
			idle[i] = w.conn
		}
		b.ReportMetric(float64(inUse()-before)/conns, "B/conn")
	}
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// BenchmarkSee is an operation of ours that asks the directory once.
func BenchmarkSee(b *testing.B) {
	dn := []byte(slapd.UserDN(7))
	for _, s := range shapes {
		b.Run(fmt.Sprintf("%dx%d", s.conns, s.pipe), func(b *testing.B) {
			_, addr := start(b, Config{Extended: ops(nil)})
			load(b, addr, slapd.Reader, s.conns, s.pipe, func(id int32) []byte { return ext(id, seeOID, dn) })
		})
	}
}
