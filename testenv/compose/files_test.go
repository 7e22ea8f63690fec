package compose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// top is the top of the source tree.
const top = "../.."

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(top, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// run runs a program at the top of the tree, and fails with its output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = top
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// A service is one of docker-compose.yml, as far as the tests look at it.
type service struct {
	Image       string
	Build       *struct{ Context, Target string }
	Entrypoint  []string
	Environment map[string]string
	Profiles    []string
	DependsOn   yaml.Node `yaml:"depends_on"`
	Volumes     []string
	Networks    yaml.Node
	Ports       []string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	CapAdd      []string `yaml:"cap_add"`
	SecurityOpt []string `yaml:"security_opt"`
	Privileged  bool
	MemLimit    string `yaml:"mem_limit"`
	PidsLimit   int    `yaml:"pids_limit"`
	NetworkMode string `yaml:"network_mode"`
	Restart     string
}

type composition struct {
	Services map[string]service
	Networks map[string]struct {
		Internal bool
		IPAM     struct{ Config []struct{ Subnet string } }
	}
	Volumes map[string]struct{}
}

func readComposition(t *testing.T) *composition {
	t.Helper()
	var c composition
	if err := yaml.Unmarshal(read(t, "docker-compose.yml"), &c); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"secrets", "directory1", "directory2", "front1", "front2", "haproxy", "prometheus", "grafana", "client"} {
		if _, ok := c.Services[name]; !ok {
			t.Fatalf("there is no service %s", name)
		}
	}
	return &c
}

// names returns the elements of a sequence, or the keys of a mapping.
func names(n yaml.Node) []string {
	var list []string
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	for i := 0; i < len(n.Content); i += step {
		list = append(list, n.Content[i].Value)
	}
	return list
}

// TestComposition looks for what docker compose would find only on the way
// up, or not at all.
func TestComposition(t *testing.T) {
	c := readComposition(t)
	used := make(map[string]bool)
	for name, s := range c.Services {
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if !strings.HasPrefix(source, "./") {
				used[source] = true
				if _, ok := c.Volumes[source]; !ok {
					t.Errorf("%s mounts the volume %s, which is not declared", name, source)
				}
				continue
			}
			// An engine makes a directory of a file that is missing.
			if _, err := os.Stat(filepath.Join(top, source)); err != nil {
				t.Errorf("%s mounts %v", name, err)
			}
			if !strings.HasSuffix(v, ":ro") {
				t.Errorf("%s may write to %s", name, source)
			}
		}
		for _, n := range names(s.Networks) {
			if _, ok := c.Networks[n]; !ok {
				t.Errorf("%s is on the network %s, which is not declared", name, n)
			}
		}
		for _, d := range names(s.DependsOn) {
			if on, ok := c.Services[d]; !ok || len(on.Profiles) > 0 && len(s.Profiles) == 0 {
				t.Errorf("%s depends on %s, which need not be there", name, d)
			}
		}
		if s.Build != nil {
			if _, err := os.Stat(filepath.Join(top, s.Build.Context, "Dockerfile")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for key, value := range s.Environment {
			if regexp.MustCompile(`(?i)password|secret|token`).MatchString(key) && !strings.HasPrefix(value, "/run/secrets/") {
				t.Errorf("%s: %s is given a secret", name, key)
			}
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") && !strings.HasPrefix(p, "${LDAPSUGGEST_ADDRESS:-127.0.0.1}:") {
				t.Errorf("%s offers %s to the network without being told", name, p)
			}
		}
	}
	for name := range c.Volumes {
		if !used[name] {
			t.Errorf("nobody mounts the volume %s", name)
		}
	}
}

// TestHardened wants every service to have no more of the machine than it
// needs.
func TestHardened(t *testing.T) {
	for name, s := range readComposition(t).Services {
		if !s.ReadOnly {
			t.Errorf("%s may write to its root file system", name)
		}
		if !slices.Equal(s.CapDrop, []string{"ALL"}) || s.Privileged {
			t.Errorf("%s has capabilities", name)
		}
		if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may get new privileges", name)
		}
		if name == "secrets" {
			// It gives files to their owners, and talks to nobody.
			if !slices.Equal(s.CapAdd, []string{"CHOWN", "DAC_OVERRIDE", "FOWNER"}) || s.NetworkMode != "none" {
				t.Errorf("%s may do more than to make secrets", name)
			}
			continue
		}
		if len(s.CapAdd) > 0 {
			t.Errorf("%s has capabilities", name)
		}
		if s.MemLimit == "" || s.PidsLimit == 0 {
			t.Errorf("%s has no limits", name)
		}
	}
}

