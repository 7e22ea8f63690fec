package directory

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// script is a conn whose directory is the test.
func script(t testing.TB) (*conn, net.Conn, *message.Reader) {
	t.Helper()
	here, there := net.Pipe()
	c, err := newConn(t.Context(), here, nil, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.close(); there.Close() })
	return c, there, message.NewReader(there, message.Limits{})
}

// everything is (objectClass=*).
var everything = []byte("\x87\x0bobjectClass")

func searchDone(id int32, code result.Code) []byte {
	return message.AppendResult(nil, id, message.SearchResultDone, code, "dc=x", "text")
}

func entryOfName(id int32, dn string) []byte {
	return message.AppendSearchEntry(nil, id, dn, []message.Attribute{{Name: "cn", Values: [][]byte{[]byte("a"), []byte("b")}}, {Name: "empty"}})
}

// Answers come in any order, and each search gets its own.
func TestConnOutOfOrder(t *testing.T) {
	c, there, requests := script(t)
	const n = 50
	go func() {
		var ids []int32
		names := make(map[int32]string)
		for range n {
			m, err := requests.Next()
			if err != nil {
				t.Error(err)
				return
			}
			s, err := message.ParseSearch(m.Body)
			if err != nil {
				t.Error(err)
				return
			}
			ids, names[m.ID] = append(ids, m.ID), string(s.Base)
		}
		slices.Reverse(ids)
		var out []byte
		for _, id := range ids {
			out = append(out, entryOfName(id, names[id])...)
		}
		for _, id := range ids {
			out = append(out, message.AppendMessage(nil, id, message.SearchResultReference, nil, nil)...)
			out = append(out, searchDone(id, result.Success)...)
		}
		if _, err := there.Write(out); err != nil {
			t.Error(err)
		}
	}()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			base := fmt.Sprintf("cn=%d", i)
			got, err := c.search(t.Context(), policy.Query{Base: base}, everything, time.Minute)
			if err != nil || len(got) != 1 || got[0].DN != base || !slices.Equal(got[0].Values("CN"), []string{"a", "b"}) || len(got[0].Attributes) != 2 {
				t.Errorf("%q: %+v, %v", base, got, err)
			}
		})
	}
	wg.Wait()
}

