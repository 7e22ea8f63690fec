package restbridge

import (
	"context"
	"encoding/base64"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/restbridge/token"
)

// Finders are people whose names are searched for.
type finders struct{ people }

func (*finders) Find(_ context.Context, username string) (string, error) {
	if username == "jo@example.com" {
		return "UID=jo, dc=example,dc=com", nil
	}
	return "", errCredentials(nil)
}

// A token takes the place of the password, for clients that know nothing else.
func TestTokenAsPassword(t *testing.T) {
	var store *token.Store
	f := &full{}
	f.config = func(c *Config) {
		c.Authenticate = &finders{}
		store = f.store
	}
	c := dial(t, f)
	create := func(tk token.Token) string {
		tk.Expires = time.Now().Add(time.Hour)
		_, secret, err := store.Create(tk)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	cloud := create(token.Token{Entry: joDN, APIs: []string{NextcloudAPI}})
	revoked, secret, err := store.Create(token.Token{Entry: joDN, APIs: APIs(), Expires: time.Now().Add(time.Hour)})
	if err != nil || store.Revoke(revoked.ID) != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path, username, password string
		status                         int
	}{
		{"by uid", nextcloudPaths[1] + "/password", "jo", cloud, 200},
		{"in capitals", nextcloudPaths[1] + "/password", "Jo", cloud, 200},
		{"by DN", nextcloudPaths[0] + "/password", "uid=jo,DC=example,dc=com", cloud, 200},
		{"by search", nextcloudPaths[0] + "/password", "jo@example.com", cloud, 200},
		{"for all APIs", path, "jo", c.secret, 200},
		{"another name", nextcloudPaths[0] + "/password", "kim", cloud, 401},
		{"another DN", nextcloudPaths[0] + "/password", "uid=kim,dc=example,dc=com", cloud, 401},
		{"no name", nextcloudPaths[0] + "/password", "", cloud, 401},
		{"another API", path, "jo", cloud, 401},
		{"revoked", nextcloudPaths[0] + "/password", "jo", secret, 401},
		{"a part of one", nextcloudPaths[0] + "/password", "jo", cloud[:20], 401},
	} {
		basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(tt.username+":"+tt.password))
		if res, body := c.do(t, "POST", tt.path, "{}", "Authorization", basic); res.StatusCode != tt.status {
			t.Errorf("%s: %d %s", tt.name, res.StatusCode, body)
		}
	}
}
