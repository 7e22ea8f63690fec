package console

import "net/http"

// The names of the cookies. Over TLS they begin with __Host-, which no other
// host of the domain can set.
const (
	sessionCookieName = "ldapsuggest"
	formCookieName    = "ldapsuggest-form"
)

func (c *Console) cookieName(r *http.Request, name string) string {
	if c.door.Secure(r) {
		return "__Host-" + name
	}
	return name
}

func (c *Console) cookie(r *http.Request, name string) string {
	found, err := r.Cookie(c.cookieName(r, name))
	if err != nil {
		return ""
	}
	return found.Value
}

func (c *Console) sessionCookie(r *http.Request) string { return c.cookie(r, sessionCookieName) }

// setCookie sets a cookie that ends with the browser; an empty value removes
// it.
func (c *Console) setCookie(w http.ResponseWriter, r *http.Request, name, value string) {
	k := &http.Cookie{
		Name: c.cookieName(r, name), Value: value, Path: "/",
		HttpOnly: true, Secure: c.door.Secure(r), SameSite: http.SameSiteStrictMode,
	}
	if value == "" {
		k.MaxAge = -1
	}
	http.SetCookie(w, k)
}
