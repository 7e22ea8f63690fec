package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
	"github.com/ldapsuggest/ldapsuggest/restbridge/token"
)

// A severity says what a finding means for serve.
type severity string

const (
	found   severity = "ok"
	warning severity = "warning" // it works, but not as it should, or not for long
	failure severity = "error"   // it does not work
)

// A finding is something that config check found out.
type finding struct {
	Severity severity `json:"severity"`
	Key      string   `json:"key"` // of the configuration, or its section
	Text     string   `json:"message"`
	Remedy   string   `json:"remedy,omitempty"` // commands, or what to change

	err error // for the exit code
}

// A checkup is one run of config check.
type checkup struct {
	*program
	config   *config
	findings []finding
}

func (k *checkup) ok(key, format string, args ...any) {
	k.findings = append(k.findings, finding{Severity: found, Key: key, Text: fmt.Sprintf(format, args...)})
}

func (k *checkup) warn(key, remedy, format string, args ...any) {
	k.findings = append(k.findings, finding{Severity: warning, Key: key, Text: fmt.Sprintf(format, args...), Remedy: remedy})
}

// fail notes an error. Its cause is told too: there are only operators here.
func (k *checkup) fail(key, remedy string, err error) {
	var h *hinted
	if remedy == "" && errors.As(err, &h) {
		remedy = h.hint
	}
	text := err.Error()
	var told *reworded
	if !errors.As(err, &told) {
		text = caused(err).Error()
	}
	text = strings.TrimPrefix(text, key+": ")
	k.findings = append(k.findings, finding{Severity: failure, Key: key, Text: text, Remedy: remedy, err: err})
}

