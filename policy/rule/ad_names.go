package rule

// ADNames refuses passwords that contain the sAMAccountName, or a piece of
// the displayName between any of , . - _ # space and tab, or the whole of it,
// whatever the case. What is shorter than three characters is left out.
// Windows checks this with its complexity flag, Samba never.
type ADNames struct{}
