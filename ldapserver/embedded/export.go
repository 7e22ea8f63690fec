package embedded

import (
	"io"

	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded/ldif"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// exportStep is how many entries are read in one transaction.
const exportStep = 512

// Export writes all entries as LDIF, superiors before what is below them,
// with their operational attributes and the hashes of passwords: what
// Config.LDIF makes the same directory of. It holds secrets.
//
// Writers are not kept out. An entry that changes meanwhile is written as it
// was or as it is.
func (d *Directory) Export(w io.Writer) error {
	out := ldif.NewWriter(w)
	var after treeKey
	for {
		var batch []policy.Entry
		err := d.store.view(func(t *txn) error {
			return t.walk("", wholeSubtree, after, func(k treeKey, e policy.Entry) (bool, error) {
				if len(batch) == exportStep {
					return false, nil
				}
				after = k
				batch = append(batch, e)
				return true, nil
			})
		})
		if err != nil {
			return err
		}
		for _, e := range batch {
			if err := out.Write(e); err != nil {
				return err
			}
		}
		if len(batch) < exportStep {
			return out.Flush()
		}
	}
}
