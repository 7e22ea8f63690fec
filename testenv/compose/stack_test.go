//go:build compose

package compose

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// A stack is the composition while it is up, in a project of its own.
type stack struct {
	project                     string
	env                         []string
	ldap, ldaps, rest, promPort string // addresses, and a port
	ca                          *x509.CertPool
	passwords                   map[string]string // of admin, helpdesk, amina and jo
}

// compose runs docker compose, whichever there is.
func (s *stack) compose(args ...string) (string, error) {
	command := append(strings.Fields(os.Getenv("COMPOSE")), "--project-name", s.project)
	command = append(command, args...)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Env = top, s.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}

func (s *stack) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.compose(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// startStack brings everything up. It is taken down when the test ends, with
// what the services said if it has failed.
func startStack(t *testing.T) *stack {
	t.Helper()
	if os.Getenv("COMPOSE") == "" {
		t.Fatal("COMPOSE is not set: make compose-test runs this")
	}
	s := &stack{project: fmt.Sprintf("ldapsuggest-test-%d", os.Getpid()), passwords: make(map[string]string)}
	ports := freePorts(t, 4)
	s.ldap, s.ldaps, s.rest, s.promPort = "127.0.0.1:"+ports[0], "127.0.0.1:"+ports[1], "127.0.0.1:"+ports[2], ports[3]
	s.env = append(os.Environ(), "LDAPSUGGEST_LDAP_PORT="+ports[0], "LDAPSUGGEST_LDAPS_PORT="+ports[1],
		"LDAPSUGGEST_REST_PORT="+ports[2], "PROMETHEUS_PORT="+ports[3])
	t.Cleanup(func() {
		if t.Failed() {
			logs, err := s.compose("logs", "--no-color", "--tail", "40")
			t.Logf("%v\n%s", err, logs)
		}
		if _, err := s.compose("down", "--volumes", "--timeout", "5"); err != nil {
			t.Error(err)
		}
	})
	start := time.Now()
	s.must(t, "build")
	s.must(t, "--profile", "client", "build", "client")
	t.Logf("built in %v", time.Since(start).Round(time.Second))
	start = time.Now()
	s.must(t, "up", "-d")
	s.ca = x509.NewCertPool()
	if !s.ca.AppendCertsFromPEM([]byte(s.must(t, "run", "--rm", "-T", "client", "cat", "ca.crt"))) {
		t.Fatal("the client has no certificate to trust")
	}
	for _, who := range []string{"admin", "helpdesk", "amina", "jo"} {
		s.passwords[who] = strings.TrimSpace(s.must(t, "run", "--rm", "-T", "client", "cat", who+".password"))
		if s.passwords[who] == "" {
			t.Fatalf("%s has no password", who)
		}
	}
	s.await(t, "the front ends answer through HAProxy", func() error {
		c, err := s.dial(helpdesk, s.passwords["helpdesk"])
		if err != nil {
			return err
		}
		return c.Close()
	})
	t.Logf("up in %v", time.Since(start).Round(time.Second))
	return s
}

func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		ports = append(ports, port)
	}
	return ports
}

// await runs what until it succeeds, for at most two minutes.
func (s *stack) await(t *testing.T, name string, what func() error) {
	t.Helper()
	start := time.Now()
	for {
		err := what()
		if err == nil {
			t.Logf("%s: after %v", name, time.Since(start).Round(100*time.Millisecond))
			return
		}
		if time.Since(start) > 2*time.Minute {
			t.Fatalf("%s: %v", name, err)
		}
		time.Sleep(250 * time.Millisecond)
	}
}

func (s *stack) tlsConfig() *tls.Config {
	return &tls.Config{RootCAs: s.ca, ServerName: "haproxy", MinVersion: tls.VersionTLS12}
}

// prometheus asks Prometheus, and decodes what it answers.
func (s *stack) prometheus(path string, query url.Values, data any) error {
	res, err := http.Get("http://127.0.0.1:" + s.promPort + path + "?" + query.Encode())
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("prometheus: %s", answer.Error)
	}
	return json.Unmarshal(answer.Data, data)
}

