package embedded

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

const crashEnv = "LDAPSUGGEST_TEST_CRASH_DIR"

// crashChild is the process that TestSurvivesKill kills: it adds and modifies
// entries as fast as it can, and prints each write once it is accepted.
func crashChild() {
	fatal := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx := context.Background()
	d, err := Open(ctx, Config{Dir: os.Getenv(crashEnv), AdminPassword: adminPassword})
	if err != nil {
		fatal(err)
	}
	s := d.sessionFor(adminDN)
	for i := 0; ; i++ {
		dn := fmt.Sprintf("cn=entry %d,ou=people,dc=example,dc=com", i)
		e := policy.Entry{DN: dn, Attributes: []policy.Attribute{
			{Name: "objectClass", Values: []string{"device"}},
			{Name: "serialNumber", Values: []string{"0"}},
		}}
		if err := d.add(ctx, s, e); err != nil {
			fatal(err)
		}
		fmt.Println("add", i)
		if err := d.modify(ctx, s, dn, []modification{{modReplace, "serialNumber", []string{strconv.Itoa(i + 1)}}}); err != nil {
			fatal(err)
		}
		fmt.Println("mod", i)
	}
}

// No write that was accepted is lost when the process is killed, and the
// store is whole.
func TestSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	open(t, Config{Dir: dir}).Close()
	accepted := make(map[string]string)
	for range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), crashEnv+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			what, i, _ := strings.Cut(lines.Text(), " ")
			accepted[i] = "0"
			if what == "mod" {
				v, _ := strconv.Atoi(i)
				accepted[i] = strconv.Itoa(v + 1)
			}
			if n == 60 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		if len(accepted) < 20 {
			t.Fatalf("only %d entries were accepted", len(accepted))
		}
		d, err := Open(t.Context(), Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		found, err := d.Search(t.Context(), policy.Query{Base: "ou=people,dc=example,dc=com", Scope: policy.WholeSubtree, Filter: "(objectClass=device)"})
		if err != nil {
			t.Fatal(err)
		}
		have := make(map[string]string)
		for _, e := range found {
			cn, _ := e.Value("cn")
			serial, _ := e.Value("serialNumber")
			have[strings.TrimPrefix(cn, "entry ")] = serial
		}
		for i, want := range accepted {
			// A modification may have been accepted just before its line
			// could be read.
			if got := have[i]; got != want && !(want == "0" && got != "") {
				t.Errorf("entry %s: %q, want %q", i, got, want)
			}
		}
		s := d.sessionFor(adminDN)
		for i := range have {
			if err := d.remove(t.Context(), s, "cn=entry "+i+",ou=people,dc=example,dc=com"); err != nil {
				t.Fatal(err)
			}
		}
		clear(accepted)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