func (k *checkup) count(s severity) (n int) {
	for _, f := range k.findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// A checkError is a configuration with errors: they are printed already.
type checkError struct {
	errors int
	first  error
}

func (e *checkError) Error() string {
	if e.errors == 1 {
		return "the configuration has an error"
	}
	return fmt.Sprintf("the configuration has %d errors", e.errors)
}

func (e *checkError) Unwrap() error { return e.first }

func (p *program) configCheck(ctx context.Context, args []string) error {
	f, file, data := configFlags("config check")
	asJSON := f.Bool("json", false, "")
	timeout := f.Duration("timeout", time.Minute, "")
	if err := parse(f, args); err != nil {
		return err
	}
	if *timeout <= 0 {
		return misuse("--timeout must be more than nothing")
	}
	if *file == "" {
		*file, _ = p.env("LDAPSUGGEST_CONFIG")
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	k := &checkup{program: p}
	c, err := p.readConfig(serveArgs(*file, *data))
	if err != nil {
		k.fail(keyOf(err), "", misconfigured(err))
	} else {
		defer c.forget()
		k.config = c
		problems := c.problems()
		for _, err := range problems {
			k.fail(keyOf(err), "", misconfigured(err))
		}
		k.files(*file)
		k.certificate(time.Now())
		k.tokens()
		if len(problems) == 0 {
			k.listeners()
			k.lists()
			k.issuer(ctx)
			k.directory(ctx, f.Args())
		}
	}
	if err := k.print(*file, *asJSON); err != nil {
		return err
	}
	for _, f := range k.findings {
		if f.Severity == failure {
			return &checkError{k.count(failure), f.err}
		}
	}
	return nil
}

// keyOf is the key that the text of an error begins with, or its section.
func keyOf(err error) string {
	key, _, ok := strings.Cut(err.Error(), ": ")
	if !ok || strings.ContainsAny(key, " /\\\"") {
		return "configuration"
	}
	return key
}

func (k *checkup) print(file string, asJSON bool) error {
	if file == "" {
		file = "the defaults"
	}
	if asJSON {
		return k.printJSON(struct {
			Config   string    `json:"config"`
			Errors   int       `json:"errors"`
			Warnings int       `json:"warnings"`
			Findings []finding `json:"findings"`
		}{file, k.count(failure), k.count(warning), k.findings})
	}
	w := k.stdout
	fmt.Fprintf(w, "configuration: %s\n", file)
	for _, part := range []severity{failure, warning, found} {
		for _, f := range k.findings {
			if f.Severity != part {
				continue
			}
			fmt.Fprintf(w, "%-8s %s: %s\n", f.Severity+":", f.Key, strings.ReplaceAll(f.Text, "\n", "\n         "))
			if f.Remedy != "" {
				indent(w, "    ", f.Remedy)
			}
		}
	}
	_, err := fmt.Fprintf(w, "%s, %s\n", plural(k.count(failure), "error"), plural(k.count(warning), "warning"))
	return err
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// files looks at who may read what is secret, and write what is believed.
func (k *checkup) files(name string) {
	c := k.config
	type file struct {
		key, name string
		secret    bool
	}
	cert := k.certificateFiles()
	list := []file{{"configuration", name, false}, {"tls.keyFile", cert[1], true}, {"rest.tokensFile", c.tokensFile(), true}, {"tracing.headersFile", c.path(c.Tracing.HeadersFile), true}}
	for _, s := range c.secrets() {
		if s.file != nil {
			list = append(list, file{s.key, c.path(*s.file), true})
		}
	}
	for _, f := range list {
		if f.name == "" {
			continue
		}
		info, err := os.Stat(f.name)
		if err != nil {
			continue // who reads it tells
		}
		switch mode := info.Mode().Perm(); {
		case f.secret && mode&0o004 != 0:
			k.warn(f.key, "chmod o-rwx "+shellQuote(f.name), "every user of this machine can read %s (mode %04o)", f.name, mode)
		case mode&0o002 != 0:
			k.warn(f.key, "chmod o-w "+shellQuote(f.name), "every user of this machine can write %s (mode %04o)", f.name, mode)
		}
	}
}

// certificateFiles are those that clients are shown.
func (k *checkup) certificateFiles() [2]string {
	c := k.config
	if c.TLS.CertFile == "" {
		return [2]string{filepath.Join(c.Data, certFile), filepath.Join(c.Data, keyFile)}
	}
	return [2]string{c.path(c.TLS.CertFile), c.path(c.TLS.KeyFile)}
}

// expiryNotice is how long before its end a certificate is warned of.
const expiryNotice = 30 * 24 * time.Hour

// certificate looks at what TLS towards clients needs.
func (k *checkup) certificate(now time.Time) {
	c, files := k.config, k.certificateFiles()
	if c.TLS.ClientCAFile != "" {
		k.authorities("tls.clientCAFile", c.path(c.TLS.ClientCAFile), now)
	}
	pair, err := tls.LoadX509KeyPair(files[0], files[1])
	switch {
	case c.TLS.CertFile == "" && errors.Is(err, fs.ErrNotExist):
		k.ok("tls", "a certificate for localhost will be made in %s", c.Data)
		return
	case c.TLS.CertFile == "" && err != nil:
		k.warn("tls", "", "the certificate in %s cannot be used and will be made anew: %v", c.Data, err)
		return
	case err != nil:
		k.fail("tls.certFile", "", misconfigured(fmt.Errorf("%s and %s: %w", files[0], files[1], err)))
		return
	}
	k.expiry("tls.certFile", pair.Leaf, now)
	if len(pair.Leaf.ExtKeyUsage) > 0 && !slices.Contains(pair.Leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) && !slices.Contains(pair.Leaf.ExtKeyUsage, x509.ExtKeyUsageAny) {
		k.warn("tls.certFile", "", "the certificate is not for servers (extended key usage): clients will refuse it")
	}
	if len(pair.Leaf.DNSNames)+len(pair.Leaf.IPAddresses) == 0 {
		k.warn("tls.certFile", "", "the certificate names no host (subject alternative names): clients will refuse it")
	}
	for _, e := range (&frontend{program: k.program}).entrances(c) {
		host, _, err := net.SplitHostPort(e.addr)
		ip := net.ParseIP(host)
		if err != nil || e.name == "metrics" || host == "" || ip != nil && (ip.IsUnspecified() || ip.IsLoopback()) || e.scheme == "http" {
			continue
		}
		if err := pair.Leaf.VerifyHostname(host); err != nil {
			k.warn("listen."+e.name, "", "clients that come to %s will refuse the certificate: %v", host, err)
		}
	}
	chain := []*x509.Certificate{pair.Leaf}
	for i, der := range pair.Certificate[1:] {
		next, err := x509.ParseCertificate(der)
		if err == nil {
			err = chain[i].CheckSignatureFrom(next)
		}
		if err != nil {
			k.warn("tls.certFile", "", "certificate number %d has not signed the one before it: clients may not find their way to an authority", i+2)
			return
		}
		chain = append(chain, next)
		k.expiry("tls.certFile", next, now)
	}
}

// authorities looks at a file of certificates to trust.
func (k *checkup) authorities(key, name string, now time.Time) {
	text, err := os.ReadFile(name)
	if err != nil {
		k.fail(key, "", misconfigured(err))
		return
	}
	list := certificates(text)
	if len(list) == 0 {
		k.fail(key, "", misconfigured(fmt.Errorf("%s holds no certificate", name)))
	}
	for _, cert := range list {
		k.expiry(key, cert, now)
	}
}

// expiry judges the time of a certificate.
func (k *checkup) expiry(key string, cert *x509.Certificate, now time.Time) {
	name := cert.Subject.String()
	switch {
	case now.After(cert.NotAfter):
		k.fail(key, "", misconfigured(fmt.Errorf("the certificate of %s has ended on %s", name, cert.NotAfter.Format(time.DateOnly))))
	case now.Before(cert.NotBefore):
		k.fail(key, "", misconfigured(fmt.Errorf("the certificate of %s begins on %s only", name, cert.NotBefore.Format(time.DateOnly))))
	case now.Add(expiryNotice).After(cert.NotAfter):
		k.warn(key, "", "the certificate of %s ends on %s", name, cert.NotAfter.Format(time.DateOnly))
	default:
		k.ok(key, "the certificate of %s is good until %s", name, cert.NotAfter.Format(time.DateOnly))
	}
}

// listeners tries each address. One that is taken may be so by the server that
// runs with this configuration.
func (k *checkup) listeners() {
	c := k.config
	entrances := (&frontend{program: k.program}).entrances(c)
	for _, e := range entrances {
		key := "listen." + e.name
		l, err := c.open(e)
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			k.warn(key, "", "%s is in use; by the server that runs, perhaps", e.addr)
		case errors.Is(err, fs.ErrPermission):
			k.fail(key, "have systemd open it (docs/running.md), or: setcap cap_net_bind_service=+ep PROGRAM", misconfigured(err))
		case err != nil:
			k.fail(key, "", misconfigured(err))
		default:
			l.Close()
			k.ok(key, "%s can be listened on", e.addr)
		}
	}
	if len(entrances) == 0 {
		k.warn("listen", "", "every listener is switched off; systemd may pass some on")
	}
}

// lists looks at what passwords are drawn from and screened by.
func (k *checkup) lists() {
	c := k.config
	if g := c.Generator.Passphrase; c.Generator.Kind == "passphrase" {
		k.ok("generator.passphrase.wordList", "%s has %d words", g.WordList, c.made.Passphrase.Words.Len())
	}
	if c.breached == nil {
		return
	}
	if err := c.breached.Verify(); err != nil {
		k.fail("generator.breachedPasswords", `"ldapsuggest breach build" makes it anew`, misconfigured(err))
		return
	}
	kind := "exact"
	if !c.breached.Exact() {
		kind = fmt.Sprintf("a filter that takes one in %.0f for one of them", 1/c.breached.FalsePositives())
	}
	k.ok("generator.breachedPasswords", "%d passwords, %s", c.breached.Count(), kind)
}

// tokens reads the API tokens.
func (k *checkup) tokens() {
	file := k.config.tokensFile()
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return
	}
	list, err := token.Open(file).List()
	if err != nil {
		k.fail("rest.tokensFile", "", misconfigured(err))
		return
	}
	k.ok("rest.tokensFile", "%s in %s", plural(len(list), "token"), file)
}

// issuer asks the OpenID provider for its configuration and its keys.
func (k *checkup) issuer(ctx context.Context) {
	c := k.config
	if c.REST.OIDC.Issuer == "" {
		return
	}
	const key = "rest.oidc.issuer"
	client, err := c.oidcClient()
	if err != nil {
		k.fail("rest.oidc.caFile", "", misconfigured(err))
		return
	}
	defer client.CloseIdleConnections()
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, client), c.REST.OIDC.Issuer)
	var about struct {
		Keys string `json:"jwks_uri"`
	}
	if err == nil {
		err = provider.Claims(&about)
	}
	if err == nil {
		err = fetchKeys(ctx, client, about.Keys)
	}
	if err != nil {
		k.fail(key, "", &unreachable{err})
		return
	}
	k.ok(key, "%s has told its keys", c.REST.OIDC.Issuer)
}

