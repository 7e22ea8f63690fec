package ldapserver

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// addRequest adds an organizational unit.
func addRequest(id int32, dn, ou string) []byte {
	value := func(values ...string) []byte {
		var set []byte
		for _, v := range values {
			set = message.AppendElement(set, 0x04, v)
		}
		return set
	}
	attribute := func(name string, values ...string) []byte {
		a := message.AppendElement(nil, 0x04, name)
		return message.AppendElement(nil, 0x30, message.AppendElement(a, 0x31, value(values...)))
	}
	body := message.AppendElement(nil, 0x04, dn)
	body = message.AppendElement(body, 0x30, append(attribute("objectClass", "organizationalUnit"), attribute("ou", ou)...))
	return message.AppendMessage(nil, id, message.AddRequest, body, nil)
}

// TestDirectoryKilled kills one of two directories while clients write. Each
// request is answered, or the connection ends with a notice; what was accepted
// is there; what was not answered was not tried again elsewhere.
func TestDirectoryKilled(t *testing.T) {
	for _, b := range []directory.Balance{directory.Ordered, directory.RoundRobin, directory.LeastConnections} {
		t.Run(b.String(), func(t *testing.T) { testDirectoryKilled(t, b) })
	}
}

func testDirectoryKilled(t *testing.T, balance directory.Balance) {
	var servers [2]*testenv.Slapd
	for i := range servers {
		s, err := testenv.NewSlapd(t.Context(), t.TempDir(), testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 5}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Stop)
		servers[i] = s
	}
	client, err := directory.New(directory.Config{
		URLs: []string{servers[0].URL, servers[1].URL}, Balance: balance,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var monitor sync.WaitGroup
	monitor.Go(func() { client.Monitor(ctx) })
	defer monitor.Wait()
	defer cancel()
	_, addr := start(t, Config{Dial: client.Dial})

	const clients, window, before, after = 6, 4, 20, 20
	var mu sync.Mutex
	accepted, unanswered := map[string]bool{}, map[string]bool{}
	var killed atomic.Bool
	var busy, done sync.WaitGroup
	busy.Add(clients)
	for g := range clients {
		done.Go(func() {
			first := sync.OnceFunc(busy.Done)
			defer first()
			rounds := 0 // since the server was killed
			for n := 0; rounds < after && !t.Failed(); {
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					t.Error(err)
					return
				}
				_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
				n, rounds = writeUntilEnd(t, conn, servers[0].Admin, g, n, rounds, window, after, func(ou string, ok bool) {
					mu.Lock()
					defer mu.Unlock()
					if ok {
						accepted[ou] = true
					} else {
						unanswered[ou] = true
					}
				}, func(n int) bool {
					if n > before {
						first()
					}
					return killed.Load()
				})
				_ = conn.Close()
			}
		})
	}
	busy.Wait()
	killed.Store(true)
	servers[0].Kill()
	done.Wait()
	servers[1].Stop()

	var holds [2][]byte
	for i, s := range servers {
		path, err := exec.LookPath("slapcat")
		if err != nil {
			path = "/usr/sbin/slapcat"
		}
		out, err := exec.Command(path, "-F", filepath.Join(s.Dir, "slapd.d"), "-n1").Output()
		if err != nil {
			t.Fatal(err)
		}
		holds[i] = out
	}
	in := func(i int, ou string) bool {
		return bytes.Contains(holds[i], []byte("\nou: "+ou+"\n"))
	}
	for ou := range accepted {
		if in(0, ou) == in(1, ou) {
			t.Errorf("%s was accepted: in the first directory %v, in the second %v", ou, in(0, ou), in(1, ou))
		}
	}
	for ou := range unanswered {
		if in(1, ou) {
			t.Errorf("%s was not answered and is in the directory that was not killed", ou)
		}
	}
	t.Logf("%d writes accepted, %d not answered", len(accepted), len(unanswered))
	if len(accepted) < clients*(before+after) {
		t.Errorf("only %d writes were accepted", len(accepted))
	}
}

// writeUntilEnd adds entries on one connection, window at a time, until it
// ends, or until there were enough rounds behind the kill. It returns the
// counts to go on with.
func writeUntilEnd(t *testing.T, conn net.Conn, account testenv.Account, g, n, rounds, window, enough int,
	outcome func(ou string, accepted bool), killed func(n int) bool) (int, int) {
	in := message.NewReader(conn, message.Limits{})
	pending := map[int32]string{}
	// ended reports whether the connection is over, and demands a notice.
	next := func() (m message.Message, ended bool) {
		m, err := in.Next()
		if err != nil {
			t.Errorf("a connection ended without notice: %v", err)
			return m, true
		}
		if m.ID != 0 {
			return m, false
		}
		if r, err := message.ParseResult(m.Body); err != nil || string(r.Name) != message.NoticeOfDisconnectionOID || r.Code != result.Unavailable {
			t.Errorf("the last message is %+v, %v", r, err)
		}
		return m, true
	}
	defer func() {
		for _, ou := range pending {
			outcome(ou, false)
		}
	}()
	send := func(raw []byte) { _, _ = conn.Write(raw) } // a failure shows in what is read
	send(simpleBind(1, account.DN, account.Password))
	m, ended := next()
	if ended {
		return n, rounds
	}
	if r, err := message.ParseResult(m.Body); err != nil || r.Code != result.Success {
		t.Errorf("bind: %+v, %v", r, err)
		return n, rounds
	}
	for id := int32(2); rounds < enough; {
		for range window {
			ou := fmt.Sprintf("c%dn%d", g, n)
			pending[id] = ou
			send(addRequest(id, "ou="+ou+","+testenv.BaseDN, ou))
			id, n = id+1, n+1
		}
		for range window {
			m, ended := next()
			if ended {
				return n, rounds
			}
			r, err := message.ParseResult(m.Body)
			if err != nil || r.Code != result.Success {
				t.Errorf("add: %v %s, %v", r.Code, r.Text, err)
				return n, enough
			}
			outcome(pending[m.ID], true)
			delete(pending, m.ID)
		}
		if killed(n) {
			rounds++
		}
	}
	return n, rounds
}
