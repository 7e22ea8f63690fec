package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/activedirectory"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/ds389"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// A help desk's call in front of the other directories: each wants its
// passwords set in its own way.
func TestDirectories(t *testing.T) {
	t.Parallel()
	t.Run("389 Directory Server", func(t *testing.T) {
		t.Parallel()
		s := testenv.StartDS389(t, testenv.DS389Options{})
		client := newClient(t, directory.Config{URLs: []string{s.TLSURL}, TLS: s.TLSConfig(), BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password)})
		r := start(t, backend{client, client, policy.NewService(ds389.New(ds389.Config{}), client, policy.ServiceConfig{}), directory.ByExtension}, nil)
		r.helper, r.helperPassword = s.Helpdesk.DN, s.Helpdesk.Password
		r.user, r.userPassword = s.Reader.DN, s.Reader.Password
		r.target = s.UserDN(0)
		call(t, r, "user000")
	})
	t.Run("Samba", func(t *testing.T) {
		t.Parallel()
		s := testenv.StartSamba(t)
		client := newClient(t, directory.Config{URLs: []string{s.TLSURL}, TLS: s.TLSConfig(), BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password)})
		r := start(t, backend{client, client, policy.NewService(activedirectory.New(activedirectory.Config{}), client, policy.ServiceConfig{}), directory.ByUnicodePwd}, nil)
		r.helper, r.helperPassword = "CN=Administrator,CN=Users,"+s.Suffix, s.Admin.Password
		r.user, r.userPassword = s.UserDN("alice"), s.Stranger.Password
		r.target = s.UserDN("dave")
		call(t, r, "dave")
	})
}

func call(t *testing.T, r *rig, text string) {
	v := visit(t, r)
	if res, page := v.signIn(r.helper, r.helperPassword); res.StatusCode != http.StatusOK {
		t.Fatalf("status %d\n%s", res.StatusCode, page)
	}
	_, page := v.get("/console/find?text=" + url.QueryEscape(text))
	says(t, page, "1 person found", strings.ReplaceAll(personURL(r.target), "+", "&#43;"))
	_, page = v.get(personURL(r.target))
	says(t, page, "Suggested passwords", "of entropy each", "Which policy, and why")
	f := fields(t, page, "/console/confirm")
	_, confirm := v.do("POST", "/console/confirm", f)
	says(t, confirm, "It was suggested by the policy")
	if strings.Contains(confirm, "will refuse it") {
		t.Errorf("what was suggested is refused:\n%s", confirm)
	}
	_, outcome := v.do("POST", "/console/reset", fields(t, confirm, "/console/reset"))
	says(t, outcome, "success (0)")
	u, err := r.client.Bind(t.Context(), r.target, []byte(f.Get("password")))
	if err != nil {
		t.Fatalf("the new password does not bind: %v", err)
	}
	u.Close()

	f.Set("mark", "")
	f.Set("password", "x")
	res, outcome := v.do("POST", "/console/reset", f)
	if res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a weak password: %d", res.StatusCode)
	}
	says(t, outcome, "The directory refuses this password")
	if _, page := v.get("/console/policies"); strings.Contains(page, "Cannot be read") || !strings.Contains(page, "Satisfiable") {
		t.Errorf("policies:\n%s", page)
	}

	w := visit(t, r)
	w.signIn(r.user, r.userPassword)
	f = fields(t, mustGet(w, personURL(r.target)), "/console/confirm")
	res, outcome = w.do("POST", "/console/reset", f)
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("without the right: %d", res.StatusCode)
	}
	says(t, outcome, "You may not reset this password", "insufficientAccessRights (50)")
}