// An unreachable error is one of a server that does not answer as it should.
type unreachable struct{ error }

func (u *unreachable) Unwrap() []error { return []error{context.DeadlineExceeded, u.error} }

func fetchKeys(ctx context.Context, client *http.Client, uri string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&set); err != nil || res.StatusCode != http.StatusOK || len(set.Keys) == 0 {
		return fmt.Errorf("%s gives no keys: %s", uri, res.Status)
	}
	return nil
}

// directory reaches every server, and reads what suggestions take.
func (k *checkup) directory(ctx context.Context, names []string) {
	c := k.config
	ber.MaxPacketLengthBytes = maxDirectoryMessage
	quiet := slog.New(slog.DiscardHandler)
	urls, key := c.directoryURLs(), "directory.urls"
	if len(c.REST.Upstream.URLs) > 0 {
		key = "rest.upstream.urls"
	}
	answering := 0
	for _, u := range urls {
		if k.server(ctx, key, u) {
			answering++
		}
	}
	for _, u := range clearText(urls, c.Directory.StartTLS || c.REST.Upstream.StartTLS) {
		k.warn(key, "use ldaps://, or set startTLS", "the connection to %s is not encrypted: the network can read the passwords of everybody who binds", u)
	}
	switch {
	case len(c.REST.Upstream.URLs) > 0:
		return
	case c.embedded():
		if _, err := os.Stat(filepath.Join(c.Data, storeFile)); err != nil {
			k.ok("data", "the embedded directory will be made in %s", c.Data)
			return
		}
		c.adminPassword = nil // reading changes nothing
	case answering == 0:
		return // nothing more can be found out
	}
	back, err := k.openBackend(ctx, c, quiet)
	switch {
	case errors.Is(err, embedded.ErrInUse):
		k.warn("data", "", "the embedded directory is open in a server that runs: its policies are not looked at")
		return
	case err != nil:
		k.fail("directory", "", err)
		return
	}
	defer back.close()
	k.rights(ctx, back, names)
}

