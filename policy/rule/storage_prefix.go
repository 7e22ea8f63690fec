package rule

// StoragePrefix refuses passwords that a directory would take for a hash,
// because they begin with a storage scheme in braces.
type StoragePrefix struct {
	// Schemes are the names without braces, compared whatever their case.
	// None means that no password may begin with "{" at all.
	Schemes []string
}