// TestWhoSeesWhat holds who is on which network and who has which secrets.
func TestWhoSeesWhat(t *testing.T) {
	c := readComposition(t)
	networks := map[string][]string{
		"public":      {"client", "grafana", "haproxy", "prometheus"},
		"edge":        {"front1", "front2", "haproxy"},
		"directories": {"directory1", "directory2", "front1", "front2"},
		"monitoring":  {"front1", "front2", "grafana", "prometheus"},
	}
	volumes := map[string][]string{
		"ca":                {"secrets"},
		"directory-secrets": {"directory1", "directory2", "secrets"},
		"front-secrets":     {"front1", "front2", "secrets"},
		"client-secrets":    {"client", "secrets"},
		"grafana-secrets":   {"grafana", "secrets"},
	}
	on := make(map[string][]string)
	has := make(map[string][]string)
	for name, s := range c.Services {
		for _, n := range names(s.Networks) {
			on[n] = append(on[n], name)
		}
		for _, v := range s.Volumes {
			volume, at, _ := strings.Cut(v, ":")
			if _, ok := volumes[volume]; !ok {
				continue
			}
			has[volume] = append(has[volume], name)
			if name != "secrets" && at != "/run/secrets:ro" {
				t.Errorf("%s mounts %s", name, v)
			}
		}
	}
	for name, want := range networks {
		slices.Sort(on[name])
		if !slices.Equal(on[name], want) {
			t.Errorf("on the network %s are %q, want %q", name, on[name], want)
		}
		if internal := c.Networks[name].Internal; internal != (name != "public") {
			t.Errorf("network %s: internal is %v", name, internal)
		}
	}
	for name, want := range volumes {
		slices.Sort(has[name])
		if !slices.Equal(has[name], want) {
			t.Errorf("%s is mounted by %q, want %q", name, has[name], want)
		}
	}
	if len(c.Networks) != len(networks) {
		t.Errorf("there are %d networks, want %d", len(c.Networks), len(networks))
	}
}

// TestProxyIsTrusted wants the front ends to believe the network that HAProxy
// is on, and no other.
func TestProxyIsTrusted(t *testing.T) {
	var front struct {
		Listen struct {
			LDAP, LDAPS, REST, Metrics string
			ProxyProtocol              struct{ Trust []string } `yaml:"proxyProtocol"`
		}
		Directory struct{ URLs []string }
	}
	if err := yaml.Unmarshal(read(t, "deploy/compose/ldapsuggest.yaml"), &front); err != nil {
		t.Fatal(err)
	}
	c := readComposition(t)
	edge := c.Networks["edge"].IPAM.Config
	if len(edge) != 1 || !slices.Equal(front.Listen.ProxyProtocol.Trust, []string{edge[0].Subnet}) {
		t.Fatalf("trusted is %q, HAProxy is on %+v", front.Listen.ProxyProtocol.Trust, edge)
	}
	if _, err := netip.ParsePrefix(edge[0].Subnet); err != nil {
		t.Error(err)
	}
	proxy := string(read(t, "deploy/haproxy/haproxy.cfg"))
	for _, addr := range []string{front.Listen.LDAP, front.Listen.LDAPS, front.Listen.REST} {
		if !strings.Contains(proxy, "\tbind "+addr+"\n\tserver-template front 8 front"+addr+"\n") {
			t.Errorf("HAProxy does not serve %s", addr)
		}
		port := strings.TrimPrefix(addr, ":")
		if !slices.ContainsFunc(c.Services["haproxy"].Ports, func(p string) bool { return strings.HasSuffix(p, ":"+port) }) {
			t.Errorf("port %s is not published", port)
		}
	}
	for _, want := range []string{"send-proxy-v2", "check port " + strings.TrimPrefix(front.Listen.Metrics, ":"), "GET /readyz"} {
		if !strings.Contains(proxy, want) {
			t.Errorf("haproxy.cfg has no %q", want)
		}
	}
	if want := []string{"ldaps://directory1:1636", "ldaps://directory2:1636"}; !slices.Equal(front.Directory.URLs, want) {
		t.Errorf("the front ends know %q, want %q", front.Directory.URLs, want)
	}
}

