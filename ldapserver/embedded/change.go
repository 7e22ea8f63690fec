package embedded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// A change is one write operation in its transaction. Whatever it puts or
// removes is checked as a whole by check before it is committed.
//
// Password hashes take long and the store has one writer, so none is computed
// inside the transaction. An operation that needs one fails with errPrepare,
// the transaction is rolled back (which costs nothing on disk), the hash is
// computed, and the operation runs again with it at hand.
type change struct {
	*txn
	d   *Directory
	ctx context.Context
	s   session
	now time.Time

	prepared *prepared

	config   bool     // something below cn=config changes
	problems []string // what was wrong with cn=config before
	pointers []string // DNs of entries whose policy pointer changes
	gone     []string // DNs that were removed below cn=config
	retarget bool     // entries may have to resolve their policy anew
}

// prepared holds what was computed between attempts. It lives for one
// operation.
type prepared struct {
	hashes  map[string]string  // of clear-text passwords
	matches map[[2]string]bool // of stored values and clear-text passwords
}

type prepareError struct {
	hash  string
	match [][2]string
}

func (*prepareError) Error() string { return "a password has to be hashed first" }

// maxAttempts bounds how often an operation starts again. Each attempt finds
// all that it needs up to its first failure: four kinds at most for each
// value of userPassword.
const maxAttempts = 64

// write runs fn in a transaction for s and commits it, or does nothing.
func (d *Directory) write(ctx context.Context, s session, fn func(*change) error) error {
	p := &prepared{hashes: make(map[string]string), matches: make(map[[2]string]bool)}
	for range maxAttempts {
		c := &change{d: d, ctx: ctx, s: s, prepared: p}
		err := d.store.update(func(t *txn) error {
			c.txn, c.now = t, time.Now().UTC()
			if err := fn(c); err != nil {
				return err
			}
			return c.check()
		})
		var need *prepareError
		switch {
		case errors.As(err, &need):
			if err := p.compute(ctx, d, need); err != nil {
				return result.From(err)
			}
			continue
		case errors.Is(err, bolterrors.ErrKeyTooLarge), errors.Is(err, bolterrors.ErrValueTooLarge):
			return result.Wrap(err, result.AdminLimitExceeded, "the entry is too large")
		case err != nil:
			return result.From(err)
		}
		if c.config || c.retarget {
			d.changed()
		}
		return nil
	}
	return result.New(result.Busy, "too many password values in one request")
}

func (p *prepared) compute(ctx context.Context, d *Directory, need *prepareError) error {
	for _, m := range need.match {
		ok, err := d.hasher.Verify(ctx, []string{m[0]}, []byte(m[1]))
		if err != nil {
			return err
		}
		p.matches[m] = ok
	}
	if len(need.match) > 0 {
		return nil
	}
	h, err := d.hasher.Hash(ctx, []byte(need.hash))
	p.hashes[need.hash] = h
	return err
}

// hash returns the value to store for a clear-text password.
func (c *change) hash(clear string) (string, error) {
	if h, ok := c.prepared.hashes[clear]; ok {
		return h, nil
	}
	return "", &prepareError{hash: clear}
}

// matching returns the stored values that clear is the password of.
func (c *change) matching(stored []string, clear string) ([]string, error) {
	var out []string
	need := &prepareError{}
	for _, v := range stored {
		m := [2]string{v, clear}
		ok, known := c.prepared.matches[m]
		switch {
		case !known:
			need.match = append(need.match, m)
		case ok:
			out = append(out, v)
		}
	}
	if len(need.match) > 0 {
		return nil, need
	}
	return out, nil
}

// stamp sets the operational attributes that tell of a modification.
func (c *change) stamp(e *policy.Entry) {
	set(e, "modifiersName", c.modifier())
	set(e, "modifyTimestamp", generalizedTime(c.now))
	set(e, "entryCSN", c.d.nextCSN(c.now))
}

func (c *change) modifier() string { return c.s.dn }

func generalizedTime(t time.Time) string { return t.UTC().Format("20060102150405Z") }

// put stores an entry after noting what it means for policies. before is the
// entry that it replaces, zero for none.
func (c *change) put(k treeKey, before, after policy.Entry) error {
	if err := c.note(k); err != nil {
		return err
	}
	if !slices.Equal(before.Values(policyPointerAttr), after.Values(policyPointerAttr)) {
		c.pointers = append(c.pointers, after.DN)
		c.retarget = true
	}
	return c.txn.put(k, after)
}