// upTargets wants so many front ends to be scraped.
func (s *stack) upTargets(want int) error {
	var targets struct {
		ActiveTargets []struct{ Health, ScrapeURL, LastError string }
	}
	if err := s.prometheus("/api/v1/targets", nil, &targets); err != nil {
		return err
	}
	up := 0
	for _, target := range targets.ActiveTargets {
		if target.Health == "up" {
			up++
		}
	}
	if up != want {
		return fmt.Errorf("%d targets are up, want %d: %+v", up, want, targets.ActiveTargets)
	}
	return nil
}

// alert wants an alert to fire, or not to.
func (s *stack) alert(name string, want bool) error {
	var alerts struct {
		Alerts []struct {
			State  string
			Labels map[string]string
		}
	}
	if err := s.prometheus("/api/v1/alerts", nil, &alerts); err != nil {
		return err
	}
	firing := false
	for _, a := range alerts.Alerts {
		firing = firing || a.Labels["alertname"] == name && a.State == "firing"
	}
	if firing != want {
		return fmt.Errorf("%s fires: %v; alerts: %+v", name, firing, alerts.Alerts)
	}
	return nil
}

// TestImage holds what is promised of the image.
func TestImage(t *testing.T) {
	const tag = "ldapsuggest:compose-test"
	t.Cleanup(func() { run(t, "docker", "image", "rm", "--force", tag) })
	run(t, "docker", "build", "--quiet", "--tag", tag, ".")
	var images []struct {
		ID     string
		Size   int64
		Config struct {
			User        string
			Labels      map[string]string
			Healthcheck struct{ Test []string }
		}
		RootFS struct{ Layers []string }
	}
	if err := json.Unmarshal([]byte(run(t, "docker", "image", "inspect", tag)), &images); err != nil {
		t.Fatal(err)
	}
	image := images[0]
	t.Logf("%.1f MiB", float64(image.Size)/(1<<20))
	if image.Size > 25<<20 {
		t.Errorf("the image has %d octets", image.Size)
	}
	if image.Config.User != "65532:65532" {
		t.Errorf("it runs as %q", image.Config.User)
	}
	if !slices.Equal(image.Config.Healthcheck.Test, []string{"CMD", "/ldapsuggest", "health"}) {
		t.Errorf("its health check is %q", image.Config.Healthcheck.Test)
	}
	for _, label := range []string{"title", "description", "source", "documentation", "licenses", "version"} {
		if image.Config.Labels["org.opencontainers.image."+label] == "" {
			t.Errorf("it has no label %s", label)
		}
	}

	t.Run("Runs", func(t *testing.T) {
		id := strings.TrimSpace(run(t, "docker", "run", "--detach", "--read-only", "--cap-drop", "ALL",
			"--security-opt", "no-new-privileges", "--network", "none", "--tmpfs", "/data:uid=65532,gid=65532", tag))
		defer func() { run(t, "docker", "rm", "--force", id) }()
		for start := time.Now(); ; time.Sleep(250 * time.Millisecond) {
			health := strings.TrimSpace(run(t, "docker", "inspect", "--format", "{{.State.Health.Status}}", id))
			if health == "healthy" {
				break
			}
			if health == "unhealthy" || time.Since(start) > time.Minute {
				t.Fatalf("it is %s\n%s", health, run(t, "docker", "logs", id))
			}
		}
		out := run(t, "docker", "exec", id, "/ldapsuggest", "suggest", "-D", "cn=admin,dc=example,dc=com", "-y", "/data/admin.password", "-n", "2")
		if strings.Count(out, "\n") < 3 {
			t.Errorf("it suggests %q", out)
		}
	})

	// Another directory, no cache, other times: the same binary, and the same
	// layers.
	t.Run("Reproducible", func(t *testing.T) {
		elsewhere := t.TempDir()
		archive := filepath.Join(elsewhere, "context.tar")
		paths := []string{"-cf", archive, "--exclude=*_test.go", "Dockerfile", ".dockerignore"}
		for line := range strings.Lines(string(read(t, ".dockerignore"))) {
			if path, ok := strings.CutPrefix(strings.TrimSpace(line), "!"); ok {
				paths = append(paths, path)
			}
		}
		run(t, "tar", paths...)
		run(t, "tar", "-C", elsewhere, "-xmf", archive)
		again := tag + "-again"
		t.Cleanup(func() { run(t, "docker", "image", "rm", "--force", again) })
		run(t, "docker", "build", "--quiet", "--no-cache", "--tag", again, elsewhere)
		if a, b := digest(t, tag), digest(t, again); a != b {
			t.Errorf("two builds have the binaries %s and %s", a, b)
		} else {
			t.Logf("two builds have the binary %s", a)
		}
		layers := run(t, "docker", "image", "inspect", "--format", "{{json .RootFS.Layers}}", again)
		if first, _ := json.Marshal(image.RootFS.Layers); string(first) != strings.TrimSpace(layers) {
			t.Errorf("two builds have the layers %s and %s", first, layers)
		}
	})
}

