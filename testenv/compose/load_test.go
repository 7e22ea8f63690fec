//go:build compose

package compose

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop"
)

const (
	suffix   = "dc=example,dc=com"
	admin    = "cn=admin," + suffix
	helpdesk = "cn=helpdesk,ou=services," + suffix
)

// patience is how long a client tries again before it counts as not served.
const patience = time.Minute

// An account is a user of the load. One goroutine at a time has it.
type account struct {
	dn       string
	password string // the last that was acknowledged
	key      string // an API token for it, or none
	acked    int    // changes of its password that were acknowledged
}

// dial connects through HAProxy and binds.
func (s *stack) dial(dn, password string) (*ldap.Conn, error) {
	c, err := ldap.DialURL("ldaps://"+s.ldaps, ldap.DialWithTLSConfig(s.tlsConfig()), ldap.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}))
	if err != nil {
		return nil, err
	}
	c.SetTimeout(10 * time.Second)
	if err := c.Bind(dn, password); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// dialStartTLS is dial by the port for LDAP.
func (s *stack) dialStartTLS(dn, password string) (*ldap.Conn, error) {
	c, err := ldap.DialURL("ldap://"+s.ldap, ldap.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}))
	if err != nil {
		return nil, err
	}
	c.SetTimeout(10 * time.Second)
	if err := c.StartTLS(s.tlsConfig()); err != nil {
		c.Close()
		return nil, err
	}
	if err := c.Bind(dn, password); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// passing tells whether a failure says that another try may be answered: the
// connection was lost, nobody is there yet, or a provider that is about to
// stop takes no writes.
func passing(err error) bool {
	var l *ldap.Error
	if errors.As(err, &l) {
		switch l.ResultCode {
		case ldap.ErrorNetwork, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable, ldap.LDAPResultTimeout, ldap.LDAPResultServerDown, ldap.LDAPResultConnectError:
			return true
		case ldap.LDAPResultUnwillingToPerform:
			return strings.Contains(l.Err.Error(), "restricted")
		}
		return false
	}
	// The library tells that the connection was lost in words, and may do so
	// before it counts as closed.
	if strings.Contains(err.Error(), "unable to read LDAP response packet") {
		return true
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errLost) || errors.Is(err, errHTTPUnavailable)
}

var (
	errLost            = errors.New("the connection was lost")
	errHTTPUnavailable = errors.New("the REST door is unavailable")
)

// A kind is one kind of client, and what became of its requests.
type kind struct {
	name     string
	step     func(ctx context.Context) error
	answered atomic.Int64
	retried  atomic.Int64 // tries that failed, each followed by another
	slowest  atomic.Int64 // until an answer, in nanoseconds
}

// A load is what clients of all kinds do until they are told to end.
type load struct {
	kinds  []*kind
	cancel context.CancelFunc
	work   sync.WaitGroup
	failed chan error
}

// until answers a request by trying again until it is answered.
func (k *kind) until(ctx context.Context) error {
	start := time.Now()
	for {
		err := k.step(ctx)
		if err == nil {
			k.answered.Add(1)
			took := int64(time.Since(start))
			for old := k.slowest.Load(); took > old && !k.slowest.CompareAndSwap(old, took); old = k.slowest.Load() {
			}
			return nil
		}
		if !passing(err) {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		if time.Since(start) > patience {
			return fmt.Errorf("%s: not answered within %v: %w", k.name, patience, err)
		}
		k.retried.Add(1)
		time.Sleep(50 * time.Millisecond)
	}
}

// startLoad starts the clients. They end only with an answer to what they have
// asked.
func startLoad(kinds []*kind) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{kinds: kinds, cancel: cancel, failed: make(chan error, len(kinds))}
	for _, k := range kinds {
		l.work.Go(func() {
			for ctx.Err() == nil {
				if err := k.until(context.WithoutCancel(ctx)); err != nil {
					l.failed <- err
					return
				}
			}
		})
	}
	return l
}

