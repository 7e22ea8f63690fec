package restbridge

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CORS lets pages of other origins call the APIs (Fetch Standard, section
// 3.3): without it, browsers keep what is answered from them. It is no access
// control: who calls has to say who that is, as ever. The page for people is
// not among what it opens.
type CORS struct {
	// Origins are those that may call, as browsers spell them, such as
	// "https://portal.example.com", or "*" alone for every origin.
	Origins []string

	// Credentials lets a page have the browser add what it keeps itself: HTTP
	// Basic credentials that were typed in, a client certificate. A header
	// that the page sets needs no such leave. It excludes "*".
	Credentials bool

	// MaxAge is how long a browser may keep the answer to a preflight. 0
	// means ten minutes.
	MaxAge time.Duration
}

// Check reports what is wrong with c.
func (c *CORS) Check() error {
	if len(c.Origins) == 0 {
		return errors.New("no origin is named")
	}
	for _, origin := range c.Origins {
		if origin == "*" {
			switch {
			case len(c.Origins) > 1:
				return errors.New(`the origin "*" leaves nothing to the others`)
			case c.Credentials:
				return errors.New(`the origin "*" excludes credentials`)
			}
			continue
		}
		u, err := url.Parse(origin)
		switch {
		case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
			return fmt.Errorf("%q is no origin such as https://portal.example.com", origin)
		case origin != strings.ToLower(u.Scheme+"://"+u.Host) || strings.Contains(u.Host, "*"):
			return fmt.Errorf("the origin %q must be a scheme and a host in lower case and no more, as browsers send it", origin)
		case u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80":
			return fmt.Errorf("the origin %q must be without the port that is the default, as browsers send it", origin)
		}
	}
	if c.MaxAge < 0 {
		return errors.New("maxAge is below zero")
	}
	return nil
}

// answer says in the header of the answer whether the page that r comes from
// may read it. If r is a preflight that is granted, it is answered, and
// answer returns true. Whatever is not granted is answered as without CORS.
func (c *CORS) answer(a *api, methods []string, w http.ResponseWriter, r *http.Request) bool {
	if c == nil {
		return false
	}
	h := w.Header()
	everybody := c.Origins[0] == "*"
	if !everybody {
		h.Add("Vary", "Origin")
	}
	origins := r.Header.Values("Origin")
	if len(origins) != 1 || !everybody && !slices.Contains(c.Origins, origins[0]) {
		return false
	}
	wanted := r.Header.Get("Access-Control-Request-Method")
	preflight := r.Method == http.MethodOptions && wanted != ""
	if preflight && !slices.Contains(methods, wanted) {
		return false
	}
	if everybody {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Set("Access-Control-Allow-Origin", origins[0])
	}
	if c.Credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if !preflight {
		h.Set("Access-Control-Expose-Headers", "Retry-After, "+requestIDHeader)
		return false
	}
	maxAge := c.MaxAge
	if maxAge == 0 {
		maxAge = 10 * time.Minute
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
	h.Set("Access-Control-Allow-Headers", strings.Join(a.headers, ", "))
	h.Set("Access-Control-Max-Age", strconv.Itoa(int(maxAge.Seconds())))
	h.Add("Vary", "Access-Control-Request-Method")
	w.WriteHeader(http.StatusNoContent)
	return true
}
