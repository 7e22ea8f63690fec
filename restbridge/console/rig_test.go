package console_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/openldap"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
	"github.com/ldapsuggest/ldapsuggest/restbridge/console"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// A rig is a REST door with the page, in front of a directory.
type rig struct {
	*httptest.Server
	client *directory.Client
	log    *testenv.Output

	// Whom the tests speak of.
	helper, helperPassword string // may reset passwords
	user, userPassword     string // may not
	target                 string // whose password is reset

	mu      sync.Mutex
	audits  []extop.AuditRecord
	refusal error // of the auditor
}

func (r *rig) audit(_ context.Context, rec extop.AuditRecord) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.audits = append(r.audits, rec)
	return r.refusal
}

// A backend is what the directory brings.
type backend struct {
	client   *directory.Client
	reads    policy.Directory
	policies *policy.Service
	how      directory.PasswordChange
}

// start serves the page until the test ends.
func start(t testing.TB, b backend, change func(*console.Config, *restbridge.Config)) *rig {
	t.Helper()
	r := &rig{client: b.client, log: new(testenv.Output)}
	log := slog.New(slog.NewTextHandler(r.log, nil))
	users, err := restbridge.NewBinder(restbridge.Binder{
		Bind: func(ctx context.Context, dn string, password []byte) (restbridge.Session, error) {
			u, err := b.client.Bind(ctx, dn, password)
			if err != nil {
				return nil, err
			}
			return u, nil
		},
		Directory: b.reads,
	})
	if err != nil {
		t.Fatal(err)
	}
	door := restbridge.Config{
		Generate:     extop.NewGeneratePassword(extop.GeneratePasswordConfig{Policies: b.policies}),
		Validate:     extop.NewValidatePassword(extop.ValidatePasswordConfig{Policies: b.policies}),
		Explain:      extop.NewEffectivePolicy(extop.EffectivePolicyConfig{Policies: b.policies}),
		Authenticate: users,
		Rate:         restbridge.RateLimit{PerSecond: 1000},
		Log:          log,
	}
	page := console.Config{
		Generate: door.Generate, Validate: door.Validate, Explain: door.Explain,
		List:  extop.NewListPolicies(extop.ListPoliciesConfig{Policies: b.policies}),
		Bases: users.SearchBases,
		Reset: func(ctx context.Context, conn console.Conn, dn string, password []byte) error {
			return conn.(*directory.UserConn).ResetPassword(ctx, b.how, dn, password)
		},
		Audit: r.audit,
		Log:   log,
	}
	if change != nil {
		change(&page, &door)
	}
	c, err := console.New(page)
	if err != nil {
		t.Fatal(err)
	}
	door.Console = c
	s, err := restbridge.New(door)
	if err != nil {
		t.Fatal(err)
	}
	r.Server = httptest.NewUnstartedServer(s)
	r.Start()
	t.Cleanup(func() {
		r.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		for _, secret := range []string{"Pw1", "Zq7!", testenv.UserPassword} {
			if strings.Contains(r.log.String(), secret) {
				t.Errorf("the log has %q:\n%s", secret, r.log)
			}
		}
	})
	return r
}

func newClient(t testing.TB, cfg directory.Config) *directory.Client {
	t.Helper()
	c, err := directory.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// startSlapd serves the page in front of a slapd.
func startSlapd(t testing.TB, s *testenv.Slapd, change func(*console.Config, *restbridge.Config)) *rig {
	t.Helper()
	client := newClient(t, directory.Config{URLs: []string{s.TLSURL}, TLS: s.TLSConfig(), BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password)})
	dialect := openldap.New(openldap.Config{DefaultPolicy: map[string]string{s.Suffix: s.PolicyDN("default")}})
	r := start(t, backend{client, client, policy.NewService(dialect, client, policy.ServiceConfig{}), directory.ByExtension}, change)
	r.helper, r.helperPassword = s.Helpdesk.DN, s.Helpdesk.Password
	r.user, r.userPassword = s.UserDN(20), testenv.UserPassword
	r.target = s.UserDN(21)
	return r
}

// startEmbedded serves the page in front of the embedded directory.
func startEmbedded(t testing.TB, change func(*console.Config, *restbridge.Config)) *rig {
	t.Helper()
	d, err := embedded.Open(t.Context(), embedded.Config{Dir: t.TempDir(), AdminPassword: "admin-Pw1-of-the-embedded"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	client := newClient(t, directory.Config{Dialer: d.Dial})
	r := start(t, backend{client, d, d.Policies(), directory.ByUserPassword}, change)
	r.helper, r.helperPassword = d.AdminDN, "admin-Pw1-of-the-embedded"
	r.target = "uid=amina,ou=people,dc=example,dc=com"
	return r
}