// stop ends the load and fails if a request was not answered.
func (l *load) stop(t *testing.T) {
	t.Helper()
	l.cancel()
	l.work.Wait()
	l.check(t)
	for _, k := range l.kinds {
		t.Logf("%-28s %6d answered, %4d tried again, slowest %v", k.name, k.answered.Load(), k.retried.Load(), time.Duration(k.slowest.Load()).Round(time.Millisecond))
	}
}

func (l *load) check(t *testing.T) {
	t.Helper()
	select {
	case err := <-l.failed:
		t.Fatal(err)
	default:
	}
}

// more waits until each kind of client has had n more answers.
func (l *load) more(t *testing.T, n int64) {
	t.Helper()
	before := make([]int64, len(l.kinds))
	for i, k := range l.kinds {
		before[i] = k.answered.Load()
	}
	for i, k := range l.kinds {
		for k.answered.Load() < before[i]+n {
			l.check(t)
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// A session is one client's connection, made anew when it is lost.
type session struct {
	dial func() (*ldap.Conn, error)
	conn *ldap.Conn
}

func (s *session) do(f func(*ldap.Conn) error) error {
	if s.conn == nil {
		c, err := s.dial()
		if err != nil {
			return err
		}
		s.conn = c
	}
	err := f(s.conn)
	if err != nil {
		if s.conn.IsClosing() {
			err = fmt.Errorf("%w: %w", errLost, err)
		}
		s.conn.Close()
		s.conn = nil
	}
	return err
}

// suggest asks for a password by the Generate Password operation.
func suggest(c *ldap.Conn, target string) (string, error) {
	r := extop.GeneratePasswordRequest{Selection: extop.SelectTargetEntry, DN: target, Count: 1, Attempts: extop.DefaultValidationAttempts}
	value := ber.Encode(ber.ClassContext, ber.TypePrimitive, 1, nil, "requestValue")
	value.Value = r.Encode()
	value.Data.Write(r.Encode())
	res, err := c.Extended(ldap.NewExtendedRequest(extop.GeneratePasswordRequestOID, value))
	if err != nil {
		return "", err
	}
	if res.Value == nil {
		return "", errors.New("there is no response value")
	}
	answer, err := extop.DecodeGeneratePasswordResult(res.Value.Data.Bytes())
	if err != nil {
		return "", err
	}
	if len(answer.Passwords) != 1 || len(answer.Passwords[0].Errors) > 0 {
		return "", fmt.Errorf("%d passwords, or one with errors", len(answer.Passwords))
	}
	return string(answer.Passwords[0].Password.Bytes()), nil
}

// http sends a JSON request through HAProxy.
func (s *stack) http(client *http.Client, method, path string, header http.Header, body any) (int, []byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequest(method, "https://"+s.rest+path, bytes.NewReader(text))
	if err != nil {
		return 0, nil, err
	}
	req.Header = header.Clone()
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, err
	}
	if res.StatusCode == http.StatusServiceUnavailable || res.StatusCode == http.StatusBadGateway {
		return 0, nil, fmt.Errorf("%w: %s", errHTTPUnavailable, answer)
	}
	return res.StatusCode, answer, nil
}

// restChange changes an account's own password by the ECGrid API. When an
// answer is lost, the change may have been made: then the new password is
// the account's.
func (s *stack) restChange(client *http.Client, a *account, next string) error {
	status, answer, err := s.http(client, http.MethodPut, "/v2/auth/password", http.Header{"X-Api-Key": {a.key}},
		map[string]string{"currentPassword": a.password, "newPassword": next})
	switch {
	case err != nil:
		return err
	case status == http.StatusOK:
		a.password = next
		a.acked++
		return nil
	case status == http.StatusBadRequest && bytes.Contains(answer, []byte("currentPassword is wrong")):
		c, err := s.dial(a.dn, next)
		if err != nil {
			return err
		}
		c.Close()
		a.password = next
		a.acked++
		return nil
	case status >= 500, bytes.Contains(answer, []byte("restricted")):
		return fmt.Errorf("%w: %s", errHTTPUnavailable, answer)
	}
	return fmt.Errorf("status %d: %s", status, answer)
}

// kinds returns the clients of the load. Writers share the accounts among
// them.
func (s *stack) kinds(accounts []*account) []*kind {
	byHelpdesk := func(startTLS bool) *session {
		return &session{dial: func() (*ldap.Conn, error) {
			if startTLS {
				return s.dialStartTLS(helpdesk, s.passwords["helpdesk"])
			}
			return s.dial(helpdesk, s.passwords["helpdesk"])
		}}
	}
	var kinds []*kind
	add := func(name string, step func(context.Context) error) {
		kinds = append(kinds, &kind{name: name, step: step})
	}
	// cycle goes over some of the accounts, one after the other, and stays
	// with one until its change is acknowledged.
	cycle := func(mine []*account, change func(*account) error) func(context.Context) error {
		i := 0
		return func(context.Context) error {
			if err := change(mine[i]); err != nil {
				return err
			}
			i = (i + 1) % len(mine)
			return nil
		}
	}
	share := len(accounts) / 4
	for i, startTLS := range []bool{false, true} {
		c := byHelpdesk(startTLS)
		add(fmt.Sprintf("generated on reset (%s)", map[bool]string{false: "LDAPS", true: "StartTLS"}[startTLS]),
			cycle(accounts[i*share:(i+1)*share], func(a *account) error {
				return c.do(func(conn *ldap.Conn) error {
					res, err := conn.PasswordModify(ldap.NewPasswordModifyRequest(a.dn, "", ""))
					if err != nil {
						return err
					}
					if res.GeneratedPassword == "" {
						return errors.New("no password was generated")
					}
					a.password = res.GeneratedPassword
					a.acked++
					return nil
				})
			}))
	}
	c := byHelpdesk(false)
	add("suggested, then set", cycle(accounts[2*share:3*share], func(a *account) error {
		return c.do(func(conn *ldap.Conn) error {
			next, err := suggest(conn, a.dn)
			if err != nil {
				return err
			}
			if _, err := conn.PasswordModify(ldap.NewPasswordModifyRequest(a.dn, "", next)); err != nil {
				return err
			}
			a.password = next
			a.acked++
			return nil
		})
	}))
	client := &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{TLSClientConfig: s.tlsConfig()}}
	var next string
	add("changed by REST", cycle(accounts[3*share:], func(a *account) error {
		if next == "" {
			next = rand.Text() + "a!1"
		}
		err := s.restChange(client, a, next)
		if err == nil {
			next = ""
		}
		return err
	}))
	reader := byHelpdesk(true)
	add("search", func(context.Context) error {
		return reader.do(func(conn *ldap.Conn) error {
			res, err := conn.Search(ldap.NewSearchRequest("ou=people,"+suffix, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, "(uid=amina)", []string{"mail"}, nil))
			if err != nil {
				return err
			}
			if len(res.Entries) != 1 {
				return fmt.Errorf("%d entries", len(res.Entries))
			}
			return nil
		})
	})
	asker := byHelpdesk(false)
	add("suggest by LDAP", func(context.Context) error {
		return asker.do(func(conn *ldap.Conn) error {
			_, err := suggest(conn, "uid=amina,ou=people,"+suffix)
			return err
		})
	})
	basic := &http.Request{Header: http.Header{}}
	basic.SetBasicAuth(helpdesk, s.passwords["helpdesk"])
	asking := &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{TLSClientConfig: s.tlsConfig()}}
	add("suggest by REST", func(context.Context) error {
		time.Sleep(100 * time.Millisecond) // rest.rateLimit
		status, answer, err := s.http(asking, http.MethodPost, "/directory/v1/suggestPassword", basic.Header, map[string]string{"targetEntryDN": "uid=amina,ou=people," + suffix})
		if err != nil {
			return err
		}
		if status != http.StatusOK || !bytes.Contains(answer, []byte(`"suggestedPassword":"`)) {
			return fmt.Errorf("status %d: %s", status, answer)
		}
		return nil
	})
	return kinds
}

