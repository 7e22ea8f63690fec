package breach

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Ranges asks a server of the range API (k-anonymity): it sends the first
// five digits of a hash and looks for the rest in what comes back.
type Ranges struct {
	// Fetch returns what the server answers for a prefix of five
	// hexadecimal digits, in upper case: lines "35 digits:count". Ask for
	// padding (the header Add-Padding: true), or the length of the answer
	// tells an eavesdropper the prefix.
	Fetch func(ctx context.Context, prefix string) (io.ReadCloser, error)

	// Timeout bounds one look-up. 0 means 5 seconds.
	Timeout time.Duration
}

// maxRangeLines bounds what is read of an answer.
const maxRangeLines = 100_000

// Breached implements rule.Breaches.
func (r *Ranges) Breached(hash [hashSize]byte) (bool, error) {
	timeout := r.Timeout
	if timeout == 0 {
		timeout = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return r.lookUp(ctx, hash)
}

// Password looks a password in UTF-8 up.
func (r *Ranges) Password(ctx context.Context, password []byte) (bool, error) {
	return r.lookUp(ctx, sha1.Sum(password))
}

func (r *Ranges) lookUp(ctx context.Context, hash [hashSize]byte) (bool, error) {
	digits := strings.ToUpper(hex.EncodeToString(hash[:]))
	body, err := r.Fetch(ctx, digits[:5])
	if err != nil {
		return false, err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	for n := 1; lines.Scan(); n++ {
		suffix, count, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff")), ":")
		number, err := strconv.ParseUint(count, 10, 64)
		if !ok || err != nil || len(suffix) != 35 || n > maxRangeLines {
			return false, fmt.Errorf("line %d of the answer is none of the range API", n)
		}
		// A count of zero is padding.
		if number > 0 && strings.EqualFold(suffix, digits[5:]) {
			return true, nil
		}
	}
	return false, lines.Err()
}
