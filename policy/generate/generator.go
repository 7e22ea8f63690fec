package generate

// A Generator draws passwords. Sampler, Template and Passphrase are
// Generators; all are immutable and safe for concurrent use, a Rand is not.
type Generator interface {
	// Append appends one password, as UTF-8, to dst. It allocates only if
	// dst lacks the capacity.
	Append(dst []byte, rnd *Rand) []byte

	// Bits is the entropy of one password in bits: log2 of the number of
	// equally likely ones, or the Shannon entropy where they are not.
	Bits() float64
}
