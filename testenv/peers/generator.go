package peers

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/sethvargo/go-diceware/diceware"
	"github.com/sethvargo/go-password/password"

	"github.com/ldapsuggest/ldapsuggest/testenv/report"
)

// A Wish is what somebody who knows a policy asks a generator for.
type Wish struct {
	Length  int    // characters, at least
	Each    int    // of capitals, small letters, digits and symbols; 0 for no demand
	Without string // symbols that must not be there, or count for nothing
}

// A Generator makes passwords.
type Generator struct {
	Name    string
	Package string // Debian's, "" for a Go module
	// For turns a wish into the call that comes closest to it.
	For func(Wish) Call
}

// A Call is one way to call a generator.
type Call struct {
	Line    string // as a reader would type it
	Batch   bool   // whether one call makes many
	Entropy Entropy
	Make    func(ctx context.Context, n int) ([]string, error)
}

// Generators returns the generators that directories know nothing of.
func Generators() []Generator {
	return []Generator{
		{"go-password", "", goPassword},
		{"go-diceware", "", goDiceware},
		{"pwgen", "pwgen", pwgen},
		{"apg", "apg", apg},
		{"pwqgen", "passwdqc", pwqgen},
		{"pwmake", "libpwquality-tools", pwmake},
	}
}

// Missing returns the Debian packages of the generators that are not
// installed.
func Missing() []string {
	var missing []string
	for _, g := range Generators() {
		if g.Package == "" {
			continue
		}
		if _, err := exec.LookPath(g.Name); err != nil {
			missing = append(missing, g.Package)
		}
	}
	return missing
}

// Sizes of the classes of printable ASCII.
const (
	letters = 26
	digits  = 10
	symbols = 32
)

// left returns how many symbols there are without those of a wish.
func (w Wish) left() int { return symbols - len(w.Without) }

// program returns a call of a program that prints a password a line. With
// {n} among its arguments, which stands for the number of passwords, it makes
// many at once.
func program(name string, args ...string) Call {
	c := Call{Line: name}
	for _, a := range args {
		if strings.Contains(a, "{n}") {
			c.Batch = true
			a = strings.ReplaceAll(a, "{n}", "N")
		}
		c.Line += " " + quoted(a)
	}
	c.Make = func(ctx context.Context, n int) ([]string, error) {
		at := 1
		if c.Batch {
			at = n
		}
		var all []string
		for len(all) < n {
			call := make([]string, len(args))
			for i, a := range args {
				call[i] = strings.ReplaceAll(a, "{n}", strconv.Itoa(at))
			}
			var stderr bytes.Buffer
			cmd := exec.CommandContext(ctx, name, call...)
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				// What went wrong is on standard error; passwords are not.
				return nil, fmt.Errorf("%s: %w: %s", c.Line, err, bytes.TrimSpace(stderr.Bytes()))
			}
			made, err := lines(out, at)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.Line, err)
			}
			all = append(all, made...)
		}
		return all, nil
	}
	return c
}

// quoted quotes an argument for a shell if it has to be.
func quoted(a string) string {
	if strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-=") == "" {
		return a
	}
	return "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
}

// lines returns n passwords of an output that has one a line.
func lines(out []byte, n int) ([]string, error) {
	all := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(all) != n {
		return nil, fmt.Errorf("%d lines for %d passwords", len(all), n)
	}
	for _, p := range all {
		// A blank at the end is no part of what a reader would take.
		if strings.TrimSpace(p) != p || p == "" {
			return nil, fmt.Errorf("a line is no password")
		}
	}
	return all, nil
}

// pwgen(1): -s for passwords that nobody memorizes; -c, -n and -y assure one
// of a class, small letters excepted, and draw again until they are there; -r
// leaves characters out. Its alphabet has all of printable ASCII, but symbols
// with -y only.
func pwgen(w Wish) Call {
	args := []string{"-1", "-s", "-c", "-n"}
	bits := conditioned(w.Length, 2*letters+digits, letters, digits)
	if w.Each > 0 {
		args = append(args, "-y")
		if w.Without != "" {
			args = append(args, "-r", w.Without)
		}
		bits = conditioned(w.Length, 2*letters+digits+w.left(), letters, digits, w.left())
	}
	c := program("pwgen", append(args, strconv.Itoa(w.Length), "{n}")...)
	c.Entropy = Entropy{bits, Exactly}
	return c
}

