package transparency_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/ldapserver"
	"github.com/ldapsuggest/ldapsuggest/testenv/transparency"
)

func TestSlapd(t *testing.T) {
	t.Parallel()
	s := startSlapd(t)
	compare(t, s, followSlapd)
	t.Run("a front end that lies", func(t *testing.T) { noticeLies(t, s) })
}

func TestDS389(t *testing.T) {
	t.Parallel()
	compare(t, startDS389(t), followDS389)
}

func TestSamba(t *testing.T) {
	t.Parallel()
	compare(t, startSamba(t), followSamba)
}

// compare runs everything that compares a server with the front end before
// it.
func compare(t *testing.T, s server, follow func(*testing.T, server, front)) {
	if _, err := exec.LookPath("javac"); err != nil {
		t.Log("JNDI: not run: no JDK is installed")
	}
	f := startFront(t, s, nil)
	direct, through := s.runner(t, s.url, s.tlsURL, "1"), s.runner(t, f.url, f.tlsURL, "2")
	batteries, err := transparency.LoadBatteries(os.DirFS("testdata/batteries"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, b := range batteries {
		b := b.For(s.name)
		if len(b.Cases) == 0 {
			continue
		}
		ran += len(b.Cases)
		t.Run(b.Name, func(t *testing.T) { compareBattery(t, s, b, direct, through) })
	}
	t.Run("go-ldap", func(t *testing.T) { compareGoLDAP(t, s, f, direct) })
	t.Run("odd requests", func(t *testing.T) { compareOdd(t, s, f, direct) })
	follow(t, s, f)
	t.Run("root DSE", func(t *testing.T) { compareRootDSE(t, s, f) })
	if ran < 50 {
		t.Errorf("only %d cases are for %s", ran, s.name)
	}
}

func compareBattery(t *testing.T, s server, b transparency.Battery, direct, through transparency.Runner) {
	s.reset(t, direct)
	want, err := direct.RunAll(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if !b.SameData {
		s.reset(t, direct)
	}
	got, err := through.RunAll(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range b.Cases {
		if wrong := c.Check(s.name, want[i], got[i]); wrong != "" {
			t.Errorf("%s:%d: %s\n%s", b.Name, c.Line, c.Command, wrong)
		}
	}
}

// noticeLies puts front ends before s that change what they pass on, and wants
// the batteries to tell.
func noticeLies(t *testing.T, s server) {
	batteries, err := transparency.LoadBatteries(os.DirFS("testdata/batteries"))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(batteries, func(b transparency.Battery) bool { return b.Name == "search" })
	b := batteries[i].For(s.name)
	direct := s.runner(t, s.url, s.tlsURL, "1")
	s.reset(t, direct)
	want, err := direct.RunAll(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	for name, lie := range map[string][2]string{
		"value":         {"alice@example.com", "alice@example.net"},
		"control":       {"1.2.840.113556.1.4.319", "1.2.840.113556.1.4.318"},
		"referral":      {"ldaps://second.example", "ldaps://secund.example"},
		"text":          {"critical extension is not", "critical extension is now"},
		"matched DN":    {"\x0a\x01\x20\x04\x1c", "\x0a\x01\x21\x04\x1c"},
		"request in it": {"subschemaSubentry", "subschemasubentry"},
	} {
		f := startFront(t, s, func(cfg *ldapserver.Config) {
			dial := cfg.Dial
			cfg.Dial = func(ctx context.Context) (net.Conn, error) {
				conn, err := dial(ctx)
				return liar{conn, []byte(lie[0]), []byte(lie[1])}, err
			}
		})
		got, err := s.runner(t, f.url, f.tlsURL, "1").RunAll(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		noticed := 0
		for i, c := range b.Cases {
			if c.Check(s.name, want[i], got[i]) != "" {
				noticed++
			}
		}
		if noticed == 0 || noticed == len(b.Cases) {
			t.Errorf("%s: %d of %d cases notice", name, noticed, len(b.Cases))
		}
	}
}

// A liar is a connection that changes what is read.
type liar struct {
	net.Conn
	from, to []byte
}

func (l liar) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	copy(p, bytes.ReplaceAll(p[:n], l.from, l.to))
	return n, err
}
