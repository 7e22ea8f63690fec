package main

import (
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/ldapsuggest/ldapsuggest"
)

// A schemaNode is what the schema says of a key.
type schemaNode struct {
	Ref                  string                `json:"$ref"`
	Type                 string                `json:"type"`
	Description          string                `json:"description"`
	Default              any                   `json:"default"`
	Enum                 []any                 `json:"enum"`
	Examples             []any                 `json:"examples"`
	Properties           map[string]schemaNode `json:"properties"`
	AdditionalProperties any                   `json:"additionalProperties"`
	Items                *schemaNode           `json:"items"`
	Defs                 map[string]schemaNode `json:"$defs"`
}

func readSchema(t *testing.T) schemaNode {
	t.Helper()
	var root schemaNode
	if err := json.Unmarshal([]byte(ldapsuggest.ConfigSchema), &root); err != nil {
		t.Fatal(err)
	}
	return root
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(ldapsuggest.ConfigSchema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate holds a file of the configuration to the schema, as an editor does.
func validate(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if v == nil {
		v = map[string]any{}
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	in, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(in)
}

// eachKey calls f for each key of the configuration that has a value, with
// its default, and for each item of a list of structs.
func eachKey(prefix string, v reflect.Value, f func(key string, v reflect.Value)) {
	for field, fv := range v.Fields() {
		key := field.Tag.Get("yaml")
		if key == "" {
			continue
		}
		switch {
		case field.Type.Kind() == reflect.Struct:
			eachKey(prefix+key+".", fv, f)
		case field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct:
			f(prefix+key, fv)
			eachKey(prefix+key+"[].", reflect.Zero(field.Type.Elem()), f)
		default:
			f(prefix+key, fv)
		}
	}
}

// The schema has every key of the program, no other, and its defaults.
func TestSchemaKeys(t *testing.T) {
	root := readSchema(t)
	inSchema := make(map[string]schemaNode)
	var walk func(prefix string, n schemaNode)
	walk = func(prefix string, n schemaNode) {
		if n.AdditionalProperties != false {
			t.Errorf("%q takes keys that are not known", prefix)
		}
		for key, p := range n.Properties {
			if p.Description == "" {
				t.Errorf("%s%s has no description", prefix, key)
			}
			if name, ok := strings.CutPrefix(p.Ref, "#/$defs/"); ok {
				def := root.Defs[name]
				p.Type, p.Properties, p.AdditionalProperties = def.Type, def.Properties, def.AdditionalProperties
				if p.Type == "" {
					p.Type = name
				}
			}
			if p.Properties != nil {
				walk(prefix+key+".", p)
				continue
			}
			inSchema[prefix+key] = p
			if p.Items != nil && p.Items.Properties != nil {
				walk(prefix+key+"[].", *p.Items)
			}
		}
	}
	walk("", root)
	kinds := map[reflect.Kind]string{
		reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Uint32: "integer", reflect.Float64: "number",
		reflect.Slice: "array", reflect.Map: "object",
	}
	n := 0
	eachKey("", reflect.ValueOf(defaultConfig()), func(key string, v reflect.Value) {
		n++
		s, ok := inSchema[key]
		if !ok {
			t.Errorf("config.schema.json has no %s", key)
			return
		}
		delete(inSchema, key)
		kind := v.Type()
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		want := kinds[kind.Kind()]
		switch kind {
		case reflect.TypeFor[time.Duration]():
			want = "duration"
		case reflect.TypeFor[byteSize]():
			want = "size"
		}
		if s.Type != want && (want != "string" || len(s.Enum) == 0) {
			t.Errorf("%s is a %s, in the schema a %s", key, want, s.Type)
		}
		if strings.Contains(key, "[].") {
			return // an item has no defaults
		}
		text, err := yaml.Marshal(s.Default)
		if err != nil {
			t.Fatal(err)
		}
		got := reflect.New(v.Type())
		if err := yaml.Unmarshal(text, got.Interface()); err != nil {
			t.Errorf("%s: the default %v: %v", key, s.Default, err)
		}
		if diff := cmp.Diff(v.Interface(), got.Elem().Interface(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: the default (-) and in the schema (+)\n%s", key, diff)
		}
	})
	for key := range inSchema {
		t.Errorf("config.schema.json has %s, which is no key", key)
	}
	if n < 80 {
		t.Errorf("only %d keys found", n)
	}
}

// The example, what the pages show and the schema's own examples are valid.
func TestSchemaExamples(t *testing.T) {
	s := compileSchema(t)
	text, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(t, s, string(text)); err != nil {
		t.Errorf("config.example.yaml: %v", err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(ldapsuggest.ConfigSchema))
	if err != nil {
		t.Fatal(err)
	}
	id, _ := doc.(map[string]any)["$id"].(string)
	if first, _, _ := strings.Cut(string(text), "\n"); first != "# yaml-language-server: $schema="+id {
		t.Errorf("config.example.yaml begins with %q", first)
	}
	if err := validate(t, s, ""); err != nil {
		t.Errorf("an empty file: %v", err)
	}
	deployed, err := filepath.Glob("../../deploy/*/ldapsuggest.yaml")
	if err != nil || len(deployed) == 0 {
		t.Fatalf("%q: %v", deployed, err)
	}
	for _, file := range deployed {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, s, string(text)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	examples := 0
	var walk func(path []string, n schemaNode)
	walk = func(path []string, n schemaNode) {
		for _, e := range n.Examples {
			examples++
			v := e
			for _, key := range slices.Backward(path) {
				v = map[string]any{key: v}
			}
			b, err := yaml.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if err := validate(t, s, string(b)); err != nil {
				t.Errorf("%v: %v", path, err)
			}
		}
		for key, p := range n.Properties {
			walk(append(slices.Clip(path), key), p)
		}
	}
	walk(nil, readSchema(t))
	if examples < 10 {
		t.Errorf("only %d examples found", examples)
	}
}

// What the program refuses for what is written, and not for what it finds, an
// editor marks too; and what it takes, an editor takes.
func TestSchemaRefuses(t *testing.T) {
	s := compileSchema(t)
	tests := []struct {
		yaml string
		ok   bool
	}{
		{"{}", true},
		{"listen: {ldap: ':389', ldaps: '', rest: 'https://[::1]:8443', metrics: 'localhost:9389'}", true},
		{"listen: {ldap: '389'}", false},
		{"listen: {metrics: 'http://localhost:9'}", false},
		{"listen: {rest: 'ftp://localhost:9'}", false},
		{"listen: {ldapiMode: '0999'}", false},
		{"listen: {ldapiMode: '660'}", true},
		{"listen: {ldapiMode: '01777'}", false},
		{"listen: {ldpa: 'x'}", false},
		{"data: ''", false},
		{"data: [a]", false},
		{"tls: {minVersion: '1.1'}", false},
		{"tls: {minVersion: '1.3'}", true},
		{"tls: {clientCertificate: maybe}", false},
		{"external: {via: kerberos}", false},
		{"limits: {connections: -1}", false},
		{"limits: {connections: many}", false},
		{"limits: {connections: 1.5}", false},
		{"directory: {urls: ['ldap://127.0.0.1:389', 'ldapi://%2Frun%2Fldapi']}", true},
		{"directory: {urls: ['http://127.0.0.1']}", false},
		{"directory: {urls: ['ldap://127.0.0.1/dc=example']}", false},
		{"directory: {urls: ['ldap://127.0.0.1:389'], dialect: novell}", false},
		{"directory: {urls: ['ldap://127.0.0.1:389'], balance: random}", false},
		{"directory: {urls: ['ldap://127.0.0.1:389'], proxyProtocol: v3}", false},
		{"directory: {urls: ['ldap://127.0.0.1:389'], healthInterval: soon}", false},
		{"directory: {urls: ['ldap://127.0.0.1:389'], healthInterval: -5s}", false},
		{"directory: {urls: ['ldap://127.0.0.1:389'], healthInterval: 1m30s}", true},
		{"directory: {urls: ['ldap://127.0.0.1:389'], healthInterval: 0}", true},
		{"directory: {urls: ['ldap://127.0.0.1:389'], connections: -1}", false},
		{"directory: {urls: ['ldap://127.0.0.1:389'], bindPassword: secret}", false},
		{"generator: {kind: pronounceable}", false},
		{"generator: {length: 1025}", false},
		{"generator: {minEntropyBits: 4097}", false},
		{"generator: {minEntropyBits: 60.5}", true},
		{"generator: {symbols: some}", false},
		{"generator: {kind: passphrase, passphrase: {words: 65}}", false},
		{`generator: {kind: passphrase, passphrase: {separator: "\t"}}`, false},
		{"breach: {rangeURL: 'ftp://example.com/'}", false},
		{"generatePassword: {maxPasswords: -1}", false},
		{"rateLimit: {perCaller: {perSecond: -1}}", false},
		{"rest: {credentialCache: -1s}", false},
		{"rest: {actAs: admin}", false},
		{"rest: {rateLimit: {burst: -1}}", false},
		{"rest: {nextcloud: {strength: 5}}", false},
		{"rest: {console: {results: 0}}", false},
		{"rest: {console: {findFilter: '(cn=x)'}}", false},
		{"audit: {maxSize: 5 MiB, maxAge: 24h}", true},
		{"audit: {maxSize: 5000}", true},
		{"audit: {maxSize: 5MB}", false},
		{"audit: {onFailure: panic}", false},
		{"audit: {syslog: {url: 'http://log.example.com'}}", false},
		{"audit: {syslog: {facility: kern}}", false},
		{"tracing: {sampleRatio: 2}", false},
		{"tracing: {endpoint: 'collector:4318'}", false},
		{"coreDumps: maybe", false},
		{"log: {format: xml}", false},
		{"log: {level: loud}", false},
	}
	for _, tt := range tests {
		dir := writeFiles(t, map[string]string{"c.yaml": tt.yaml})
		_, err := (&program{env: variables{}.lookup}).serveConfig([]string{"--config", filepath.Join(dir, "c.yaml")})
		if err == nil && strings.Contains(tt.yaml, "urls: ") && !tt.ok {
			// The client of the directory judges URLs.
			_, err = (&program{env: variables{}.lookup}).openBackend(t.Context(), loadConfig(t, nil, "--config", filepath.Join(dir, "c.yaml")), discard())
		}
		if (err == nil) != tt.ok {
			t.Errorf("%s: the program says %v", tt.yaml, err)
		}
		if err := validate(t, s, tt.yaml); (err == nil) != tt.ok {
			t.Errorf("%s: the schema says %v", tt.yaml, err)
		}
	}
}

// The schema names the values that the program knows.
func TestSchemaValues(t *testing.T) {
	root := readSchema(t)
	for path, want := range map[string][]string{
		"directory.dialect":     append([]string{"auto"}, dialectNames()...),
		"tls.minVersion":        slices.Sorted(maps.Keys(tlsVersions())),
		"tls.clientCertificate": slices.Sorted(maps.Keys(clientAuths())),
	} {
		n := root
		for key := range strings.SplitSeq(path, ".") {
			n = n.Properties[key]
		}
		var got []string
		for _, v := range n.Enum {
			got = append(got, v.(string))
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: the program (-) and the schema (+)\n%s", path, diff)
		}
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
