package opendj

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

var update = flag.Bool("update", false, "write what was found into the golden files")

// TestGolden goes from entries to policies. Each file of testdata/policies
// holds entries that are added to testdata/base.ldif (or take the place of
// one), a selection, settings, and what must come of it.
func TestGolden(t *testing.T) {
	base := readFile(t, "testdata/base.ldif")
	files, err := filepath.Glob("testdata/policies/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			parts := make(map[string]string)
			for _, f := range ar.Files {
				parts[f.Name] = string(f.Data)
			}
			cfg, dir, sel := scene(t, base, parts)
			got := outcome(New(cfg), dir, sel)
			if *update {
				for i, f := range ar.Files {
					if f.Name == "want" {
						ar.Files[i].Data = []byte(got)
					}
				}
				if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if parts["want"] == "" {
				t.Fatal("the file wants nothing")
			}
			if d := cmp.Diff(parts["want"], got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// scene sets up what a golden file describes.
func scene(t *testing.T, base string, parts map[string]string) (Config, *memory, policy.Selection) {
	t.Helper()
	dir := newMemory(t, base, parts["entries.ldif"])
	dir.deny, dir.hide = make(map[string]error), make(map[string]bool)
	var cfg Config
	var sel policy.Selection
	for line := range strings.Lines(parts["select"]) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "target":
			sel.Target = value
		case "policy":
			sel.PolicyDN = value
		case "default":
		case "remove":
			dir.remove(value)
		case "deny":
			dir.deny[key(value)] = result.New(result.InsufficientAccessRights, "go away")
		case "hide":
			dir.hide[key(value)] = true
		case "busy":
			dir.deny[key(value)] = result.New(result.Busy, "too busy")
		case "variant":
			cfg.Variant = map[string]Variant{"ping": Ping, "opendj": OpenDJ}[value]
		case "configured":
			suffix, policyDN, _ := strings.Cut(value, " -> ")
			if cfg.DefaultPolicy == nil {
				cfg.DefaultPolicy = make(map[string]string)
			}
			cfg.DefaultPolicy[suffix] = policyDN
		case "own resolution":
			cfg.OwnResolution = true
		case "words":
			file, words, _ := strings.Cut(value, " ")
			cfg.WordList = func(name string) ([]string, error) {
				if name != file {
					return nil, fs.ErrNotExist
				}
				return strings.Split(words, ","), nil
			}
		case "unreadable words":
			cfg.WordList = func(string) ([]string, error) { return nil, errors.New("/secret/path: I/O error") }
		case "breaches":
			cfg.Breaches = func(baseURL string) (rule.Breaches, error) {
				if baseURL != value {
					return nil, fmt.Errorf("%s may not be asked", baseURL)
				}
				return noBreaches{}, nil
			}
		default:
			t.Fatalf("unknown setting %q", line)
		}
	}
	return cfg, dir, sel
}

type noBreaches struct{}

func (noBreaches) Breached([20]byte) (bool, error) { return false, nil }

// outcome puts what a selection leads to into lines.
func outcome(d *Dialect, dir policy.Directory, sel policy.Selection) string {
	var b strings.Builder
	loc, err := d.Locate(context.Background(), dir, sel)
	if err != nil {
		return failure("locate", err)
	}
	for _, s := range loc.Steps {
		fmt.Fprintf(&b, "step: %s", s.Text)
		for _, v := range []string{s.DN, s.Attribute, s.Value} {
			if v != "" {
				fmt.Fprintf(&b, " [%s]", v)
			}
		}
		b.WriteByte('\n')
	}
	if sel.Target != "" {
		fmt.Fprintf(&b, "subject: %s exists=%t\n", loc.Subject.DN, loc.Exists)
		for _, name := range slices.Sorted(maps.Keys(loc.Subject.Attributes)) {
			fmt.Fprintf(&b, "  %s: %q\n", name, loc.Subject.Attributes[name])
		}
	}
	p, err := d.Load(context.Background(), dir, loc.Ref)
	if err != nil {
		return b.String() + failure("load", err)
	}
	fmt.Fprintf(&b, "policy: %s\n", p.DN)
	for _, d := range p.Demands {
		fmt.Fprintf(&b, "demand: %s\n  from %s\n", show(reflect.ValueOf(d.Rule)), d.Source)
	}
	if p.Generator != nil {
		fmt.Fprintf(&b, "generator: %s %.2f bits\n", p.GeneratorDN, p.Generator.Bits())
	}
	if p.MustChange || p.MaxAge > 0 || p.History > 0 || p.RequireCurrent {
		fmt.Fprintf(&b, "mustChange=%t maxAge=%s history=%d requireCurrent=%t\n", p.MustChange, p.MaxAge, p.History, p.RequireCurrent)
	}
	return b.String()
}

func failure(where string, err error) string {
	var e *result.Error
	if !errors.As(err, &e) {
		return fmt.Sprintf("%s: not a result.Error: %v\n", where, err)
	}
	s := fmt.Sprintf("%s: %s: %s\n", where, e.Code, strings.ReplaceAll(e.Text, "; ", ";\n  "))
	if e.MatchedDN != "" {
		s += "matched: " + e.MatchedDN + "\n"
	}
	return s
}

// show prints a rule with the fields that are set.
func show(v reflect.Value) string {
	if !v.CanInterface() {
		return "?"
	}
	switch x := v.Interface().(type) {
	case generate.Set:
		return fmt.Sprintf("%q", x.String())
	case *rule.Words:
		return "(words)"
	case rule.CharacterTypes, rule.Unit:
		return fmt.Sprint(x)
	case rule.Breaches:
		return fmt.Sprintf("%T", x)
	case map[rune][]rune:
		var b strings.Builder
		for _, k := range slices.Sorted(maps.Keys(x)) {
			fmt.Fprintf(&b, "%c:%s ", k, string(x[k]))
		}
		return strings.TrimSpace(b.String())
	}
	switch v.Kind() {
	case reflect.Pointer:
		return "*" + v.Elem().Type().Name() + ": " + v.Interface().(rule.Rule).Requirement().Text
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = show(v.Index(i))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case reflect.Struct:
		var parts []string
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				parts = append(parts, v.Type().Field(i).Name+"="+show(f))
			}
		}
		return v.Type().Name() + "{" + strings.Join(parts, " ") + "}"
	case reflect.String:
		return fmt.Sprintf("%q", v.String())
	}
	return fmt.Sprint(v.Interface())
}
