package generate

import (
	"testing"
)

func classes(n int, length int) Shape {
	return Shape{Alphabet: Printable, MinLength: length, MaxLength: length, Counts: []Count{
		{Lower, n, NoMax}, {Upper, n, NoMax}, {Digits, n, NoMax}, {Symbols, n, NoMax},
	}}
}

func benchDraw(b *testing.B, s Shape) {
	c, err := Compile(s, Target{})
	if err != nil {
		b.Fatal(err)
	}
	rnd := NewRand(nil)
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = c.Append(buf[:0], rnd)
	}
}

func BenchmarkDraw(b *testing.B) {
	b.Run("A", func(b *testing.B) { benchDraw(b, classes(1, 16)) })
	b.Run("B", func(b *testing.B) { benchDraw(b, classes(2, 20)) })
	b.Run("hard", func(b *testing.B) {
		benchDraw(b, Shape{Alphabet: Printable, MinLength: 12, MaxLength: 12, Counts: []Count{{Digits, 9, NoMax}}})
	})
	b.Run("tight", func(b *testing.B) { benchDraw(b, classes(4, 18)) })
}

func BenchmarkCompile(b *testing.B) {
	alpha := Lower.Union(Upper)
	run := func(name string, s Shape) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Compile(s, Target{16, 80}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("A", classes(1, 16))
	s := classes(3, 64)
	s.Counts = append(s.Counts, Count{alpha, 20, NoMax})
	run("alpha64", s)
	s = classes(64, 512)
	s.Counts = append(s.Counts, Count{alpha, 64, NoMax})
	run("512", s)
}