// What a server can say wrong ends the connection, and every search on it.
func TestConnRefuses(t *testing.T) {
	notice := message.AppendNotice(nil, result.Unavailable, "going down")
	for name, answer := range map[string]struct {
		octets string
		want   error
	}{
		"not BER":               {"nonsense", message.ErrTag},
		"another operation":     {string(message.AppendResult(nil, 2, message.ModifyResponse, result.Success, "", "")), errMalformed},
		"an entry without name": {"\x30\x05\x02\x01\x02\x64\x00", errMalformed},
		"values without a set":  {"\x30\x10\x02\x01\x02\x64\x0b\x04\x00\x30\x07\x30\x05\x04\x01a\x30\x00", errMalformed},
		"a value of no string":  {"\x30\x12\x02\x01\x02\x64\x0d\x04\x00\x30\x09\x30\x07\x04\x01a\x31\x02\x05\x00", errMalformed},
		"too large":             {"\x30\x84\x7f\xff\xff\xff", message.ErrTooLarge},
		"notice":                {string(notice), errNotice},
	} {
		t.Run(name, func(t *testing.T) {
			c, there, requests := script(t)
			go func() {
				if _, err := requests.Next(); err != nil {
					t.Error(err)
				}
				_, _ = there.Write([]byte(answer.octets))
			}()
			got, err := c.search(t.Context(), policy.Query{}, everything, time.Minute)
			if !errors.Is(err, answer.want) || got != nil {
				t.Errorf("%+v, %v; want %v", got, err, answer.want)
			}
			if !broken(err) || !c.isClosing() {
				t.Error("the connection is used further")
			}
			if _, err := c.search(t.Context(), policy.Query{}, everything, time.Minute); !errors.Is(err, answer.want) {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// What the server answers to one search is no concern of the others, nor is
// what it says to nobody.
func TestConnAnswers(t *testing.T) {
	c, there, requests := script(t)
	go func() {
		for _, code := range []result.Code{result.NoSuchObject, result.Success} {
			m, err := requests.Next()
			if err != nil {
				t.Error(err)
				return
			}
			out := message.AppendExtendedResponse(nil, 0, message.ExtendedResult{Name: "1.2.3"})
			out = append(out, entryOfName(m.ID+100, "cn=nobody's")...)
			out = append(out, searchDone(m.ID+100, result.Busy)...)
			out = append(out, message.AppendMessage(nil, m.ID, message.IntermediateResponse, nil, nil)...)
			_, _ = there.Write(append(out, searchDone(m.ID, code)...))
		}
	}()
	_, err := c.search(t.Context(), policy.Query{}, everything, time.Minute)
	var e *result.Error
	if !errors.As(err, &e) || e.Code != result.NoSuchObject || e.MatchedDN != "dc=x" || e.Text != "text" {
		t.Errorf("error %#v", err)
	}
	if got, err := c.search(t.Context(), policy.Query{}, everything, time.Minute); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// A search that is given up is abandoned, and what still comes for it is
// nobody's.
func TestConnAbandons(t *testing.T) {
	c, there, requests := script(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		asked, err := requests.Next()
		if err != nil {
			t.Error(err)
			return
		}
		id := asked.ID
		cancel()
		m, err := requests.Next()
		if err != nil || m.Op != message.AbandonRequest {
			t.Errorf("%s, %v", message.OpName(m.Op), err)
			return
		}
		if other, err := message.ParseAbandon(m.Body); err != nil || other != id {
			t.Errorf("abandoned %d, %v; want %d", other, err, id)
		}
		late := append(entryOfName(id, "cn=late"), searchDone(id, result.Success)...)
		if m, err = requests.Next(); err != nil {
			t.Error(err)
			return
		}
		late = append(late, entryOfName(m.ID, "cn=next")...)
		_, _ = there.Write(append(late, searchDone(m.ID, result.Success)...))
	}()
	if _, err := c.search(ctx, policy.Query{}, everything, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	got, err := c.search(t.Context(), policy.Query{}, everything, time.Minute)
	if err != nil || len(got) != 1 || got[0].DN != "cn=next" {
		t.Errorf("%+v, %v", got, err)
	}
	<-ended
}

func TestConnBind(t *testing.T) {
	const password = "correct-Horse9"
	for name, tt := range map[string]struct {
		answer []byte
		want   error
	}{
		"success":           {message.AppendResult(nil, 1, message.BindResponse, result.Success, "", ""), nil},
		"refused":           {message.AppendResult(nil, 1, message.BindResponse, result.InvalidCredentials, "", ""), &result.Error{Code: result.InvalidCredentials}},
		"another operation": {message.AppendResult(nil, 1, message.ExtendedResponse, result.Success, "", ""), errMalformed},
		"another ID":        {message.AppendResult(nil, 2, message.BindResponse, result.Success, "", ""), errMalformed},
		"no result":         {message.AppendMessage(nil, 1, message.BindResponse, nil, nil), message.ErrIncomplete},
		"notice":            {message.AppendNotice(nil, result.Unavailable, ""), errNotice},
		"silence":           {nil, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			here, there := net.Pipe()
			defer there.Close()
			go func() {
				m, err := message.NewReader(there, message.Limits{}).Next()
				if err != nil {
					t.Error(err)
				}
				b, err := message.ParseBind(m.Body)
				if err != nil || string(b.Name) != "cn=svc" || b.Version != 3 || b.Auth != message.AuthSimple || !strings.HasSuffix(string(m.Body), "\x80\x0e"+password) {
					t.Errorf("%+v, %v", b, err)
				}
				if tt.answer != nil {
					_, _ = there.Write(tt.answer)
				}
			}()
			ctx := t.Context()
			if tt.answer == nil {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 20*time.Millisecond)
				defer cancel()
			}
			c, err := newConn(ctx, here, nil, "cn=svc", []byte(password))
			if c != nil {
				c.close()
			}
			var want *result.Error
			if errors.As(tt.want, &want) {
				if !result.Is(err, want.Code) {
					t.Errorf("error %v, want %v", err, want.Code)
				}
			} else if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if err != nil && strings.Contains(fmt.Sprintf("%#v", err), password) {
				t.Error("the password is in the error")
			}
		})
	}
}

// A message that cannot be sent ends the connection for all.
func TestConnWriteFails(t *testing.T) {
	c, there, _ := script(t)
	there.Close()
	if _, err := c.search(t.Context(), policy.Query{}, everything, time.Minute); err == nil || !broken(err) {
		t.Errorf("error %v", err)
	}
}

func TestFilters(t *testing.T) {
	var f filters
	for range 2 {
		b, err := f.compile("")
		if err != nil || string(b) != string(everything) {
			t.Errorf("%q, %v", b, err)
		}
	}
	for i := range 2 * maxFilters {
		if _, err := f.compile(fmt.Sprintf("(cn=%d)", i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.kept) > maxFilters {
		t.Errorf("%d filters are kept", len(f.kept))
	}
	if _, err := f.compile("(cn="); err == nil {
		t.Error("a malformed filter was compiled")
	}
}

// BenchmarkConn reads one entry after the other from a directory that answers
// at once.
func BenchmarkConn(b *testing.B) {
	c, there, requests := script(b)
	go func() {
		var out []byte
		for {
			m, err := requests.Next()
			if err != nil {
				return
			}
			out = message.AppendSearchEntry(out[:0], m.ID, "uid=jo,dc=x", []message.Attribute{{Name: "pwdPolicySubentry", Values: [][]byte{[]byte("cn=p,dc=x")}}})
			out = message.AppendResult(out, m.ID, message.SearchResultDone, result.Success, "", "")
			if _, err := there.Write(out); err != nil {
				return
			}
		}
	}()
	q := policy.Query{Base: "uid=jo,dc=x", Attributes: []string{"pwdPolicySubentry"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.search(b.Context(), q, everything, time.Minute); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzConn gives a conn whatever a server could send: a search must end, and
// with entries only if the directory said that they are all.
func FuzzConn(f *testing.F) {
	f.Add(append(entryOfName(2, "cn=x"), searchDone(2, result.Success)...))
	f.Add(searchDone(2, result.NoSuchObject))
	f.Add(message.AppendNotice(nil, result.Unavailable, "going down"))
	f.Add(message.AppendMessage(nil, 2, message.SearchResultReference, nil, nil))
	f.Add([]byte("\x30\x84\x7f\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		here, there := net.Pipe()
		c, err := newConn(t.Context(), here, nil, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer there.Close()
			if _, err := message.NewReader(there, message.Limits{}).Next(); err != nil {
				t.Error(err)
			}
			_, _ = there.Write(answer)
		}()
		got, err := c.search(t.Context(), policy.Query{}, everything, time.Minute)
		if err != nil && got != nil {
			t.Errorf("entries with the error %v", err)
		}
		if err == nil && !strings.Contains(string(answer), "\x0a\x01\x00") {
			t.Errorf("%x was taken for success", answer)
		}
		c.close()
	})
}
