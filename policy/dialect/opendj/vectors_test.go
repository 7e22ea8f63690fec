package opendj

import (
	"context"
	"crypto/sha1"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// TestVectors checks passwords against validators that are read from
// entries. Each file of testdata/vectors holds the attributes of a
// validator, those of the user, and passwords, one a line.
func TestVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/vectors/*.txt")
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
			validator := "dn: cn=V,cn=config\nobjectClass: ds-cfg-password-validator\nds-cfg-enabled: true\n" + parts["validator"]
			dir := newMemory(t, validator, `dn: cn=P,cn=config
objectClass: ds-cfg-password-policy
ds-cfg-password-validator: cn=V,cn=config
`, "dn: uid=u,dc=example\nobjectClass: person\n"+pointer+": cn=P,cn=config\n"+parts["subject"])
			breached := make(breaches)
			for password := range strings.FieldsSeq(parts["breached"]) {
				breached[sha1.Sum([]byte(password))] = true
			}
			d := New(Config{
				WordList: func(name string) ([]string, error) {
					if words := parts[name]; words != "" {
						return strings.Split(words, "\n"), nil
					}
					return nil, fs.ErrNotExist
				},
				Breaches: func(string) (rule.Breaches, error) { return breached, nil },
			})
			svc := policy.NewService(d, dir, policy.ServiceConfig{})
			eff, err := svc.Resolve(context.Background(), policy.Selection{Target: "uid=u,dc=example"})
			if err != nil {
				t.Fatal(err)
			}
			count := 0
			for _, verdict := range []string{"reject", "accept"} {
				for password := range strings.Lines(parts[verdict]) {
					count++
					password = strings.TrimSuffix(password, "\n")
					reasons := eff.Compiled.Validate([]byte(password), eff.Subject)
					if (len(reasons) > 0) != (verdict == "reject") {
						t.Errorf("%s %q: %q", verdict, password, reasons)
					}
				}
			}
			if count == 0 {
				t.Error("no passwords")
			}
		})
	}
}

type breaches map[[20]byte]bool

func (b breaches) Breached(sum [20]byte) (bool, error) { return b[sum], nil }
