package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/internal/trail"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/breach"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// config is the configuration file. config.example.yaml tells what each key
// means; names of files are relative to the configuration file.
type config struct {
	Data   string `yaml:"data"`
	Listen struct {
		LDAP  string `yaml:"ldap"`
		LDAPS string `yaml:"ldaps"`
		REST  string `yaml:"rest"`

		LDAPI     string `yaml:"ldapi"`
		LDAPIMode string `yaml:"ldapiMode"`
		Metrics   string `yaml:"metrics"`

		ProxyProtocol struct {
			Trust []string `yaml:"trust"`
		} `yaml:"proxyProtocol"`
	} `yaml:"listen"`
	TLS struct {
		CertFile          string `yaml:"certFile"`
		KeyFile           string `yaml:"keyFile"`
		MinVersion        string `yaml:"minVersion"`
		ClientCertificate string `yaml:"clientCertificate"`
		ClientCAFile      string `yaml:"clientCAFile"`
	} `yaml:"tls"`
	Limits struct {
		Connections        int `yaml:"connections"`
		AddressConnections int `yaml:"addressConnections"`
		Handshakes         int `yaml:"handshakes"`
		PartialMessages    int `yaml:"partialMessages"`
	} `yaml:"limits"`
	RateLimit     rateLimits     `yaml:"rateLimit"`
	Authorization authorizations `yaml:"authorization"`
	Directory     struct {
		URLs             []string          `yaml:"urls"`
		StartTLS         bool              `yaml:"startTLS"`
		CAFile           string            `yaml:"caFile"`
		BindDN           string            `yaml:"bindDN"`
		BindPasswordFile string            `yaml:"bindPasswordFile"`
		Dialect          string            `yaml:"dialect"`
		DefaultPolicy    map[string]string `yaml:"defaultPolicy"`
		Connections      int               `yaml:"connections"`
		Balance          string            `yaml:"balance"`
		HealthInterval   time.Duration     `yaml:"healthInterval"`
		ProxyProtocol    string            `yaml:"proxyProtocol"`
	} `yaml:"directory"`
	Generator generatorConfig `yaml:"generator"`
	Breach    struct {
		RangeURL string `yaml:"rangeURL"`
	} `yaml:"breach"`
	GeneratePassword struct {
		MaxPasswords int `yaml:"maxPasswords"`
		MaxAttempts  int `yaml:"maxAttempts"`
	} `yaml:"generatePassword"`
	REST restConfig `yaml:"rest"`
	Log  struct {
		Format string `yaml:"format"`
		Level  string `yaml:"level"`
	} `yaml:"log"`

	External externalConfig `yaml:"external"`
	Audit    auditConfig    `yaml:"audit"`
	Tracing  tracingConfig  `yaml:"tracing"`

	CoreDumps bool `yaml:"coreDumps"`

	// What is not in the file.
	ldif         string
	made         policy.Config // of Generator
	breached     *breach.List  // of Generator.BreachedPasswords
	bindPassword []byte

	externalPassword []byte
	adminPassword    []byte // of the embedded directory
	dir              string // of the file
	credentials      string // systemd's directory; empty without
}

func defaultConfig() config {
	var c config
	c.Data = "ldapsuggest-data"
	c.Listen.LDAP = "127.0.0.1:1389"
	c.Listen.LDAPS = "127.0.0.1:1636"
	c.Listen.REST = "127.0.0.1:8080"
	c.Listen.LDAPIMode = "0660"
	c.Listen.ProxyProtocol.Trust = []string{}
	c.TLS.MinVersion = "1.2"
	c.TLS.ClientCertificate = "none"
	c.Directory.Dialect = "auto"
	c.Directory.Balance = directory.Ordered.String()
	c.Directory.HealthInterval = 5 * time.Second
	c.Generator.Kind = "random"
	c.Generator.Symbols = "all"
	c.Generator.Passphrase.WordList = "eff-large"
	c.Generator.Passphrase.Separator = "-"
	c.REST = defaultREST()
	c.Audit, c.Tracing = defaultAudit(), defaultTracing()
	c.Log.Format = "text"
	c.Log.Level = "info"
	return c
}

// An environment looks up environment variables, as os.LookupEnv does.
type environment func(name string) (string, bool)

// readEnvironment reads the environment over c. Variables that it does not
// know are left alone: orchestrators set some of their own that begin with
// the name of a service.
func (c *config) readEnvironment(env environment) error {
	text := func(name string, to *string) {
		if v, ok := env("LDAPSUGGEST_" + name); ok {
			*to = v
		}
	}
	text("DATA", &c.Data)
	text("LDAP", &c.Listen.LDAP)
	text("LDAPS", &c.Listen.LDAPS)
	text("REST", &c.Listen.REST)
	text("LDAPI", &c.Listen.LDAPI)
	text("METRICS", &c.Listen.Metrics)
	text("TLS_CERT_FILE", &c.TLS.CertFile)
	text("TLS_KEY_FILE", &c.TLS.KeyFile)
	text("DIRECTORY_CA_FILE", &c.Directory.CAFile)
	text("DIRECTORY_BIND_DN", &c.Directory.BindDN)
	text("DIRECTORY_DIALECT", &c.Directory.Dialect)
	text("LOG_FORMAT", &c.Log.Format)
	text("LOG_LEVEL", &c.Log.Level)
	if v, ok := env("LDAPSUGGEST_DIRECTORY_URLS"); ok {
		c.Directory.URLs = strings.Fields(v)
	}
	if v, ok := env("LDAPSUGGEST_DIRECTORY_START_TLS"); ok {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return errors.New("LDAPSUGGEST_DIRECTORY_START_TLS must be true or false")
		}
		c.Directory.StartTLS = b
	}
	c.credentials, _ = env("CREDENTIALS_DIRECTORY")
	for _, s := range c.secrets() {
		if err := s.readEnvironment(env); err != nil {
			return err
		}
	}
	return nil
}