// apg(1): -a 1 for random characters; capitals in -M for classes that must
// be there, upon which it draws again; -E leaves characters out. What it draws
// comes from a seed of 64 bits and the clock, so the figure is an upper bound.
func apg(w Wish) Call {
	mode, bits := "sncl", conditioned(w.Length, 2*letters+digits+symbols)
	if w.Each > 0 {
		mode, bits = "SNCL", conditioned(w.Length, 2*letters+digits+w.left(), letters, letters, digits, w.left())
	}
	length := strconv.Itoa(w.Length)
	args := []string{"-a", "1", "-M", mode, "-m", length, "-x", length, "-n", "{n}"}
	if w.Without != "" {
		args = append(args, "-E", w.Without)
	}
	c := program("apg", args...)
	c.Entropy = Entropy{bits, AtMost}
	return c
}

// pwqgen(1): words of three to six letters, with a capital or not, and digits
// or symbols between them. The entropy is what one asks for: 13 bits for a
// word and 4 for a separator, of which its default has three words. As many
// words as reach the length if all are of three letters.
func pwqgen(w Wish) Call {
	words := max(3, (w.Length+4)/4)
	bits := 17*words - 4
	c := program("pwqgen", fmt.Sprintf("random=%d", bits))
	c.Entropy = Entropy{float64(bits), Exactly}
	return c
}

// pwmake(1): syllables. One asks for bits, which is what it draws at least; 80
// to 128 are advised where a hash may be had. The densest syllable has 15 bits
// in three characters.
func pwmake(w Wish) Call {
	bits := max(80, 5*w.Length)
	c := program("pwmake", strconv.Itoa(bits))
	c.Entropy = Entropy{float64(bits), AtLeast}
	return c
}

// goPassword is called as its README does, without repeated characters, and
// with a quarter of digits and of symbols. It can assure neither case.
func goPassword(w Wish) Call {
	d := max(w.Each, w.Length/4)
	alphabet := strings.Map(func(r rune) rune {
		if strings.ContainsRune(w.Without, r) {
			return -1
		}
		return r
	}, password.Symbols)
	c := Call{
		Line:    fmt.Sprintf("password.Generate(%d, %d, %[2]d, false, false)", w.Length, d),
		Batch:   true,
		Entropy: Entropy{arranged([]int{w.Length - 2*d, d, d}, []int{2 * letters, digits, len(alphabet)}), Exactly},
	}
	if w.Without != "" {
		c.Line = fmt.Sprintf("NewGenerator({Symbols: %q}).Generate(%d, %d, %[3]d, false, false)", alphabet, w.Length, d)
	}
	c.Make = func(_ context.Context, n int) ([]string, error) {
		g, err := password.NewGenerator(&password.GeneratorInput{Symbols: alphabet})
		if err != nil {
			return nil, err
		}
		all := make([]string, n)
		for i := range all {
			if all[i], err = g.Generate(w.Length, d, d, false, false); err != nil {
				return nil, err
			}
		}
		return all, nil
	}
	return c
}

// dicewareWords is the size of the list that go-diceware draws from, the
// large one of the Electronic Frontier Foundation.
const dicewareWords = 7776

// goDiceware is called as its README does, for six different words. Nothing
// can be demanded of them.
func goDiceware(Wish) Call {
	const words = 6
	return Call{
		Line:    fmt.Sprintf("diceware.Generate(%d), joined by \"-\"", words),
		Batch:   true,
		Entropy: Entropy{drawn(words, dicewareWords), Exactly},
		Make: func(_ context.Context, n int) ([]string, error) {
			all := make([]string, n)
			for i := range all {
				list, err := diceware.Generate(words)
				if err != nil {
					return nil, err
				}
				all[i] = strings.Join(list, "-")
			}
			return all, nil
		},
	}
}

// String returns the bits as the tables show them.
func (e Entropy) String() string {
	s := report.Number(float64(int(e.Bits*10)) / 10)
	switch e.Bound {
	case AtLeast:
		return "≥ " + s
	case AtMost:
		return "≤ " + s
	}
	return s
}
