// Package policy is about what a directory demands of a password: finding
// the policy in force ([Service.Resolve] through a [Dialect]), compiling its
// rules ([Compile]), and suggesting and validating passwords under it
// ([Effective.Suggest], [Effective.Validate]).
//
// A dialect reads directory entries through [Directory] and turns them into
// a [Policy]: rules with the attribute that each came from. Whatever it does
// not understand, may not read or cannot parse is an error that says which:
// policies fail closed.
//
//	svc := policy.NewService(opendj.New(opendj.Config{}), dir, policy.ServiceConfig{})
//	eff, err := svc.Resolve(ctx, policy.Selection{Target: "uid=jo,ou=people,dc=example,dc=com"})
//	...
//	suggestions, err := eff.Suggest(ctx, policy.SuggestOptions{Count: 3, Attempts: 5})
//
// # Dependencies
//
// Neither this package nor any below it imports BER, net or net/http (nor
// go-ldap, which does), so that the same rules can judge a password in any
// program. A test at the top of the module holds this.
package policy