// server connects to one server as the service account.
func (k *checkup) server(ctx context.Context, key, u string) bool {
	c := k.config
	alone := *c
	alone.Directory.URLs, alone.REST.Upstream.URLs = []string{u}, nil
	startTLS, caFile := c.Directory.StartTLS, c.Directory.CAFile
	if len(c.REST.Upstream.URLs) > 0 {
		startTLS, caFile = c.REST.Upstream.StartTLS, c.REST.Upstream.CAFile
	}
	tlsConfig, err := clientTLS(c.path(caFile))
	if err != nil {
		k.fail(strings.TrimSuffix(key, "urls")+"caFile", "", misconfigured(err))
		return false
	}
	client, err := directory.New(directory.Config{
		URLs: []string{u}, StartTLS: startTLS, TLS: tlsConfig, BindDN: c.Directory.BindDN, BindPassword: c.bindPassword,
		Connections: 1, ProxyProtocol: proxyVersions()[c.Directory.ProxyProtocol],
	})
	if err != nil {
		k.fail(key, "", misconfigured(err))
		return false
	}
	defer client.Close()
	d, err := client.Detection(ctx)
	if err != nil {
		remedy := ""
		var refused *result.Error
		if errors.As(errors.Unwrap(err), &refused) && refused.Code == result.InvalidCredentials {
			err = &reworded{u + ": " + err.Error(), refused}
			remedy = "directory.bindDN or its password is wrong"
		} else {
			if untrusted(err) != nil {
				remedy = "name the authority's certificate in " + strings.TrimSuffix(key, "urls") + "caFile"
			}
			err = fmt.Errorf("%s: %w", u, caused(err))
		}
		k.fail(key, remedy, err)
		return false
	}
	about := strings.TrimSpace(d.Vendor + " " + d.Version)
	if about == "" {
		about = "dialect " + d.Dialect
	}
	k.ok(key, "%s answers (%s)", u, about)
	k.peer(ctx, key, client, u)
	return true
}