// digest returns the SHA-256 digest of the program in an image.
func digest(t *testing.T, image string) string {
	t.Helper()
	id := strings.TrimSpace(run(t, "docker", "create", image))
	defer func() { run(t, "docker", "rm", id) }()
	file := filepath.Join(t.TempDir(), "ldapsuggest")
	run(t, "docker", "cp", id+":/ldapsuggest", file)
	sum, _, _ := strings.Cut(run(t, "sha256sum", file), " ")
	return sum
}

// TestStack brings everything up and goes through what docs/deployment.md
// promises.
func TestStack(t *testing.T) {
	s := startStack(t)
	t.Run("Documentation", func(t *testing.T) { testDocumentation(t, s) })
	t.Run("Addresses", func(t *testing.T) { testAddresses(t, s) })
	t.Run("Secrets", func(t *testing.T) { testSecrets(t, s) })
	t.Run("Handover", func(t *testing.T) { testHandover(t, s) })
	t.Run("Faults", func(t *testing.T) { testFaults(t, s) })
	t.Run("Dashboard", func(t *testing.T) { testDashboard(t, s) })
	t.Run("Scale", func(t *testing.T) { testScale(t, s) })
}

// testDocumentation runs the commands of README.md and docs/deployment.md as
// they stand there, one block after the other.
func testDocumentation(t *testing.T, s *stack) {
	// What each has to print. The rest has to succeed.
	prints := map[string]string{
		"ldapsuggest suggest": `(?m)^\S{20,64}\n\S{20,64}\n\S{20,64}$`,
		"com uid=jo":          `dn: uid=jo,ou=people,dc=example,dc=com`,
		"ldappasswd":          `New password: \S{12,}`,
		"suggestPassword":     `"suggestedPassword":"`,
		"-Y EXTERNAL":         `olcPPolicyDefault: cn=default,ou=policies,dc=example,dc=com`,
	}
	// "docker compose" is this project's, of the version at hand.
	bin := t.TempDir()
	docker, err := exec.LookPath("docker")
	if err != nil {
		t.Fatal(err)
	}
	wrapper := fmt.Sprintf(`#!/bin/bash
[ "$1" = compose ] || exec %[1]s "$@"
shift
[ "$1" != exec ] || { shift; set -- exec -T "$@"; }
exec %[2]s --project-name %[3]s "$@"
`, docker, os.Getenv("COMPOSE"), s.project)
	if err := os.WriteFile(filepath.Join(bin, "docker"), []byte(wrapper), 0o700); err != nil {
		t.Fatal(err)
	}
	ran := make(map[string]bool)
	for _, page := range []string{"README.md", "docs/deployment.md"} {
		n := 0
		for _, block := range commandBlocks(string(read(t, page))) {
			n++
			block = strings.NewReplacer("https://localhost:8443", "https://localhost:"+port(s.rest),
				"http://127.0.0.1:9090", "http://127.0.0.1:"+s.promPort).Replace(block)
			cmd := exec.Command("bash", "-euo", "pipefail", "-c", block)
			cmd.Dir = t.TempDir()
			cmd.Env = append(slices.Clone(s.env), "PATH="+bin+":"+os.Getenv("PATH"), "COMPOSE_FILE="+absolute(t, filepath.Join(top, "docker-compose.yml")))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %s\n%v\n%s", page, block, err, out)
				continue
			}
			for what, want := range prints {
				if strings.Contains(block, what) {
					ran[what] = true
					if !regexp.MustCompile(want).Match(out) {
						t.Errorf("%s: %s\nprints\n%s", page, block, out)
					}
				}
			}
		}
		if n == 0 {
			t.Errorf("%s has no commands", page)
		}
	}
	for what := range prints {
		if !ran[what] {
			t.Errorf("no command with %s was run", what)
		}
	}
}