// check finds what is wrong with the values, and reads the secrets and the
// files that are looked into.
func (c *config) check() error {
	for _, check := range c.checks() {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// problems is check for all that is wrong.
func (c *config) problems() (list []error) {
	for _, check := range c.checks() {
		if err := check(); err != nil {
			list = append(list, err)
		}
	}
	return list
}

// checks are what check does, step by step.
func (c *config) checks() []func() error {
	var list []func() error
	for _, s := range c.secrets() {
		list = append(list, func() error { return s.read(c) })
	}
	return append(list, c.checkNumbers, c.checkAddresses, c.checkListen, c.checkTLS, c.checkBalance, c.checkExternal, c.checkOperations,
		c.checkUpstream, c.checkAudit, c.checkTracing, c.checkDirectory, c.REST.check, c.checkLog, c.readGenerator)
}

func (c *config) checkNumbers() error {
	switch {
	case c.Data == "":
		return errors.New("data: a directory is needed")
	case c.GeneratePassword.MaxPasswords < 0 || c.GeneratePassword.MaxAttempts < 0 || c.Directory.Connections < 0:
		return errors.New("a maximum is below zero")
	}
	return nil
}

func (c *config) checkAddresses() error {
	for _, a := range []struct{ key, addr string }{{"ldap", c.Listen.LDAP}, {"ldaps", c.Listen.LDAPS}, {"rest", c.Listen.REST}, {"metrics", c.Listen.Metrics}} {
		if a.addr == "" {
			continue
		}
		addr := a.addr
		if a.key == "rest" {
			addr, _ = restAddress(addr)
		}
		if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
			return fmt.Errorf("listen.%s: %q is no host:port", a.key, a.addr)
		}
	}
	return nil
}

func (c *config) checkDirectory() error {
	d := &c.Directory
	if len(d.URLs) == 0 {
		if d.StartTLS || d.CAFile != "" || d.BindDN != "" || d.BindPasswordFile != "" || len(d.DefaultPolicy) > 0 || d.Dialect != "auto" {
			return errors.New("directory: urls is missing")
		}
	} else if c.ldif != "" {
		return errors.New("--ldif is for the embedded directory, but directory.urls is set")
	}
	if (d.BindDN == "") != (c.bindPassword == nil) && len(d.URLs) > 0 {
		return errors.New("directory: bindDN and its password (bindPasswordFile or LDAPSUGGEST_DIRECTORY_BIND_PASSWORD) belong together")
	}
	if d.Dialect != "auto" && !knownDialect(d.Dialect) {
		return fmt.Errorf("directory.dialect: %q is none of auto, %s", d.Dialect, strings.Join(dialectNames(), ", "))
	}
	for suffix, policyDN := range d.DefaultPolicy {
		for _, s := range []string{suffix, policyDN} {
			if _, err := dn.Parse(s); err != nil {
				return fmt.Errorf("directory.defaultPolicy: %q is no DN", s)
			}
		}
	}
	return nil
}

func (c *config) checkLog() error {
	_, err := c.logHandler(io.Discard)
	return err
}

// path resolves the name of a file in the configuration file.
func (c *config) path(name string) string {
	if rest, ok := strings.CutPrefix(name, "${CREDENTIALS_DIRECTORY}/"); ok && c.credentials != "" {
		return filepath.Join(c.credentials, rest)
	}
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.dir, name)
}

// directoryTLS is the configuration for connections to the directory.
func (c *config) directoryTLS() (*tls.Config, error) { return clientTLS(c.path(c.Directory.CAFile)) }

// clientTLS trusts the certificates in a PEM file, or the system's if the
// name is empty.
func clientTLS(caFile string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", caFile)
	}
	return cfg, nil
}

func (c *config) logHandler(w io.Writer) (slog.Handler, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return nil, fmt.Errorf("log.level: %q is none of debug, info, warn, error", c.Log.Level)
	}
	o := &slog.HandlerOptions{Level: level}
	switch c.Log.Format {
	case "text":
		return trail.Handler(slog.NewTextHandler(w, o)), nil
	case "json":
		return trail.Handler(slog.NewJSONHandler(w, o)), nil
	}
	return nil, fmt.Errorf("log.format: %q is none of text, json", c.Log.Format)
}

// restAddress splits the scheme off listen.rest. Without one it is HTTP on a
// loopback address and HTTPS elsewhere.
func restAddress(s string) (addr string, secure bool) {
	if rest, ok := strings.CutPrefix(s, "https://"); ok {
		return rest, true
	}
	if rest, ok := strings.CutPrefix(s, "http://"); ok {
		return rest, false
	}
	host, _, err := net.SplitHostPort(s)
	if err != nil {
		return s, true
	}
	ip := net.ParseIP(host)
	return s, host != "localhost" && (ip == nil || !ip.IsLoopback())
}

// forget wipes the secrets and closes the files, once nothing uses c.
func (c *config) forget() {
	for _, s := range c.secrets() {
		clear(*s.to)
	}
	// The embedded directory may be judging a password by it at this moment.
	if c.breached != nil && !c.embedded() {
		_ = c.breached.Close()
	}
}
