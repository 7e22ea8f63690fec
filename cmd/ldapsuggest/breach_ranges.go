package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ldapsuggest/ldapsuggest/policy/breach"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// The bounds of one question to a server of the range API.
const (
	rangeTimeout = 5 * time.Second
	maxRange     = 8 << 20 // octets of an answer; some 80 KiB are usual
)

// rangeURL parses the address of a range API, to which five digits are
// appended. Only over TLS, or within the machine, may a prefix of a
// password's hash travel.
func rangeURL(s string) (*url.URL, error) {
	if s == "" {
		return nil, nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("an address such as https://api.pwnedpasswords.com/range/ is expected")
	case u.Scheme == "https":
	case u.Scheme == "http" && isLoopbackHost(u.Hostname()):
	default:
		return nil, errors.New("it must begin with https://, unless the server is on this machine")
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	return u, nil
}

func isLoopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// breaches is what pwned-passwords validators are judged by: the configured
// range API, or else the configured list, and nil without either. The address
// that a validator names comes from the directory, and is not asked.
func (c *config) breaches() func(baseURL string) (rule.Breaches, error) {
	var source rule.Breaches
	switch base, err := rangeURL(c.Breach.RangeURL); {
	case err == nil && base != nil:
		source = newRanges(base)
	case c.breached != nil:
		source = c.breached
	default:
		return nil
	}
	return func(string) (rule.Breaches, error) { return source, nil }
}

// newRanges returns a client of the range API at base.
func newRanges(base *url.URL) *breach.Ranges {
	client := &http.Client{
		Timeout: rangeTimeout,
		// Where a redirection leads is not what was configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &breach.Ranges{Timeout: rangeTimeout, Fetch: func(ctx context.Context, prefix string) (io.ReadCloser, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath(prefix).String(), nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Add-Padding", "true")
		req.Header.Set("User-Agent", "ldapsuggest")
		res, err := client.Do(req)
		if err != nil {
			// Its text has the URL, and with it the prefix.
			return nil, errors.New("the range API cannot be reached")
		}
		if res.StatusCode != http.StatusOK {
			res.Body.Close()
			return nil, fmt.Errorf("the range API answers %d", res.StatusCode)
		}
		return &bounded{io.LimitReader(res.Body, maxRange), res.Body}, nil
	}}
}

// A bounded is a body of which no more than so much is read.
type bounded struct {
	io.Reader
	io.Closer
}
