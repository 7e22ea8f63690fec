package transparency_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// bind connects with go-ldap.
func bind(t testing.TB, url string, a testenv.Account) *ldap.Conn {
	t.Helper()
	c, err := ldap.DialURL(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	c.SetTimeout(wireTime)
	if err := c.Bind(a.DN, a.Password); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestConsumer has a slapd replicate another through the front end, and wants
// both to hold the same in the end.
func TestConsumer(t *testing.T) {
	t.Parallel()
	provider := startSlapd(t)
	f := startFront(t, provider, nil)
	consumer := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{
		SyncFrom: &testenv.SyncSource{URL: f.url, Account: provider.admin},
	}}})
	from, to := bind(t, provider.url, provider.admin), bind(t, consumer.URL, consumer.Admin)
	same := func(what string) {
		t.Helper()
		want := entries(t, from, provider.suffix)
		deadline := time.Now().Add(wireTime)
		for {
			got := entries(t, to, provider.suffix)
			if maps.Equal(want, got) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: the provider has %d entries, the consumer %d; differing: %v", what, len(want), len(got), differing(want, got))
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	same("refresh")

	people := "ou=people," + provider.suffix
	for i := range 20 {
		add := ldap.NewAddRequest(fmt.Sprintf("cn=new%d,%s", i, people), nil)
		add.Attribute("objectClass", []string{"inetOrgPerson"})
		add.Attribute("sn", []string{"New"})
		add.Attribute("jpegPhoto", []string{strings.Repeat("\x00\xff", 1000*i+1)})
		if err := from.Add(add); err != nil {
			t.Fatal(err)
		}
	}
	same("add")
	change := func(i int) {
		modify := ldap.NewModifyRequest(fmt.Sprintf("cn=new%d,%s", i, people), nil)
		modify.Replace("description", []string{"changed", fmt.Sprint(i)})
		if err := from.Modify(modify); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		change(i)
	}
	if err := from.ModifyDN(ldap.NewModifyDNRequest("cn=new10,"+people, "cn=renamed", true, "ou=services,"+provider.suffix)); err != nil {
		t.Fatal(err)
	}
	if err := from.Del(ldap.NewDelRequest("cn=new11,"+people, nil)); err != nil {
		t.Fatal(err)
	}
	same("modify, rename, delete")
}

// entries returns entryCSN by entryUUID and DN.
func entries(t *testing.T, c *ldap.Conn, base string) map[string]string {
	t.Helper()
	found, err := c.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", []string{"entryUUID", "entryCSN"}, nil))
	if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, e := range found.Entries {
		all[e.DN+" "+e.GetAttributeValue("entryUUID")] = e.GetAttributeValue("entryCSN")
	}
	return all
}

func differing(a, b map[string]string) []string {
	var keys []string
	for k := range a {
		if a[k] != b[k] {
			keys = append(keys, k)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys[:min(len(keys), 10)]
}

// follow has two clients follow the changes of a server, one through the front
// end, and wants each to get the same octets.
func follow(t *testing.T, s server, f front, control, dn string, change func(c *ldap.Conn, n int) error) {
	t.Run("persistent search", func(t *testing.T) {
		direct, through := boundWire(t, s.url, s.admin), boundWire(t, f.url, s.admin)
		// What may come before the first change differs in time, not in
		// content.
		direct.send([]byte(control))
		through.send([]byte(control))
		admin := bind(t, s.url, s.admin)
		// until returns the entries up to the one with a mark, and the
		// intermediate responses by the way.
		until := func(w *wire, mark string) (all [][]byte) {
			t.Helper()
			for {
				m, r := w.next()
				if m.ID != 2 || m.Op == message.SearchResultDone || m.Op == message.ExtendedResponse {
					t.Fatalf("got %s %d %v %q", message.OpName(m.Op), m.ID, r.Code, r.Text)
				}
				if m.Op == message.SearchResultEntry {
					all = append(all, m.Raw)
					if bytes.Contains(m.Raw, []byte(mark)) {
						return all
					}
				}
			}
		}
		for n := range 6 {
			if err := change(admin, n); err != nil {
				t.Fatal(err)
			}
			mark := fmt.Sprintf("change %d.", n)
			want, got := until(direct, mark), until(through, mark)
			// The first change may still be part of what there was.
			if n > 0 && !bytes.Equal(want[len(want)-1], got[len(got)-1]) {
				t.Errorf("change %d: directly\n%x\nthrough the front end\n%x", n, want[len(want)-1], got[len(got)-1])
			}
			// Other requests pass by.
			through.send(searchAll(int32(100+n), dn, 0, nil))
			for m, _ := through.next(); m.Op != message.SearchResultDone; m, _ = through.next() {
			}
		}
		through.send(abandon(3, 2), searchAll(4, dn, 0, nil))
		for m, _ := through.next(); m.ID != 4 || m.Op != message.SearchResultDone; m, _ = through.next() {
		}
	})
}

// TestLargeResult reads 20,000 entries, five times at once, and wants the
// octets that the directory sends. While a client does not read, the front
// end keeps little of what there is to send.
func TestLargeResult(t *testing.T) {
	slapd := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 20_000}}})
	s := server{name: "slapd", url: slapd.URL, tlsURL: slapd.TLSURL, suffix: slapd.Suffix, caFile: slapd.CAFile, admin: slapd.Admin, reader: slapd.Reader, tls: slapd.TLSConfig()}
	f := startFront(t, s, nil)

	const clients = 5
	request := searchAll(2, "ou=people,"+s.suffix, 1, nil)
	// read returns the entries' number, size and hash.
	read := func(w *wire, pause func()) (n, size int, sum [sha256.Size]byte) {
		w.send(request)
		hash := sha256.New()
		for {
			m, err := w.in.Next()
			if err != nil {
				t.Error(err)
				return
			}
			hash.Write(m.Raw)
			size += len(m.Raw)
			if m.Op == message.SearchResultDone {
				return n, size, [sha256.Size]byte(hash.Sum(nil))
			}
			if n++; n == 100 {
				pause()
			}
		}
	}
	entries, octets, want := read(boundWire(t, s.url, s.admin), func() {})
	if entries != 20_000 {
		t.Fatalf("the directory has %d entries", entries)
	}

	wires := make([]*wire, clients)
	for i := range wires {
		wires[i] = boundWire(t, f.url, s.admin)
	}
	before := heap()
	var paused, all sync.WaitGroup
	paused.Add(clients)
	resume := make(chan struct{})
	for _, w := range wires {
		all.Go(func() {
			_, _, got := read(w, func() {
				paused.Done()
				<-resume
			})
			if got != want {
				t.Error("the octets differ from those of the directory")
			}
		})
	}
	paused.Wait()
	grown := heap() - before
	close(resume)
	all.Wait()
	// The directory's own buffers and the kernel's hold some of it, and the
	// clients here as much as the front end.
	if limit := clients * octets / 20; grown > limit {
		t.Errorf("while %d results of %d octets waited for the client, the heap grew by %d, more than %d", clients, octets, grown, limit)
	}
	t.Logf("%d entries, %d octets, times %d: the heap grew by %d octets", entries, octets, clients, grown)
}