// peer looks at the certificate of a server.
func (k *checkup) peer(ctx context.Context, key string, client *directory.Client, u string) {
	conn, err := client.Dial(ctx)
	if err != nil {
		return
	}
	defer conn.Close()
	for c := conn; c != nil; {
		if t, ok := c.(*tls.Conn); ok {
			cert := t.ConnectionState().PeerCertificates[0]
			if left := time.Until(cert.NotAfter); left < expiryNotice {
				k.warn(key, "", "the certificate of %s ends on %s", u, cert.NotAfter.Format(time.DateOnly))
			}
			return
		}
		wrapped, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return
		}
		c = wrapped.NetConn()
	}
}

// rights reads what suggestions take: the default policy, all policies that
// there are, and the policies of entries: of some person in each naming
// context, if no name is given.
func (k *checkup) rights(ctx context.Context, back *backend, names []string) {
	c := k.config
	dialect := back.policies.Dialect()
	suffixes := k.suffixes(ctx, back)
	told := make(map[string]bool)
	lack := func(what string, err error, suffix string) {
		e := result.From(err)
		if told[e.Error()] {
			return // one right may be missing for many entries
		}
		told[e.Error()] = true
		key := "directory.bindDN"
		if e.Code != result.InsufficientAccessRights {
			key = "directory"
		}
		k.fail(key, c.remedy(dialect, suffix, e), &reworded{what + ": " + e.Error(), e})
	}
	near := func(name string) string {
		for _, s := range suffixes {
			if d, err := dn.Parse(name); err == nil {
				if b, err := dn.Parse(s); err == nil && d.Under(b) {
					return s
				}
			}
		}
		if len(suffixes) > 0 {
			return suffixes[0]
		}
		return "SUFFIX"
	}
	if eff, err := back.policies.Resolve(ctx, policy.Selection{}); err != nil {
		lack("the default policy", err, near(""))
	} else {
		k.ok("directory", "the default policy is %s", policyName(eff.Policy.DN))
	}
	if len(names) == 0 {
		names = k.people(ctx, back, suffixes)
	}
	for _, name := range names {
		target, err := back.policies.ResolveName(ctx, name)
		var eff *policy.Effective
		if err == nil {
			eff, err = back.policies.Resolve(ctx, policy.Selection{Target: target})
		}
		if err != nil {
			lack("the policy of "+name, err, near(name))
			continue
		}
		k.ok("directory", "the policy of %s is %s", name, policyName(eff.Policy.DN))
	}
	k.policies(ctx, back, func(name string, err error) { lack("the policy "+name, err, near(name)) })
	k.delegation(ctx, back)
}

