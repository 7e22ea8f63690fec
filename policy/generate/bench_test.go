package generate

import (
	"crypto/rand"
	"testing"

	"github.com/sethvargo/go-diceware/diceware"
	"github.com/sethvargo/go-password/password"
)

// classes demands n characters of each of four classes.
func classes(n, length int) Shape {
	return Shape{Alphabet: Printable, MinLength: length, MaxLength: length, Counts: []Count{
		{Lower, n, NoMax}, {Upper, n, NoMax}, {Digits, n, NoMax}, {Symbols, n, NoMax},
	}}
}

func benchmarkAppend(b *testing.B, g Generator) {
	rnd := NewRand(nil)
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = g.Append(buf[:0], rnd)
	}
}

func benchmarkShape(b *testing.B, s Shape) {
	c, err := Compile(s, Target{16, 80})
	if err != nil {
		b.Fatal(err)
	}
	benchmarkAppend(b, c)
}

// BenchmarkTasks compares with other generators on three tasks: A, 16
// printable characters with one of each of four classes; B, 20 with two of
// each; C, four words of EFF's large list.
func BenchmarkTasks(b *testing.B) {
	for _, task := range []struct {
		name            string
		n, length       int
		digits, symbols int // what go-password is asked for instead
	}{{"A", 1, 16, 2, 3}, {"B", 2, 20, 4, 6}} {
		s := classes(task.n, task.length)
		b.Run(task.name+"/Sampler", func(b *testing.B) { benchmarkShape(b, s) })
		b.Run(task.name+"/rejection", func(b *testing.B) { benchmarkRejection(b, task.n, task.length) })
		b.Run(task.name+"/go-password", func(b *testing.B) {
			g, err := password.NewGenerator(&password.GeneratorInput{Symbols: Symbols.String()})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				// It can assure neither case: check and ask again.
				for {
					str, err := g.Generate(task.length, task.digits, task.symbols, false, true)
					if err != nil {
						b.Fatal(err)
					}
					lower, upper := 0, 0
					for i := range len(str) {
						switch c := str[i]; {
						case 'a' <= c && c <= 'z':
							lower++
						case 'A' <= c && c <= 'Z':
							upper++
						}
					}
					if lower >= task.n && upper >= task.n {
						break
					}
				}
			}
		})
	}
	b.Run("C/Passphrase", func(b *testing.B) {
		p, err := NewPassphrase(PassphraseConfig{Words: EFFLarge(), MinWords: 4, Separator: "-"})
		if err != nil {
			b.Fatal(err)
		}
		benchmarkAppend(b, p)
	})
	b.Run("C/PingDirectory", func(b *testing.B) {
		p, err := NewPassphrase(PassphraseConfig{Words: EFFLarge(), MinWords: 4, MinChars: 20, Capitalize: true})
		if err != nil {
			b.Fatal(err)
		}
		benchmarkAppend(b, p)
	})
	b.Run("C/go-diceware", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := diceware.Generate(4); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// benchmarkRejection is the plain way: octets of crypto/rand in blocks, those
// that would favour some characters dropped, until the classes are there.
func benchmarkRejection(b *testing.B, n, length int) {
	chars := []byte(Printable.String())
	var class [256]uint8
	for i, s := range []Set{Lower, Upper, Digits, Symbols} {
		for _, r := range s.runes {
			class[r] = uint8(i)
		}
	}
	fair := byte(256 / len(chars) * len(chars))
	var block [512]byte
	at := len(block)
	buf := make([]byte, 0, length)
	b.ReportAllocs()
	for b.Loop() {
		for {
			buf = buf[:0]
			var counts [4]int
			for len(buf) < length {
				if at == len(block) {
					rand.Read(block[:])
					at = 0
				}
				x := block[at]
				at++
				if x >= fair {
					continue
				}
				c := chars[int(x)%len(chars)]
				counts[class[c]]++
				buf = append(buf, c)
			}
			if min(counts[0], counts[1], counts[2], counts[3]) >= n {
				break
			}
		}
	}
}

var benchmarkShapes = []struct {
	name  string
	shape Shape
}{
	{"default", Shape{Alphabet: Printable.Minus(LookAlikes), NotFirst: NewSet("{")}},
	{"9of12digits", of(12, Shape{Alphabet: Printable, Counts: []Count{{Digits, 9, NoMax}}})},
	{"4of18", classes(4, 18)},
	{"opendj", of(16, Shape{Alphabet: Printable, Counts: minimums(1, 1, 1, 1, 0), NotFirst: NewSet("{"),
		Repeats: []Repeat{{2, CaseFold(Printable)}}, Uniques: []Unique{{5, CaseFold(Printable)}}})},
	{"389", of(16, Shape{Alphabet: Printable, Counts: minimums(2, 2, 2, 2, 5), NotFirst: NewSet("{"),
		Runs: classRuns(3), Repeats: []Repeat{{Max: 2}}, Sequences: []int{2}})},
	{"389narrow", of(20, Shape{Alphabet: Printable, Counts: minimums(4, 4, 4, 4, 8), Runs: classRuns(1),
		Repeats: []Repeat{{Max: 1}}, Sequences: []int{2}})},
	{"ppmAlternating", Shape{Alphabet: Printable.Minus(NewSet("lI1O0|")), Counts: minimums(1, 1, 1, 1, 0), Runs: classRuns(1)}},
	{"alternating64", of(64, Shape{Alphabet: Printable, Runs: classRuns(1)})},
	{"neighbours512", of(512, Shape{Alphabet: Printable, Repeats: []Repeat{{Max: 1}}})},
	{"minimums512", of(512, Shape{Alphabet: Printable, Counts: minimums(64, 64, 64, 64, 64)})},
	{"everything512", of(512, Shape{Alphabet: Printable, Counts: minimums(64, 64, 64, 64, 64), Runs: classRuns(3),
		Repeats: []Repeat{{Max: 2}}, Sequences: []int{2}})},
}

func BenchmarkAppend(b *testing.B) {
	for _, tt := range benchmarkShapes {
		b.Run(tt.name, func(b *testing.B) { benchmarkShape(b, tt.shape) })
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, tt := range benchmarkShapes {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compile(tt.shape, Target{16, 80}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