// commandBlocks returns the indented blocks of a page that begin with docker
// compose, without those that take everything down.
func commandBlocks(page string) []string {
	var blocks []string
	for _, b := range regexp.MustCompile(`(?m)(?:^    .*\n)+`).FindAllString(page, -1) {
		b = strings.TrimSpace(regexp.MustCompile(`(?m)^    `).ReplaceAllString(b, ""))
		if strings.HasPrefix(b, "docker compose ") && !strings.Contains(b, "docker compose down") && !strings.Contains(b, "grafana") {
			blocks = append(blocks, b)
		}
	}
	return blocks
}

func port(address string) string {
	_, p, _ := net.SplitHostPort(address)
	return p
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// testAddresses wants the front ends to know their clients' addresses, not
// HAProxy's.
func testAddresses(t *testing.T, s *stack) {
	req, err := http.NewRequest(http.MethodPost, "https://"+s.rest+"/directory/v1/suggestPassword", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(helpdesk, s.passwords["helpdesk"])
	req.Header.Set("Content-Type", "application/json")
	res, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: s.tlsConfig(), DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	logs := s.must(t, "logs", "--no-color", "front1", "front2")
	remotes := regexp.MustCompile(`"remote":"([^"]*)"`).FindAllStringSubmatch(logs, -1)
	if len(remotes) == 0 {
		t.Fatal("the front ends log no client's address")
	}
	for _, r := range remotes {
		if strings.HasPrefix(r[1], "10.213.89.") {
			t.Errorf("a client seems to be %s, which is HAProxy's network", r[1])
		}
	}
}

// testSecrets looks for secrets where they must not be.
func testSecrets(t *testing.T, s *stack) {
	logs := s.must(t, "logs", "--no-color")
	for who, password := range s.passwords {
		if strings.Contains(logs, password) {
			t.Errorf("the logs have the password of %s", who)
		}
	}
	for _, name := range strings.Fields(s.must(t, "ps", "-q")) {
		inspected := run(t, "docker", "inspect", name)
		for who, password := range s.passwords {
			if strings.Contains(inspected, password) {
				t.Errorf("%s was given the password of %s on its command line or in its environment", name, who)
			}
		}
	}
	// Made once: a second up makes no others.
	s.must(t, "up", "-d", "secrets")
	if again := strings.TrimSpace(s.must(t, "run", "--rm", "-T", "client", "cat", "helpdesk.password")); again != s.passwords["helpdesk"] {
		t.Error("a second start makes other passwords")
	}
}

// testDashboard has Prometheus answer every panel of the dashboard.
func testDashboard(t *testing.T, s *stack) {
	empty := 0
	panels := 0
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			panels++
			var data struct{ Result []json.RawMessage }
			if err := s.prometheus("/api/v1/query", url.Values{"query": {concrete.Replace(target.Expr)}}, &data); err != nil {
				t.Errorf("panel %q: %v", p.Title, err)
			} else if len(data.Result) == 0 {
				empty++
				t.Logf("panel %q shows nothing: %s", p.Title, target.Expr)
			}
		}
	}
	// Only what has not happened has nothing to show.
	if empty > 4 {
		t.Errorf("%d of %d panels show nothing", empty, panels)
	}
}

// testScale adds a front end, which HAProxy and Prometheus must find.
func testScale(t *testing.T, s *stack) {
	s.must(t, "up", "-d", "--no-recreate", "--scale", "front2=2")
	s.await(t, "a third front end is scraped", func() error { return s.upTargets(3) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seen := make(map[string]bool)
	for len(seen) < 3 {
		if ctx.Err() != nil {
			t.Fatalf("HAProxy uses %d front ends", len(seen))
		}
		// Each front end has accepted connections of its own to count.
		var data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
		c, err := s.dial(helpdesk, s.passwords["helpdesk"])
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := s.prometheus("/api/v1/query", url.Values{"query": {`ldapsuggest_ldap_connections > 0`}}, &data); err != nil {
			t.Fatal(err)
		}
		for _, r := range data.Result {
			seen[r.Metric["instance"]] = true
		}
		time.Sleep(250 * time.Millisecond)
	}
}