// heap returns the octets of live objects.
func heap() int {
	runtime.GC()
	runtime.GC() // what a pool holds goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestLargeValues writes values of just below 4 MiB and reads them back.
func TestLargeValues(t *testing.T) {
	s := startSlapd(t)
	f := startFront(t, s, nil)
	c := bind(t, f.url, s.admin)
	direct := bind(t, s.url, s.admin)
	dn := "cn=large,ou=people," + s.suffix
	add := ldap.NewAddRequest(dn, nil)
	add.Attribute("objectClass", []string{"inetOrgPerson"})
	add.Attribute("sn", []string{"Large"})
	if err := c.Add(add); err != nil {
		t.Fatal(err)
	}
	attributes := []string{"jpegPhoto", "audio", "userPKCS12"}
	var want []string
	for i, name := range attributes {
		// slapd takes messages of up to 4,194,303 octets.
		value := strings.Repeat(string(rune('a'+i)), 4_194_303-200)
		want = append(want, value)
		modify := ldap.NewModifyRequest(dn, nil)
		modify.Add(name, []string{value})
		if err := c.Modify(modify); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]*ldap.Conn{"directly": direct, "through the front end": c} {
		found, err := c.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", attributes, nil))
		if err != nil || len(found.Entries) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, a := range attributes {
			if found.Entries[0].GetAttributeValue(a) != want[i] {
				t.Errorf("%s: the value of %s is not the one that was written", name, a)
			}
		}
	}
	if err := c.Del(ldap.NewDelRequest(dn, nil)); err != nil {
		t.Error(err)
	}
}

// TestManyInFlight has a thousand requests under way on one connection and
// abandons every third. All others are answered, once.
func TestManyInFlight(t *testing.T) {
	s := startSlapd(t)
	f := startFront(t, s, nil)
	const requests = 1000
	for _, url := range []string{s.url, f.url} {
		w := boundWire(t, url, s.admin)
		var all []byte
		for i := range int32(requests) {
			all = append(all, searchAll(10+i, fmt.Sprintf("uid=user%03d,ou=people,%s", i%50, s.suffix), 0, nil)...)
		}
		w.send(all)
		all = all[:0]
		for i := int32(0); i < requests; i += 3 {
			all = append(all, abandon(10_000+i, 10+i)...)
		}
		// Read while writing: slapd stops reading when it cannot write.
		go w.conn.Write(all)
		ended := make(map[int32]int)
		for answered := 0; answered < requests-(requests+2)/3; {
			m, r := w.next()
			if m.Op != message.SearchResultDone {
				continue
			}
			i := m.ID - 10
			want := result.Success
			if i%50 >= 40 {
				want = result.NoSuchObject
			}
			if ended[i]++; ended[i] > 1 || r.Code != want {
				t.Fatalf("request %d: answer %d, %v", i, ended[i], r.Code)
			}
			if i%3 != 0 {
				answered++
			}
		}
		w.send(whoAmI(9))
		for m, _ := w.next(); m.ID != 9; m, _ = w.next() {
		}
	}
}

// TestShutdownDuringStream ends the front end while a client takes a result:
// the client gets all of it, and then the notice.
func TestShutdownDuringStream(t *testing.T) {
	s := startSlapd(t)
	f := startFront(t, s, nil)
	w := boundWire(t, f.url, s.admin)
	w.send(searchAll(2, s.suffix, 2, nil))
	first, _ := w.next()
	if first.Op != message.SearchResultEntry {
		t.Fatalf("got %s", message.OpName(first.Op))
	}
	ctx, cancel := context.WithTimeout(t.Context(), wireTime)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f.Shutdown(ctx) }()
	for {
		m, r := w.next()
		if m.Op == message.SearchResultDone {
			if r.Code != result.Success {
				t.Errorf("the search ended with %v", r.Code)
			}
			break
		}
	}
	w.wantNotice(result.Unavailable)
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func followSlapd(t *testing.T, s server, f front) {
	// SyncRequestValue ::= SEQUENCE { mode refreshAndPersist (3) } (RFC 4533).
	control := message.AppendControl(nil, "1.3.6.1.4.1.4203.1.9.1.1", true, []byte("\x30\x03\x0a\x01\x03"))
	dn := "ou=people," + s.suffix
	follow(t, s, f, string(searchAll(2, dn, 0, control)), dn, describe(dn))
}

func followDS389(t *testing.T, s server, f front) {
	// PersistentSearch ::= SEQUENCE { changeTypes 15, changesOnly FALSE,
	// returnECs TRUE } (draft-ietf-ldapext-psearch).
	control := message.AppendControl(nil, "2.16.840.1.113730.3.4.3", true, []byte("\x30\x09\x02\x01\x0f\x01\x01\x00\x01\x01\xff"))
	dn := "ou=people," + s.suffix
	follow(t, s, f, string(searchAll(2, dn, 0, control)), dn, describe(dn))
}

func followSamba(t *testing.T, s server, f front) {
	// LDAP_SERVER_NOTIFICATION_OID has no value.
	control := message.AppendControl(nil, "1.2.840.113556.1.4.528", true, nil)
	dn := "ou=people," + s.suffix
	follow(t, s, f, string(searchAll(2, dn, 0, control)), dn, describe(dn))
}

// describe changes the description of an entry.
func describe(dn string) func(c *ldap.Conn, n int) error {
	return func(c *ldap.Conn, n int) error {
		modify := ldap.NewModifyRequest(dn, nil)
		modify.Replace("description", []string{fmt.Sprintf("change %d.", n)})
		return c.Modify(modify)
	}
}
