package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// release makes an archive of the tree in a directory, and returns it.
func makeRelease(t *testing.T, tree string) []byte {
	t.Helper()
	dist := t.TempDir()
	cmd := exec.Command("scripts/release")
	cmd.Dir = tree
	cmd.Env = append(os.Environ(), "VERSION=v1.2.3", "SOURCE_DATE_EPOCH=1700000000", "TARGETS=linux/amd64", "DIST="+dist)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	sums := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
	sums.Dir = dist
	if out, err := sums.CombinedOutput(); err != nil || string(out) != "ldapsuggest-v1.2.3-linux-amd64.tar.gz: OK\n" {
		t.Errorf("%v: %s", err, out)
	}
	archive, err := os.ReadFile(filepath.Join(dist, "ldapsuggest-v1.2.3-linux-amd64.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

// copySources copies what a release is made of.
func copySources(t *testing.T, to, from string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another test's, and gone
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "dist", "ldapsuggest-data"}, name):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		case strings.HasSuffix(name, "_test.go") || strings.Contains(name, "/testdata/") || !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		mode := os.FileMode(0o600)
		if info, err := d.Info(); err == nil && info.Mode()&0o100 != 0 {
			mode = 0o700
		}
		return os.WriteFile(filepath.Join(to, name), text, mode)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRelease makes an archive twice, in two places, and wants the same octets.
func TestRelease(t *testing.T) {
	t.Parallel()
	tree, other := t.TempDir(), filepath.Join(t.TempDir(), "elsewhere")
	copySources(t, tree, "../..")
	copySources(t, other, tree)
	archive := makeRelease(t, tree)
	if !bytes.Equal(makeRelease(t, other), archive) {
		t.Error("the same sources make two archives")
	}

	uncompressed, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]bool)
	program := filepath.Join(t.TempDir(), "ldapsuggest")
	for in := tar.NewReader(uncompressed); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name, ok := strings.CutPrefix(h.Name, "ldapsuggest-v1.2.3-linux-amd64/")
		want := int64(0o644)
		if name == "ldapsuggest" || h.Typeflag == tar.TypeDir {
			want = 0o755
		}
		if !ok || h.Mode != want || h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 1700000000 {
			t.Errorf("%+v", h)
		}
		if h.Typeflag == tar.TypeReg && h.Size > 0 {
			files[name] = true
		}
		if name == "ldapsuggest" {
			text, err := io.ReadAll(in)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(program, text, 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{
		"ldapsuggest", "LICENSE", "THIRD_PARTY", "README.md", "CHANGELOG.md", "config.example.yaml", "config.schema.json",
		"man/man1/ldapsuggest.1", "man/man1/ldapsuggest-suggest.1", "man/man5/ldapsuggest.yaml.5",
		"completions/bash/ldapsuggest", "completions/zsh/_ldapsuggest", "completions/fish/ldapsuggest.fish",
		"systemd/ldapsuggest.service", "systemd/ldapsuggest-ldap.socket",
	} {
		if !files[name] {
			t.Errorf("no %s", name)
		}
	}

	// The program needs no library, has its version and no path of the tree.
	binary, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	if libraries, err := binary.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("%q, %v", libraries, err)
	}
	for _, p := range binary.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program needs a dynamic linker")
		}
	}
	out, err := exec.Command(program, "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "ldapsuggest v1.2.3 (go1.") {
		t.Errorf("%q, %v", out, err)
	}
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte(tree)) {
		t.Error("the program holds the path of its sources")
	}
}