// TestHAProxy has HAProxy judge its configuration.
func TestHAProxy(t *testing.T) {
	run(t, "haproxy", "-c", "-f", "deploy/haproxy/haproxy.cfg")
}

// TestPrometheus has promtool judge the configuration, the alerts and their
// tests, which must try each alert.
func TestPrometheus(t *testing.T) {
	run(t, "promtool", "check", "config", "deploy/prometheus/prometheus.yml")
	run(t, "promtool", "test", "rules", "deploy/prometheus/alerts_test.yml")
	tests := string(read(t, "deploy/prometheus/alerts_test.yml"))
	alerts := regexp.MustCompile(`- alert: (\w+)`).FindAllSubmatch(read(t, "deploy/prometheus/alerts.yml"), -1)
	if len(alerts) == 0 {
		t.Fatal("there are no alerts")
	}
	for _, a := range alerts {
		if !strings.Contains(tests, "alertname: "+string(a[1])+"\n        exp_alerts:\n") {
			t.Errorf("no test wants %s to fire", a[1])
		}
	}
}

// A dashboard is one of Grafana's.
type dashboard struct {
	UID        string
	Title      string
	Templating struct{ List []struct{ Name, Type string } }
	Panels     []struct {
		ID          int
		Type, Title string
		GridPos     struct{ H, W, X, Y int }
		Datasource  struct{ UID string }
		Targets     []struct{ Expr string }
	}
}

func readDashboard(t *testing.T) *dashboard {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(read(t, "deploy/grafana/dashboards/ldapsuggest.json")))
	var d dashboard
	if err := dec.Decode(&d); err != nil {
		t.Fatal(err)
	}
	if len(d.Panels) < 15 {
		t.Fatalf("the dashboard has %d panels", len(d.Panels))
	}
	return &d
}

// concrete puts what Grafana would in place of the variables of a dashboard.
var concrete = strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*")