// addAccounts adds users for the load, through the front ends.
func (s *stack) addAccounts(t *testing.T, n int) []*account {
	t.Helper()
	c, err := s.dial(admin, s.passwords["admin"])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var accounts []*account
	for i := range n {
		a := &account{dn: fmt.Sprintf("uid=load%03d,ou=people,%s", i, suffix), password: rand.Text()}
		add := ldap.NewAddRequest(a.dn, nil)
		add.Attribute("objectClass", []string{"inetOrgPerson"})
		add.Attribute("cn", []string{"Load"})
		add.Attribute("sn", []string{"Load"})
		add.Attribute("userPassword", []string{a.password})
		if err := c.Add(add); err != nil {
			t.Fatal(err)
		}
		if i >= n*3/4 {
			a.key = strings.TrimSpace(s.must(t, "exec", "-T", "front1", "/ldapsuggest", "token", "create", "--entry", a.dn, "--api", "ecgrid"))
			if strings.Contains(a.key, "\n") || !strings.HasPrefix(a.key, "lst_") {
				t.Fatal("no token was made")
			}
		}
		accounts = append(accounts, a)
	}
	return accounts
}

// bindOn binds as every account at one provider itself, and fails where the
// last acknowledged password is refused.
func (s *stack) bindOn(t *testing.T, provider string, accounts []*account) {
	t.Helper()
	var input strings.Builder
	acked := 0
	for _, a := range accounts {
		fmt.Fprintf(&input, "%s\n%s\n", a.dn, a.password)
		acked += a.acked
	}
	command := append(strings.Fields(os.Getenv("COMPOSE")), "--project-name", s.project, "exec", "-T", provider, "bash", "-c",
		`while IFS= read -r dn && IFS= read -r password; do ldapwhoami -x -H ldaps://127.0.0.1:1636 -D "$dn" -y <(printf %s "$password") >/dev/null || echo "refused: $dn"; done; echo done`)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin = top, s.env, strings.NewReader(input.String())
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "done") {
		t.Fatalf("%s: %v\n%s", provider, err, out)
	}
	if lost := strings.Count(string(out), "refused: "); lost > 0 {
		t.Errorf("%s has lost acknowledged passwords:\n%s", provider, out)
	}
	t.Logf("%s knows all %d passwords, the last of %d changes that were acknowledged", provider, len(accounts), acked)
}

