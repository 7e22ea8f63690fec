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
)

const healthUsage = `Usage: ldapsuggest health [--config FILE] [--url URL] [--timeout T] [--json]

Asks a server that runs whether it is ready for clients: whether /readyz of
its metrics listener answers with 200. For the health checks of containers,
which have no other program to ask with.

  --config FILE  the server's configuration file; its listen.metrics is asked.
                 Default $LDAPSUGGEST_CONFIG, and $LDAPSUGGEST_METRICS wins
                 over the file
  --url URL      ask this URL instead, such as http://127.0.0.1:9389/livez
  --timeout T    give up after this time; default 3s
  --json         print a JSON object: whether it is ready, and why not

The exit code is 0 if the server is ready, 1 if it is not, 4 if it does not
answer, 2 for a wrong command line, 9 for a configuration that cannot be used.

Example:
  $ ldapsuggest health --config ldapsuggest.yaml
`

// maxHealthAnswer bounds what is read of an answer, which is one line.
const maxHealthAnswer = 4 << 10

func (p *program) health(ctx context.Context, args []string) error {
	f := newFlags("health")
	file := f.String("config", "", "")
	target := f.String("url", "", "")
	timeout := f.Duration("timeout", 3*time.Second, "")
	asJSON := f.Bool("json", false, "")
	if err := parse(f, args); err != nil {
		return err
	}
	switch {
	case f.NArg() > 0:
		return misuse("health takes no arguments, but there is %q", f.Arg(0))
	case *timeout <= 0:
		return misuse("--timeout must be more than nothing")
	case *target == "":
		var err error
		if *target, err = p.readyURL(*file); err != nil {
			return err
		}
	default:
		if u, err := url.Parse(*target); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return misuse("--url: %q is no http:// or https:// URL", *target)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	err := askHealth(ctx, *target)
	if !*asJSON {
		return err
	}
	answer := struct {
		URL    string `json:"url"`
		Ready  bool   `json:"ready"`
		Reason string `json:"reason,omitempty"`
	}{*target, err == nil, ""}
	if err != nil {
		answer.Reason = err.Error()
	}
	return errors.Join(err, p.printJSON(answer))
}

// readyURL returns where the server that has this configuration tells whether
// it is ready. No more of the configuration is looked at than that takes: the
// secrets are none of a health check's business.
func (p *program) readyURL(file string) (string, error) {
	c := defaultConfig()
	if file == "" {
		file, _ = p.env("LDAPSUGGEST_CONFIG")
	}
	if file != "" {
		if err := c.readFile(file); err != nil {
			return "", misconfigured(err)
		}
	}
	if v, ok := p.env("LDAPSUGGEST_METRICS"); ok {
		c.Listen.Metrics = v
	}
	if c.Listen.Metrics == "" {
		return "", &hinted{misconfigured(errors.New("listen.metrics is not set: there is nobody to ask")), "--config FILE names the server's configuration, --url URL whom to ask"}
	}
	host, port, err := net.SplitHostPort(c.Listen.Metrics)
	if err != nil {
		return "", misconfigured(fmt.Errorf("listen.metrics: %q is no host:port", c.Listen.Metrics))
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost" // it listens on every address
	}
	return "http://" + net.JoinHostPort(host, port) + "/readyz", nil
}

// askHealth fails unless the answer is 200. It asks the server itself,
// whatever proxy the environment names, and follows it nowhere else.
func askHealth(ctx context.Context, target string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxHealthAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		reason, _, _ := strings.Cut(string(text), "\n")
		return fmt.Errorf("not ready: %s: %s", res.Status, reason)
	}
	return nil
}
