package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// readFile reads a configuration file over c. Keys that it does not know are
// errors: a misspelt one would silently not count.
func (c *config) readFile(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	defer clear(text) // somebody may have written a password into it
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %s", name, yamlMessage(err))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: only one document is allowed", name)
	}
	c.dir = filepath.Dir(name)
	if len(doc.Content) == 0 {
		return nil // nothing but comments
	}
	x := examiner{seen: make(map[examined]bool)}
	if x.examine("", doc.Content[0], reflect.TypeFor[config]()); len(x.problems) > 0 {
		return fmt.Errorf("%s: %s", name, strings.Join(x.problems, "; "))
	}
	if err := doc.Decode(c); err != nil {
		return fmt.Errorf("%s: %s", name, yamlMessage(err))
	}
	return nil
}

// An examiner finds what the decoder would pass over: keys that there are not,
// and numbers that it would round. It has a time of 0 mean what it says.
type examiner struct {
	problems []string
	seen     map[examined]bool // aliases lead to the same node, or around in circles
}

type examined struct {
	node *yaml.Node
	kind reflect.Type
}

func (x *examiner) complain(n *yaml.Node, format string, args ...any) {
	x.problems = append(x.problems, fmt.Sprintf("line %d: ", n.Line)+fmt.Sprintf(format, args...))
}

// examine looks at a node that is to become a value of kind. prefix is its
// key.
func (x *examiner) examine(prefix string, n *yaml.Node, kind reflect.Type) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if x.seen[examined{n, kind}] {
		return
	}
	x.seen[examined{n, kind}] = true
	switch {
	case n.Kind == yaml.MappingNode && kind.Kind() == reflect.Struct:
		x.mapping(prefix, n, kind)
	case n.Kind == yaml.SequenceNode && kind.Kind() == reflect.Slice:
		for _, item := range n.Content {
			x.examine(prefix, item, kind.Elem())
		}
	case n.Kind != yaml.ScalarNode:
	case kind == reflect.TypeFor[time.Duration]() && n.Tag == "!!int":
		if n.Value != "0" {
			x.complain(n, "%s: %s has no unit: a time such as 5s or 1m30s is expected", prefix, n.Value)
			return
		}
		n.Tag, n.Value = "!!str", "0s"
	case kind.Kind() == reflect.Int && n.Tag == "!!float":
		x.complain(n, "%s: %s is no whole number", prefix, n.Value)
	}
}

func (x *examiner) mapping(prefix string, n *yaml.Node, kind reflect.Type) {
	if prefix != "" {
		prefix += "."
	}
	known := make(map[string]reflect.Type)
	for f := range kind.Fields() {
		if key := f.Tag.Get("yaml"); key != "" {
			known[key] = f.Type
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Tag == "!!merge" {
			merged := []*yaml.Node{value}
			if value.Kind == yaml.SequenceNode {
				merged = value.Content
			}
			for _, m := range merged {
				x.examine(strings.TrimSuffix(prefix, "."), m, kind)
			}
			continue
		}
		if t, ok := known[key.Value]; ok {
			x.examine(prefix+key.Value, value, t)
			continue
		}
		if instead := secretInstead(prefix+key.Value, known); instead != "" {
			x.complain(key, "unknown key %q: %s", key.Value, instead)
		} else {
			x.complain(key, "unknown key %q", key.Value)
		}
	}
}

// yamlMessage makes the decoder's error one line in the words of a user, who
// knows nothing of Go types.
func yamlMessage(err error) string {
	var types *yaml.TypeError
	if !errors.As(err, &types) {
		return strings.TrimPrefix(err.Error(), "yaml: ")
	}
	messages := make([]string, len(types.Errors))
	for i, m := range types.Errors {
		line, rest, ok := strings.Cut(m, ": cannot unmarshal ")
		kind, found, ok2 := strings.Cut(rest, " into ")
		if ok && ok2 {
			// What is there may be a password that stands in a wrong place.
			kind, _, _ = strings.Cut(kind, " `")
			m = fmt.Sprintf("%s: %s is expected, not %s", line, expected(found), yamlKinds()[kind])
		}
		messages[i] = m
	}
	return strings.Join(messages, "; ")
}

func yamlKinds() map[string]string {
	return map[string]string{
		"!!str": "text", "!!int": "a number", "!!float": "a number", "!!bool": "true or false", "!!null": "nothing",
		"!!seq": "a list", "!!map": "keys with values", "!!timestamp": "a date", "!!binary": "binary data",
	}
}

// expected says what a Go type wants to be written as.
func expected(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case goType == "bool":
		return "true or false"
	case goType == "string":
		return "text"
	case goType == "time.Duration":
		return "a time such as 5s or 1m30s"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "uint"), strings.HasPrefix(goType, "float"):
		return "a number"
	}
	return "keys with values"
}