// content returns what a provider holds, all of it.
func (s *stack) content(provider string) (string, error) {
	return s.compose("exec", "-T", provider, "bash", "-c",
		`ldapsearch -Q -Y EXTERNAL -H ldapi://%2Frun%2Fslapd%2Fldapi -LLL -o ldif-wrap=no -b dc=example,dc=com '*' + | grep -v -e '^contextCSN:' -e '^pwdFailureTime:'`)
}

// testFaults stops parts under load and looks for what was lost.
func testFaults(t *testing.T, s *stack) {
	s.must(t, "up", "-d", "--no-recreate", "--scale", "front2=1")
	s.await(t, "both front ends are scraped", func() error { return s.upTargets(2) })
	accounts := s.addAccounts(t, 40)
	enough := int64(15)

	l := startLoad(s.kinds(accounts))
	l.more(t, enough)
	start := time.Now()
	s.must(t, "stop", "directory1")
	t.Logf("directory1 stopped in %v, under load", time.Since(start).Round(10*time.Millisecond))
	l.more(t, enough)
	s.await(t, "the alert of a lost provider fires", func() error { return s.alert("LdapsuggestDirectoryServerDown", true) })
	l.stop(t)
	// The survivor has everything that the other has acknowledged.
	s.bindOn(t, "directory2", accounts)

	l = startLoad(s.kinds(accounts))
	l.more(t, enough)
	start = time.Now()
	s.must(t, "stop", "front1")
	t.Logf("front1 stopped in %v, under load", time.Since(start).Round(10*time.Millisecond))
	l.more(t, enough)
	s.await(t, "the alert of a lost front end fires", func() error { return s.alert("LdapsuggestNotRedundant", true) })
	s.must(t, "start", "directory1")
	s.must(t, "start", "front1")
	s.await(t, "the alert of a lost provider ends", func() error { return s.alert("LdapsuggestDirectoryServerDown", false) })
	s.await(t, "the alert of a lost front end ends", func() error { return s.alert("LdapsuggestNotRedundant", false) })
	l.more(t, enough)
	l.stop(t)
	s.same(t)
	s.bindOn(t, "directory1", accounts)
	s.bindOn(t, "directory2", accounts)

	// Killed, a provider gives nobody anything first. What it has acknowledged
	// is on its disk.
	l = startLoad(s.kinds(accounts))
	l.more(t, enough)
	s.must(t, "kill", "directory1")
	l.more(t, enough)
	s.must(t, "start", "directory1")
	s.must(t, "kill", "front2")
	l.more(t, enough)
	s.must(t, "start", "front2")
	l.more(t, enough)
	l.stop(t)
	s.same(t)
	s.bindOn(t, "directory1", accounts)
	s.bindOn(t, "directory2", accounts)
}

