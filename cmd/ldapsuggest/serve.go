package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/internal/audit"
	"github.com/ldapsuggest/ldapsuggest/internal/metrics"
	"github.com/ldapsuggest/ldapsuggest/internal/tracing"
	"github.com/ldapsuggest/ldapsuggest/ldapserver"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/restbridge/console"
)

const serveUsage = `Usage: ldapsuggest serve [--config FILE] [--data DIR] [--ldap ADDR] [--ldaps ADDR] [--rest ADDR] [--ldif FILE]

Serves the front end until it is interrupted. Without directory.urls in the
configuration it serves a small directory of its own, kept in the data
directory.

  --config FILE  configuration file (YAML)
  --data DIR     data directory; default ldapsuggest-data
  --ldap ADDR    address for LDAP and StartTLS; default 127.0.0.1:1389
  --ldaps ADDR   address for LDAP over TLS; default 127.0.0.1:1636
  --rest ADDR    address for REST; default 127.0.0.1:8080. HTTP on a loopback
                 address, HTTPS elsewhere; http:// or https:// before it
                 says otherwise
  --ldif FILE    load an empty data directory with these entries instead of
                 the example

An empty address switches a listener off. Flags win over the environment
(LDAPSUGGEST_CONFIG, LDAPSUGGEST_DATA, LDAPSUGGEST_LDAP, ...), the environment
wins over the file.

Example: in front of an OpenLDAP server,
  $ cat ldapsuggest.yaml
  directory:
    urls: ["ldap://127.0.0.1:389"]
    bindDN: "cn=svc-reader,ou=services,dc=example,dc=com"
    bindPasswordFile: "reader.secret"
  $ ldapsuggest serve --config ldapsuggest.yaml
`

// maxDirectoryMessage bounds what one message of the directory may make our
// own reads allocate. Relayed messages are not affected.
const maxDirectoryMessage = 16 << 20

// shutdownTime is how long requests under way may take to end.
const shutdownTime = 10 * time.Second

// serveConfig reads and checks the configuration that serve has with these
// arguments.
func (p *program) serveConfig(args []string) (*config, error) {
	c, err := p.readConfig(args)
	if err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		c.forget()
		return nil, err
	}
	return c, nil
}

// readConfig is serveConfig without a look at the values.
func (p *program) readConfig(args []string) (*config, error) {
	c := defaultConfig()
	f := newFlags("serve")
	file := f.String("config", "", "")
	var set config
	f.StringVar(&set.Data, "data", "", "")
	f.StringVar(&set.Listen.LDAP, "ldap", "", "")
	f.StringVar(&set.Listen.LDAPS, "ldaps", "", "")
	f.StringVar(&set.Listen.REST, "rest", "", "")
	f.StringVar(&c.ldif, "ldif", "", "")
	if err := parse(f, args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, misuse("serve takes no arguments, but there is %q", f.Arg(0))
	}
	if *file == "" {
		*file, _ = p.env("LDAPSUGGEST_CONFIG")
	}
	if *file != "" {
		if err := c.readFile(*file); err != nil {
			return nil, err
		}
		// Of a file, everything is meant relative to it.
		c.Data = c.path(c.Data)
	}
	if err := c.readEnvironment(p.env); err != nil {
		return nil, err
	}
	f.Visit(func(given *flag.Flag) {
		switch given.Name {
		case "data":
			c.Data = set.Data
		case "ldap":
			c.Listen.LDAP = set.Listen.LDAP
		case "ldaps":
			c.Listen.LDAPS = set.Listen.LDAPS
		case "rest":
			c.Listen.REST = set.Listen.REST
		}
	})
	if c.Data != "" {
		data, err := filepath.Abs(c.Data)
		if err != nil {
			return nil, err
		}
		c.Data = data
	}
	return &c, nil
}

func (p *program) serve(ctx context.Context, args []string) error {
	read := func() (*config, error) { return p.serveConfig(args) }
	c, err := read()
	if err != nil {
		return misconfigured(err)
	}
	if !c.CoreDumps {
		if err := forbidCoreDumps(); err != nil {
			return fmt.Errorf("core dumps cannot be switched off: %w", err)
		}
	}
	ber.MaxPacketLengthBytes = maxDirectoryMessage
	f, err := p.newFrontend(ctx, c, read)
	if err != nil {
		return err
	}
	defer f.close()
	if err := f.listen(c); err != nil {
		f.shutdown()
		return err
	}
	notify, err := newNotifier(p.env)
	if err != nil {
		f.shutdown()
		return err
	}
	f.reloading = notify.reloading
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	p.greet(c, f)
	defer notify.follow(ctx, f.status())()
	return f.serve(ctx, hangup)
}

// A backend is the directory behind the front end.
type backend struct {
	client     *directory.Client // for connections: relayed, users' and our own
	reads      policy.Directory  // for looking up users
	policies   *policy.Service
	supplement ldapserver.Supplement // nil where the directory can speak for itself
	metrics    *metrics.Metrics
	measured   bool              // somebody may read the metrics
	auditLog   *audit.Log        // nil if there is none
	tracing    *tracing.Provider // nil if nothing is traced
	sessions   *console.Sessions // of the page for people; nil if it has none that stay
	close      func()

	// Of the embedded directory.
	directory *embedded.Directory
	judge     *embedded.Judge // to be used; nil for the one in use
	admin     *administrator
}

// An administrator is whom the embedded directory was made with.
type administrator struct {
	dn           string
	passwordFile string // empty if the password came from the environment
	newPassword  string // if it was chosen just now: to be shown once
	example      string // DN of a user with a policy of its own, if there is one
}