// suffixes are the naming contexts that hold people.
func (k *checkup) suffixes(ctx context.Context, back *backend) []string {
	e, err := policy.Read(ctx, back.reads, policy.Query{Attributes: []string{"namingContexts", "defaultNamingContext"}})
	if err != nil {
		return nil
	}
	list := e.Values("namingContexts")
	if first, ok := e.Value("defaultNamingContext"); ok && back.policies.Dialect() != directory.DS389 {
		list = []string{first} // the others are Active Directory's own
	}
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		return strings.EqualFold(s, "cn=config") || strings.EqualFold(s, "o=netscaperoot") || strings.EqualFold(s, "cn=changelog")
	})
}

// people returns somebody of each naming context.
func (k *checkup) people(ctx context.Context, back *backend, suffixes []string) (names []string) {
	// A page of one entry (RFC 2696): SEQUENCE { size 1, cookie "" }.
	onePage := policy.Control{OID: "1.2.840.113556.1.4.319", Value: []byte("\x30\x05\x02\x01\x01\x04\x00")}
	for _, s := range suffixes {
		entries, err := back.reads.Search(ctx, policy.Query{Base: s, Scope: policy.WholeSubtree, Filter: "(|(objectClass=person)(objectClass=account))", Attributes: []string{"1.1"}, Controls: []policy.Control{onePage}})
		switch {
		case len(entries) > 0:
			names = append(names, entries[0].DN)
		case err != nil && !result.Is(err, result.NoSuchObject) && !result.Is(err, result.InsufficientAccessRights):
			k.warn("directory", "", "%s cannot be searched for people: %v", s, caused(err))
		default:
			k.warn("directory.bindDN", k.config.remedy(back.policies.Dialect(), s, result.New(result.InsufficientAccessRights, "")),
				"the service account sees nobody in %s: there is nobody, or it may not search there", s)
		}
	}
	return names
}

// policies reads all that the dialect can list.
func (k *checkup) policies(ctx context.Context, back *backend, lack func(name string, err error)) {
	names, err := back.policies.List(ctx)
	if result.Is(err, result.UnwillingToPerform) || result.Is(err, result.SizeLimitExceeded) {
		return
	}
	if err != nil {
		lack("list", err)
		return
	}
	readable := 0
	for _, name := range names {
		l, err := extop.ExplainPolicy(ctx, back.policies, name)
		if err == nil && l.Err != nil {
			err = l.Err
		}
		switch {
		case result.Is(err, result.InsufficientAccessRights):
			lack(name, err)
		case err != nil:
			k.warn("directory", "", "the policy %s cannot be used: %v", name, result.From(err))
		default:
			if readable++; !l.Explanation.Satisfiable {
				k.warn("directory", "", "nothing satisfies the policy %s: %s", name, clash(l.Explanation))
			}
		}
	}
	k.ok("directory", "%s can be read", map[bool]string{true: "1 policy", false: fmt.Sprintf("%d policies", readable)}[readable == 1])
}

// delegation looks whether callers with a token can be acted for.
func (k *checkup) delegation(ctx context.Context, back *backend) {
	if k.config.REST.ActAs != restbridge.ActProxied || back.directory != nil {
		return
	}
	e, err := policy.Read(ctx, back.reads, policy.Query{Attributes: []string{"supportedControl"}})
	if err == nil && !slices.Contains(e.Values("supportedControl"), extop.ProxiedAuthorizationOID) {
		k.fail("rest.actAs", "set it to service or auto", misconfigured(errors.New("the directory does not list proxied authorization (RFC 4370)")))
	}
}