// testHandover stops a provider that has acknowledged what the other does not
// have, because it does not replicate for a while.
func testHandover(t *testing.T, s *stack) {
	const database = `olcDatabase={1}mdb,cn=config`
	modify := func(change string) {
		t.Helper()
		s.must(t, "exec", "-T", "directory2", "bash", "-c", fmt.Sprintf(`ldapmodify -Q -Y EXTERNAL -H ldapi://%%2Frun%%2Fslapd%%2Fldapi <<'END'
dn: %s
changetype: modify
%s
END
`, database, change))
	}
	found := s.must(t, "exec", "-T", "directory2", "ldapsearch", "-Q", "-Y", "EXTERNAL", "-H", "ldapi://%2Frun%2Fslapd%2Fldapi",
		"-LLL", "-o", "ldif-wrap=no", "-s", "base", "-b", database, "olcSyncrepl")
	_, consumer, ok := strings.Cut(found, "\nolcSyncrepl: ")
	if !ok {
		t.Fatalf("directory2 does not replicate:\n%s", found)
	}
	consumer = strings.TrimSpace(consumer)
	modify("delete: olcSyncrepl")
	c, err := s.dial(helpdesk, s.passwords["helpdesk"])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	jo := &account{dn: "uid=jo,ou=people," + suffix}
	res, err := c.PasswordModify(ldap.NewPasswordModifyRequest(jo.dn, "", ""))
	if err != nil {
		t.Fatal(err)
	}
	jo.password = res.GeneratedPassword
	jo.acked++
	if a, b := s.mustContent(t, "directory1"), s.mustContent(t, "directory2"); a == b {
		t.Fatal("directory2 has what it does not replicate")
	}
	stopped := make(chan error, 1)
	go func() {
		_, err := s.compose("stop", "directory1")
		stopped <- err
	}()
	s.await(t, "the stop waits", func() error { return s.says("waiting: another provider lacks changes") })
	modify("add: olcSyncrepl\nolcSyncrepl: " + consumer)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if err := s.says("gave up"); err == nil {
		t.Error("the stop gave up waiting")
	}
	s.bindOn(t, "directory2", []*account{jo})
	s.must(t, "start", "directory1")
	s.same(t)
}

// says wants directory1 to have said something.
func (s *stack) says(what string) error {
	logs, err := s.compose("logs", "--no-color", "directory1")
	if err == nil && !strings.Contains(logs, what) {
		err = fmt.Errorf("directory1 does not say %q", what)
	}
	return err
}

func (s *stack) mustContent(t *testing.T, provider string) string {
	t.Helper()
	text, err := s.content(provider)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// same waits until both providers hold the same.
func (s *stack) same(t *testing.T) {
	t.Helper()
	s.await(t, "both providers hold the same", func() error {
		var content []string
		for _, provider := range []string{"directory1", "directory2"} {
			text, err := s.content(provider)
			if err != nil {
				return err
			}
			content = append(content, text)
		}
		if len(content[0]) < 1000 {
			return fmt.Errorf("only %d octets are there", len(content[0]))
		}
		if content[0] != content[1] {
			return errors.New("the providers differ")
		}
		return nil
	})
}