// TestDashboard looks for panels that Grafana would not show, or not show as
// meant, and has promtool judge their expressions.
func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	ids := make(map[int]string)
	type cell struct{ x, y int }
	taken := make(map[cell]string)
	var rules strings.Builder
	rules.WriteString("groups:\n- name: panels\n  rules:\n")
	n := 0
	for _, p := range d.Panels {
		if other, ok := ids[p.ID]; ok || p.ID == 0 || p.Title == "" {
			t.Errorf("panel %q has the ID %d, as %q has", p.Title, p.ID, other)
		}
		ids[p.ID] = p.Title
		g := p.GridPos
		if g.X < 0 || g.W < 1 || g.H < 1 || g.X+g.W > 24 {
			t.Errorf("panel %q is not on the grid: %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, ok := taken[cell{x, y}]; ok {
					t.Fatalf("panels %q and %q are in the same place", p.Title, other)
				}
				taken[cell{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("panel %q asks nobody", p.Title)
		}
		for _, target := range p.Targets {
			expr := concrete.Replace(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("panel %q has a variable that is not known: %s", p.Title, expr)
			}
			n++
			fmt.Fprintf(&rules, "  - {record: 'panel:p%d', expr: %q}\n", n, expr)
		}
	}
	file := filepath.Join(t.TempDir(), "panels.yml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "promtool", "check", "rules", file)
	for _, v := range []string{"datasource", "instance"} {
		if !slices.ContainsFunc(d.Templating.List, func(l struct{ Name, Type string }) bool { return l.Name == v }) {
			t.Errorf("there is no variable %s", v)
		}
	}
}

// TestProvisioning wants what Grafana reads at its start to fit together.
func TestProvisioning(t *testing.T) {
	var sources struct{ Datasources []struct{ Type, URL string } }
	if err := yaml.Unmarshal(read(t, "deploy/grafana/provisioning/datasources/prometheus.yml"), &sources); err != nil {
		t.Fatal(err)
	}
	if len(sources.Datasources) != 1 || sources.Datasources[0].URL != "http://prometheus:9090" || sources.Datasources[0].Type != "prometheus" {
		t.Errorf("%+v", sources)
	}
	var boards struct {
		Providers []struct{ Options struct{ Path string } }
	}
	if err := yaml.Unmarshal(read(t, "deploy/grafana/provisioning/dashboards/ldapsuggest.yml"), &boards); err != nil {
		t.Fatal(err)
	}
	if len(boards.Providers) != 1 || !slices.Contains(readComposition(t).Services["grafana"].Volumes, "./deploy/grafana/dashboards:"+boards.Providers[0].Options.Path+":ro") {
		t.Errorf("%+v", boards)
	}
}

// TestContext wants the build's context to have every package and embedded
// file that the program is made of.
func TestContext(t *testing.T) {
	var sent []string
	for line := range strings.Lines(string(read(t, ".dockerignore"))) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "!"); ok {
			sent = append(sent, path)
		}
	}
	missing := func(path string) bool {
		if strings.HasSuffix(path, "_test.go") || slices.Contains(strings.Split(path, "/"), "testdata") {
			return true
		}
		return !slices.ContainsFunc(sent, func(s string) bool { return path == s || strings.HasPrefix(path, s+"/") })
	}
	const module = "github.com/ldapsuggest/ldapsuggest/"
	out := run(t, "go", "list", "-deps", "-f", `{{$p := .}}{{range .GoFiles}}{{$p.ImportPath}}/{{.}}{{"\n"}}{{end}}{{range .EmbedFiles}}{{$p.ImportPath}}/{{.}}{{"\n"}}{{end}}`, "./cmd/ldapsuggest")
	files := 0
	for path := range strings.Lines(out) {
		path, ours := strings.CutPrefix(strings.TrimSpace(path), module)
		if !ours {
			continue
		}
		files++
		if missing(path) {
			t.Errorf(".dockerignore keeps %s from the build", path)
		}
	}
	if files < 100 {
		t.Errorf("only %d files found", files)
	}
	for _, path := range []string{"go.mod", "go.sum", "deploy/docker/ldapsuggest.yaml"} {
		if missing(path) {
			t.Errorf(".dockerignore keeps %s from the build", path)
		}
	}
}

// TestStandIns wants a stand-in for each image that is taken from a registry,
// but for Grafana's.
func TestStandIns(t *testing.T) {
	wanted := make(map[string]bool)
	for name, s := range readComposition(t).Services {
		if image := regexp.MustCompile(`^\$\{[A-Z]+_IMAGE:-(.*)\}$`).FindStringSubmatch(s.Image); image != nil {
			wanted[image[1]] = name != "grafana"
		} else if s.Build == nil {
			t.Errorf("%s: nobody makes the image %s", name, s.Image)
		}
	}
	dockerfiles, err := filepath.Glob(top + "/testenv/images/*/Dockerfile")
	if err != nil || len(dockerfiles) == 0 {
		t.Fatalf("%d Dockerfiles: %v", len(dockerfiles), err)
	}
	for _, name := range append(dockerfiles, top+"/Dockerfile") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllSubmatch(text, -1) {
			if image := string(m[1]); image != "scratch" {
				wanted[image] = true
			}
		}
	}
	script := string(read(t, "testenv/images/standins"))
	runner := string(read(t, "testenv/compose/run"))
	for image, want := range wanted {
		if strings.Contains(script, "missing "+image+";") != want {
			t.Errorf("%s: a stand-in is wanted: %v", image, want)
		}
		if want && !strings.Contains(runner, " "+image) {
			t.Errorf("testenv/compose/run does not look for %s", image)
		}
	}
}

// TestScripts has the shell read its scripts.
func TestScripts(t *testing.T) {
	for _, name := range []string{"testenv/compose/run", "testenv/images/engine", "testenv/images/standins", "testenv/images/slapd/provider", "testenv/images/slapd/make-secrets"} {
		run(t, "bash", "-n", name)
		if info, err := os.Stat(filepath.Join(top, name)); err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s cannot be run: %v", name, err)
		}
	}
}