func (c *change) remove(k treeKey, e policy.Entry) error {
	if err := c.note(k); err != nil {
		return err
	}
	if k.under(configKey) {
		c.gone = append(c.gone, e.DN)
	}
	return c.txn.remove(k)
}

// note takes stock of cn=config before its first change.
func (c *change) note(k treeKey) error {
	if c.config || !k.under(configKey) {
		return nil
	}
	c.config = true
	var err error
	c.problems, err = c.configProblems()
	return err
}

// view is the policy.Directory of a transaction.
type view struct {
	d *Directory
	t *txn
}

// Search implements policy.Directory.
func (v view) Search(ctx context.Context, q policy.Query) ([]policy.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return v.d.searchIn(v.t, q)
}

func (c *change) view() policy.Directory { return view{c.d, c.txn} }

// check refuses a change that leaves policies broken which were not broken
// before. What was broken already, by an import say, may be repaired step by
// step.
func (c *change) check() error {
	if c.config {
		after, err := c.configProblems()
		if err != nil {
			return err
		}
		var fresh []string
		for _, p := range after {
			if !slices.Contains(c.problems, p) {
				fresh = append(fresh, p)
			}
		}
		if len(fresh) > 0 {
			return result.New(result.UnwillingToPerform, "the change would break password policies: %s", strings.Join(fresh, "; "))
		}
		if err := c.stillUsed(); err != nil {
			return err
		}
	}
	for _, name := range c.pointers {
		_, ok, err := c.get(c.d.mustKey(name))
		if err != nil {
			return err
		}
		if !ok {
			continue // removed again by the same operation
		}
		if _, _, err := c.policyOf(name); err != nil {
			return result.Wrap(err, result.ConstraintViolation, "%s of %q names no policy that can be used: %s",
				policyPointerAttr, name, result.From(err).Error())
		}
	}
	return nil
}

func (c *change) configProblems() ([]string, error) {
	err := c.d.dialect().CheckConfig(c.ctx, c.view())
	if err == nil {
		return nil, nil
	}
	var e *result.Error
	if !errors.As(err, &e) || e.Code != result.UnwillingToPerform {
		return nil, err
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(e.Cause, &joined) {
		return []string{e.Error()}, nil
	}
	var out []string
	for _, p := range joined.Unwrap() {
		out = append(out, result.From(p).Error())
	}
	return out, nil
}

// stillUsed refuses to remove a policy that entries name.
func (c *change) stillUsed() error {
	for _, name := range c.gone {
		if c.exists(c.d.mustKey(name)) {
			continue
		}
		f := &filter{kind: filterEqual, attribute: policyPointerAttr, value: name}
		match := f.compile(c.d.schema, c.s.hides)
		user := ""
		err := c.walk("", wholeSubtree, "", func(k treeKey, e policy.Entry) (bool, error) {
			if match(k, e) == isTrue {
				user = e.DN
			}
			return user == "", nil
		})
		if err != nil {
			return err
		}
		if user != "" {
			return result.New(result.UnwillingToPerform, "%q is the password policy of %q and of others, perhaps", name, user)
		}
	}
	return nil
}

// policyOf reads the policy in force for an entry as this transaction has it.
func (c *change) policyOf(name string) (*policy.Policy, policy.Located, error) {
	loc, err := c.d.dialect().Locate(c.ctx, c.view(), policy.Selection{Target: name})
	if err != nil {
		return nil, loc, err
	}
	p, err := c.d.dialect().Load(c.ctx, c.view(), loc.Ref)
	return p, loc, err
}

// policyFlag reads a boolean of a policy entry that the policy itself does
// not carry; false if it is not there.
func (c *change) policyFlag(p *policy.Policy, attribute string) bool {
	if p.DN == "" {
		return false
	}
	e, _, err := c.get(c.d.mustKey(p.DN))
	if err != nil {
		return false
	}
	v, _ := e.Value(attribute)
	return strings.EqualFold(v, "true")
}

// nextCSN returns a change sequence number, greater than all before it.
func (d *Directory) nextCSN(now time.Time) string {
	d.csnMu.Lock()
	defer d.csnMu.Unlock()
	now = now.Truncate(time.Microsecond)
	if !now.After(d.lastCSN) {
		now = d.lastCSN.Add(time.Microsecond)
	}
	d.lastCSN = now
	return fmt.Sprintf("%s#000000#000#000000", now.Format("20060102150405.000000Z"))
}
