package metrics

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// dashboards and rules are what operators are given to watch the metrics
// with.
const (
	dashboards = "../../deploy/grafana/dashboards/ldapsuggest.json"
	rules      = "../../deploy/prometheus/alerts.yml"
)

// expressions returns the PromQL expressions of the dashboard and the alert
// rules, by where they are.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	read := func(name string) []byte {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ RefID, Expr string }
		}
	}
	if err := json.Unmarshal(read(dashboards), &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			found["panel "+p.Title+" "+target.RefID] = target.Expr
		}
	}
	if len(found) < 20 {
		t.Fatalf("the dashboard has %d expressions", len(found))
	}
	var alerts struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(read(rules), &alerts); err != nil {
		t.Fatal(err)
	}
	n := len(found)
	for _, g := range alerts.Groups {
		for _, r := range g.Rules {
			found["alert "+r.Alert] = r.Expr
		}
	}
	if len(found) < n+5 {
		t.Fatalf("there are %d alerts", len(found)-n)
	}
	return found
}

// TestWatched wants each metric and label that the dashboard and the alerts
// ask for to be there.
func TestWatched(t *testing.T) {
	families, err := used().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	// labels are those of each series, by its name.
	labels := map[string][]string{"up": {}}
	for _, f := range families {
		names := make(map[string]bool)
		for _, m := range f.Metric {
			for _, l := range m.Label {
				names[l.GetName()] = true
			}
		}
		series := []string{""}
		if f.Metric[0].Histogram != nil {
			series = []string{"_bucket", "_count", "_sum"}
			names["le"] = true
		}
		for _, suffix := range series {
			labels[f.GetName()+suffix] = slices.Collect(maps.Keys(names))
		}
	}
	// The scrape adds these.
	for name := range labels {
		labels[name] = append(labels[name], "job", "instance")
	}
	selector := regexp.MustCompile(`\b((?:ldapsuggest|go|process)_\w+|up\b)(?:\{([^}]*)\})?`)
	matcher := regexp.MustCompile(`(\w+)(?:=~|!=|!~|=)"`)
	grouping := regexp.MustCompile(`\b(?:by|on) \(([^)]*)\)`)
	for where, expr := range expressions(t) {
		var known []string
		selectors := selector.FindAllStringSubmatch(expr, -1)
		if len(selectors) == 0 {
			t.Errorf("%s asks for no metric: %s", where, expr)
		}
		for _, s := range selectors {
			has, ok := labels[s[1]]
			if !ok {
				t.Errorf("%s asks for %s, which is no metric", where, s[1])
			}
			known = append(known, has...)
			for _, l := range matcher.FindAllStringSubmatch(s[2], -1) {
				if !slices.Contains(has, l[1]) {
					t.Errorf("%s: %s has no label %s", where, s[1], l[1])
				}
			}
		}
		for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
			for l := range strings.SplitSeq(g[1], ",") {
				if l = strings.TrimSpace(l); l != "" && !slices.Contains(known, l) {
					t.Errorf("%s: nothing has the label %s", where, l)
				}
			}
		}
	}
}