// openBackend connects to the configured directory, or opens the embedded
// one, for a command.
func (p *program) openBackend(ctx context.Context, c *config, log *slog.Logger) (*backend, error) {
	return p.connect(ctx, c, newMetrics(nil, nil, nil), log)
}

// connect connects to the configured directory, or opens the embedded one.
func (p *program) connect(ctx context.Context, c *config, m *metrics.Metrics, log *slog.Logger) (*backend, error) {
	if c.embedded() {
		return p.openEmbedded(ctx, c, m, log)
	}
	tlsConfig, err := c.directoryTLS()
	if err != nil {
		return nil, fmt.Errorf("directory.caFile: %w", err)
	}
	client, err := directory.New(directory.Config{
		URLs:         c.Directory.URLs,
		StartTLS:     c.Directory.StartTLS,
		TLS:          tlsConfig,
		BindDN:       c.Directory.BindDN,
		BindPassword: c.bindPassword,
		Connections:  c.Directory.Connections,

		Balance:        c.balance(),
		HealthInterval: c.Directory.HealthInterval,
		ProxyProtocol:  proxyVersions()[c.Directory.ProxyProtocol],

		Log: log,
	})
	if err != nil {
		return nil, err
	}
	c.warnOfClearText(c.Directory.URLs, c.Directory.StartTLS, log)
	dialect, err := c.dialect(ctx, client, log)
	if err != nil {
		client.Close()
		return nil, err
	}
	return &backend{
		client:   client,
		reads:    client,
		policies: policy.NewService(dialect, m.Directory(client), policy.ServiceConfig{Generator: c.generator()}),
		metrics:  m,
		close:    func() { client.Close() },
	}, nil
}

// warnOfClearText tells of connections on which the network can read the
// passwords of everybody who binds.
func (c *config) warnOfClearText(urls []string, startTLS bool, log *slog.Logger) {
	for _, s := range clearText(urls, startTLS) {
		log.Warn("the connection to the directory is not encrypted: set startTLS or use ldaps://", "url", s)
	}
}

// clearText returns the servers to which passwords would go for the network to
// read.
func clearText(urls []string, startTLS bool) (list []string) {
	for _, s := range urls {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "ldap" || startTLS {
			continue
		}
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			continue
		}
		list = append(list, s)
	}
	return list
}

// greet tells what is served and what to try next, in commands that work
// as they stand.
func (p *program) greet(c *config, f *frontend) {
	out, back := p.stdout, f.generation.Load().back
	fmt.Fprintln(out, "ldapsuggest is ready.")
	for _, d := range f.doors {
		if d.name == "metrics" {
			fmt.Fprintf(out, "  metrics: http://%s/metrics\n", d.listener.Addr())
			continue
		}
		fmt.Fprintf(out, "  %s\n", d.url())
	}
	if c.REST.Console.Enabled && len(c.REST.Upstream.URLs) == 0 {
		for _, scheme := range []string{"http", "https"} {
			if u := f.url(scheme); u != "" {
				fmt.Fprintf(out, "  page for people: %s/\n", u)
			}
		}
	}
	exe, err := os.Executable()
	if err != nil {
		exe = "ldapsuggest"
	}
	if len(c.REST.Upstream.URLs) > 0 {
		fmt.Fprintf(out, "In front of: %v\n", c.REST.Upstream.URLs)
		return
	}
	if back.admin == nil {
		fmt.Fprintf(out, "In front of: %v\n", c.Directory.URLs)
		if u := f.url("ldap"); u != "" {
			fmt.Fprintf(out, "\nTry, with a DN that may read the user:\n  %s suggest -H %s -D DN -W --target USER-DN -n 3\n", exe, u)
		}
		return
	}
	fmt.Fprintf(out, "\nThe administrator is %s.\n", back.admin.dn)
	if back.admin.passwordFile == "" {
		fmt.Fprintln(out, "Its password is what LDAPSUGGEST_ADMIN_PASSWORD was when the directory was made.")
		return
	}
	// What is no terminal is likely to be a log.
	if back.admin.newPassword != "" && isTerminalFile(out) {
		fmt.Fprintf(out, "Its password is %s, shown this once and kept in %s\n", back.admin.newPassword, back.admin.passwordFile)
	} else {
		fmt.Fprintf(out, "Its password is in %s\n", back.admin.passwordFile)
	}
	file := shellQuote(back.admin.passwordFile)
	fmt.Fprintln(out, "\nTry, in another terminal:")
	if u := f.url("ldap"); u != "" {
		target := ""
		if back.admin.example != "" {
			target = " --target " + shellQuote(back.admin.example)
		}
		rest := "" // which tells more about the policy, on a terminal
		if r := f.url("http"); r != "" {
			rest = " --rest " + r
		}
		fmt.Fprintf(out, "  %s suggest -H %s%s -D %s -y %s%s -n 3\n", shellQuote(exe), u, rest, shellQuote(back.admin.dn), file, target)
		fmt.Fprintf(out, "  ldapsearch -x -LLL -H %s -D %s -y %s -b cn=config '(objectClass=ds-cfg-password-policy)' cn\n", u, shellQuote(back.admin.dn), file)
	}
	for _, scheme := range []string{"http", "https"} {
		if u := f.url(scheme); u != "" {
			trust := ""
			if scheme == "https" {
				trust = "--cacert " + shellQuote(filepath.Join(c.Data, certFile)) + " "
			}
			fmt.Fprintf(out, "  curl %s-u \"%s:$(cat %s)\" -H 'Content-Type: application/json' -d '{\"numberOfPasswords\": 2}' %s/directory/v1/suggestPassword\n",
				trust, back.admin.dn, file, u)
		}
	}
}
