package rule

// UserCheck refuses passwords that contain the user's name, forwards or
// backwards, whatever the case (ipaPwdUserCheck of FreeIPA).
type UserCheck struct {
	// Attribute holds the name. Empty means uid.
	Attribute string

	// MinLength is the length in octets from which a name is looked for.
	// 0 means 4.
	MinLength int
}
