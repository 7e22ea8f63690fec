// Package directory is the client side of the directory: a small pool of
// connections bound as the service account, through which policies are read
// ([Client.Search], a policy.Directory), connections of its own for each
// relayed client ([Client.Dial]) and for each user that a door authenticates
// ([Client.Bind]), and the question which dialect a directory speaks
// ([Client.Detect]). The directory may be several servers with the same data:
// [Client.Monitor] checks which of them are up. [Client.Watch] tells which
// entries have changed.
//
// It knows connections and result codes, not policies and not operations. So
// it imports no dialect, neither ldapserver nor restbridge, and of policy
// only the types that its Search speaks in.
package directory
