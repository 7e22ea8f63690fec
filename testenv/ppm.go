package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Environment variables for the check module ppm, which Debian does not ship.
const (
	ppmPathVariable  = "LDAPSUGGEST_PPM_SO"    // where a built module is
	ppmBuildVariable = "LDAPSUGGEST_PPM_BUILD" // not empty: build it if need be
)

// PPM returns the path of the ppm check module for the slapd that is
// installed: what LDAPSUGGEST_PPM_SO names, or what an earlier BuildPPM left
// in the user's cache directory. With LDAPSUGGEST_PPM_BUILD set it is built
// where it is missing.
//
// No distribution package holds the module, so its absence is the one thing
// that a test may report instead of failing: as "ppm: not run: " with the
// error, and never silently.
func PPM(ctx context.Context) (string, error) {
	if path := os.Getenv(ppmPathVariable); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%s: %w", ppmPathVariable, err)
		}
		return path, nil
	}
	path, _, err := ppmCachePath(ctx)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if os.Getenv(ppmBuildVariable) == "" {
		return "", fmt.Errorf("the module is not built: set %s=1 to build it from Debian's source package, or %s to its path", ppmBuildVariable, ppmPathVariable)
	}
	return BuildPPM(ctx)
}

// ppmCachePath returns where the module is kept and the version of the
// package that it is built for.
func ppmCachePath(ctx context.Context) (path, version string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", "", err
	}
	out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${source:Version}", "slapd").Output()
	if err != nil {
		return "", "", fmt.Errorf("slapd is not installed from a Debian package: set %s to the module's path", ppmPathVariable)
	}
	version = strings.TrimSpace(string(out))
	name := "ppm-" + strings.ReplaceAll(version, ":", "_")
	if cracklib() != "" {
		name += "-cracklib"
	}
	return filepath.Join(cache, "ldapsuggest", name, "ppm.so"), version, nil
}

// cracklib returns the path of the library that ppm can be built with, and
// "" if it is not installed.
func cracklib() string {
	for _, dir := range []string{"/usr/lib/*-linux-gnu*", "/usr/lib64", "/usr/lib", "/lib/*-linux-gnu*"} {
		if found, _ := filepath.Glob(dir + "/libcrack.so.2"); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// crackHeader is what ppm needs of cracklib's header, so that the library
// does without its development package.
const crackHeader = "extern const char *FascistCheck(const char *password, const char *dictionary);\n"

// BuildPPM builds the module from the source package of the installed slapd
// and returns its path in the user's cache directory. It needs apt-get,
// dpkg-source, gcc and make, the network and some 20 seconds, but neither
// root nor a change to the system's package sources.
func BuildPPM(ctx context.Context) (string, error) {
	path, version, err := ppmCachePath(ctx)
	if err != nil {
		return "", err
	}
	for tool, pkg := range map[string]string{"apt-get": "apt", "dpkg-source": "dpkg-dev", "gcc": "gcc", "make": "make"} {
		if _, err := findProgram(tool, pkg); err != nil {
			return "", err
		}
	}
	dir, err := os.MkdirTemp("", "ppm")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	source, err := fetchSource(ctx, dir, "openldap", version)
	if err != nil {
		return "", err
	}
	// The module needs of slapd only its headers, and those of its options
	// only what has no bearing on entries.
	module := filepath.Join(source, "contrib", "slapd-modules", "ppm")
	options := []string{"CRACK=no"}
	if lib := cracklib(); lib != "" {
		if err := os.WriteFile(filepath.Join(module, "crack.h"), []byte(crackHeader), 0o644); err != nil {
			return "", err
		}
		options = []string{"CRACK=yes", "CRACKLIB_yes=" + lib}
	}
	for _, step := range [][]string{
		{source, "./configure", "--without-tls", "--without-cyrus-sasl", "--disable-mdb", "--enable-null"},
		{source, "make", "-C", "include"},
		append([]string{module, "make", "ppm"}, options...),
	} {
		cmd := exec.CommandContext(ctx, step[1], step[2:]...)
		cmd.Dir = step[0]
		if err := run(cmd); err != nil {
			return "", err
		}
	}
	built, err := os.ReadFile(filepath.Join(module, "ppm.so"))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	// Renamed into place, so that another process never loads a part of it.
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(tmp, built, 0o755); err != nil {
		return "", err
	}
	return path, os.Rename(tmp, path)
}

// fetchSource downloads and unpacks a source package below dir, with package
// lists of its own made from the system's sources.
func fetchSource(ctx context.Context, dir, pkg, version string) (string, error) {
	for _, d := range []string{"sources", "lists/partial", "cache/archives/partial", "src"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return "", err
		}
	}
	if err := sourcesOfSources(filepath.Join(dir, "sources")); err != nil {
		return "", err
	}
	apt := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "apt-get", append([]string{
			"-q",
			"-o", "Dir::Etc::sourcelist=/dev/null",
			"-o", "Dir::Etc::sourceparts=" + filepath.Join(dir, "sources"),
			"-o", "Dir::State::lists=" + filepath.Join(dir, "lists"),
			"-o", "Dir::Cache=" + filepath.Join(dir, "cache"),
			"-o", "APT::Sandbox::User=",
		}, args...)...)
		cmd.Dir = filepath.Join(dir, "src")
		return cmd
	}
	// A repository without sources makes this fail; what counts is whether
	// the package is found then.
	updated := run(apt("update"))
	if err := run(apt("source", "--download-only", pkg+"="+version)); err != nil {
		return "", errors.Join(updated, err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "src", "*.dsc"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("apt-get source %s=%s yielded %d packages", pkg, version, len(found))
	}
	source := filepath.Join(dir, "source")
	return source, run(exec.CommandContext(ctx, "dpkg-source", "--no-check", "-x", found[0], source))
}

// sourcesOfSources writes the system's package sources to dir, for source
// packages.
func sourcesOfSources(dir string) error {
	files, err := filepath.Glob("/etc/apt/sources.list.d/*")
	if err != nil {
		return err
	}
	wrote := false
	for _, path := range append(files, "/etc/apt/sources.list") {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var out []string
		for line := range strings.Lines(string(text)) {
			switch {
			case filepath.Ext(path) == ".sources" && strings.HasPrefix(line, "Types:"):
				out = append(out, "Types: deb-src\n")
			case filepath.Ext(path) == ".sources":
				out = append(out, line)
			case filepath.Ext(path) == ".list" && strings.HasPrefix(line, "deb "):
				out = append(out, "deb-src "+strings.TrimPrefix(line, "deb "))
			}
		}
		if len(out) == 0 {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), []byte(strings.Join(out, "")), 0o644); err != nil {
			return err
		}
		wrote = true
	}
	if !wrote {
		return errors.New("no package sources in /etc/apt")
	}
	return nil
}
