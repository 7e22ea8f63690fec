package transparency_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/testenv/transparency"
)

var update = flag.Bool("update", false, "record testdata/transcripts anew, with real clients and directories")

// TestTranscripts replays what real clients and directories have said to each
// other, with a directory that says its part again. Nothing but the front end
// is needed for it.
func TestTranscripts(t *testing.T) {
	if *update {
		if err := errors.Join(os.RemoveAll("testdata/transcripts"), os.Mkdir("testdata/transcripts", 0o755)); err != nil {
			t.Fatal(err)
		}
		record(t, startSlapd(t))
		record(t, startDS389(t))
		record(t, startSamba(t))
	}
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d transcripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tr, err := transparency.ParseTranscript(string(text))
			if err != nil {
				t.Fatal(err)
			}
			// As it came, in small pieces, and with the responses in pieces
			// that end within messages.
			for _, piece := range []int{1 << 20, 1, 1000} {
				replay(t, tr, piece)
			}
		})
	}
}

// record lets clients talk to a server and writes down what they say.
func record(t *testing.T, s server) {
	text, err := os.ReadFile("testdata/transcripts.txt")
	if err != nil {
		t.Fatal(err)
	}
	b, err := transparency.ParseBattery("transcripts", string(text))
	if err != nil {
		t.Fatal(err)
	}
	s.reset(t, s.runner(t, s.url, s.tlsURL, "1"))
	for _, c := range b.For(s.name).Cases {
		name, command, ok := strings.Cut(strings.TrimPrefix(c.Command, ": "), "; ")
		if !ok {
			t.Fatalf("%q has no name", c.Command)
		}
		r, err := transparency.NewRecorder(func() (net.Conn, error) { return net.Dial("tcp", host(s.url)) })
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.runner(t, "ldap://"+r.Addr(), "", "1").Run(t.Context(), command)
		if err != nil || out.Status != c.Status[s.name] {
			t.Fatalf("%s: exit status %d, want %d, %v\n%s", command, out.Status, c.Status[s.name], err, out.Output)
		}
		all, err := r.Close()
		if err != nil {
			t.Fatal(err)
		}
		for i, tr := range all {
			tr.Title = fmt.Sprintf("%s: %s", s.name, command)
			file := fmt.Sprintf("testdata/transcripts/%s-%s-%d.txt", s.name, name, i+1)
			if err := os.WriteFile(file, []byte(tr.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// replay plays client and directory with the front end between: what one
// says the other must hear, octet for octet. Both send pieces of so many
// octets.
func replay(t *testing.T, tr transparency.Transcript, piece int) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	srv := ldapserver.New(ldapserver.Config{
		Dial: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", l.Addr().String())
		},
		Extended: map[string]extop.Handler{extop.GeneratePasswordRequestOID: nobody{}},
	})
	client := newWire(t, serve(t, srv.Close, srv.Serve, "ldap"))
	defer client.conn.Close()
	say := func(to net.Conn, octets []byte) {
		for len(octets) > 0 {
			n := min(piece, len(octets))
			if _, err := to.Write(octets[:n]); err != nil {
				t.Fatal(err)
			}
			octets = octets[n:]
		}
	}
	hear := func(who string, in *message.Reader, answer func(message.Message) bool, want []byte) {
		t.Helper()
		for len(want) > 0 {
			m, err := in.Next()
			if err != nil {
				t.Fatalf("pieces of %d: the %s does not hear %x: %v", piece, who, want[:min(len(want), 200)], err)
			}
			if answer != nil && answer(m) {
				continue
			}
			if !bytes.HasPrefix(want, m.Raw) {
				t.Fatalf("pieces of %d: the %s hears\n%x\nwant\n%x", piece, who, m.Raw, want[:min(len(want), len(m.Raw))])
			}
			want = want[len(m.Raw):]
		}
	}
	var directory *wire
	// The front end asks who a connection is where the bind does not tell.
	question := func(m message.Message) bool {
		e, err := message.ParseExtended(m.Body)
		if m.Op != message.ExtendedRequest || err != nil || string(e.Name) != message.WhoAmIOID || m.ID < message.MaxID-1000 {
			return false
		}
		// At the end of a transcript, nobody may be there for the answer.
		_, _ = directory.conn.Write(message.AppendExtendedResponse(nil, m.ID, message.ExtendedResult{Code: result.Success, Value: []byte("dn:cn=recorded")}))
		return true
	}
	for _, f := range tr.Flows {
		if !f.FromClient {
			say(directory.conn, f.Octets)
			hear("client", client.in, nil, f.Octets)
			continue
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for octets := f.Octets; len(octets) > 0; {
				n := min(piece, len(octets))
				if _, err := client.conn.Write(octets[:n]); err != nil {
					t.Error(err)
					return
				}
				octets = octets[n:]
			}
		}()
		if directory == nil {
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(wireTime))
			directory = &wire{t, conn, message.NewReader(conn, message.Limits{MaxSize: 1 << 30})}
		}
		hear("directory", directory.in, question, f.Octets)
		<-done
	}
	// A client that says no more is no more to the directory either.
	_ = client.conn.Close()
	for {
		m, err := directory.in.Next()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("pieces of %d: the directory's connection stays open", piece)
		}
		if err != nil {
			break
		}
		if !question(m) {
			t.Fatalf("pieces of %d: the directory hears %x behind the end", piece, m.Raw)
		}
	}
}

// nobody is an operation that no transcript asks for.
type nobody struct{}

func (nobody) ServeExtended(context.Context, *extop.Request) (*extop.Response, error) {
	return nil, errors.New("asked for")
}

func TestTranscriptFormat(t *testing.T) {
	want := transparency.Transcript{Title: "title", Flows: []transparency.Flow{
		{FromClient: true, Octets: []byte("0123456789abcdef\x00|\n")}, {Octets: bytes.Repeat([]byte{0xff}, 33)}, {FromClient: true, Octets: []byte{0}},
	}}
	got, err := transparency.ParseTranscript(want.String())
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("error %v, -want +got\n%s", err, d)
	}
	for _, text := range []string{
		"", "# title\n", ">>> Flow 1 (client to directory)\n",
		">>> Flow 1 (somewhere)\n", "00000000  30 0c\n", "x\n",
		">>> Flow 1 (client to directory)\n>>> Flow 2 (client to directory)\n",
	} {
		if tr, err := transparency.ParseTranscript(text); err == nil {
			t.Errorf("%q: got %v", text, tr)
		}
	}
}
