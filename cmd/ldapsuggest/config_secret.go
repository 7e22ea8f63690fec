package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// A secret is something that no key of the configuration takes, so that the
// file can be shown to anybody. It comes from the first of
//
//	LDAPSUGGEST_NAME        the environment
//	LDAPSUGGEST_NAME_FILE   a file that the environment names
//	a key that ends in File a file that the configuration names
//	$CREDENTIALS_DIRECTORY  a credential of systemd's: the name in small
//	                        letters, with hyphens
type secret struct {
	name string  // as in the environment
	key  string  // of its file; empty if the configuration cannot name one
	file *string // what that key has
	to   *[]byte
}

// secrets are all that serve knows.
func (c *config) secrets() []secret {
	return []secret{
		{"DIRECTORY_BIND_PASSWORD", "directory.bindPasswordFile", &c.Directory.BindPasswordFile, &c.bindPassword},
		{"EXTERNAL_PASSWORD", "external.passwordFile", &c.External.PasswordFile, &c.externalPassword},
		{"ADMIN_PASSWORD", "", nil, &c.adminPassword},
	}
}

// credential is the secret's name among systemd's credentials.
func (s secret) credential() string { return strings.ReplaceAll(strings.ToLower(s.name), "_", "-") }

// variable is its name in the environment.
func (s secret) variable() string { return "LDAPSUGGEST_" + s.name }

// readEnvironment takes the secret, or the name of its file, from the
// environment.
func (s secret) readEnvironment(env environment) error {
	value, ok := env(s.variable())
	file, named := env(s.variable() + "_FILE")
	if named && file == "" {
		return fmt.Errorf("%s_FILE is empty", s.variable())
	}
	if named && s.file != nil {
		*s.file = file
	}
	switch {
	case ok && value == "":
		return fmt.Errorf("%s is empty", s.variable())
	case ok:
		*s.to = []byte(value)
	case named && s.file == nil:
		p, err := readPasswordFile(file)
		if err != nil {
			return fmt.Errorf("%s_FILE: %w", s.variable(), err)
		}
		*s.to = p
	}
	return nil
}

// read takes the secret from its file, or from systemd, unless the environment
// had it. One that cannot be read is empty, so that nobody complains that there
// is none.
func (s secret) read(c *config) (err error) {
	if len(*s.to) > 0 {
		return nil
	}
	defer func() {
		if err != nil {
			*s.to = []byte{}
		}
	}()
	if s.file != nil && *s.file != "" {
		p, err := readPasswordFile(c.path(*s.file))
		if err != nil {
			return fmt.Errorf("%s: %w", s.key, err)
		}
		*s.to = p
		return nil
	}
	if c.credentials == "" {
		return nil
	}
	p, err := readPasswordFile(filepath.Join(c.credentials, s.credential()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("$CREDENTIALS_DIRECTORY: %w", err)
	}
	*s.to = p
	return nil
}

// readPasswordFile reads a secret without the line end that editors put
// behind it.
func readPasswordFile(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	if len(b) == 0 {
		return nil, fmt.Errorf("%s is empty", name)
	}
	return b, nil
}

// secretInstead says how to give a secret that somebody has written into the
// configuration, empty if the key does not look like one. known are the keys
// beside it.
func secretInstead(key string, known map[string]reflect.Type) string {
	last := key[strings.LastIndexByte(key, '.')+1:]
	suspicious := false
	for _, word := range []string{"password", "passwd", "secret", "credential", "headers"} {
		suspicious = suspicious || strings.Contains(strings.ToLower(last), word)
	}
	if !suspicious {
		return ""
	}
	var c config
	section := strings.TrimSuffix(key, last)
	for _, s := range c.secrets() {
		if s.key != "" && strings.HasPrefix(s.key, section) && !strings.Contains(s.key[len(section):], ".") && section != "" {
			return fmt.Sprintf("the secret itself must not be here: name its file with %s, or set %s", s.key, s.variable())
		}
	}
	if _, ok := known[last+"File"]; ok {
		return fmt.Sprintf("the secret itself must not be here: name its file with %s%sFile", section, last)
	}
	return "no key takes a secret"
}
