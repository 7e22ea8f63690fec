// Package ldapsuggest holds the files of this module that programs carry with
// them, which can only be embedded from here. It imports nothing and has no
// code.
package ldapsuggest

import _ "embed"

// ConfigSchema is the JSON Schema (draft 2020-12) of the configuration file of
// ldapsuggest serve.
//
//go:embed config.schema.json
var ConfigSchema string
