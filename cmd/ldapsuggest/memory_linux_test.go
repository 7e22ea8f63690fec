package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/testenv"
	"github.com/ldapsuggest/ldapsuggest/testenv/secrets"
)

// memory looks for secrets in the memory that a process can write.
func memory(t *testing.T, pid int, book *secrets.Book) []secrets.Leak {
	t.Helper()
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	var leaks []secrets.Leak
	octets := int64(0)
	for in := bufio.NewScanner(maps); in.Scan(); {
		if !strings.Contains(in.Text(), " rw") {
			continue
		}
		var from, to int64
		if _, err := fmt.Sscanf(in.Text(), "%x-%x", &from, &to); err != nil {
			t.Fatal(err)
		}
		found, err := book.Search(fmt.Sprintf("memory at %x", from), io.NewSectionReader(mem, from, to-from))
		if err != nil {
			continue // guard pages
		}
		octets += to - from
		leaks = append(leaks, found...)
	}
	if octets < 1<<20 {
		t.Fatalf("only %d octets could be read", octets)
	}
	return leaks
}

// TestPasswordsAreWiped asks for passwords and looks for them in the memory of
// the program. What is left is what libraries hold of a few messages, in
// buffers that the next ones overwrite: net/http of the last on a connection
// and of those in its pools, and crypto/tls of one for which it needed a
// larger buffer.
func TestPasswordsAreWiped(t *testing.T) {
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 5}}})
	r := startRun(t, fmt.Sprintf("coreDumps: true\ndirectory: {urls: [%q], bindDN: %q, defaultPolicy: {%q: %q}}\nrest: {rateLimit: {perSecond: 0}}\n",
		s.URL, s.Reader.DN, s.Suffix, s.PolicyDN("default")), "LDAPSUGGEST_DIRECTORY_BIND_PASSWORD="+s.Reader.Password)
	who := s.UserDN(1)
	plain, secure, helper := r.dial("ldap", who, testenv.UserPassword), r.dial("ldaps", who, testenv.UserPassword), r.dial("ldap", s.PwAdmin.DN, s.PwAdmin.Password)
	me := map[string]string{"basic": who + "\x00" + testenv.UserPassword}
	client := new(http.Client)
	defer client.CloseIdleConnections()
	const passwords, times = 5, 30
	for _, tt := range []struct {
		name string
		left int // passwords
		ask  func(r *run)
	}{
		{"LDAP, at once", 0, func(r *run) { r.suggest(plain, "", passwords) }},
		{"LDAP, for somebody", 0, func(r *run) { r.suggest(plain, who, passwords) }},
		{"LDAPS", 2 * passwords, func(r *run) { r.suggest(secure, "", passwords) }},
		{"Password Modify", 0, func(r *run) {
			res, err := helper.PasswordModify(ldap.NewPasswordModifyRequest(s.UserDN(2), "", ""))
			if err != nil {
				t.Fatal(err)
			}
			r.book.Add("made", res.GeneratedPassword)
		}},
		{"suggestPassword", 4 * passwords, func(r *run) {
			_, text := r.request(client, "POST", "/directory/v1/suggestPassword", me, fmt.Sprintf(`{"numberOfPasswords": %d}`, passwords))
			r.made("made", suggestedPattern, text)
		}},
		{"validatePassword", 4, func(r *run) {
			candidate := fmt.Sprintf("Cand1date-%d!", time.Now().UnixNano())
			r.book.Add("candidate", candidate)
			r.request(client, "POST", "/directory/v1/validatePassword", me, `{"password": "`+candidate+`"}`)
		}},
	} {
		one := &run{t: t, dir: r.dir, urls: r.urls}
		for range times {
			tt.ask(one)
		}
		left := make(map[string]bool)
		for _, l := range memory(t, r.cmd.Process.Pid, &one.book) {
			left[l.Secret] = true
		}
		if len(left) > tt.left || one.book.Len() < times {
			t.Errorf("%s: %d of %d passwords are in memory, want %d at most", tt.name, len(left), one.book.Len(), tt.left)
		}
	}
	// What has to be there is found.
	var needed secrets.Book
	needed.Add("service account", s.Reader.Password)
	if len(memory(t, r.cmd.Process.Pid, &needed)) == 0 {
		t.Error("the service account's password is not found, so nothing would be")
	}
}
