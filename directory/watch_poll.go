package directory

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// A poll is a search that is repeated to compare what it finds. The values
// are compared, not only a change marker: modifyTimestamp counts whole
// seconds, and cn=config of 389 Directory Server changes without one.
type poll struct {
	watch policy.Watch
	last  [sha256.Size]byte
	done  bool // whether last is set
}

// compare repeats all polls, tells of differences, and sees whether the other
// connections are alive.
func (s *session) compare(ctx context.Context) error {
	begun, differs := time.Now(), false
	for _, p := range s.polls {
		now, err := s.look(ctx, p.watch)
		if err != nil {
			return err
		}
		differs = differs || p.done && now != p.last
		p.last, p.done = now, true
	}
	if differs {
		s.changed()
	}
	// A stream is silent while nothing changes, like one that is cut.
	for _, conn := range s.streams {
		if _, err := s.search(ctx, conn, policy.Query{Attributes: []string{"1.1"}}, s.limit); err != nil {
			return err
		}
	}
	if time.Since(begun) <= s.cfg.Interval {
		s.slow = 0
	} else if s.slow++; s.slow >= maxSlow {
		return errTooSlow
	}
	return nil
}

// look returns a sum over what a watch finds. That the base is missing or may
// not be read is an outcome like others.
func (s *session) look(ctx context.Context, w policy.Watch) (sum [sha256.Size]byte, err error) {
	attributes := slices.Clone(w.Attributes)
	if len(attributes) == 0 {
		attributes = []string{"*"}
	}
	found, err := s.Search(ctx, policy.Query{Base: w.Base, Scope: w.Scope, Filter: w.Filter, Attributes: attributes})
	var code result.Code
	if err != nil {
		code = result.From(err).Code
		if code != result.NoSuchObject && code != result.InsufficientAccessRights {
			return sum, err
		}
	}
	// The order of entries, attributes and values is the server's choice.
	slices.SortFunc(found, func(a, b policy.Entry) int { return cmp.Compare(a.DN, b.DN) })
	b := binary.AppendUvarint(nil, uint64(code))
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	for _, e := range found {
		text(e.DN)
		b = binary.AppendUvarint(b, uint64(len(e.Attributes)))
		slices.SortFunc(e.Attributes, func(a, b policy.Attribute) int { return cmp.Compare(a.Name, b.Name) })
		for _, a := range e.Attributes {
			text(a.Name)
			values := slices.Sorted(slices.Values(a.Values))
			b = binary.AppendUvarint(b, uint64(len(values)))
			for _, v := range values {
				text(v)
			}
		}
	}
	return sha256.Sum256(b), nil
}
