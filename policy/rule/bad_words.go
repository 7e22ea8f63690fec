package rule

// BadWords refuses passwords that contain one of some words, whatever the
// case of ASCII letters (passwordBadWords of 389 Directory Server).
type BadWords struct{ Words []string }
